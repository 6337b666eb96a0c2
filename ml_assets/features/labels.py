"""Labels: the outcome of every entity of the population in [snapshot, snapshot + horizon)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ml_assets.errors import SqlError
from ml_assets.features.asof import TimeColumns, Window, require_times
from ml_assets.features.label_checks import label_checks, labelled
from ml_assets.features.leakage import leakage_check
from ml_assets.features.snapshots import run_snapshots
from ml_assets.features.statement import Statement
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.times import SnapshotSpec, snapshot_time, span_length
from ml_assets.warehouse.asset import SNAPSHOT_COLUMN, RunContext
from ml_assets.warehouse.buckets import BucketIndex
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.freshness import Delivery
from ml_assets.warehouse.manifest import fingerprint, manifest_of
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.rules import unique_check
from ml_assets.warehouse.store import Workbench

_WHOLE = frozenset({
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "UHUGEINT",
})  # fmt: skip
_NAMED = {"binary": "a whole number", "regression": "a number", "multiclass": "a text or a whole number"}
_EXPECTED = {
    "binary": ("integer or boolean", "cast it: (…)::int as label"),
    "regression": ("an integer, decimal or double", "cast it in the SQL"),
    "multiclass": ("the name of the class, or its number", "cast it to text in the SQL"),
}


class PopulationAsset(ComputedTable):
    """`labels.<model>__population`: whom the model is about at a snapshot; grain (snapshot, entity)."""

    kinds = ("duckdb", "sql")

    def __init__(
        self, spec: ModelSpec, statement: Statement, times: Mapping[TableName, TimeColumns], place: str, use_case: str
    ) -> None:
        super().__init__(TableName("labels", f"{spec.name}__population"), spec, place, use_case=use_case)
        self.spec: ModelSpec = spec
        self.statement = statement
        self.times = require_times(statement.tables, times, f"{statement.shown}:1")

    @property
    def description(self) -> str:
        return self.statement.header.get("purpose", f"The population of {self.spec.name}.")

    @property
    def snapshots(self) -> SnapshotSpec:
        return self.spec.grid

    @property
    def deps(self) -> tuple[TableName, ...]:
        return self.statement.tables

    @property
    def logic(self) -> str:
        return fingerprint("population/1", self.statement.fingerprint, self.spec.entity, *self.spec.carried)

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        indexes = {table: BucketIndex(bench, table) for table in self.deps}
        moments = {key: snapshot_time(key) for key in partitions}
        return {
            key: {str(table): index.known_at(moment) for table, index in indexes.items()}
            for key, moment in moments.items()
            if moment <= context.now
        }

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        run_snapshots(
            bench, self.statement, self.times, [snapshot_time(key) for key in partitions], Window.before, into="made",
            progress=context.progress, label=str(self.name),
        )  # fmt: skip
        kept = (self.spec.entity, *self.spec.carried)
        refuse_missing_columns(bench.columns("made"), kept, self.statement)
        listed = ", ".join(map(quoted, kept))
        return Staged(f"(select snapshot, {listed} from made order by snapshot, {listed})")

    @property
    def checks(self) -> tuple[Check, ...]:
        return (
            unique_check((self.spec.entity,), code="DQ002"),
            leakage_check(self.statement, self.times, Window.before, self.spec.entity),
        )


class LabelAsset(ComputedTable):
    """`labels.<model>`: grain (snapshot, entity), column `label`. A snapshot is labelled once its window has passed and the
    rows of all of it have come."""

    kinds = ("duckdb", "sql")
    # Of the tables that it is made from in the end: those that declare how fresh they are.
    deliveries: tuple[Delivery, ...] = ()

    def __init__(
        self, spec: ModelSpec, statement: Statement, times: Mapping[TableName, TimeColumns], place: str, use_case: str
    ) -> None:
        super().__init__(TableName("labels", spec.name), spec, place, use_case=use_case)
        self.spec: ModelSpec = spec
        self.statement = statement
        self.times = require_times(statement.tables, times, f"{statement.shown}:1")
        self.horizon = span_length(spec.outcome.horizon)
        self.population = TableName("labels", f"{spec.name}__population")

    @property
    def description(self) -> str:
        return self.statement.header.get("purpose", f"The outcome that {self.spec.name} predicts.")

    @property
    def snapshots(self) -> SnapshotSpec:
        return self.spec.grid

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.population, *self.statement.tables)

    @property
    def logic(self) -> str:
        label = self.spec.outcome
        task = () if self.spec.task == "binary" else (self.spec.task, self.spec.carried)
        return fingerprint(
            "labels/1", self.statement.fingerprint, self.spec.entity, label.horizon, label.default, *task
        )

    def window(self, snapshot: datetime) -> Window:
        """The outcome window of a snapshot."""
        return Window.after(snapshot, self.horizon)

    def known_until(self, bench: Workbench, now: datetime) -> datetime:
        """Inside a reading block: until when outcomes can be told: a window in which late rows are missing has not passed."""
        return min((delivery.complete_until(bench, now) for delivery in self.deliveries), default=now)

    def is_mature(self, key: str, now: datetime) -> bool:
        """Whether the outcome window of a snapshot has fully passed at `now`."""
        return snapshot_time(key) + self.horizon <= now

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        people = manifest_of(bench, self.population)
        indexes = {table: BucketIndex(bench, table) for table in self.statement.tables}
        found, known = {}, self.known_until(bench, context.now)
        for key in partitions:
            if key in people and self.is_mature(key, known):
                start = snapshot_time(key)
                found[key] = {str(t): index.within(start, start + self.horizon) for t, index in indexes.items()}
                found[key][str(self.population)] = people[key].content
        return found

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        run_snapshots(
            bench, self.statement, self.times, [snapshot_time(key) for key in partitions], self.window, into="made",
            progress=context.progress, label=str(self.name),
        )  # fmt: skip
        refuse_other_label_columns(bench.columns("made"), self.spec.entity, self.statement, self.spec.task)
        people = f"(select * from {self.population.quoted} where snapshot in ({_moments(partitions)}))"
        typed = labelled(people, "made", self.spec)
        return Staged(f"({typed} order by all)")

    @property
    def checks(self) -> tuple[Check, ...]:
        return label_checks(self.spec, self.statement, self.times, self.window, self.horizon)


def _moments(partitions: Sequence[str]) -> str:
    return ", ".join(f"timestamp '{key}'" for key in partitions)


def refuse_missing_columns(made: Mapping[str, str], wanted: Sequence[str], statement: Statement) -> None:
    """Raise when the statement does not return what its kind has to return."""
    missing = [name for name in wanted if name not in made]
    if missing:
        raise SqlError(
            f"the statement lacks {', '.join(missing)}", place=f"{statement.shown}:1", expected=", ".join(wanted),
            got=", ".join(name for name in made if name != SNAPSHOT_COLUMN), remedy="return these columns by these names",
        )  # fmt: skip


def refuse_other_label_columns(made: Mapping[str, str], entity: str, statement: Statement, task: str) -> None:
    """Raise when entity or label is missing, or the label's type is not one of the task's: it would be rounded."""
    refuse_missing_columns(made, (entity, "label"), statement)
    kind = made["label"]
    numeric = kind in _WHOLE or kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL")
    fits = {"regression": numeric, "multiclass": kind == "VARCHAR" or kind in _WHOLE}.get(task, kind in _WHOLE)
    if not fits:
        expected, remedy = _EXPECTED.get(task, _EXPECTED["binary"])
        raise SqlError(
            f"the label is not {_NAMED.get(task, _NAMED['binary'])}", place=f"{statement.shown}:{statement.line_of('label') or 1}",
            expected=expected, got=kind, remedy=remedy,
        )  # fmt: skip
