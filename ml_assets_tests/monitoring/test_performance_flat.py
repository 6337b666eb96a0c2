"""Models without snapshots, and every task: outcomes are a column, and only rows that are new to the version count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_assets.evaluation.catalogue import TASK_METRICS
from ml_assets.evaluation.metrics import measure
from ml_assets.graph.plan import select
from ml_assets.graph.run import RunReport, run_graph
from ml_assets_tests.flat import FlatProject, model, visits

MONITOR = """\
type: ml_assets.Monitor
attributes:
  name: watch
  owners: [team:shop]
  scores: visit_scores
  slices: [{columns: [city]}]
  retrain: {when: [labels], new_labels: 0.01}
"""
TABLE = "wh.monitoring.watch__performance"
LABELS = {
    "binary": '{column: bought, positive: "yes"}', "multiclass": "{column: plan}", "regression": "{column: spent}",
    "ranking": "{column: grade, query: visitor}",
}  # fmt: skip


def create(root: Path, task: str = "binary") -> FlatProject:
    split = "{kind: group, column: visitor}" if task == "ranking" else "{kind: random}"
    declared = model(LABELS[task], split, task=task, more="  entity: visit\n  retrain: manual\n")
    project = FlatProject.create(root, declared)
    project.declare("watch", MONITOR)
    run(project)
    return project


def run(project: FlatProject) -> RunReport:
    report = run_graph(project.context(), select(project.graph(), "*"), workers=1)
    assert report.failures == {}
    return report


def query(project: FlatProject, sql: str) -> list[tuple[Any, ...]]:
    with project.context().warehouse.reading() as bench:
        return bench.rows(sql)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> FlatProject:
    return create(tmp_path_factory.mktemp("flat") / "project")


def test_without_new_outcomes_there_is_the_estimate_alone(binary: FlatProject) -> None:
    rows = query(
        binary,
        f"select rows, matured, observed, promised is not null, estimated is not null, adjusted, snapshot, reason from {TABLE} where slice = 'all' and metric = 'log_loss'",
    )

    # The 20 visits of which no outcome is known are all that is new.
    assert rows[0][:7] == (20, 0, None, True, True, None, None)
    assert rows[0][7] == (
        "observed: raw.visits has no outcome of a row that the version has not seen; "
        "adjusted: not applicable: only binary tasks with an outcome window show their base rate before it has passed"
    )
    assert {row[0] for row in query(binary, f"select distinct slice from {TABLE}")} == {
        "all", "city = Bonn", "city = Ulm", "city is missing",
    }  # fmt: skip


def test_outcomes_of_new_rows_are_observed_and_ask_for_a_new_version(binary: FlatProject) -> None:
    lines = visits(unknown=0)
    binary.land([*lines, *(line.replace("v0", "w0", 1) for line in lines[:100])])

    run(binary)

    joined = query(
        binary,
        "select s.score, v.bought = 'yes' from wh.scores.visit_scores s join wh.raw.visits v on v.visit = s.visit where v.visit like 'w%' or v.visit >= 'v0580'",
    )
    score, label = (np.array(column, dtype=np.float64) for column in zip(*joined, strict=True))
    stored = dict(query(binary, f"select metric, observed from {TABLE} where slice = 'all'"))
    assert stored["brier"] == pytest.approx(measure("binary", label, score)["brier"])
    assert query(binary, "select reasons like 'labels: 120 new outcomes%' from wh.ops.retrain_requests") == [(True,)]

    assert run(binary).written["models.visit_model"] == (1, 1)


@pytest.mark.parametrize("task", ["multiclass", "regression", "ranking"])
def test_every_task_is_watched(task: str, tmp_path: Path) -> None:
    project = create(tmp_path / "project", task)
    lines = visits(unknown=0)
    project.land([*lines, *(line.replace("v0", "w0", 1) for line in lines[:200])])
    run(project)

    rows = query(
        project, f"select metric, observed, promised, estimated, reason from {TABLE} where slice = 'all' order by 1"
    )
    assert [row[0] for row in rows] == sorted(info.name for info in TASK_METRICS[task])  # type: ignore[index]
    assert all(row[1] is not None and row[2] is not None for row in rows)
    if task == "multiclass":
        assert all(row[3] is not None for row in rows)
    else:
        assert all(row[3] is None and "the scores of a" in row[4] for row in rows)
    said = dict(
        query(project, "select check_name, status from wh.ops.checks where asset = 'monitoring.watch__performance'")
    )
    assert said["performance_is_as_promised"] in ("passed", "failed")
    assert said["base_rate_is_as_scored"] == "not_applicable"
