"""SQL tables: one statement over raw and staging tables, rebuilt as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from ml_assets.features.snapshots import engine_error
from ml_assets.features.statement import Statement
from ml_assets.specs.tables import SqlTableSpec
from ml_assets.warehouse.asset import RunContext, Staged, TableAsset
from ml_assets.warehouse.buckets import replace_buckets
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint, manifest_of
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.rules import table_checks
from ml_assets.warehouse.store import Workbench


class SqlTableAsset(TableAsset):
    """`staging.<name>`; unpartitioned."""

    kinds = ("duckdb", "sql")

    def __init__(self, spec: SqlTableSpec, statement: Statement, place: str, use_case: str) -> None:
        super().__init__(TableName(spec.table_schema, spec.name), spec, place, use_case=use_case)
        self.spec: SqlTableSpec = spec
        self.statement = statement

    @property
    def deps(self) -> tuple[TableName, ...]:
        return self.statement.tables

    @property
    def logic(self) -> str:
        return fingerprint("sql_table/1", self.statement.fingerprint, self.spec.event_time, self.spec.available_at)

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        found = {}
        for table in self.deps:
            row = manifest_of(bench, table).get(UNPARTITIONED)
            if row is None:
                return {}
            found[str(table)] = row.content
        return {UNPARTITIONED: found}

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        for table in self.deps:
            bench.execute(f"create schema if not exists {quoted(table.schema)}")
            bench.execute(
                f"create or replace view {quoted(table.schema)}.{quoted(table.table)} as select * from {table.quoted}"
            )
        # Parquet, because a table may be larger than memory and this streams.
        target = bench.folder / f"{self.name.table}.parquet"
        try:
            bench.execute(f"copy (\n{self.statement.text.rstrip().rstrip(';')}\n) to {literal(str(target))} (compression lz4)")
        except duckdb.Error as problem:
            raise engine_error(self.statement, problem) from problem
        return Staged(f"read_parquet({literal(str(target))})")

    def after_write(self, bench: Workbench, context: RunContext, staged: Staged) -> None:
        if self.spec.event_time is not None:
            replace_buckets(bench, self.name, staged.relation, self.spec.event_time, self.spec.available_at)

    @property
    def checks(self) -> tuple[Check, ...]:
        return table_checks(self.spec, self.spec.columns, self.name)
