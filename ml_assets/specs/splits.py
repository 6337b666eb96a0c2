"""How rows are divided into train, validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from ml_assets.specs.base import Spec
from ml_assets.specs.times import Span

Share = Annotated[float, Field(gt=0, lt=1)]


class TimeSplitSpec(Spec):
    """Newest labelled snapshots for test, the ones before for validation; the horizon is kept free between them."""

    kind: Literal["time"] = "time"
    test_snapshots: int = Field(ge=1, description="How many of the newest labelled snapshots are the test.")
    validation_snapshots: int = Field(ge=1, description="How many snapshots before the embargo are for validation.")
    embargo: Span | None = Field(default=None, description="Gap between the parts; default (and least) is the horizon.")


class SharesSpec(Spec):
    """Shares of rows drawn by a seeded hash: a row keeps its part when others come or go."""

    validation: Share = Field(default=0.2, description="Share of the rows for validation.")
    test: Share = Field(default=0.2, description="Share of the rows for test.")
    seed: int = Field(default=7, description="Seed of the hash; another one draws other rows.")

    @model_validator(mode="after")
    def _leaves_something_to_learn_from(self) -> SharesSpec:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation {self.validation} and test {self.test} leave no rows to train on")
        return self


class GroupSplitSpec(SharesSpec):
    """Whole groups by hash: no group has rows in two parts. Shares are of groups. Time is not kept apart."""

    kind: Literal["group"] = "group"
    column: str | None = Field(
        default=None, description="Column of the population that names the group; default is the entity itself."
    )


class StratifiedSplitSpec(SharesSpec):
    """Rows by hash within each label, so that all parts have the same shares of labels. Time is not kept apart."""

    kind: Literal["stratified"] = "stratified"


class RandomSplitSpec(SharesSpec):
    """Rows by hash of entity and snapshot, and nothing else. Neither time nor entities are kept apart."""

    kind: Literal["random"] = "random"


class ChronologicalSplitSpec(SharesSpec):
    """Newest rows of a source for test, those before for validation, by its event time; equal times stay together."""

    kind: Literal["chronological"] = "chronological"
    seed: Literal[0] = Field(default=0, description="Nothing is drawn.")
    embargo: Span | None = Field(
        default=None,
        description="Gap before validation and test: how long after its event time an outcome becomes known.",
    )
    every: Literal["day", "week", "month"] = Field(
        default="month", description="Length of the periods by which the report shows the test."
    )


def _kind(value: Any) -> str:
    declared = value.get("kind", "time") if isinstance(value, Mapping) else getattr(value, "kind", "time")
    return str(declared)


SplitSpec = Annotated[
    Annotated[TimeSplitSpec, Tag("time")]
    | Annotated[GroupSplitSpec, Tag("group")]
    | Annotated[StratifiedSplitSpec, Tag("stratified")]
    | Annotated[RandomSplitSpec, Tag("random")]
    | Annotated[ChronologicalSplitSpec, Tag("chronological")],
    Discriminator(_kind),
]
