"""A real Prometheus scrapes the real exporter of a real run: rules fire when something breaks, and end when it is well."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from ml_assets.operations.telemetry.dashboards import dashboards
from ml_assets.warehouse.lock import WarehouseLock
from ml_assets_tests.e2e.state import ml_assets
from ml_assets_tests.prometheus_server import (
    Prometheus,
    fetched,
    running_exporter,
    running_prometheus,
    until,
    why_not,
)
from ml_assets_tests.tiny import FIRST_DAY, WEEKS, TinyProject, weekly_orders

pytestmark = [pytest.mark.prometheus, pytest.mark.xdist_group("prometheus")]
LAST_WEEK = FIRST_DAY + timedelta(weeks=WEEKS - 1)


@dataclass(frozen=True)
class Watched:
    """A project that a Prometheus watches."""

    project: TinyProject
    exporter: str
    prometheus: Prometheus

    def run(self, asset: str, expected: int) -> None:
        result = ml_assets(self.project.home.root, "run", asset, project=self.project.root)
        assert result.returncode == expected, result.stdout + result.stderr


@pytest.fixture(scope="module")
def watched(tiny: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("prometheus")
    project = tiny.copied_to(folder / "project")
    monitoring = project.root / "deploy" / "monitoring"
    made = ml_assets(project.home.root, "telemetry", "generate", "--write", str(monitoring), project=project.root)
    assert made.returncode == 0, made.stderr
    with (
        running_exporter(project, folder / "exporter.log") as exporter,
        running_prometheus(folder, monitoring, exporter) as prometheus,
    ):
        until(lambda: prometheus.values('up{job="ml_assets"} == 1'), "scrape that succeeded")
        yield Watched(project, exporter, prometheus)


def test_what_the_run_did_is_known(watched: Watched) -> None:
    asked = watched.prometheus
    assert asked.values('ml_assets_runs_total{command="run",status="done"}') == [1]
    assert asked.values('ml_assets_steps_total{asset="models.again",status="made"}') == [1]
    assert asked.values('ml_assets_step_duration_seconds_count{asset="models.again"}') == [1]
    assert asked.values('ml_assets_model_version{model="again",alias="champion"}') == [1]
    assert asked.values('ml_assets_check_failed{asset="raw.orders"} == 1') == []
    assert asked.values("ml_assets_exporter_warehouse_readable") == [1]
    assert asked.alerts() == set()


def test_every_query_of_every_dashboard_is_answered(watched: Watched) -> None:
    """With series wherever the project has something to say; what nothing has written yet stays empty."""
    silent = {
        ("overview", "Alerts that fire"), ("overview", "Incidents open"), ("data", "Checks that fail"),
        ("data", "What monitors of tables measured"), ("models", "Drift"), ("models", "Performance, observed and estimated"),
        ("models", "Reasons to retrain"), ("models", "Challengers asked for"), ("operations", "Incidents open"),
        ("operations", "Incidents opened a week"), ("operations", "Alerts sent a day"), ("operations", "Alerts that wait to be sent"), ("operations", "Indicators"),
    }  # fmt: skip
    panels = {
        (dashboard.uid.removeprefix("ml-assets-"), panel.title): panel
        for dashboard in dashboards(watched.project.graph())
        for panel in dashboard.panels
        if panel.queries
    }
    for place, panel in panels.items():
        for query in panel.queries:
            series = watched.prometheus.query(query.expr)
            if place in silent:
                assert series == [], place
            else:  # a rate wants two scrapes
                until(lambda: watched.prometheus.query(query.expr), f"series of {place}")  # noqa: B023


def test_a_broken_contract_fires_and_its_repair_ends_it(watched: Watched) -> None:
    good = weekly_orders(LAST_WEEK)
    watched.project.land(LAST_WEEK, good + "".join(f"{9000 + n},7,no time,1.50\n" for n in range(60)))
    watched.run("raw.orders", 1)
    fired = ("MlAssetsCheckFailed", "raw.orders")
    until(lambda: fired in watched.prometheus.alerts(), "alert")
    [alert] = watched.prometheus.query('ALERTS{alertname="MlAssetsCheckFailed",asset="raw.orders",alertstate="firing"}')
    assert alert["metric"]["code"] == "DQ008"
    assert (alert["metric"]["severity"], alert["metric"]["owner"]) == ("major", "team:shop")
    watched.project.land(LAST_WEEK, good)
    watched.run("raw.orders", 0)
    until(lambda: fired not in watched.prometheus.alerts(), "end of the alert")


def test_a_statement_that_fails_fires_as_a_failed_step_and_so_long_as_it_fails(watched: Watched) -> None:
    path = watched.project.root / "sql" / "shop" / "sales.sql"
    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace("amount > 0", "no_such_column > 0"), encoding="utf-8")
    watched.run("staging.sales", 1)
    fired = ("MlAssetsStepFailed", "staging.sales")
    until(lambda: fired in watched.prometheus.alerts(), "alert")
    path.write_text(good.replace("amount > 0", "amount >= 0"), encoding="utf-8")
    watched.run("staging.sales", 0)
    until(lambda: fired not in watched.prometheus.alerts(), "end of the alert")


def test_data_that_stops_coming_fires_although_nothing_runs(watched: Watched) -> None:
    """A check is judged by runs; where none takes place any more, only the age of the data still tells."""
    clock = watched.project.home.replay_file
    before = clock.read_text(encoding="utf-8")
    clock.write_text("2024-04-20", encoding="utf-8")
    fired = ("MlAssetsDataStale", "raw.orders")
    until(lambda: fired in watched.prometheus.alerts(), "alert")
    [age] = watched.prometheus.values('ml_assets_data_age_seconds{asset="raw.orders"}')
    assert age > 9 * 86_400
    clock.write_text(before, encoding="utf-8")
    until(lambda: fired not in watched.prometheus.alerts(), "end of the alert")


def test_a_locked_warehouse_gives_the_last_values_and_says_so(watched: Watched) -> None:
    path = watched.project.home.warehouse
    with WarehouseLock(path, deadline_seconds=20).exclusive():
        os.utime(path)  # as if somebody had written
        until(lambda: watched.prometheus.values("ml_assets_exporter_warehouse_readable == 0"), "word of the lock")
        assert watched.prometheus.values('ml_assets_model_version{model="again",alias="champion"}') == [1]
        assert watched.prometheus.values('up{job="ml_assets"}') == [1]
        status, said = fetched(f"{watched.exporter}/health")
        assert status == 503
        assert f"process {os.getpid()}" in said
    until(lambda: watched.prometheus.values("ml_assets_exporter_warehouse_readable == 1"), "end of the lock")
    assert fetched(f"{watched.exporter}/health")[0] == 200


def test_an_exporter_that_is_gone_is_missed(tiny: TinyProject, tmp_path: Path) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    monitoring = tmp_path / "monitoring"
    made = ml_assets(tiny.home.root, "telemetry", "generate", "--write", str(monitoring), project=tiny.root)
    assert made.returncode == 0, made.stderr
    # Nobody listens on port 9 of this machine.
    with running_prometheus(tmp_path, monitoring, "http://127.0.0.1:9") as prometheus:
        until(lambda: ("MlAssetsExporterDown", "") in prometheus.alerts("pending"), "alert that waits")
