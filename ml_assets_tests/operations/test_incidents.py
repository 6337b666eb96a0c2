"""One incident a cause: opened, added to, escalated, closed, reopened, as the commands that people type show it."""

from __future__ import annotations

import pytest

from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.operations.watched import (
    NEXT_MONDAY,
    OPERATIONS,
    incidents,
    kinds,
    land_good,
    land_renamed,
    only,
    set_clock,
    shown,
)
from ml_assets_tests.tiny import STATEMENTS, TinyProject, weekly_orders


@pytest.fixture
def project(tiny_copy: TinyProject) -> TinyProject:
    return tiny_copy


def books(project: TinyProject) -> list[tuple[object, ...]]:
    with project.context().warehouse.reading() as bench:
        return [
            *bench.rows("select * from wh.ops.incidents"), *bench.rows("select * from wh.ops.incident_events"),
            *bench.rows("select * from wh.ops.alerts"),
        ]  # fmt: skip


class TestOneCause:
    def test_nothing_wrong_opens_nothing(self, project: TinyProject) -> None:
        result = invoke(project, "run")
        assert "incident" not in result.stdout
        assert incidents(project, "--all") == []
        assert "No incident lasts." in invoke(project, "incidents").stdout

    def test_renamed_column_is_one_incident_of_the_table_it_came_to(self, project: TinyProject) -> None:
        land_renamed(project)
        result = invoke(project, "run")
        assert "incident 1 opened [major] raw.orders: the columns are not as declared" in result.stdout
        one = only(project)
        assert (one["cause"], one["asset"], one["severity"]) == ("schema", "raw.orders", "major")
        assert one["owner"] == "team:shop"
        assert one["runbook"] == "docs/runbooks/broken-contract.md"
        assert one["affected"]["scores"] == ["scores.again"]
        assert one["affected"]["models"] == ["again"]
        assert "missing_column" in str(one["signals"][0]["evidence"])
        assert one["signals"][0]["place"].startswith("tiny/defs/shop/orders/defs.yaml:")

    def test_what_waits_for_a_failed_table_is_a_symptom_of_it(self, project: TinyProject) -> None:
        project.state("sales", STATEMENTS["sales"].replace("amount\nfrom", "amount as total\nfrom"))
        assert invoke(project, "run").exit_code == 1
        assert invoke(project, "incidents", "update", "--json").exit_code == 1
        one = only(project)
        assert (one["cause"], one["asset"], one["severity"]) == ("schema", "staging.sales", "critical")
        assert {"columns_are_as_declared", "rows_keep_the_contract"} <= {signal["name"] for signal in one["signals"]}

    def test_statement_that_does_not_run_is_told_by_its_error(self, project: TinyProject) -> None:
        project.state("habits", STATEMENTS["habits"].replace("sum(amount)", "sum(amounts)"))
        invoke(project, "run")
        one = only(project)
        assert (one["cause"], one["asset"]) == ("code", "features.habits")
        assert "amounts" in one["title"]
        assert [signal["kind"] for signal in one["signals"]] == ["step"]

    def test_old_data_is_a_symptom_of_the_file_that_was_refused(self, project: TinyProject) -> None:
        land_renamed(project)
        invoke(project, "run")
        set_clock(project, "2024-04-12")
        invoke(project, "run")
        one = only(project)
        assert [signal["code"] for signal in one["signals"]] == ["IN002", "FR001"]
        assert "symptom" in kinds(project, 1)

    def test_upstream_that_stops_silently_is_found_by_the_clock(self, project: TinyProject) -> None:
        set_clock(project, "2024-04-12")
        invoke(project, "run", "staging.*")
        one = only(project)
        assert (one["cause"], one["asset"]) == ("late_upstream", "raw.orders")
        assert one["began_at"].startswith("2024-04-07")
        assert "data_is_fresh" in invoke(project, "status").stdout

    def test_scores_that_are_missing_for_a_day_are_critical(self, project: TinyProject) -> None:
        set_clock(project, "2024-04-10")
        invoke(project, "incidents", "update")
        found = {one["asset"]: one for one in incidents(project)}
        assert [one["severity"] for one in found.values()] == ["critical"]
        [one] = found.values()
        assert "scores.again" in {signal["asset"] for signal in one["signals"]}

    def test_warning_about_a_candidate_is_no_incident(self, project: TinyProject) -> None:
        with project.context().warehouse.reading() as bench:
            warned = bench.value(
                "select count(*) from wh.ops.checks where status = 'failed' and starts_with(code, 'MC')"
            )
        invoke(project, "incidents", "update")
        assert warned > 0
        assert incidents(project, "--all") == []


