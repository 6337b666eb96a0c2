"""Metrics: what the books say, in Prometheus's text format; nothing is made up, nothing is waited for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result

from ml_assets.operations.telemetry.catalogue import CATALOGUE, PREFIX
from ml_assets.warehouse.lock import WarehouseLock
from ml_assets_tests.cli.invoke import invoke
from ml_assets_tests.e2e.state import ROOT, query
from ml_assets_tests.prometheus_server import fetched, promtool, running_exporter
from ml_assets_tests.tiny import FIRST_DAY, WEEKS, TinyProject, weekly_orders

pytest.importorskip("prometheus_client", reason="pip install 'ml-assets[metrics]'")

LINE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ML_ASSETS_HOME", "ML_ASSETS_NOW"):
        monkeypatch.delenv(name, raising=False)


def samples(text: str) -> Samples:
    """(name, labels) → value of every line of an exposition."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            matched = LINE.match(line)
            assert matched is not None, line
            found[matched[1], frozenset(LABEL.findall(matched[2] or ""))] = float(matched[3])
    return found


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((PREFIX + name, frozenset(labels.items())))


def shown(project: TinyProject) -> Samples:
    result = invoke(project, "metrics")
    assert result.exit_code == 0, result.stderr
    return samples(result.stdout)


class TestValues:
    def test_are_those_of_the_books(self, tiny: TinyProject) -> None:
        found, home = shown(tiny), tiny.home.root
        for asset, rows in query(home, "select asset, arg_max(rows, partition) from ops.manifest group by asset"):
            assert value(found, "asset_rows", asset=asset) == rows
        for asset, count in query(home, "select asset, count(*) from ops.steps where status = 'made' group by asset"):
            assert value(found, "steps_total", asset=asset, status="made") == count
            assert value(found, "step_last_failed", asset=asset) == 0
        waits = query(home, "select count(*), sum(lock_wait_seconds) from ops.batches")[0]
        assert value(found, "lock_wait_seconds_count") == waits[0]
        assert value(found, "lock_wait_seconds_sum") == pytest.approx(waits[1])
        assert value(found, "scoring_model_version", asset="scores.again", model="again") == 1
        assert value(found, "model_champion_info", model="again", version="1") == 1
        [(moved,)] = query(home, "select epoch(moved_at) from ops.aliases")
        assert value(found, "model_champion_age_seconds", model="again") == tiny.context().now.timestamp() - moved
        failing = query(home, "select count(*) from ops.checks where status = 'failed'")[0][0]
        assert (
            sum(number for (name, _), number in found.items() if name == "ml_assets_check_failed_partitions") == failing
        )

    def test_buckets_hold_what_is_at_most_their_bound(self, tiny: TinyProject) -> None:
        found = shown(tiny)
        [(seconds,)] = query(
            tiny.home.root, "select epoch(ended_at - started_at) from ops.steps where asset = 'models.again'"
        )
        for bound in (0.1, 0.5, 1.0, 5.0):
            at_most = value(found, "step_duration_seconds_bucket", asset="models.again", le=str(bound))
            assert at_most == int(seconds <= bound)

    def test_what_nobody_wrote_is_absent_and_not_nothing(self, tiny: TinyProject) -> None:
        names = {name for name, _ in shown(tiny)}
        for unwritten in (
            "incidents_open",
            "incidents_total",
            "alerts_total",
            "retrain_requests_total",
            "monitor_value",
        ):
            assert PREFIX + unwritten not in names

    def test_not_applicable_is_neither_passed_nor_failed(self, tiny: TinyProject) -> None:
        open_checks = query(
            tiny.home.root,
            "select asset, check_name from ops.checks where status = 'not_applicable' and partition = ''",
        )
        judged = {frozenset(labels) for name, labels in shown(tiny) if name == "ml_assets_check_failed"}
        assert open_checks
        for asset, check in open_checks:
            assert not [labels for labels in judged if {("asset", asset), ("check", check)} <= labels]

    def test_ages_go_by_the_projects_clock(self, tiny_copy: TinyProject) -> None:
        before = shown(tiny_copy)
        tiny_copy.home.replay_file.write_text("2024-04-12", encoding="utf-8")
        after = shown(tiny_copy)
        for name in ("data_age_seconds", "asset_age_seconds"):
            grown = (value(after, name, asset="raw.orders") or 0) - (value(before, name, asset="raw.orders") or 0)
            assert grown == timedelta(days=10).total_seconds()
        assert value(before, "asset_out_of_date", asset="scores.again") == 0
        assert value(after, "asset_out_of_date", asset="scores.again") == 1
        assert value(after, "data_age_limit_seconds", asset="raw.orders") == timedelta(days=9).total_seconds()

    def test_a_step_that_fails_is_failed_until_it_goes_well(self, tiny_copy: TinyProject) -> None:
        good = (tiny_copy.root / "sql" / "shop" / "sales.sql").read_text(encoding="utf-8")
        tiny_copy.state("sales", good.replace("amount > 0", "nothing > 0"))
        assert invoke(tiny_copy, "run", "staging.sales").exit_code == 1
        found = shown(tiny_copy)
        assert value(found, "step_last_failed", asset="staging.sales") == 1
        assert value(found, "steps_total", asset="staging.sales", status="failed") == 1
        assert value(found, "runs_total", command="run", status="failed") == 1
        tiny_copy.state("sales", good.replace("amount > 0", "amount >= 0"))
        assert invoke(tiny_copy, "run", "staging.sales").exit_code == 0
        assert value(shown(tiny_copy), "step_last_failed", asset="staging.sales") == 0

    def test_rows_in_quarantine_are_counted(self, tiny_copy: TinyProject) -> None:
        monday = FIRST_DAY + timedelta(weeks=WEEKS - 1)
        tiny_copy.land(monday, weekly_orders(monday) + "99,7,no time,1.5\n98,8,no time,1.5\n")
        assert invoke(tiny_copy, "run", "raw.orders").exit_code in (0, 1)
        assert value(shown(tiny_copy), "quarantined_rows", asset="raw.orders") == 2

    def test_an_incident_is_seen(self, tiny_copy: TinyProject) -> None:
        tiny_copy.land(FIRST_DAY, "".join(f"{n},7,no time,1.50\n" for n in range(60)))
        assert invoke(tiny_copy, "run", "raw.orders").exit_code == 1
        lasting = dict(
            query(
                tiny_copy.home.root, "select severity, count(*) from ops.incidents where status = 'open' group by all"
            )
        )
        assert lasting
        found = shown(tiny_copy)
        for severity in ("critical", "major", "minor"):
            assert value(found, "incidents_open", severity=severity) == lasting.get(severity, 0)
        assert value(found, "incidents_total") == sum(lasting.values())


