"""`ml-assets kpi`: indicators with their trends and definitions, with and without declared operations."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.graph.plan import select
from ml_assets.graph.run import run_graph
from ml_assets.monitoring.kpi_catalogue import CATALOGUE
from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.monitoring.test_kpis_coverage import OPERATIONS
from ml_assets_tests.tiny import TinyProject

NAMES = [one.name for one in CATALOGUE]


def test_every_indicator_is_told_without_declared_operations(tiny: TinyProject) -> None:
    result = invoke(tiny, "kpi")
    assert result.exit_code == 0
    assert all(one.title in result.stdout for one in CATALOGUE)
    assert "Over 30 days to 2024-04-02 00:00 UTC" in result.stdout


def test_json_holds_values_with_definitions(tiny: TinyProject) -> None:
    told = json_of(invoke(tiny, "kpi", "--json"))
    assert [one["name"] for one in told["indicators"]] == NAMES
    assert (told["window"], told["since"], told["history"]) == ("30 days", "2024-03-03 00:00:00+00:00", [])
    runs = told["indicators"][NAMES.index("run_success_rate")]
    assert (runs["value"], runs["unit"], runs["numerator"], runs["better"]) == (1.0, "share", 1, "higher")
    assert runs["definition"].startswith("Runs in which no step failed")
    silent = [one for one in told["indicators"] if one["value"] is None]
    assert silent
    assert all(one["reason"] for one in silent)


def test_window_can_be_chosen(tiny: TinyProject) -> None:
    told = json_of(invoke(tiny, "kpi", "--json", "--window", "2 weeks"))
    assert (told["window"], told["since"]) == ("2 weeks", "2024-03-19 00:00:00+00:00")


@pytest.mark.parametrize("text", ["a while", "0 days", "-3 days", "99999999999999 weeks"])
def test_window_that_is_none_is_refused(tiny: TinyProject, text: str) -> None:
    result = invoke(tiny, "kpi", "--window", text)
    assert result.exit_code == 2
    assert "as '7 days'" in result.stderr


def test_explain_says_what_each_means(tiny: TinyProject) -> None:
    shown = " ".join(invoke(tiny, "kpi", "--explain").stdout.split())
    for one in CATALOGUE:
        assert one.definition in shown
        assert f"No value: {one.absent}." in shown


def test_looking_changes_nothing(tiny_copy: TinyProject) -> None:
    before = tiny_copy.home.warehouse.read_bytes()
    invoke(tiny_copy, "kpi", "--history")
    assert tiny_copy.home.warehouse.read_bytes() == before


def test_project_without_any_state_has_no_values(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path / "project")
    told = json_of(invoke(project, "kpi", "--json"))
    known = {one["name"]: one["value"] for one in told["indicators"] if one["value"] is not None}
    # What is declared is known before anything is made.
    assert set(known) == {
        "incidents_open",
        "monitoring_coverage",
        "rollback_readiness",
        "documentation",
        "deployment_frequency",
    }
    assert not project.home.warehouse.exists()


def test_trend_is_against_the_window_before_and_history_shows_days(tiny_copy: TinyProject) -> None:
    tiny_copy.declare("operations", OPERATIONS)
    for day in ("2024-04-02", "2024-05-03"):
        tiny_copy.home.replay_file.write_text(day, encoding="utf-8")
        run_graph(tiny_copy.context(), select(tiny_copy.graph(), "monitoring.operations"))
    told = json_of(invoke(tiny_copy, "kpi", "--json"))
    by_name = {one["name"]: one for one in told["indicators"]}
    # By events: the run was 31 days ago, in the window before. By what is now: the row stored on that day.
    assert (by_name["step_success_rate"]["value"], by_name["step_success_rate"]["before"]) == (None, 1.0)
    assert by_name["monitoring_coverage"]["before"] == by_name["monitoring_coverage"]["value"]
    assert {row["day"] for row in told["history"]} == {"2024-04-02", "2024-05-03"}
    shown = invoke(tiny_copy, "kpi", "--history").stdout
    assert "2024-05-03" in shown
    assert "as before" in shown