class TestTime:
    def test_looking_again_writes_nothing(self, project: TinyProject) -> None:
        land_renamed(project)
        invoke(project, "run")
        before = books(project)
        for command in (("run",), ("check",), ("incidents", "update"), ("incidents", "update")):
            invoke(project, *command)
        assert books(project) == before

    def test_incident_closes_when_its_signals_are_gone(self, project: TinyProject) -> None:
        land_renamed(project)
        invoke(project, "run")
        set_clock(project, "2024-04-02T06:00")
        land_good(project)
        assert "incident 1 recovered [major]" in invoke(project, "run").stdout
        assert incidents(project) == []
        one = only(project, "--all")
        assert one["status"] == "closed"
        assert one["closed_at"].startswith("2024-04-02 06:00")
        assert kinds(project, 1) == ["began", "detected", "alerted", "recovered", "closed", "alerted"]

    def test_same_cause_within_a_day_is_the_same_incident(self, project: TinyProject) -> None:
        for moment, land in (
            ("2024-04-02T00:00", land_renamed),
            ("2024-04-02T06:00", land_good),
            ("2024-04-02T12:00", land_renamed),
        ):
            set_clock(project, moment)
            land(project)
            invoke(project, "run")
        one = only(project, "--all")
        assert (one["status"], one["closed_at"]) == ("open", None)
        assert "reopened" in kinds(project, 1)

    def test_same_cause_after_a_day_is_a_new_incident(self, project: TinyProject) -> None:
        for moment, land in (
            ("2024-04-02T00:00", land_renamed),
            ("2024-04-02T06:00", land_good),
            ("2024-04-03T07:00", land_renamed),
        ):
            set_clock(project, moment)
            land(project)
            invoke(project, "run")
        assert [(one["incident"], one["status"]) for one in incidents(project, "--all")] == [(1, "closed"), (2, "open")]

    def test_nobody_acknowledging_in_time_escalates_once(self, project: TinyProject) -> None:
        land_renamed(project)
        invoke(project, "run")
        for moment in ("2024-04-02T03:59", "2024-04-02T04:00", "2024-04-02T05:00"):
            set_clock(project, moment)
            invoke(project, "run")
        assert kinds(project, 1).count("escalated") == 1
        assert str(only(project)["escalated_at"]).startswith("2024-04-02 04:00")

    def test_reopened_incident_has_its_time_again(self, project: TinyProject) -> None:
        for moment, land in (
            ("2024-04-02T00:00", land_renamed),
            ("2024-04-02T03:00", land_good),
            ("2024-04-02T12:00", land_renamed),
        ):
            set_clock(project, moment)
            land(project)
            invoke(project, "run")
        set_clock(project, "2024-04-02T15:00")
        invoke(project, "run")
        assert only(project)["escalated_at"] is None

    def test_acknowledged_incident_is_not_escalated(self, project: TinyProject) -> None:
        land_renamed(project)
        invoke(project, "run")
        result = invoke(project, "incidents", "acknowledge", "1", "--by", "ann", "--note", "asking the shop")
        assert "incident 1 is acknowledged" in result.stdout
        set_clock(project, "2024-04-03")
        invoke(project, "run")
        assert "escalated" not in kinds(project, 1)
        assert [(e["actor"], e["message"]) for e in shown(project, 1)["timeline"] if e["kind"] == "acknowledged"] == [
            ("ann", "asking the shop")
        ]


class TestMachine:
    def test_held_warehouse_is_told_at_once_and_booked_by_the_next_run(self, project: TinyProject) -> None:
        profile = project.root / "deploy" / "profiles" / "development.yaml"
        profile.parent.mkdir(parents=True)
        profile.write_text("engine: {lock_deadline_seconds: 0.2}\n", encoding="utf-8")
        land_good(project)
        with project.context().warehouse.lock.exclusive():
            for command in (("run",), ("run",), ("incidents", "update")):
                assert invoke_in_thread(project, *command) == 2
        log = (project.home.root / "logs" / "alerts.log").read_text(encoding="utf-8")
        assert log.count("[critical] not booked yet: the warehouse warehouse.duckdb is held by") == 1
        assert "incident 1 opened [critical] the machine: the warehouse is held" in invoke(project, "run").stdout
        assert "incident 1 recovered" in invoke(project, "run").stdout

    def test_disk_with_too_little_space_is_an_incident(self, project: TinyProject) -> None:
        project.declare("operations", OPERATIONS + "  free_disk: 1.0\n")
        invoke(project, "run", "raw.orders")
        one = only(project)
        assert (one["cause"], one["asset"], one["owner"]) == ("disk", "", "duty@shop.example")
        assert one["runbook"] == "docs/runbooks/lock-or-full-disk.md"
        before = books(project)
        invoke(project, "run", "raw.orders")
        assert books(project) == before