class TestForm:
    @pytest.mark.prometheus
    def test_promtool_has_nothing_to_object_to(self, tiny: TinyProject) -> None:
        result = promtool("check", "metrics", text=invoke(tiny, "metrics").stdout)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    def test_names_and_labels_are_those_of_the_catalogue(self, tiny: TinyProject) -> None:
        allowed = {metric.series: set(metric.labels) for metric in CATALOGUE.values()}
        for name, labels in shown(tiny):
            base = re.sub(r"_(bucket|count|sum)$", "", name)
            assert {key for key, _ in labels} - {"le"} == allowed[base], name

    def test_partitions_are_never_labels(self, tiny: TinyProject) -> None:
        text = invoke(tiny, "metrics").stdout
        assert not re.search(r'"\d{4}-\d{2}-\d{2}', text)

    def test_equal_books_give_equal_text(self, tiny: TinyProject) -> None:
        changing = re.compile(r"ml_assets_(exporter_|disk_).*")

        def stable(result: Result) -> list[str]:
            return [line for line in result.stdout.splitlines() if not changing.match(line)]

        assert stable(invoke(tiny, "metrics")) == stable(invoke(tiny, "metrics"))


class TestSurroundings:
    def test_without_a_warehouse_none_is_made(self, tmp_path: Path) -> None:
        project = TinyProject.create(tmp_path / "project")
        result = invoke(project, "metrics")
        assert result.exit_code == 1
        assert "there is no warehouse yet" in result.stderr
        assert value(samples(result.stdout), "exporter_warehouse_readable") == 0
        assert not project.home.warehouse.exists()

    def test_a_lock_is_not_waited_for(self, tiny_copy: TinyProject) -> None:
        with WarehouseLock(tiny_copy.home.warehouse, deadline_seconds=20).exclusive():
            result = subprocess.run(
                [sys.executable, "-m", "ml_assets.cli", "--project", str(tiny_copy.root), "metrics"], cwd=ROOT, timeout=60,
                env=os.environ, capture_output=True, text=True, check=False,
            )  # fmt: skip
        assert result.returncode == 1
        assert f"held by process {os.getpid()}" in result.stderr
        assert value(samples(result.stdout), "disk_size_bytes")

    def test_a_damaged_warehouse_is_named(self, tiny_copy: TinyProject) -> None:
        tiny_copy.home.warehouse.write_bytes(b"no database at all" * 1000)
        result = invoke(tiny_copy, "metrics")
        assert result.exit_code == 1
        assert "the warehouse file cannot be opened" in result.stderr
        assert value(samples(result.stdout), "exporter_warehouse_readable") == 0

    def test_served_over_http_until_stopped(self, tiny: TinyProject, tmp_path: Path) -> None:
        with running_exporter(tiny, tmp_path / "log") as url:
            status, text = fetched(f"{url}/metrics")
            assert status == 200
            assert value(samples(text), "asset_rows", asset="scores.again")
            assert fetched(f"{url}/health") == (200, '{"status": "ok", "problem": ""}\n')
            assert fetched(f"{url}/favicon.ico")[0] == 404
        assert fetched(f"{url}/metrics")[0] == 0

    def test_a_port_that_is_taken_is_named(self, tiny: TinyProject, tmp_path: Path) -> None:
        with running_exporter(tiny, tmp_path / "log") as url:
            port = url.rpartition(":")[2]
            result = invoke(tiny, "metrics", "--serve", "--port", port)
        assert result.exit_code == 2
        assert f"127.0.0.1:{port}" in result.stderr

    def test_without_the_extra_says_what_to_install(self, tiny: TinyProject) -> None:
        code = (
            "import sys; sys.modules['prometheus_client'] = None\nfrom ml_assets.cli import main\n"
            f"sys.argv = ['ml-assets', '--project', {str(tiny.root)!r}, 'metrics']\nmain()\n"
        )
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        assert result.returncode == 2
        assert "pip install 'ml-assets[metrics]'" in result.stderr
