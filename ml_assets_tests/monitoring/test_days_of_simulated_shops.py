"""The days of simulated shops: a stable year stays within its false-alarm budget, and a fault of the last day is found."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from ml_assets.cli.project import open_project
from ml_assets.graph.judge import judge_asset
from ml_assets.monitoring.days_stretches import unusual_stretches
from ml_assets.simulate import ShopSpec, write_shop
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import EngineSettings, Warehouse
from ml_assets_tests.builders import instant, no_log
from ml_assets_tests.conftest import made_once
from ml_assets_tests.e2e.state import ROOT

INVOICES, DAYS = TableName("raw", "invoices"), TableName("monitoring", "invoices__days")
LAST_DAY, SEEDS = date(2011, 12, 9), (2, 4)
pytestmark = pytest.mark.xdist_group("simulated_days")


@dataclass
class Shop:
    """A year of a simulated shop in the example project, about 330 rows a day."""

    home: Home

    def run(self, now: str) -> dict[str, str]:
        """Code → summary of the failed checks of the days."""
        context, graph = self.context(now), open_project(ROOT).graph
        for name in (INVOICES, DAYS):
            graph[name].materialize(context, [""])
        codes = {check.name: check.code for check in graph[DAYS].checks}
        found = judge_asset(context, graph[DAYS], [""]).findings
        return {codes[finding.check]: finding.summary for finding in found if finding.status == "failed"}

    def context(self, now: str) -> RunContext:
        warehouse = Warehouse(self.home.warehouse, self.home.scratch, EngineSettings(threads=2, deadline_seconds=20))
        return RunContext(warehouse, self.home, ROOT / "sql", instant(now), "test", log=no_log)


@pytest.fixture(scope="session")
def shops(tmp_path_factory: pytest.TempPathFactory) -> list[Shop]:
    def make(root: Path) -> None:
        for seed in SEEDS:
            home = Home(root / str(seed))
            write_shop(ShopSpec.of_rows(100_000, last_day=LAST_DAY, seed=seed), home.landing("retail"))
            Shop(home).run("2011-12-11")

    root = made_once(tmp_path_factory, "simulated_days", make)
    return [Shop(Home(root / str(seed))) for seed in SEEDS]


def test_stable_years_of_two_shops_have_no_more_than_the_alarms_that_are_allowed(shops: list[Shop]) -> None:
    """One a year and shop is the budget; of two, more than four are there by chance once in twenty times."""
    alarms = []
    for shop in shops:
        with shop.context("2011-12-11").warehouse.reading() as bench:
            alarms += unusual_stretches(bench, DAYS)

    assert len(alarms) <= 4, alarms


Line = list[str]


def column(place: int, value: Callable[[str], str]) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [[*line[:place], value(line[place]), *line[place + 1 :]] for line in lines]


def redated(to: str) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [[*line[:4], to, *line[5:]] if number < 5 else line for number, line in enumerate(lines)]


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        pytest.param(column(6, lambda _v: ""), "DD001", "100.0% of customer_id missing", id="null_spike"),
        pytest.param(
            column(5, lambda v: str(float(v) * 100)), "DD003", "typical size of unit_price", id="values_by_100"
        ),
        pytest.param(column(7, lambda _v: "Albion"), "DD003", "country never seen before", id="category_renamed"),
        pytest.param(lambda lines: lines[: len(lines) // 2], "DD002", "last event at 1", id="second_half_lost"),
        pytest.param(lambda lines: [*lines, *lines], "DD006", "of the rows repeat another", id="rows_twice"),
        pytest.param(redated("2012-06-01 10:00:00"), "DD005", "5 rows dated after their arrival", id="future"),
        pytest.param(redated("2011-10-01 10:00:00"), "DD005", "70 days in a file", id="out_of_order"),
    ],
)
def test_fault_of_the_last_day_is_found(
    shops: list[Shop], tmp_path: Path, change: Callable[[list[Line]], Iterable[Line]], code: str, said: str
) -> None:
    root = tmp_path / "state"
    shutil.copytree(shops[-1].home.root, root, ignore=shutil.ignore_patterns("scratch"))
    shop = Shop(Home(root))
    file = shop.home.landing("retail") / f"{LAST_DAY}.csv"
    with file.open(newline="", encoding="utf-8") as stream:
        header, *lines = csv.reader(stream)
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *change(lines)])

    failed = shop.run("2011-12-11")

    assert said in failed[code]
