"""What is there and reaches nothing is said: files that no table claims, rows after the clock, a label that means another."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.graph.run import run_graph
from ml_assets.graph.summary import summarize
from ml_assets_tests.cli.invoke import invoke
from ml_assets_tests.flat import FlatProject, model, visits

MODEL = model("{column: returned}", "{kind: chronological}")


@pytest.fixture
def project(tmp_path: Path) -> FlatProject:
    return FlatProject.create(tmp_path / "project", MODEL)


def loaded(project: FlatProject) -> tuple[str, ...]:
    raw = [asset for asset in project.graph() if asset.name.schema == "raw"]
    run_graph(project.context(), raw)
    return summarize(project.context(), project.graph(), raw).overlooked


def test_nothing_is_said_where_everything_is_seen(project: FlatProject) -> None:
    assert loaded(project) == ()


def test_a_landing_file_that_no_table_claims_is_named(project: FlatProject) -> None:
    folder = project.home.landing("shop")
    (folder / "visits.csv.bak").write_text("x", encoding="utf-8")
    (folder / "coming.csv.part").write_text("x", encoding="utf-8")
    (said,) = loaded(project)
    assert said == "landing files that no table of shop claims: visits.csv.bak (declared: visits.csv)"


def test_rows_after_the_clock_are_counted(project: FlatProject) -> None:
    project.home.replay_file.write_text("2024-10-20", encoding="utf-8")
    project.land([line for line in visits() if ",2024-10-2" in line])
    (said,) = loaded(project)
    assert said.startswith("14 rows of raw.visits lie after the clock, 2024-10-20 00:00 UTC")
    assert str(project.home.replay_file) in said


def test_another_label_of_a_flat_model_that_serves_is_a_breaking_change(project: FlatProject) -> None:
    run_graph(project.context(), list(project.graph()))
    project.declare("model", model('{column: returned, positive: "false"}', "{kind: chronological}"))
    result = invoke(project, "plan", "--fail-on-breaking")  # type: ignore[arg-type]
    assert result.exit_code == 3
    assert "label.positive added: false" in result.output
    assert "serves with the earlier meaning" in result.output
