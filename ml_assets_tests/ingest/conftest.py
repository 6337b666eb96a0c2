"""A landing folder beside a real warehouse, and the questions tests ask about them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.specs.tables import RawTableSpec
from ml_assets.warehouse.asset import AssetReport, RunContext
from ml_assets.warehouse.check import CheckScope
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.store import EngineSettings, Warehouse, Workbench

COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"type": "integer", "nullable": False},
    "day": {"type": "date"},
    "price": {"type": "float", "min": 0, "max": 1000},
    "note": {"type": "string"},
}


class Shop:
    """One raw table `raw.sales`, declared anew as a test likes."""

    def __init__(self, root: Path, empty_warehouse: Path) -> None:
        self.home = Home(root)
        self.folder = self.home.landing("shop")
        self.folder.mkdir(parents=True)
        self.warehouse = Warehouse(self.home.warehouse, self.home.scratch, EngineSettings(threads=1))
        shutil.copy(empty_warehouse, self.home.warehouse)
        self.logged: list[str] = []
        self._bench: Workbench | None = None
        self.context = RunContext(
            self.warehouse, self.home, root / "sql", datetime(2020, 1, 1, tzinfo=UTC), "test", log=self.logged.append
        )
        self.declare()

    def declare(self, columns: dict[str, dict[str, Any]] | None = None, **declared: Any) -> None:
        """Declare the table; words of the contract may stand beside those of the table."""
        contract = {word: declared.pop(word) for word in ("extra_columns", "bad_rows", "missing") if word in declared}
        spec = {"name": "sales", "files": "*.csv*", "contract": {"columns": columns or COLUMNS, **contract}, **declared}
        self.asset = RawTableAsset(RawTableSpec.model_validate(spec), "defs/sales/defs.yaml:1", "shop")

    def land(self, name: str, content: bytes | str) -> Path:
        """Write a file into the landing folder."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(self) -> AssetReport:
        """One run. Whatever happens, no row may be lost."""
        report = self.asset.materialize(self.context, [""])
        if report.changed:
            assert self.finding("every_row_read_is_kept_or_quarantined").status == "passed"
        return report

    @contextmanager
    def looking(self) -> Iterator[Workbench]:
        """Many questions over one connection, which is quicker than one each."""
        if self._bench is not None:
            yield self._bench
            return
        with self.warehouse.reading() as self._bench:
            try:
                yield self._bench
            finally:
                self._bench = None

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query; the warehouse is `wh`."""
        with self.looking() as bench:
            return bench.rows(sql)

    def values(self, columns: str, file: str | None = None) -> list[tuple[Any, ...]]:
        """Kept rows in order of file and row."""
        where = f"where _file = '{file}'" if file else ""
        return self.ask(f"select {columns} from wh.raw.sales {where} order by _file, _row")

    def quarantine(self, columns: str = "_file, _line, rule, column_name, value") -> list[tuple[Any, ...]]:
        return self.ask(f"select {columns} from wh.raw.sales__quarantine order by _file, _row")

    def book(self, file: str) -> dict[str, Any]:
        """The file book's entry."""
        with self.looking() as bench:
            [entry] = bench.records(f"select * from wh.ops.files where asset = 'raw.sales' and file = '{file}'")
        return entry

    def finding(self, name: str) -> CheckFinding:
        """What the check of that name finds."""
        [check] = [check for check in self.asset.checks if check.name == name]
        with self.looking() as bench:
            [finding] = check.findings(CheckScope(bench, self.asset.name, [""], self.context.now))
        return finding

    def batches(self) -> int:
        """How many commits there were."""
        return int(self.ask("select count(*) from wh.ops.batches")[0][0])


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse without rows, to be copied: that is quicker than making one for each test."""
    path = tmp_path_factory.mktemp("template") / "warehouse.duckdb"
    with Warehouse(path, path.parent / "scratch").reading():
        return path


@pytest.fixture
def shop(tmp_path: Path, empty_warehouse: Path) -> Shop:
    return Shop(tmp_path / "home", empty_warehouse)
