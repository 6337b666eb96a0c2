"""The days of the real files: the one day in August on which customers are missing, and no alarm from days without trade."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import pytest

from ml_assets.cli.project import open_project
from ml_assets.graph.judge import judge_asset
from ml_assets.monitoring.days_stretches import Stretch, unusual_stretches
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.store import EngineSettings, Warehouse
from ml_assets_tests.builders import instant, no_log
from ml_assets_tests.e2e.state import REAL_FILES, ROOT

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REAL_FILES.is_dir(), reason=f"the real files are not at {REAL_FILES}"),
    pytest.mark.xdist_group("real_days"),
]
INVOICES, DAYS = TableName("raw", "invoices"), TableName("monitoring", "invoices__days")
SPIKE = date(2011, 8, 30)


@dataclass
class RealDays:
    """A state of the example project, into which the real files land up to a day."""

    home: Home

    def run(self, until: str, now: str) -> dict[str, CheckFinding]:
        """Code → finding of the days, with the files up to `until` at the clock `now`."""
        folder = self.home.landing("retail")
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(REAL_FILES.glob("*.csv")):
            if path.stem <= until and not (folder / path.name).exists():
                shutil.copy(path, folder)
        context = self.context(instant(now))
        graph = open_project(ROOT).graph
        for name in (INVOICES, DAYS):
            graph[name].materialize(context, [""])
        codes = {check.name: check.code for check in graph[DAYS].checks}
        return {codes[finding.check]: finding for finding in judge_asset(context, graph[DAYS], [""]).findings}

    def context(self, now: datetime) -> RunContext:
        warehouse = Warehouse(self.home.warehouse, self.home.scratch, EngineSettings(threads=2, deadline_seconds=20))
        return RunContext(warehouse, self.home, ROOT / "sql", now, "test", log=no_log)

    def stretches(self) -> list[Stretch]:
        with self.context(instant("2011-12-10")).warehouse.reading() as bench:
            return unusual_stretches(bench, DAYS)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> RealDays:
    return RealDays(Home(tmp_path_factory.mktemp("real_days") / "state"))


@pytest.fixture(scope="module")
def morning_after(real: RealDays) -> Mapping[str, CheckFinding]:
    return real.run("2011-08-30", "2011-08-31")


@pytest.fixture(scope="module")
def week_after(real: RealDays, morning_after: object) -> Mapping[str, CheckFinding]:
    return real.run("2011-09-06", "2011-09-07")


@pytest.fixture(scope="module")
def whole_year(real: RealDays, week_after: object) -> list[Stretch]:
    real.run("2011-12-09", "2011-12-10")
    return real.stretches()


def test_missing_customers_of_30_august_are_the_one_unusual_thing_the_morning_after(
    morning_after: Mapping[str, CheckFinding],
) -> None:
    failed = {code: finding for code, finding in morning_after.items() if finding.status == "failed"}

    assert list(failed) == ["DD001"]
    (row,) = failed["DD001"].evidence
    assert (row["day"], row["since"], row["signal"], row["column"]) == (SPIKE, SPIKE, "missing", "customer_id")
    assert row["value"] == pytest.approx(0.8745, abs=1e-4)
    assert row["affected"] == 2829
    assert 0.1 < row["expected"] < 0.15
    assert row["high"] < 0.85
    assert failed["DD001"].summary.startswith("2011-08-30: 87.4% of customer_id missing, usual 12.")


def test_all_checks_hold_again_a_week_later(week_after: Mapping[str, CheckFinding]) -> None:
    assert {finding.status for finding in week_after.values()} == {"passed"}


def test_unusual_figures_of_the_whole_year_are_those_that_a_person_would_name(whole_year: list[Stretch]) -> None:
    """In January 51 lines of stock written off, without description or price; in March 54 lines that stand there twice, ten
    times as many as usual; then the customers of 30 August."""
    assert [(one.first, one.last, one.signal, one.column) for one in whole_year] == [
        (date(2011, 1, 27), date(2011, 1, 28), "missing", "description"),
        (date(2011, 1, 28), date(2011, 1, 28), "zeros", "unit_price"),
        (date(2011, 3, 24), date(2011, 3, 24), "repeated", ""),
        (SPIKE, SPIKE, "missing", "customer_id"),
    ]
    assert whole_year[-1].ended == date(2011, 8, 31)


def test_christmas_easter_and_saturdays_are_no_missing_days(real: RealDays, whole_year: list[Stretch]) -> None:
    with real.context(instant("2011-12-10")).warehouse.reading() as bench:
        days = {row[0] for row in bench.rows(f"select day from {DAYS.quoted} where signal = 'rows' and value > 0")}
        without = bench.rows(f"select day from {DAYS.quoted} where signal = 'rows' and value = 0")
    assert len(days) == 305
    assert without == []
