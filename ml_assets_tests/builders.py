"""Builders with valid defaults: a small world (`Lab`) in a temporary folder, tables made by hand, declared assets.

A test says only what it is about: `Lab(tmp_path).given("staging.events", rows)`, then an asset over it, then `run`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml_assets.features.asof import TimeColumns
from ml_assets.features.feature_set import FeatureSetAsset
from ml_assets.features.labels import LabelAsset, PopulationAsset
from ml_assets.features.sql_table import SqlTableAsset
from ml_assets.features.statement import Statement, read_statement
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.specs import FeatureSetSpec, ModelSpec, RawTableSpec, SqlTableSpec
from ml_assets.specs.base import Described
from ml_assets.warehouse.asset import AssetReport, RunContext, TableAsset
from ml_assets.warehouse.buckets import replace_buckets
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.store import EngineSettings, Warehouse, Workbench

NOW = datetime(2011, 6, 1, tzinfo=UTC)
EVENTS = {"customer_id": "bigint", "amount": "bigint", "event_time": "timestamp", "available_at": "timestamp"}
EVENT_TIMES = TimeColumns("event_time", "available_at")
SUM_SQL = (
    "select customer_id, count(*) as events, sum(amount)::bigint as total from staging.events group by customer_id"
)
SUM_COLUMNS = {"events": {"type": "integer"}, "total": {"type": "integer"}}


def instant(text: str) -> datetime:
    """An aware UTC instant from ISO text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def no_log(_text: str) -> None:
    """Say nothing."""


class GivenTable(ComputedTable):
    """A table of the warehouse with exactly the given rows, made through the same door as every other one."""

    def __init__(
        self, name: TableName, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], times: TimeColumns | None
    ) -> None:
        super().__init__(name, Described(name="given"), "test:1", use_case="test")
        self.columns = dict(columns)
        self.rows = [list(row) for row in rows]
        self.times = times

    @property
    def deps(self) -> tuple[TableName, ...]:
        return ()

    @property
    def logic(self) -> str:
        return fingerprint(self.columns, self.rows)

    @property
    def checks(self) -> tuple[Check, ...]:
        return ()

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        return {UNPARTITIONED: {}}

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        listed = ", ".join(f"{quoted(name)} {kind}" for name, kind in self.columns.items())
        bench.execute(f"create or replace temp table given ({listed})")
        if self.rows:
            marks = ", ".join("?" * len(self.columns))
            bench.connection.executemany(f"insert into given values ({marks})", self.rows)
        return Staged("given")

    def after_write(self, bench: Workbench, context: RunContext, staged: Staged) -> None:
        if self.times is not None:
            replace_buckets(bench, self.name, staged.relation, self.times.event, self.times.available)


