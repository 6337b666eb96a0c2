"""Days of SQL tables: what is available late, rows after the clock, replays; and the picture of the newest days."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import DeclarationError
from ml_assets.monitoring.days import DaysAsset
from ml_assets.specs import MonitorSpec
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.results import CheckFinding
from ml_assets_tests.builders import Lab, instant
from ml_assets_tests.tiny import TinyProject

FIRST, DAYS = date(2024, 1, 1), 40
COLUMNS = {"customer_id": "bigint", "event_time": "timestamp", "available_at": "timestamp"}


def events(*, late: int = -1, extra: Sequence[Sequence[Any]] = ()) -> list[Sequence[Any]]:
    """50 events a day, available an hour later; those of day `late` two days later."""
    rows: list[Sequence[Any]] = []
    for number in range(DAYS):
        for place in range(50):
            at = datetime.combine(FIRST, datetime.min.time()) + timedelta(days=number, minutes=12 * place, hours=8)
            rows.append((place, at, at + timedelta(hours=48 if number == late else 1)))
    return [*rows, *extra]


def days_of(lab: Lab, rows: Sequence[Sequence[Any]]) -> DaysAsset:
    """The days of a SQL table over these rows, made."""
    lab.given("staging.events", rows, COLUMNS)
    made = lab.sql_table("select * from staging.events", "seen", event_time="event_time", available_at="available_at")
    lab.run(made)
    asset = DaysAsset(MonitorSpec(name="seen", table="staging.seen"), made, "test.yaml:1", "test")
    lab.run(asset)
    return asset


def failed(lab: Lab, asset: TableAsset) -> dict[str, CheckFinding]:
    findings = {check.code: lab.findings(asset, check)[""] for check in asset.checks}
    return {code: finding for code, finding in findings.items() if finding.status == "failed"}


def test_rows_that_are_available_later_than_usual_are_told(tmp_path: Path) -> None:
    lab = Lab(tmp_path, instant("2024-02-11T06:00"))
    asset = days_of(lab, events(late=DAYS - 2))

    found = failed(lab, asset)

    assert list(found) == ["DD005"]
    (row,) = found["DD005"].evidence
    assert (row["signal"], row["day"]) == ("hours_late", FIRST + timedelta(days=DAYS - 2))
    assert (row["value"], row["expected"], row["low"]) == (pytest.approx(48), pytest.approx(1), 0)
    assert "48 hours from event to availability, usual 1" in found["DD005"].summary


def test_rows_after_the_clock_are_told_unless_a_history_is_replayed(tmp_path: Path) -> None:
    later = datetime(2024, 3, 1, 10, 0)
    lab = Lab(tmp_path / "misdated", instant("2024-02-10T06:00"))
    misdated = failed(lab, days_of(lab, events(extra=[(1, later, later)] * 3)))
    replay = Lab(tmp_path / "replay", instant("2024-01-26T00:00"))
    replayed = failed(replay, days_of(replay, events()))

    assert list(misdated) == ["DD005"]
    (row,) = misdated["DD005"].evidence
    assert (row["signal"], row["value"], row["day"]) == ("future_rows", 3, date(2024, 2, 10))
    assert replayed == {}


def test_columns_of_a_computed_table_have_no_files_to_judge(tmp_path: Path) -> None:
    lab = Lab(tmp_path, instant("2024-02-10T06:00"))
    asset = days_of(lab, events())
    check = next(check for check in asset.checks if check.code == "DD004")

    finding = lab.findings(asset, check)[""]

    assert (finding.status, finding.summary) == ("not_applicable", "the table has no such figures")


def test_picture_marks_the_unusual_days(tmp_path: Path) -> None:
    lab = Lab(tmp_path, instant("2024-02-11T06:00"))
    days_of(lab, events(late=DAYS - 2))
    lab.alter("delete from wh.ops.manifest where asset = 'monitoring.seen__days'")
    asset = DaysAsset(
        MonitorSpec(name="seen", table="staging.seen"),
        lab.sql_table("select * from staging.events", "seen", event_time="event_time", available_at="available_at"),
        "test.yaml:1", "test",
    )  # fmt: skip

    facts = lab.run(asset).facts

    assert facts["newest_unusual"] == "2024-02-08: hours_late"
    svg = base64.b64decode(facts["picture"].split("base64,")[1].removesuffix(")")).decode()
    assert svg.startswith("<svg xmlns")
    assert "2024-02-08: hours_late 48, usual 1, 50 affected" in svg
    assert len(facts["picture"]) < 30_000


def test_monitor_of_a_project_is_made_and_judged_with_the_rest_and_its_checks_have_a_place(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path)
    project.declare(
        "days",
        "type: ml_assets.Monitor\nattributes:\n  name: orders\n  description: Days of the orders.\n  owners: [team:shop]\n  table: raw.orders\n",
    )
    graph = project.graph()
    names = [str(name) for name in graph.assets]

    assert "monitoring.orders__days" in names
    assert names.index("raw.orders") < names.index("monitoring.orders__days")


def test_monitor_of_a_table_without_event_time_is_refused_with_its_place(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path)
    project.edit("orders", "  event_time: ordered_at\n", "")
    project.edit("orders", "  freshness: {max_age: 9 days}\n", "")
    for name in ("sales", "habits", "again", "scores"):
        project.declaration(name).unlink()
    project.declare(
        "days",
        "type: ml_assets.Monitor\nattributes:\n  name: orders\n  description: Days of the orders.\n  owners: [team:shop]\n  table: raw.orders\n",
    )

    with pytest.raises(DeclarationError, match=r"raw\.orders has no days to watch") as caught:
        project.graph()
    assert "days/defs.yaml:6" in str(caught.value)
