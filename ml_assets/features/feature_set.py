"""Feature sets: one row an entity and snapshot, from rows before the snapshot only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from ml_assets.errors import DeclarationError
from ml_assets.features.asof import TimeColumns, Window, require_times
from ml_assets.features.leakage import leakage_check
from ml_assets.features.snapshots import run_snapshots
from ml_assets.features.statement import Statement
from ml_assets.specs.features import FeatureSetSpec
from ml_assets.specs.times import SnapshotSpec, snapshot_time, span_length
from ml_assets.warehouse.asset import SNAPSHOT_COLUMN, RunContext
from ml_assets.warehouse.buckets import BucketIndex
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.manifest import fingerprint
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.rules import column_checks, unique_check, volume_check
from ml_assets.warehouse.store import Workbench


class FeatureSetAsset(ComputedTable):
    """`features.<name>`: grain (snapshot, entity)."""

    kinds = ("duckdb", "sql")

    def __init__(
        self,
        spec: FeatureSetSpec,
        statement: Statement,
        times: Mapping[TableName, TimeColumns],
        place: str,
        use_case: str,
    ) -> None:
        super().__init__(TableName("features", spec.name), spec, place, use_case=use_case)
        self.spec: FeatureSetSpec = spec
        self.statement = statement
        self.times = require_times(statement.tables, times, f"{statement.shown}:1")

    @property
    def snapshots(self) -> SnapshotSpec:
        return self.spec.snapshots

    @property
    def deps(self) -> tuple[TableName, ...]:
        return self.statement.tables

    @property
    def logic(self) -> str:
        columns = {name: column.type for name, column in self.spec.columns.items()}
        return fingerprint("features/1", self.statement.fingerprint, self.spec.entity, self.spec.ttl, columns)

    def window(self, snapshot: datetime) -> Window:
        """What the statement may see at a snapshot."""
        return Window.before(snapshot, self._ttl)

    @property
    def _ttl(self) -> timedelta | None:
        return span_length(self.spec.ttl) if self.spec.ttl else None

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        indexes = {table: BucketIndex(bench, table) for table in self.deps}
        found = {}
        for key in partitions:
            window = self.window(snapshot_time(key))
            if window.end is not None and window.end <= context.now:
                found[key] = {str(t): index.known_at(window.end, window.start) for t, index in indexes.items()}
        return found

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        moments = [snapshot_time(key) for key in partitions]
        run_snapshots(
            bench, self.statement, self.times, moments, self.window, into="made", progress=context.progress,
            label=str(self.name),
        )  # fmt: skip
        self.refuse_other_columns(bench.columns("made"))
        typed = ", ".join(
            f"cast({quoted(name)} as {column.duckdb_type}) as {quoted(name)}"
            for name, column in self.spec.columns.items()
        )
        entity = quoted(self.spec.entity)
        return Staged(f"(select snapshot, {entity}, {typed} from made order by snapshot, {entity})")

    def refuse_other_columns(self, made: Mapping[str, str]) -> None:
        """Raise when the statement's columns (snapshot, entity, features) are not exactly those declared."""
        declared = {SNAPSHOT_COLUMN, self.spec.entity, *self.spec.columns}
        if set(made) != declared:
            missing, extra = sorted(declared - set(made)), sorted(set(made) - declared)
            raise DeclarationError(
                f"{self.name}: the SQL's columns are not the declared ones", place=self.place,
                expected=", ".join(sorted(declared - {SNAPSHOT_COLUMN})),
                got=f"missing {missing}, undeclared {extra}",
                remedy=f"correct `columns:` or {self.statement.path.name}; every feature has a contract",
            )  # fmt: skip

    @property
    def checks(self) -> tuple[Check, ...]:
        return (
            unique_check((self.spec.entity,), code="DQ002"),
            *column_checks(self.spec.columns),
            volume_check(self.spec.volume),
            leakage_check(self.statement, self.times, self.window, self.spec.entity),
        )
