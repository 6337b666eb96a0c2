"""SQL tables: one statement over raw and staging tables, rebuilt as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from ml_assets.errors import SqlError
from ml_assets.features.asof import TimeColumns
from ml_assets.features.later_rows import later_rows_check
from ml_assets.features.snapshots import engine_error
from ml_assets.features.statement import Statement
from ml_assets.specs.tables import SqlTableSpec
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.buckets import replace_buckets
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged, whole_inputs
from ml_assets.warehouse.manifest import fingerprint
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.rules import table_checks
from ml_assets.warehouse.store import Workbench


class SqlTableAsset(ComputedTable):
    """`staging.<name>`; unpartitioned. `times` are the time columns of the tables it reads, for the proof of its past."""

    kinds = ("duckdb", "sql")

    def __init__(
        self, spec: SqlTableSpec, statement: Statement, place: str, use_case: str,
        times: Mapping[TableName, TimeColumns] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(TableName(spec.table_schema, spec.name), spec, place, use_case=use_case)
        self.spec: SqlTableSpec = spec
        self.statement = statement
        self.times = {table: times[table] for table in statement.tables if table in times} if times else {}
        if statement.uses_snapshot:
            raise SqlError(
                f"{self.name} is one table for all snapshots", place=f"{statement.shown}:{statement.line_of('$snapshot') or 1}",
                expected="a statement without $snapshot", got="$snapshot",
                remedy="move what depends on the snapshot into a feature set or label",
            )  # fmt: skip

    @property
    def own_times(self) -> TimeColumns | None:
        """Its own time columns; None without an event time."""
        return TimeColumns(self.spec.event_time, self.spec.available_at) if self.spec.event_time else None

    @property
    def deps(self) -> tuple[TableName, ...]:
        return self.statement.tables

    @property
    def logic(self) -> str:
        return fingerprint("sql_table/2", self.statement.fingerprint, self.spec.event_time, self.spec.available_at)

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        return whole_inputs(bench, self.deps)

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        for table in self.deps:
            bench.execute(f"create schema if not exists {quoted(table.schema)}")
            bench.execute(
                f"create or replace view {quoted(table.schema)}.{quoted(table.table)} as select * from {table.quoted}"
            )
        # A file of the engine's own: it streams what memory cannot hold, and keeps every type (Parquet has no HUGEINT).
        bench.execute(f"attach {literal(str(bench.folder / 'staged.duckdb'))} as staged")
        try:
            bench.execute(f"create table staged.made as select * from (\n{self.statement.body}\n) {self._order}")
        except duckdb.Error as problem:
            raise engine_error(self.statement, problem) from problem
        return Staged("staged.made")

    @property
    def _order(self) -> str:
        """Rows in order of time: equal rows lie in equal order, and a snapshot's readers skip what is later."""
        return f"order by {quoted(self.spec.event_time)}, columns(*)" if self.spec.event_time else "order by all"

    def after_write(self, bench: Workbench, context: RunContext, staged: Staged) -> None:
        if self.spec.event_time is not None:
            replace_buckets(bench, self.name, staged.relation, self.spec.event_time, self.spec.available_at)

    @property
    def checks(self) -> tuple[Check, ...]:
        checks = table_checks(self.spec, self.spec.columns)
        own = self.own_times
        return checks if own is None else (*checks, later_rows_check(self.statement, self.times, own))
