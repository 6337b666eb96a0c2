"""What a plan says is what a run then does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from ml_assets.graph.preview import Preview, preview
from ml_assets.graph.run import run_graph
from ml_assets_tests.tiny import DECLARATIONS, STATEMENTS, TinyProject, weekly_orders

Partitions = set[tuple[str, str]]


def planned(project: TinyProject, partitions: list[str] | None = None) -> Preview:
    context, graph = project.context(), project.graph()
    with context.warehouse.reading() as bench:
        return preview(bench, context, graph, list(graph), partitions)


def said(found: Preview) -> tuple[Partitions, Partitions]:
    """What is certain, and what only may be made."""
    certain = {
        (str(one.forecast.asset.name), key) for one in found.assets for key in one.forecast.will if not one.fails
    }
    perhaps = {(str(one.forecast.asset.name), key) for one in found.assets for key in one.forecast.may}
    return certain, perhaps


def made_by_a_run(project: TinyProject) -> Partitions:
    before = project.batches() if project.home.warehouse.exists() else {}
    run_graph(project.context(), list(project.graph()))
    return {place for place, batch in project.batches().items() if before.get(place) != batch}


def a_new_week(project: TinyProject) -> None:
    project.land(date(2024, 4, 1), weekly_orders(date(2024, 4, 1)))


def a_corrected_week(project: TinyProject) -> None:
    project.land(date(2024, 3, 4), weekly_orders(date(2024, 3, 4)).replace(".50\n", ".75\n"))


def another_feature_statement(project: TinyProject) -> None:
    project.state("habits", STATEMENTS["habits"].replace("interval 28 day", "interval 21 day"))


def the_same_rows_by_another_statement(project: TinyProject) -> None:
    project.state("sales", STATEMENTS["sales"].replace("amount > 0", "amount > 0.1"))


def one_more_feature(project: TinyProject) -> None:
    project.declare("habits", DECLARATIONS["habits"] + "    largest: {type: float, min: 0}\n")
    project.state(
        "habits", STATEMENTS["habits"].replace("sum(amount) as spend", "sum(amount) as spend, max(amount) as largest")
    )


def one_more_staging_column(project: TinyProject) -> None:
    project.state("sales", STATEMENTS["sales"].replace("amount\n", "amount, amount > 20 as large\n"))


def a_comment(project: TinyProject) -> None:
    project.state("habits", "-- purpose: the same\n" + STATEMENTS["habits"])


@pytest.mark.parametrize(
    "change",
    [a_new_week, a_corrected_week, the_same_rows_by_another_statement, one_more_feature, one_more_staging_column, a_comment],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_a_run_makes_what_was_certain_and_nothing_that_was_not_said(
    tiny_copy: TinyProject, change: Callable[[TinyProject], None]
) -> None:
    change(tiny_copy)
    certain, perhaps = said(planned(tiny_copy))
    made = made_by_a_run(tiny_copy)
    assert certain <= made <= certain | perhaps
    assert bool(made) == (change is not a_comment)
    assert not any(said(planned(tiny_copy))), "a second plan after the run finds nothing"


def test_a_first_run_is_certain_but_for_scores_which_need_a_champion(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path / "project")
    certain, perhaps = said(planned(project))
    made = made_by_a_run(project)
    assert certain == {place for place in made if place[0] != "scores.again"}
    assert perhaps == {place for place in made if place[0] == "scores.again"}


def test_rows_of_landing_files_are_told_from_those_loaded(tiny_copy: TinyProject) -> None:
    path = tiny_copy.land(date(2024, 4, 1), weekly_orders(date(2024, 4, 1)))
    before = planned(tiny_copy).assets[0].forecast.rows
    run_graph(tiny_copy.context(), list(tiny_copy.graph()))
    with tiny_copy.context().warehouse.reading() as bench:
        rows = bench.value("select count(*) from wh.raw.orders")
    landed = len(path.read_text(encoding="utf-8").splitlines()) - 1
    assert before.rows is not None
    assert abs(before.rows - rows) <= 0.1 * landed


def test_lines_are_counted_where_nothing_was_loaded(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path / "project")
    files = project.home.landing("shop").glob("*.csv")
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) - 1 for path in files)
    expected = planned(project).assets[0].forecast.rows
    assert (expected.rows, expected.basis) == (lines, "lines of the landing files")


def test_a_deleted_column_fails_its_reader_and_stops_what_reads_that(tiny_copy: TinyProject) -> None:
    tiny_copy.state("sales", STATEMENTS["sales"].replace(", amount\n", "\n"))
    tiny_copy.declare("sales", DECLARATIONS["sales"].partition("    amount:")[0])
    found = planned(tiny_copy)
    fails = {str(one.forecast.asset.name): one.fails for one in found.assets}
    report = run_graph(tiny_copy.context(), list(tiny_copy.graph()))
    assert [name for name, why in fails.items() if why == "would fail"] == list(report.failures) == ["features.habits"]
    assert {name for name, why in fails.items() if why.startswith("not tried")} == set(report.skipped)


def test_asked_snapshots_alone_are_planned(tiny_copy: TinyProject) -> None:
    another_feature_statement(tiny_copy)
    certain, _ = said(planned(tiny_copy, ["2024-03-18", "2024-03-25"]))
    assert {key for asset, key in certain if asset == "features.habits"} == {"2024-03-18", "2024-03-25"}


def test_time_is_judged_by_past_runs_and_not_guessed_without_one(tiny_copy: TinyProject, tmp_path: Path) -> None:
    another_feature_statement(tiny_copy)
    costs = {str(one.forecast.asset.name): one.cost for one in planned(tiny_copy).assets}
    assert costs["features.habits"].basis == "one past run, by snapshot"
    assert (costs["features.habits"].seconds or 0) > 0
    first = planned(TinyProject.create(tmp_path / "first"))
    assert {(one.cost.seconds, one.cost.basis) for one in first.assets} == {(None, "no past run")}