class TestChampion:
    def test_damaged_package_is_found_and_is_critical(self, project: TinyProject) -> None:
        with project.context().warehouse.committing() as bench:
            bench.execute(
                "update wh.models.again set files = map_from_entries(list_transform(map_entries(files), "
                "lambda e: {'key': e.key, 'value': replace(e.value, '0', '1')}))"
            )
        invoke(project, "incidents", "update")
        one = only(project)
        assert (one["cause"], one["asset"], one["severity"]) == ("model", "models.again", "critical")
        assert "is not what its manifest says" in one["title"]
        assert one["runbook"] == "docs/runbooks/restore.md"

    def test_short_look_does_not_close_what_only_a_thorough_one_sees(self, project: TinyProject) -> None:
        with project.context().warehouse.committing() as bench:
            bench.execute("update wh.ops.golden_rows set scores = list_transform(scores, lambda s: s + 0.25)")
        invoke(project, "incidents", "update")
        assert "golden rows otherwise" in only(project)["title"]
        invoke(project, "run")
        assert len(incidents(project)) == 1

    def test_champion_without_a_passing_verdict_is_found_by_any_run(self, project: TinyProject) -> None:
        with project.context().warehouse.committing() as bench:
            bench.execute("update wh.ops.verdicts set passed = false, reasons = 'metric roc_auc below 0.9'")
        invoke(project, "run")
        assert "metric roc_auc below 0.9" in only(project)["title"]


MONITOR = """\
type: ml_assets.Monitor
attributes:
  name: again
  description: Whether the scores still mean what was promised.
  owners: [team:shop]
  scores: again
  retrain: {max_age: 4 days, at_most_every: 3 days}
"""


class TestMonitored:
    def test_champion_older_than_its_monitor_allows_is_a_minor_incident(self, project: TinyProject) -> None:
        project.declare("watch_again", MONITOR)
        set_clock(project, "2024-04-06")
        invoke(project, "run", "raw.orders")
        assert incidents(project) == []
        set_clock(project, "2024-04-06T12:00")
        invoke(project, "run", "raw.orders")
        one = only(project)
        assert (one["cause"], one["asset"], one["severity"]) == ("model", "models.again", "minor")
        assert one["title"].endswith("champion again@1 was trained on 2024-04-02, 4 days ago (limit 4 days)")
        assert str(one["began_at"]).startswith("2024-04-06 00:00")

    def test_request_that_nobody_serves_becomes_an_incident(self, project: TinyProject) -> None:
        project.declare("watch_again", MONITOR.replace("4 days", "99 days"))
        with project.context().warehouse.committing() as bench:
            bench.execute(
                "insert into wh.ops.retrain_requests values ('again', 'again', 1, 'drift', '{}', timestamp '2024-04-02 06:00')"
            )
        set_clock(project, "2024-04-05")
        invoke(project, "run", "raw.orders")
        assert incidents(project) == []
        set_clock(project, "2024-04-06")
        invoke(project, "run", "raw.orders")
        assert (
            "asked for a new version of again on 2024-04-02, 3 days ago, and none was trained: drift"
            in only(project)["title"]
        )

    @pytest.mark.parametrize(
        ("snapshot", "found"), [("2024-03-11", []), ("2024-04-01", [("drift", "scores.again", "minor")])]
    )
    def test_only_scores_that_somebody_acted_by_open_an_incident(
        self, project: TinyProject, snapshot: str, found: list[tuple[str, str, str]]
    ) -> None:
        project.declare("watch_again", MONITOR.replace("4 days", "99 days"))
        invoke(project, "run", "models.again__reference", "monitoring.again__drift")
        assert incidents(project) == []
        with project.context().warehouse.committing() as bench:
            bench.execute(
                "update wh.ops.checks set status = 'failed', summary = 'orders_28d has moved' where asset = 'monitoring.again__drift' "
                "and code = 'DR001' and partition = ?", [snapshot],
            )  # fmt: skip
        invoke(project, "run", "raw.orders")
        assert [(one["cause"], one["asset"], one["severity"]) for one in incidents(project)] == found


def invoke_in_thread(project: TinyProject, *words: str) -> int:
    """Exit code of a command that another thread of this process runs: locks are held by threads."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: invoke(project, *words).exit_code).result()


def test_run_prints_incidents_as_data_too(project: TinyProject) -> None:
    project.land(NEXT_MONDAY, weekly_orders(NEXT_MONDAY).replace("2024-04", "x024-04"))
    found = json_of(invoke(project, "run", "raw.orders", "--json"))["incidents"]
    assert [(one["what"], one["incident"], one["cause"]) for one in found] == [("opened", 1, "quarantine")]
