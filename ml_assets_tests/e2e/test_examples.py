"""Models of a flat table, from its file to scores: every task and every way to divide rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ml_assets.graph.run import RunReport, run_graph
from ml_assets_tests.flat import ROWS, SCORES, FlatProject, model, visits

CASES = {
    "text_label": model('{column: bought, positive: "yes"}', "{kind: stratified}"),
    "truth_value_label": model("{column: returned}", "{kind: random}"),
    "no_own_key": model("{column: returned}", "{kind: stratified}", more=""),
    "by_time": model("{column: returned}", "{kind: chronological, embargo: 10 days}"),
    "by_group": model("{column: returned}", "{kind: group, column: visitor}"),
    "classes": model("{column: plan}", "{kind: stratified}", task="multiclass"),
    "numbers": model("{column: spent}", "{kind: chronological, every: week}", task="regression"),
    "ranking": model("{column: grade, query: visitor}", "{kind: group, column: visitor}", task="ranking"),
}


@dataclass(frozen=True)
class Done:
    """A project after a whole run. Not to be changed."""

    name: str
    project: FlatProject
    report: RunReport

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.project.context().warehouse.reading() as bench:
            return bench.rows(sql)


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(f"flat_{name}")) for name in CASES]
)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Done:
    project = FlatProject.create(tmp_path_factory.mktemp("flat") / "project", CASES[request.param])
    return Done(request.param, project, run_graph(project.context(), list(project.graph())))


def test_everything_is_made_and_nothing_fails(done: Done) -> None:
    assert (done.report.failures, done.report.skipped) == ({}, {})
    failed = done.rows(
        "select asset, check_name, summary from wh.ops.checks where status = 'failed' and severity = 'error'"
    )
    assert not [row for row in failed if row[1] != "candidate_beats_the_constant_baseline"]
    page = done.project.home.reports / "visit_model" / "1.html"
    assert "None" not in page.read_text(encoding="utf-8")


def test_a_second_run_makes_nothing(done: Done) -> None:
    again = run_graph(done.project.context(), list(done.project.graph()))
    assert again.steps == 0


def test_rows_without_outcome_are_scored_and_not_learnt_from(done: Done) -> None:
    assert done.rows("select count(*), count(label) from wh.training.visit_model") == [(ROWS - 20, ROWS - 20)]
    assert done.rows("select count(*), count(score) from wh.scores.visit_scores") == [(ROWS, ROWS)]


def test_no_label_time_key_or_personal_column_is_a_feature(done: Done) -> None:
    names = {row[0] for row in done.rows("select column_name from (describe wh.training.visit_model)")}
    assert {"city", "pages", "minutes"} <= names
    assert not names & {"mail", "day", "bought", "returned", "plan", "spent", "grade"}


def test_parts_are_what_the_split_promises(done: Done) -> None:
    counts = dict(done.rows("select part, count(*) from wh.training.visit_model group by 1"))
    assert {"train", "validation", "test"} <= set(counts)
    if done.name in ("by_time", "numbers"):
        spans = {
            part: (first, last)
            for part, first, last in done.rows(
                "select part, min(snapshot), max(snapshot) from wh.training.visit_model group by 1"
            )
        }
        gap = 10 if done.name == "by_time" else 0
        for earlier, later in (("train", "validation"), ("validation", "test")):
            assert spans[earlier][1] < spans[later][0]
            assert (spans[later][0] - spans[earlier][1]).days >= gap
        assert counts["test"] == pytest.approx(0.2 * (ROWS - 20), abs=2)
        assert ("embargo" in counts) == (gap > 0)
    else:
        assert done.rows("select count(*) from wh.training.visit_model where snapshot is not null") == [(0,)]
    if done.name in ("by_group", "ranking"):
        torn = "select visitor from wh.training.visit_model group by 1 having count(distinct part) > 1"
        assert not done.rows(torn)


def test_a_text_label_counts_its_positive_value(tmp_path: Path) -> None:
    project = FlatProject.create(tmp_path / "project", CASES["text_label"])
    run_graph(project.context(), [asset for asset in project.graph() if asset.name.schema in ("raw", "training")])
    with project.context().warehouse.reading() as bench:
        wrong = bench.rows(
            "select count(*) from wh.training.visit_model t join wh.raw.visits r using (visit) "
            "where t.label is distinct from (r.bought = 'yes')::bigint"
        )
    assert wrong == [(0,)]


def test_other_rows_are_scored_by_the_same_model(tmp_path: Path) -> None:
    project = FlatProject.create(tmp_path / "project", CASES["truth_value_label"], SCORES + "  source: raw.newcomers\n")
    newcomers = "type: ml_assets.RawTable\nattributes:\n  name: newcomers\n  files: new.csv\n  contract:\n    extra_columns: discard\n    columns:\n"
    kept = {"visit": "string", "visitor": "integer", "city": "string", "pages": "integer", "minutes": "float"}
    project.declare(
        "newcomers", newcomers + "".join(f"      {name}: {{type: {kind}}}\n" for name, kind in kept.items())
    )
    project.land([line.replace("v0", "n0", 1) for line in visits()[:50]], "new.csv")
    report = run_graph(project.context(), list(project.graph()))

    assert report.failures == {}
    with project.context().warehouse.reading() as bench:
        assert bench.rows("select count(*), min(visit) from wh.scores.visit_scores") == [(50, "n0000")]


def test_a_champion_of_another_split_is_not_compared_on_rows_that_it_may_have_learnt_from(tmp_path: Path) -> None:
    project = FlatProject.create(tmp_path / "project", CASES["truth_value_label"])
    run_graph(project.context(), list(project.graph()))
    project.declare("model", CASES["truth_value_label"].replace("{kind: random}", "{kind: random, seed: 8}"))
    run_graph(project.context(), list(project.graph()))

    with project.context().warehouse.reading() as bench:
        told = bench.rows(
            "select value, text from wh.evaluation.visit_model__facts where version = 2 and fact = 'champion_version'"
        )
        compared = bench.rows("select distinct other from wh.evaluation.visit_model__comparisons where version = 2")
    assert told == [
        (None, "visit_model@1 was trained under another split: it may have learnt from rows that are tested here")
    ]
    assert ("champion",) not in compared


def test_new_rows_are_scored_at_once_and_learnt_from_when_the_schedule_says(tmp_path: Path) -> None:
    project = FlatProject.create(tmp_path / "project", CASES["truth_value_label"])
    run_graph(project.context(), list(project.graph()))
    project.land([*visits(), "v9999,3,2024-12-01,Ulm,4,2.00,p3@example.org,yes,true,basic,11.0,2"])
    report = run_graph(project.context(), list(project.graph()))

    assert "training.visit_model" not in {asset for asset, (changed, _) in report.written.items() if changed}
    with project.context().warehouse.reading() as bench:
        assert bench.rows("select count(*) from wh.scores.visit_scores") == [(ROWS + 1,)]
        assert bench.rows("select max(version) from wh.models.visit_model") == [(1,)]
