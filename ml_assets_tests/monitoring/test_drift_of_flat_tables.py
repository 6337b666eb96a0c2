"""Drift of tables without snapshots: only rows that no version learnt from are news."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from ml_assets.graph.judge import judge_asset
from ml_assets.graph.run import run_graph
from ml_assets.warehouse.names import TableName
from ml_assets_tests.flat import FlatProject, model, visits

MONITOR = "type: ml_assets.Monitor\nattributes:\n  name: visit_watch\n  scores: visit_scores\n"
DRIFT = TableName("monitoring", "visit_watch__drift")


def project_with(root: Path, label: str, split: str, task: str = "binary") -> FlatProject:
    project = FlatProject.create(root / "project", model(label, split, task=task))
    project.declare("watch", MONITOR)
    return project


def run(project: FlatProject) -> None:
    report = run_graph(project.context(), list(project.graph()), workers=1)
    assert report.failures == {}


def rows(project: FlatProject, sql: str) -> list[tuple[Any, ...]]:
    with project.context().warehouse.reading() as bench:
        return bench.rows(sql)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> FlatProject:
    """A binary model of visits, watched; 20 visits without outcome."""
    made = project_with(tmp_path_factory.mktemp("flat"), "{column: bought, positive: 'yes'}", "{kind: stratified}")
    run(made)
    return made


def test_a_flat_model_has_a_reference_without_history(project: FlatProject) -> None:
    found = rows(
        project,
        "select role, column_name, kind, len(history_snapshots) from wh.models.visit_model__reference order by all",
    )
    assert found == [
        ("feature", "city", "category", 0), ("feature", "minutes", "number", 0), ("feature", "pages", "number", 0),
        ("feature", "visitor", "number", 0), ("label", "label", "category", 0), ("score", "score", "number", 0),
    ]  # fmt: skip


def test_rows_without_outcome_are_judged_and_those_learnt_from_are_not(project: FlatProject) -> None:
    found = rows(project, f"select distinct snapshot, rows, basis from {DRIFT.quoted} where role = 'feature'")
    assert found == [(None, 20, "chance alone: 0 snapshots of history, too few for 8 windows")]
    assert rows(project, f"select count(*) from {DRIFT.quoted} where role = 'label'") == [(0,)]


def test_new_rows_of_another_kind_are_found(project: FlatProject) -> None:
    draws = random.Random(4)
    news = [
        f"n{row:04},{row % 120},2024-12-01,Oslo,{draws.randint(20, 40)},{draws.gammavariate(2, 3):.2f},p@example.org,,,,,"
        for row in range(300)
    ]
    project.land([*visits(), *news])
    run(project)
    asset = project.graph()[DRIFT]
    found = {one.check: one for one in judge_asset(project.context(), asset, [""]).findings}

    assert found["features_have_not_drifted"].status == "failed"
    assert "pages: " in found["features_have_not_drifted"].summary
    assert "minutes" not in found["features_have_not_drifted"].summary
    assert found["categories_are_known"].status == "failed"
    assert found["labels_have_not_drifted"].status == "not_applicable"


@pytest.mark.parametrize(
    ("label", "task", "split", "expected"),
    [
        ("{column: plan}", "multiclass", "{kind: stratified}", [("label", "category"), ("predicted", "category"), ("score", "number")]),
        ("{column: spent}", "regression", "{kind: chronological, every: month}", [("label", "number"), ("score", "number")]),
        ("{column: grade, query: visitor}", "ranking", "{kind: group, column: visitor}", [("label", "category"), ("score", "number")]),
    ],
    ids=["multiclass", "regression", "ranking"],
)  # fmt: skip
def test_other_tasks_are_watched_too(
    tmp_path: Path, label: str, task: str, split: str, expected: list[tuple[str, str]]
) -> None:
    project = project_with(tmp_path, label, split, task)
    run(project)

    watched = "from wh.models.visit_model__reference where role <> 'feature' order by 1"
    assert rows(project, f"select column_name, kind {watched}") == expected
    assert rows(project, f"select count(*) > 0, bool_or(flagged) from {DRIFT.quoted} where role = 'score'") == [
        (True, False)
    ]