@dataclass
class Lab:
    """A warehouse of its own, SQL files of its own, and a clock that stands still."""

    root: Path
    now: datetime = NOW
    settings: EngineSettings = field(default_factory=lambda: EngineSettings(threads=2, deadline_seconds=20))
    times: dict[TableName, TimeColumns] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = Home(self.root / "home")
        self.sql_root = self.root / "sql"
        self.warehouse = Warehouse(self.home.warehouse, self.home.scratch, self.settings)
        self.sql_root.mkdir(parents=True, exist_ok=True)

    def context(self, **changes: Any) -> RunContext:
        """What a run gets, at the laboratory's time."""
        base = RunContext(self.warehouse, self.home, self.sql_root, self.now, "test", log=no_log)
        return replace(base, **changes)

    def run(self, asset: TableAsset, partitions: Sequence[str] | None = None, **changes: Any) -> AssetReport:
        """Materialise what is stale of the asked (default: all) partitions."""
        context = self.context(**changes)
        return asset.materialize(context, asset.partitions(context.now) if partitions is None else list(partitions))

    def given(
        self, name: str, rows: Sequence[Sequence[Any]], columns: Mapping[str, str] = EVENTS,
        times: TimeColumns | None = EVENT_TIMES,
    ) -> AssetReport:  # fmt: skip
        """Put a table with these rows into the warehouse; `times` are remembered for later assets."""
        table = TableName.parse(name)
        if times is not None:
            self.times[table] = times
        return self.run(GivenTable(table, columns, rows, times))

    def statement(self, text: str, path: str = "test/statement.sql") -> Statement:
        """A statement as read from a file below the SQL root."""
        file = self.sql_root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return read_statement(self.sql_root, path, declared_at="test.yaml:1")

    def raw_table(self, columns: Mapping[str, Any], name: str = "events", **changes: Any) -> RawTableAsset:
        """`raw.<name>` from CSV files `<name>*.csv` of use case `test`."""
        declared = {"files": f"{name}*.csv", "contract": {"columns": dict(columns)}, **changes}
        spec = RawTableSpec.model_validate({"name": name, **declared})
        if spec.event_time is not None:
            self.times[TableName("raw", name)] = TimeColumns(spec.event_time, spec.available_at)
        return RawTableAsset(spec, "test.yaml:1", "test")

    def land(self, file: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
        """Write a CSV file into the landing folder of use case `test`."""
        path = self.home.landing("test") / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([header, *rows])
        return path

    def sql_table(self, text: str, name: str = "made", **changes: Any) -> SqlTableAsset:
        """`staging.<name>` by the statement `text`."""
        path = f"test/staging/{name}.sql"
        statement = self.statement(text, path)
        spec = SqlTableSpec.model_validate({"name": name, "sql": path, **changes})
        if spec.event_time is not None:
            self.times[TableName("staging", name)] = TimeColumns(spec.event_time, spec.available_at)
        return SqlTableAsset(spec, statement, "test.yaml:1", "test", times=self.times)

    def feature_set(
        self, text: str = SUM_SQL, columns: Mapping[str, Any] = SUM_COLUMNS, name: str = "sums", **changes: Any
    ) -> FeatureSetAsset:
        """`features.<name>` of entity `customer_id`, weekly from 2011-01-03 unless said otherwise."""
        path = f"test/features/{name}.sql"
        declared: dict[str, Any] = {
            "name": name, "entity": "customer_id", "snapshots": {"every": "week", "start": "2011-01-03"}, "sql": path,
            "columns": dict(columns), **changes,
        }  # fmt: skip
        spec = FeatureSetSpec.model_validate(declared)
        return FeatureSetAsset(spec, self.statement(text, path), self.times, "test.yaml:1", "test")

    def labels(
        self, label: str = "select customer_id, 1 as label from staging.events group by customer_id",
        population: str = "select distinct customer_id from staging.events", horizon: str = "14 days", **changes: Any,
    ) -> tuple[PopulationAsset, LabelAsset]:  # fmt: skip
        """Population and labels of model `again`, weekly from 2011-01-03 unless said otherwise."""
        declared = {
            "name": "again", "entity": "customer_id", "snapshots": {"every": "week", "start": "2011-01-03"},
            "label": {"sql": "test/label.sql", "population": "test/population.sql", "horizon": horizon},
            "features": ("sums",), "split": {"test_snapshots": 1, "validation_snapshots": 1}, **changes,
        }  # fmt: skip
        spec = ModelSpec.model_validate(declared)
        people = self.statement(population, spec.label.population or "")
        outcome = self.statement(label, spec.label.sql or "")
        return (
            PopulationAsset(spec, people, self.times, "test.yaml:1", "test"),
            LabelAsset(spec, outcome, self.times, "test.yaml:1", "test"),
        )

    def findings(
        self, asset: TableAsset, check: Check | str, partitions: Sequence[str] | None = None, *, hidden: Iterable[str] = (),
    ) -> dict[str, CheckFinding]:  # fmt: skip
        """Partition → finding of one check of `asset`, by its name or given as such."""
        chosen = check if isinstance(check, Check) else next(c for c in asset.checks if c.name == check)
        keys = asset.partitions(self.now) if partitions is None else partitions
        column = None if asset.snapshots is None else "snapshot"
        with self.warehouse.reading() as bench:
            scope = CheckScope(bench, asset.name, keys, self.now, column, frozenset(hidden))
            return {finding.partition: finding for finding in chosen.findings(scope)}

    def judge(self, check: Check, table: str, *, hidden: Iterable[str] = ()) -> CheckFinding:
        """The finding of a check on an unpartitioned table."""
        with self.warehouse.reading() as bench:
            scope = CheckScope(bench, TableName.parse(table), [UNPARTITIONED], self.now, None, frozenset(hidden))
            (finding,) = check.findings(scope)
        return finding

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query over the warehouse, attached as `wh`."""
        with self.warehouse.reading() as bench:
            return bench.rows(sql)

    def alter(self, sql: str) -> None:
        """Change the warehouse behind the project's back."""
        with self.warehouse.committing() as bench:
            bench.execute(sql)


def table_faults(bench: Workbench) -> list[str]:
    """Inside a reading block: where manifest, buckets, file book and tables disagree; empty in a sound warehouse."""
    faults = []
    for asset, partition, rows, content in bench.rows(
        "select asset, partition, rows, content from wh.ops.manifest order by all"
    ):
        table = TableName.parse(asset)
        columns = [name for name in bench.columns(table.quoted) if not (table.schema == "raw" and name.startswith("_"))]
        listed = ", ".join(quoted(name) for name in columns)
        where = f"where snapshot = timestamp {literal(partition)}" if partition else ""
        hashed = f"printf('%d:%016x', count(*), (coalesce(sum(hash({listed})), 0) % 18446744073709551616)::ubigint)"
        found = bench.rows(f"select count(*), {hashed} from {table.quoted} {where}")[0]
        if found != (rows, content):
            faults.append(f"{asset} {partition}: manifest {(rows, content)}, table {found}")
    for asset, rows in bench.rows("select asset, sum(rows)::bigint from wh.ops.buckets group by 1"):
        held = bench.value(f"select count(*) from {TableName.parse(asset).quoted}")
        if held != rows:
            faults.append(f"{asset}: {rows} rows in buckets, {held} in the table")
    for asset, read in bench.rows(
        "select asset, sum(rows_read)::bigint from wh.ops.files where status = 'loaded' group by 1"
    ):
        table = TableName.parse(asset)
        held = bench.value(
            f"select (select count(*) from {table.quoted}) + (select count(*) from {table.sibling('quarantine').quoted})"
        )
        if held != read:
            faults.append(f"{asset}: {read} rows read, {held} kept or quarantined")
    return faults
