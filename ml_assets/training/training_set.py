"""The training set: one row an entity and labelled snapshot, with its label, its part and every feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ml_assets.specs.models import ModelSpec
from ml_assets.specs.splits import TimeSplitSpec
from ml_assets.specs.times import SnapshotSpec, span_length
from ml_assets.training.checks import training_checks
from ml_assets.training.examples import FeatureColumns, feature_contracts
from ml_assets.training.hashed_split import hashed_parts, refuse_thin_parts
from ml_assets.training.split import SplitPlan, plan_split
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.manifest import UNPARTITIONED, ManifestRow, fingerprint, manifest_of
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.retrain_requests import open_requests
from ml_assets.warehouse.store import Workbench

_CADENCE = {"daily": "day", "weekly": "week", "monthly": "month"}


# What a training set has beside entity, carried columns and features.
TRAINING_COLUMNS = ("snapshot", "label", "part", "reason")


def feature_columns(spec: ModelSpec, sets: Mapping[str, FeatureColumns]) -> dict[str, str]:
    """Feature column → declared type, in the order of the feature sets and their columns; excluded ones left out."""
    return {name: column.type for name, column in feature_contracts(spec, sets).items()}


def joined_features(spec: ModelSpec, sets: Mapping[str, FeatureColumns], base: str) -> str:
    """SQL: rows of `base` (snapshot, entity, …) with the features known at that snapshot; none known is null."""
    entity = quoted(spec.entity)
    joins, columns = [], []
    for position, name in enumerate(spec.features):
        alias = f"f{position}"
        joins.append(
            f"left join {TableName('features', name).quoted} {alias} on {alias}.snapshot = b.snapshot and {alias}.{entity} = b.{entity}"
        )
        columns += [f"{alias}.{quoted(c)}" for c in sets[name].columns if is_kept(spec, c)]
    return f"select b.*, {', '.join(columns)} from {base} b {' '.join(joins)}"


def is_kept(spec: ModelSpec, column: str) -> bool:
    """Whether a column goes into the training set: all but excluded ones that nothing is judged by.

    What is only judged by is kept for the evaluation; an encoder takes what it knows.
    """
    return column not in spec.exclude or column in spec.evaluation.watched


class TrainingSetAsset(ComputedTable):
    """`training.<model>`: made anew when the model's retraining is due and labels or features have changed."""

    def __init__(self, spec: ModelSpec, sets: Mapping[str, FeatureColumns], place: str, use_case: str) -> None:
        super().__init__(TableName("training", spec.name), spec, place, use_case=use_case)
        self.spec: ModelSpec = spec
        self.sets = sets
        self.labels = TableName("labels", spec.name)
        # The logic of every table behind it, down to the raw ones; known to the compiled graph.
        self.meanings: Mapping[TableName, str] = {}

    @property
    def features(self) -> dict[str, str]:
        """Feature column → declared type, in model order."""
        return feature_columns(self.spec, self.sets)

    @property
    def description(self) -> str:
        return f"What {self.spec.name} learns from: label, features and part (train, validation, test) of each entity and snapshot."

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.labels, *(TableName("features", name) for name in self.spec.features))

    @property
    def logic(self) -> str:
        return fingerprint(
            "training/2",
            self.spec.split.model_dump(mode="json"),
            self.features,
            self.spec.outcome.horizon,
            self.spec.carried,
            sorted(self.spec.evaluation.watched & set(self.spec.exclude)),
            # What a feature or label means has changed: waiting for the schedule would score new meanings by an old model.
            {str(table): logic for table, logic in self.meanings.items()},
        )

    def due(self, bench: Workbench, before: ManifestRow | None, context: RunContext) -> bool:
        """Inside a reading block: whether a new training set may be made: never made, forced, asked for by a monitor, or a
        new period of the schedule has begun."""
        if before is None or context.retrain or before.logic != self.logic or open_requests(bench, self.spec.name):
            return True
        if self.spec.retrain == "manual":
            return False
        grid = SnapshotSpec.model_validate({"every": _CADENCE[self.spec.retrain], "last": 1})
        return grid.floor(context.now) > grid.floor(before.made_at)

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        before = manifest_of(bench, self.name).get(UNPARTITIONED)
        if before is not None and not self.due(bench, before, context):
            return {UNPARTITIONED: dict(before.inputs)}
        labelled = self._labelled(bench, context.now)
        if not labelled or self._waits(bench, labelled):
            return {}
        found: dict[str, str] = {}
        for table in self.deps:
            rows = manifest_of(bench, table)
            if any(key not in rows for key in labelled):
                return {}
            found |= {f"{table}/{key}": rows[key].content for key in labelled}
        return {UNPARTITIONED: found}

    def _waits(self, bench: Workbench, labelled: Sequence[str]) -> bool:
        """Whether a table behind it still holds rows of an earlier logic: learning from them would be in vain."""
        keys = {UNPARTITIONED, *labelled}
        return any(
            row.logic != logic
            for table, logic in self.meanings.items()
            for key, row in manifest_of(bench, table).items()
            if key in keys
        )

    def _labelled(self, bench: Workbench, now: datetime) -> list[str]:
        grid = set(self.spec.grid.keys(now))
        return sorted(key for key, row in manifest_of(bench, self.labels).items() if key in grid and row.rows)

    def split(self, labelled: Sequence[str]) -> SplitPlan | None:
        """The split of these labelled snapshots; None where rows are divided by hash."""
        if not isinstance(self.spec.split, TimeSplitSpec):
            return None
        return plan_split(labelled, self.spec.split, span_length(self.spec.outcome.horizon), self.place)

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        labelled = self._labelled(bench, context.now)
        plan = self.split(labelled)
        base = self._divided(labelled) if plan is None else self._timed(plan)
        entity = quoted(self.spec.entity)
        bench.execute(
            f"create or replace temp table training_rows as {joined_features(self.spec, self.sets, base)} order by b.snapshot, b.{entity}"
        )
        if plan is None:
            refuse_thin_parts(bench, self.spec, "training_rows", self.place)
        counts = {
            f"{part}_rows": rows
            for part, rows in bench.rows("select part, count(*) from training_rows group by 1 order by 1")
        }
        reasons = dict(
            bench.rows("select reason, count(*) from training_rows where reason is not null group by 1 order by 1")
        )
        return Staged("training_rows", {**counts, "left_out": reasons, **(_spans(plan) if plan is not None else {})})

    def _timed(self, plan: SplitPlan) -> str:
        """SQL: labelled rows with part and reason, by snapshot."""
        pairs = ", ".join(
            f"(timestamp {literal(key)}, {literal(part)}, {literal(_EMBARGOED) if part == 'embargo' else 'null'})"
            for key, part in plan.parts.items()
        )
        columns = ", ".join(f"l.{quoted(name)}" for name in (self.spec.entity, *self.spec.carried))
        return (
            f"(select l.snapshot, {columns}, l.label, p.part, p.reason from {self.labels.quoted} l "
            f"join (values {pairs}) p(snapshot, part, reason) on p.snapshot = l.snapshot)"
        )

    def _divided(self, labelled: Sequence[str]) -> str:
        """SQL: labelled rows with part and reason, by hash."""
        moments = ", ".join(f"timestamp {literal(key)}" for key in labelled)
        return hashed_parts(self.spec, f"(select * from {self.labels.quoted} where snapshot in ({moments}))")

    @property
    def checks(self) -> tuple[Check, ...]:
        return training_checks(self.spec, feature_contracts(self.spec, self.sets))


_EMBARGOED = "outcome window reaches into a later part"


def _spans(plan: SplitPlan) -> dict[str, str | int]:
    parts = {"train": plan.train, "validation": plan.validation, "test": plan.test, "embargo": plan.embargoed}
    spans = {f"{part}_snapshots": f"{keys[0]} … {keys[-1]} ({len(keys)})" for part, keys in parts.items() if keys}
    return {**spans, "embargo_days": plan.embargo.days}
