"""Declarations of feature sets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ml_assets.specs.base import Described
from ml_assets.specs.columns import ColumnSpec
from ml_assets.specs.tables import SqlPath, VolumeSpec
from ml_assets.specs.times import SnapshotSpec, Span


class FeatureSetSpec(Described):
    """One row an entity and snapshot in `features.<name>`, computed from rows before the snapshot only."""

    entity: str = Field(description="Column that names the entity; unique within a snapshot.")
    snapshots: SnapshotSpec = Field(description="For which instants the features are made.")
    sql: SqlPath = Field(description="The statement's file, relative to sql/; it may use $snapshot.")
    columns: dict[str, ColumnSpec] = Field(min_length=1, description="Contract of every feature column.")
    ttl: Span | None = Field(
        default=None, description="How old an event may be to count at all; older rows are hidden from the SQL."
    )
    entity_local: bool = Field(
        default=True,
        description="Each entity's features depend on its own rows plus small reference tables; "
        "false forbids splitting the work by entity.",
    )
    volume: VolumeSpec = Field(default=VolumeSpec(), description="How the row count is judged against other snapshots.")
    kind: Literal["sql"] = Field(default="sql", description="How the features are made.")

    @model_validator(mode="after")
    def _entity_is_no_feature(self) -> FeatureSetSpec:
        taken = {self.entity, "snapshot"} & set(self.columns)
        if taken:
            raise ValueError(f"{sorted(taken)} is the entity or snapshot column and must not be declared as a feature")
        return self
