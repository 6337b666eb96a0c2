"""`ml-assets incidents …`: what people read and type."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.operations.watched import (
    incidents,
    kinds,
    land_good,
    land_renamed,
    only,
    set_clock,
    shown,
)
from ml_assets_tests.tiny import TinyProject


@pytest.fixture
def project(tiny_copy: TinyProject) -> TinyProject:
    """With one incident: the newest file's column is called otherwise."""
    land_renamed(tiny_copy)
    invoke(tiny_copy, "run", "raw.orders")
    return tiny_copy


def test_list_shows_severity_owner_and_what(project: TinyProject) -> None:
    result = invoke(project, "incidents")
    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert (
        "1 major open 2024-04-02 00:00 team:shop raw.orders: the columns are not as declared: 1 of 15 files were refused"
        in said
    )
    assert "Next: ml-assets incidents show NUMBER" in said


def test_show_has_timeline_evidence_effect_and_next_steps(project: TinyProject) -> None:
    said = invoke(project, "incidents", "show", "1").stdout
    for line in (
        "incident 1 raw.orders: the columns are not as declared",
        "affects: scores.again; models: again",
        "error raw.orders no_landing_file_is_refused IN002: 1 of 15 files were refused as a whole",
        "tiny/defs/shop/orders/defs.yaml:",
        "file 2024-04-01.csv, rule missing_column",
        "detected     by no_landing_file_is_refused of raw.orders (IN002)",
        "Told: log (sent)",
        "Runbook: docs/runbooks/broken-contract.md",
        "ml-assets incidents acknowledge 1 --note TEXT",
        "ml-assets run raw.orders+",
    ):
        assert line in said, line


def test_owner_that_was_assigned_stays(project: TinyProject) -> None:
    assert "owner team:ingest" in invoke(project, "incidents", "assign", "1", "team:ingest", "--by", "ann").stdout
    set_clock(project, "2024-04-12")  # adds a symptom: the data grows old
    invoke(project, "run", "raw.orders")
    one = only(project)
    assert one["owner"] == "team:ingest"
    assert len(one["signals"]) > 1


def test_closed_by_hand_it_is_silent_while_it_lasts(project: TinyProject) -> None:
    invoke(project, "incidents", "close", "1", "--by", "ann", "--reason", "known, the shop corrects it tomorrow")
    set_clock(project, "2024-04-03")
    assert "incident" not in invoke(project, "run", "raw.orders").stdout
    assert incidents(project) == []
    assert only(project, "--all")["status"] == "dismissed"
    land_good(project)
    invoke(project, "run", "raw.orders")
    assert only(project, "--all")["status"] == "closed"


def test_closed_by_hand_it_comes_back_when_it_becomes_worse(project: TinyProject) -> None:
    invoke(project, "incidents", "close", "1", "--reason", "known")
    set_clock(project, "2024-04-12")
    invoke(project, "incidents", "update")
    assert only(project)["severity"] == "critical"
    assert "reopened" in kinds(project, 1)


def test_postmortem_draft_has_what_the_books_know(project: TinyProject, tmp_path: Path) -> None:
    set_clock(project, "2024-04-02T02:00")
    invoke(project, "incidents", "acknowledge", "1", "--by", "ann")
    set_clock(project, "2024-04-02T05:30")
    land_good(project)
    invoke(project, "run")
    text = invoke(project, "incidents", "postmortem", "1").stdout
    for line in (
        "# Incident 1: raw.orders: the columns are not as declared",
        "- time to detect: 0 min", "- time to acknowledge: 2.0 h", "- time to recover: 5.5 h", "- scores: scores.again",
        "| 2024-04-02 02:00 | acknowledged | ann | taken on |", "- `refused`: 1", "## What went well", "## Action items",
    ):  # fmt: skip
        assert line in text, line
    file = tmp_path / "drafts" / "one.md"
    invoke(project, "incidents", "postmortem", "1", "--write", str(file))
    assert file.read_text(encoding="utf-8") == text
    again = invoke(project, "incidents", "postmortem", "1", "--write", str(file))
    assert again.exit_code == 2
    assert "is there already" in again.stderr


@pytest.mark.parametrize(
    "words",
    [("show", "7"), ("acknowledge", "7"), ("assign", "7", "ann"), ("close", "7", "--reason", "x"), ("postmortem", "7")],
)
def test_unknown_number_is_refused_with_those_there_are(project: TinyProject, words: tuple[str, ...]) -> None:
    result = invoke(project, "incidents", *words)
    assert result.exit_code == 2
    assert "unknown incident '7'" in result.stderr
    assert "one of: 1" in result.stderr


def test_what_is_over_cannot_be_acknowledged(project: TinyProject) -> None:
    land_good(project)
    invoke(project, "run", "raw.orders")
    result = invoke(project, "incidents", "acknowledge", "1")
    assert result.exit_code == 2
    assert "incident 1 is closed" in result.stderr


def test_show_as_data_is_one_object_with_everything(project: TinyProject) -> None:
    found = shown(project, 1)
    assert {"incident", "cause", "severity", "timeline", "alerts", "signals", "affected", "next"} <= set(found)


def test_update_says_what_lasts(project: TinyProject) -> None:
    result = invoke(project, "incidents", "update", "--json")
    assert result.exit_code == 1
    assert [one["incident"] for one in json_of(result)["lasting"]] == [1]


def test_without_a_warehouse_there_are_no_incidents_to_read(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path / "project")
    result = invoke(project, "incidents")
    assert result.exit_code == 2
    assert "there is no warehouse" in result.stderr
    assert not project.home.warehouse.exists()
