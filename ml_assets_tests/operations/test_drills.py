"""Faults done to copies of a real state: who notices, what is put right, and what the drill says of a gap."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ml_assets.cli import main
from ml_assets.errors import DrillError
from ml_assets.operations.drills import subject
from ml_assets.operations.drills.drill import Wishes, drill_faults
from ml_assets.operations.drills.faults import BY_NAME, FAULTS
from ml_assets.operations.drills.injectors import FILE_FAULTS
from ml_assets.operations.drills.report import DrillReport, FaultReport, markdown_table, written_into
from ml_assets.operations.drills.special import SPECIAL
from ml_assets_tests.e2e.state import ROOT, ml_assets, summary_of
from ml_assets_tests.operations.test_backup import files_of
from ml_assets_tests.tiny import TinyProject

HELD = ("column_renamed", "file_repeated", "upstream_stops", "run_killed", "bad_promotion", "cursor_lost")


def held(project: TinyProject, *names: str) -> DrillReport:
    return drill_faults(project.context(), project.graph(), project.root, Wishes([BY_NAME[name] for name in names]))


@pytest.fixture(scope="module")
def drill(tiny: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> DrillReport:
    """One drill of several faults on the tiny project, whose state is only read; a drill works beside it for a time."""
    project = tiny.copied_to(tmp_path_factory.mktemp("drill") / "project")
    before, beside = files_of(project.home.root), sorted(project.root.iterdir())
    report = held(project, *HELD)
    assert files_of(project.home.root) == before
    assert sorted(project.root.iterdir()) == beside
    return report


def of(drill: DrillReport, name: str) -> FaultReport:
    return next(report for report in drill.faults if report.fault.name == name)


def test_every_fault_has_an_injector_and_a_runbook() -> None:
    assert {fault.name for fault in FAULTS} == FILE_FAULTS.keys() | SPECIAL.keys()
    assert len(FAULTS) >= 25
    assert {
        fault.runbook for fault in FAULTS if not (ROOT / "docs" / "runbooks" / f"{fault.runbook}.md").exists()
    } == set()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("column_renamed", "IN002"),
        ("upstream_stops", "FR001"),
        ("run_killed", "UNFINISHED"),
        ("bad_promotion", "GT001"),
    ],
)
def test_fault_is_caught_by_its_check_and_put_right_without_loss(fault: str, code: str, drill: DrillReport) -> None:
    report = of(drill, fault)
    assert (report.status, list(report.left), list(report.lost)) == ("caught", [], [])
    assert code in {sign.code for sign in report.caught_by}
    assert report.delay is not None


def test_repeated_file_is_harmless_and_said_to_be_known(drill: DrillReport) -> None:
    report = of(drill, "file_repeated")
    assert report.status == "prevented"
    assert [sign.code for sign in report.caught_by] == ["COPY"]


def test_silence_is_noticed_by_the_age_of_the_data(drill: DrillReport) -> None:
    report = of(drill, "upstream_stops")
    assert report.delay is not None
    assert report.delay.days >= 1


def test_owner_of_what_complained_would_be_told(drill: DrillReport) -> None:
    assert any("team:shop" in told for told in of(drill, "column_renamed").told)


def test_fault_that_does_not_apply_says_why(drill: DrillReport) -> None:
    report = of(drill, "cursor_lost")
    assert (report.status, report.why) == ("not_applicable", "Dagster is not at hand")


@pytest.mark.full
def test_every_fault_of_the_demonstration_shop_is_noticed_and_put_right(tmp_path: Path) -> None:
    result = ml_assets(tmp_path / "none", "drill", "faults", "--demo", "--json", timeout=3000)
    report = summary_of(result)
    assert report["failed"] == [], [(one["fault"]["name"], one["why"]) for one in report["faults"] if one["why"]]
    assert len(report["faults"]) >= 25


def test_table_has_a_row_for_every_fault(drill: DrillReport) -> None:
    rows = [line for line in markdown_table(drill).splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(HELD)
    page = written_into("# Drills\n\n<!-- drills:begin -->\nstale rows\n<!-- drills:end -->\nafter\n", drill)
    assert page.startswith("# Drills")
    assert page.endswith("<!-- drills:end -->\nafter\n")
    assert "stale rows" not in page
    again = written_into(page.replace("IN002", "XX999"), replace(drill, faults=drill.faults[:1], rows=0))
    assert again == page


def test_gap_is_a_failure_with_exit_code_1_and_says_what_was_seen_instead(tiny_copy: TinyProject) -> None:
    """Without a declared freshness nobody notices that no data comes."""
    tiny_copy.edit("orders", "  freshness: {max_age: 9 days}\n", "")
    words = ("drill", "faults", "--only", "upstream_stops", "--json")
    result = ml_assets(tiny_copy.home.root, *words, project=tiny_copy.root)
    assert result.returncode == 1, result.stdout + result.stderr
    report: dict[str, Any] = summary_of(result)
    assert report["failed"] == ["upstream_stops"]
    assert "seen instead" in report["faults"][0]["why"]


def test_list_says_what_has_to_notice_each_fault_without_a_project(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, ["drill", "faults", "--list", "--json"])
    assert [fault["name"] for fault in json.loads(shown.output)["faults"]] == [fault.name for fault in FAULTS]


def test_unknown_fault_is_refused_with_near_names() -> None:
    refused = CliRunner().invoke(main, ["drill", "faults", "--only", "null_spikes"])
    assert refused.exit_code == 2
    assert "did you mean null_spike" in refused.stderr


def test_project_without_files_of_many_days_is_refused(tiny_copy: TinyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "LEAST_FILES", 100)
    with pytest.raises(DrillError, match="landing files that end on 100 different days"):
        held(tiny_copy, "file_repeated")
