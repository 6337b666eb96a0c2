"""Declarations of how a model is judged: draws, slices, sensitive columns."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ml_assets.specs.base import Spec


class SliceSpec(Spec):
    """Slices by the values (or bins) of one column, or of two together."""

    columns: tuple[str, ...] = Field(
        min_length=1, max_length=2, description="One column of the feature sets, or a pair."
    )
    values: tuple[str | int | float | bool, ...] | None = Field(
        default=None, description="Only these values of the first column; default is every value."
    )
    bins: int = Field(default=4, ge=2, le=20, description="Into how many equally filled bins a number is cut.")
    edges: tuple[float, ...] | None = Field(
        default=None, description="Edges of the bins of the first column, instead of equally filled ones."
    )


class EvaluationSpec(Spec):
    """What is looked at beside the metrics of the task, and with how much care."""

    draws: int = Field(default=1000, ge=100, le=100_000, description="Bootstrap draws behind every interval.")
    slices: tuple[SliceSpec, ...] = Field(default=(), description="Slices of the test rows to judge.")
    search: bool = Field(default=True, description="Search for the worst slices of one or two conditions.")
    sensitive: tuple[str, ...] = Field(
        default=(),
        description="Columns of the feature sets over whose groups fairness is measured; excluded ones may be named.",
    )
    top: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.1, description="Share of the rows, highest scores first, of the top-k metrics."
    )
    k: int = Field(default=10, ge=1, description="Rows a query of NDCG and MAP.")
    seeds: int = Field(
        default=0,
        ge=0,
        le=20,
        description="How often the candidate is trained again with another seed, to see how steady it is.",
    )

    @model_validator(mode="after")
    def _sensitive_once(self) -> EvaluationSpec:
        if len(set(self.sensitive)) < len(self.sensitive):
            raise ValueError("a sensitive column is named twice")
        return self

    @property
    def watched(self) -> frozenset[str]:
        """Columns that are needed for judging, whether or not the model learns from them."""
        return frozenset((*self.sensitive, *(column for part in self.slices for column in part.columns)))
