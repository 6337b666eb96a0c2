"""Declarations of models and scored outputs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ml_assets.specs.base import Described, Spec
from ml_assets.specs.gate import CardSpec, GateSpec, PromotionSpec
from ml_assets.specs.tables import SqlPath
from ml_assets.specs.times import SnapshotSpec, Span


class LabelSpec(Spec):
    """An outcome in [snapshot, snapshot + horizon); made only when that window has fully passed."""

    sql: SqlPath = Field(description="Returns entity and `label`; sees only rows inside the window.")
    horizon: Span = Field(description="Length of the outcome window.")
    population: SqlPath = Field(description="Returns the entities to judge; sees only rows before the snapshot.")
    default: int = Field(default=0, description="Label of an entity in the population that the SQL does not return.")


class TimeSplitSpec(Spec):
    """Newest labelled snapshots for test, the ones before for validation; the horizon is kept free between them."""

    kind: Literal["time"] = "time"
    test_snapshots: int = Field(ge=1, description="How many of the newest labelled snapshots are the test.")
    validation_snapshots: int = Field(ge=1, description="How many snapshots before the embargo are for validation.")
    embargo: Span | None = Field(default=None, description="Gap between the parts; default (and least) is the horizon.")


class LightGBMSpec(Spec):
    """LightGBM, deterministic profile."""

    kind: Literal["lightgbm"] = "lightgbm"
    parameters: dict[str, Any] = Field(default_factory=dict, description="Passed to lightgbm.train.")
    max_rounds: int = Field(default=1000, ge=1, description="Most boosting rounds.")
    early_stopping_rounds: int | None = Field(
        default=50, ge=1, description="Stop after this many rounds without gain on validation; null takes max_rounds."
    )
    refit: bool = Field(
        default=True,
        description="Train again, with the rounds found, on every snapshot up to the last one of validation.",
    )
    seed: int = Field(default=7, description="Seed of everything random in training.")


EstimatorSpec = Annotated[LightGBMSpec, Field(description="How the model learns.")]


class ModelSpec(Described):
    """Label and training set, candidate with baselines, evaluation, champion."""

    task: Literal["binary"] = Field(default="binary", description="What is predicted.")
    entity: str = Field(description="Column that names the entity.")
    snapshots: SnapshotSpec = Field(description="For which instants labels and training rows are made.")
    label: LabelSpec = Field(description="What is to be predicted.")
    features: tuple[str, ...] = Field(min_length=1, description="Names of the feature sets.")
    exclude: tuple[str, ...] = Field(default=(), description="Feature columns that are left out.")
    categorical: tuple[str, ...] = Field(default=(), description="Feature columns that are categories; text always is.")
    split: TimeSplitSpec = Field(description="How rows are divided into train, validation and test.")
    estimator: EstimatorSpec = Field(default=LightGBMSpec(), description="How the model learns.")
    gate: GateSpec = Field(default=GateSpec(), description="What a candidate must hold to become champion.")
    promotion: PromotionSpec = Field(default=PromotionSpec(), description="Who makes a passing version champion.")
    card: CardSpec = Field(default=CardSpec(), description="Texts of the model card that no table can give.")
    retrain: Literal["daily", "weekly", "monthly", "manual"] = Field(
        default="weekly", description="When newly matured labels lead to a new candidate."
    )

    @model_validator(mode="after")
    def _features_once(self) -> ModelSpec:
        repeated = sorted({name for name in self.features if self.features.count(name) > 1})
        if repeated:
            raise ValueError(f"feature sets named twice: {repeated}")
        return self


class ScoredOutputSpec(Described):
    """`scores.<name>`: one score an entity and snapshot, by the version an alias pointed to when it was made."""

    model: str = Field(description="Name of the model.")
    alias: Literal["champion", "challenger", "pinned"] = Field(
        default="champion", description="Alias that is resolved when scoring."
    )
    version: int | None = Field(default=None, ge=1, description="Pinned version; overrides the alias.")
    snapshots: SnapshotSpec = Field(description="For which instants scores are made.")
    min_coverage: float = Field(
        default=1.0, ge=0, le=1, description="Least share of the population that must be scored."
    )

    @property
    def reference(self) -> str:
        """How the model version is named: `name@champion` or `name@3`."""
        return f"{self.model}@{self.version or self.alias}"
