"""Alerts reach a real receiver once each, without telling anybody its URL, and a receiver that fails costs no run."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.operations.receiver import Receiver, receiving
from ml_assets_tests.operations.watched import (
    NEXT_MONDAY,
    OPERATIONS,
    kinds,
    land_good,
    land_renamed,
    only,
    set_clock,
)
from ml_assets_tests.tiny import TinyProject, weekly_orders

MONITOR = """\
type: ml_assets.Monitor
attributes:
  name: orders
  description: The days of the shop.
  owners: [team:shop]
  table: raw.orders
  alert: team
"""
VARIABLE, SECRET = "SHOP_ALERT_URL", "T00-s3cret"
PROFILE = f"alert_routes:\n  team: {{env: {VARIABLE}}}\n"

pytest.importorskip("apprise")


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as found:
        monkeypatch.setenv(VARIABLE, found.url(SECRET))
        yield found


@pytest.fixture
def project(tiny_copy: TinyProject) -> TinyProject:
    path = tiny_copy.root / "deploy" / "profiles" / "development.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(PROFILE, encoding="utf-8")
    return tiny_copy


def statuses(project: TinyProject) -> list[tuple[str, str, str, int]]:
    """(kind, route, status, attempts) of every alert."""
    found = json_of(invoke(project, "alerts", "--json"))["alerts"]
    return [(alert["kind"], alert["route"], alert["status"], alert["attempts"]) for alert in found]


def everything_written(project: TinyProject) -> str:
    """All books and log files, as one text."""
    with project.context().warehouse.reading() as bench:
        books = [
            bench.rows(f"select * from wh.ops.{name}")
            for name in ("incidents", "incident_events", "alerts", "steps", "checks")
        ]
    logs = [path.read_text(encoding="utf-8") for path in (project.home.root / "logs").rglob("*") if path.is_file()]
    return f"{books}{logs}"


def test_incident_escalation_and_recovery_are_each_told_once(project: TinyProject, receiver: Receiver) -> None:
    land_renamed(project)
    for moment in ("2024-04-02T00:00", "2024-04-02T01:00", "2024-04-02T05:00", "2024-04-02T06:00"):
        set_clock(project, moment)
        invoke(project, "run")
    set_clock(project, "2024-04-02T07:00")
    land_good(project)
    invoke(project, "run")
    invoke(project, "run")
    assert [title.partition(":")[0] for title in receiver.titles] == [
        "[major] incident 1 opened", "[major] incident 1 escalated", "[major] incident 1 recovered",
    ]  # fmt: skip
    assert set(receiver.paths) == {f"/{SECRET}"}
    body = receiver.taken[0]["message"]
    for said in (
        "owner: team:shop",
        "affected: scores.again, model again",
        "runbook: docs/runbooks/",
        "next: ml-assets incidents show 1",
    ):
        assert said in body


def test_log_has_every_alert_whatever_routes_there_are(project: TinyProject, receiver: Receiver) -> None:
    land_renamed(project)
    result = invoke(project, "run")
    log = (project.home.root / "logs" / "alerts.log").read_text(encoding="utf-8")
    assert log.startswith("2024-04-02T00:00:00Z [major] incident 1 opened: raw.orders")
    assert len(log.splitlines()) == 1
    assert "alert: [major] incident 1 opened" in result.stderr


def test_receiver_that_refuses_fails_no_run_and_is_tried_again(project: TinyProject, receiver: Receiver) -> None:
    land_renamed(project)
    receiver.answer = 500
    result = invoke(project, "run")
    assert result.exit_code == 1  # the refused file, not the receiver
    assert "alert of incident 1 not sent over team: the receiver did not take it" in result.stderr
    assert statuses(project) == [("opened", "log", "sent", 1), ("opened", "team", "failed", 1)]
    receiver.answer = 200
    invoke(project, "run")
    assert statuses(project)[1] == ("opened", "team", "sent", 2)
    assert kinds(project, 1).count("alerted") == 3


def test_receiver_that_is_gone_is_given_up_after_some_attempts(
    project: TinyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv(VARIABLE, f"json://127.0.0.1:{free.getsockname()[1]}/{SECRET}")
        land_renamed(project)
        for _ in range(6):
            invoke(project, "run", "raw.orders")
    assert statuses(project)[1] == ("opened", "team", "given_up", 4)


def test_nothing_that_is_written_holds_the_url(
    project: TinyProject, receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.answer = 403
    land_renamed(project)
    said = [
        invoke(project, *words)
        for words in (("run",), ("alerts",), ("alerts", "--json"), ("alerts", "test"), ("profile",), ("doctor",))
    ]
    assert receiver.taken
    written = (
        everything_written(project)
        + "".join(f"{one.stdout}{one.stderr}" for one in said)
        + caplog.text
        + "".join(capfd.readouterr())
    )
    assert SECRET not in written
    assert "127.0.0.1" not in written


def test_minor_incidents_go_to_the_log_alone(project: TinyProject, receiver: Receiver) -> None:
    project.declare("operations", OPERATIONS + "  free_disk: 1.0\n")
    invoke(project, "run", "raw.orders")
    [alert] = statuses(project)
    assert alert[:2] == ("opened", "log")
    assert receiver.taken == []


def test_several_processes_open_one_incident_and_tell_it_once(project: TinyProject, receiver: Receiver) -> None:
    land_renamed(project)
    with project.context().warehouse.committing() as bench:
        bench.execute(
            "update wh.ops.checks set status = 'failed', summary = 'three rows twice' where asset = 'raw.orders' and check_name = 'key_is_unique'"
        )
    command = [sys.executable, "-m", "ml_assets.cli", "--project", str(project.root), "incidents", "update"]
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1, 1], said
    assert len(receiver.taken) == 1
    assert kinds(project, 1).count("detected") == 1


def test_monitor_that_names_a_route_tells_over_it_whatever_the_severity(
    project: TinyProject, receiver: Receiver
) -> None:
    project.declare("days", MONITOR)
    day = NEXT_MONDAY + timedelta(days=2)
    crowd = "".join(f"{14_100 + number},{number},{day} 10:00:00,5\n" for number in range(80))
    project.land(NEXT_MONDAY, weekly_orders(NEXT_MONDAY) + crowd)
    set_clock(project, f"{NEXT_MONDAY + timedelta(days=7)}")
    invoke(project, "run", "raw.orders", "monitoring.orders__days")
    one = only(project)
    assert (one["cause"], one["asset"], one["severity"], one["route"]) == ("volume", "raw.orders", "minor", "team")
    assert one["began_at"].startswith(f"{day}")
    assert [title.partition(":")[0] for title in receiver.titles] == ["[minor] incident 1 opened"]


class TestTrying:
    def test_test_message_is_taken_by_every_route(self, project: TinyProject, receiver: Receiver) -> None:
        result = invoke(project, "alerts", "test")
        assert result.exit_code == 0
        assert result.stdout.splitlines() == ["log: written", "team: taken"]
        assert receiver.titles == ["[test] ml-assets reaches you"]

    def test_route_without_its_variable_says_which(self, project: TinyProject) -> None:
        result = invoke(project, "alerts", "test", "team")
        assert result.exit_code == 1
        assert result.stdout == f"team: ${VARIABLE} is not set, or holds no URL\n"

    def test_url_of_an_unknown_service_is_not_shown(
        self, project: TinyProject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, f"nosuchservice://{SECRET}")
        assert (
            invoke(project, "alerts", "test", "team").stdout
            == f"team: ${VARIABLE} holds a URL that Apprise does not know\n"
        )

    def test_plain_address_gets_a_webhook(
        self, project: TinyProject, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, receiver.url(SECRET).replace("json://", "http://"))
        assert invoke(project, "alerts", "test", "team").stdout == "team: taken\n"
        assert receiver.paths == [f"/{SECRET}"]

    def test_unknown_route_is_refused_with_those_there_are(self, project: TinyProject) -> None:
        result = invoke(project, "alerts", "test", "taem")
        assert result.exit_code == 2
        assert "did you mean team?" in result.stderr

    def test_alerts_lists_routes_by_their_variables(self, project: TinyProject) -> None:
        assert f"team: ${VARIABLE} (not set, or no URL)" in invoke(project, "alerts").stdout

    def test_profile_names_the_routes(self, project: TinyProject, receiver: Receiver) -> None:
        assert "alerts go to         the log, team" in invoke(project, "profile").stdout


def test_log_folder_is_below_the_state(project: TinyProject, receiver: Receiver) -> None:
    invoke(project, "alerts", "test", "log")
    assert Path(json_of(invoke(project, "alerts", "--json"))["log"]).read_text(encoding="utf-8").count("\n") == 1
