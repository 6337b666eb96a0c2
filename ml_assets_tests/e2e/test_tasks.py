"""Whole small projects, one for each task, kind of estimator and way to divide rows: from landing files to scores."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_assets.evaluation.catalogue import HEADLINE, LOSS, TASK_METRICS, metric_info
from ml_assets.graph.run import RunReport, run_graph
from ml_assets.training.matrix import arrow_rows
from ml_assets.training.versions import load_version
from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.e2e.task_projects import CASES, TaskCase
from ml_assets_tests.tiny import TinyProject

ESTIMATORS = {"candidate", "constant", "one_rule", "linear"}
PICTURES = {
    "binary": {"ROC curve", "Precision and recall", "Calibration", "Scores by outcome", "Thresholds"},
    "multiclass": {"Confusion", "By class"},
    "regression": {"Residuals"},
    "ranking": {"Queries"},
}


@dataclass(frozen=True)
class Done:
    """A project after a whole run. Not to be changed."""

    case: TaskCase
    project: TinyProject
    report: RunReport

    @property
    def page(self) -> str:
        return (self.project.home.reports / "again" / "1.html").read_text(encoding="utf-8")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.project.context().warehouse.reading() as bench:
            return bench.rows(sql)


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(f"task_{name}")) for name in CASES]
)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Done:
    project = CASES[request.param].written(tmp_path_factory.mktemp("tasks") / "project")
    return Done(CASES[request.param], project, run_graph(project.context(), list(project.graph())))


def test_everything_is_made_and_every_check_is_judged(done: Done) -> None:
    assert (done.report.failures, done.report.skipped) == ({}, {})
    assert len(done.report.made) == len(list(done.project.graph())) == 11
    judged = done.rows("select asset, check_name, status, severity, summary from wh.ops.checks")

    assert {(asset, check) for asset, check, *_ in judged} == {
        (str(asset.name), check.name) for asset in done.project.graph() for check in asset.checks
    }
    assert not [row for row in judged if row[2] == "not_applicable" and not row[4]]
    unsound = {row[1] for row in judged if row[2] == "failed" and row[3] == "error"}
    assert unsound <= {"candidate_beats_the_constant_baseline"}


def test_every_part_has_every_metric_of_the_task(done: Done) -> None:
    found = done.rows(
        "select part, estimator, list(metric order by metric) from wh.evaluation.again where snapshot is null group by all"
    )
    metrics = sorted(info.name for info in TASK_METRICS[done.case.task])

    assert {(part, estimator) for part, estimator, _ in found} == {
        (part, estimator) for part in ("train", "validation", "test") for estimator in ESTIMATORS
    }
    assert all(listed == metrics for *_, listed in found)
    assert done.rows(
        "select count(*) from wh.evaluation.again where low is not null and (part <> 'test' or snapshot is not null or high is null or low > high)"
    ) == [(0,)]
    assert {part for (part,) in done.rows("select distinct part from wh.training.again")} <= done.case.parts
    counted = done.rows("select bool_or(positives is not null) from wh.evaluation.again")
    assert counted == [(done.case.task == "binary",)]


def test_loss_is_compared_with_every_baseline_in_words(done: Done) -> None:
    found = done.rows(
        f"select other, difference, verdict, sentence from wh.evaluation.again__comparisons where metric = '{LOSS[done.case.task]}'"
    )
    values = dict(
        done.rows(
            f"select estimator, value from wh.evaluation.again where metric = '{LOSS[done.case.task]}' and part = 'test' and snapshot is null"
        )
    )

    assert {row[0] for row in found} == ESTIMATORS - {"candidate"}
    for other, difference, verdict, sentence in found:
        assert difference == pytest.approx(values[other] - values["candidate"], abs=1e-12)
        assert verdict in sentence or verdict == "not applicable"
        assert metric_info(done.case.task, LOSS[done.case.task]).title in sentence


def test_scores_are_those_of_the_champion_and_cover_the_population(done: Done) -> None:
    columns = {name for name, *_ in done.rows("describe wh.scores.again")}
    classes = {"predicted", "scores"} if done.case.task == "multiclass" else set()
    with done.project.context().warehouse.reading() as bench:
        package = load_version(bench, "again").package
        table = arrow_rows(
            bench, "select h.*, s.score from wh.scores.again s join wh.features.habits h using (snapshot, customer_id)"
        )
    answers = package.predict(package.encoder.encode(table)[0])

    assert columns == {"customer_id", "snapshot", "score", "model_version", "model_package"} | classes
    assert table["score"].to_numpy() == pytest.approx(answers if answers.ndim == 1 else answers.max(axis=1), abs=1e-15)
    assert done.rows("select distinct model_version from wh.scores.again") == [(1,)]
    assert done.rows(
        "select count(*) from wh.labels.again__population p join (select distinct snapshot from wh.scores.again) using (snapshot) "
        "anti join wh.scores.again s using (snapshot, customer_id)"
    ) == [(0,)]
    if classes:
        assert np.allclose(answers.sum(axis=1), 1)
        assert done.rows("select count(*) from wh.scores.again where scores::json->>predicted <> score::varchar") == [
            (0,)
        ]


def test_page_draws_what_the_task_has_and_says_no_more_than_was_measured(done: Done) -> None:
    titles = set(re.findall(r"<h3>([^<]*)</h3>", done.page))

    assert titles >= PICTURES[done.case.task]
    assert not titles & set().union(*(held for task, held in PICTURES.items() if task != done.case.task))
    assert ("By test snapshot" in titles) == ("embargo" in done.case.parts)
    assert ">positive</th>" in done.page or done.case.task != "binary"
    assert ">positive</th>" not in done.page or done.case.task == "binary"
    assert not re.search(r"(?<![a-z])(nan|inf|None)(?![a-z])", re.sub(r"<style>.*?</style>", "", done.page))


def test_commands_show_the_metrics_of_the_task(done: Done, tmp_path: Path) -> None:
    titles = [metric_info(done.case.task, name).title for name in HEADLINE[done.case.task]]
    status = invoke(done.project, "status", "--json")
    said = json_of(status)
    (line,) = said["models"]
    expected = 1 if said["errors"] else 0
    written = tmp_path / "summary.md"
    checked = invoke(done.project, "check", "--markdown", str(written))

    assert (status.exit_code, line["task"], line["champion"]) == (expected, done.case.task, 1)
    assert set(HEADLINE[done.case.task]) <= set(line["metrics"]["candidate"])
    assert checked.exit_code == expected
    assert f"| estimator | {' | '.join(titles)} |" in written.read_text(encoding="utf-8")
    assert "Everything is current." in invoke(done.project, "status").output
