"""Thresholds: false alarms stay within the budget, real shifts are found, history and its lack are told."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from ml_assets.monitoring.sketch import CategoryBins, Sketch
from ml_assets.monitoring.thresholds import (
    LEAST,
    LEAST_WINDOWS,
    ColumnJudge,
    alpha_of,
    gathered,
    judgements_a_year,
    leads,
    predicted_level,
)
from ml_assets.specs.monitors import FalseAlarmSpec
from ml_assets.specs.times import SnapshotSpec
from ml_assets_tests.monitoring.simulated_columns import WEEKLY, Population, alarm_weeks, allowed


def judge_of(population: Population, alpha: float = 1e-4) -> tuple[ColumnJudge, Sketch]:
    """A column's judge and the sketch of its first week afterwards."""
    column, counts = population.column(1, 1)
    return ColumnJudge(column, alpha), Sketch(population.rows, 0, counts[0], population.rows)


def test_a_thousand_stable_weeks_of_thirty_columns_stay_within_a_budget_of_one_alarm_a_year() -> None:
    assert alarm_weeks(Population().alarms(30, 1000)) <= allowed(1000)


def test_weeks_that_always_moved_to_and_fro_stay_within_the_budget() -> None:
    found = [alarm_weeks(Population(moving=0.05).alarms(20, 1000, seed=seed)) for seed in (1, 2, 3)]
    assert np.mean(found) <= allowed(1000), found


def test_a_larger_budget_is_used() -> None:
    monthly = FalseAlarmSpec(at_most=20, per="month")
    assert alarm_weeks(Population().alarms(10, 300, budget=monthly)) > alarm_weeks(Population().alarms(10, 300))


@pytest.mark.parametrize("rows", [3000, 5000])
def test_a_shift_of_a_fifth_of_a_standard_deviation_is_found(rows: int) -> None:
    found = Population(rows=rows).alarms(30, 50, shift=0.2)
    assert found.mean() > 0.99


def test_the_same_shift_is_no_news_where_the_level_always_moved_as_much() -> None:
    assert Population(moving=0.2).alarms(10, 50, shift=0.2).mean() < 0.05


def test_few_rows_need_a_larger_shift() -> None:
    assert Population(rows=150).alarms(10, 50, shift=0.2).mean() < 0.2
    assert Population(rows=150).alarms(10, 50, shift=1.0).mean() > 0.95


def test_the_budget_is_divided_by_judgements_and_measures() -> None:
    weekly = alpha_of(FalseAlarmSpec(at_most=2), WEEKLY, 100)
    assert weekly == pytest.approx(2 / (365 / 7) / 100 / 2)
    assert alpha_of(FalseAlarmSpec(at_most=2, per="month"), WEEKLY, 100) == pytest.approx(12 * weekly)
    assert alpha_of(FalseAlarmSpec(at_most=1000, per="month"), WEEKLY, 1) == 0.025
    assert judgements_a_year(None) == judgements_a_year(SnapshotSpec(every="day", last=1)) == 365


def test_the_threshold_says_what_set_it() -> None:
    still, week = judge_of(Population(rows=20_000))
    moving, moved = judge_of(Population(moving=0.1))
    small, few = judge_of(Population(rows=200))

    assert still.thresholds(week, 5, ["ks"])["ks"].value == LEAST["ks"]
    assert [
        judge.thresholds(sketch, 5, ["ks"])["ks"].set_by
        for judge, sketch in ((still, week), (moving, moved), (small, few))
    ] == ["least", "history", "chance"]


@pytest.mark.parametrize(
    ("snapshots", "words"),
    [
        (37, "27 windows of 6 snapshots, each against the one 5 later"),
        (14, "8 windows of 6 snapshots, each against the one 1 later"),
        (9, "chance alone: 9 snapshots of history, too few for 8 windows"),
    ],
)
def test_thresholds_rest_on_windows_of_the_history_or_on_chance_alone(snapshots: int, words: str) -> None:
    judge, week = judge_of(Population(history=snapshots, moving=0.3))
    assert judge.basis(5) == words
    set_by = judge.thresholds(week, 5, ["ks"])["ks"].set_by
    assert set_by == ("chance" if words.startswith("chance") else "history")


def test_past_distances_are_those_of_windows_and_the_snapshot_as_far_behind_them() -> None:
    judge, _ = judge_of(Population(moving=0.1))
    history = judge.reference.history.counts
    expected = []
    for end in range(5, len(history) - 3):
        window, later = history[end - 5 : end + 1].sum(axis=0), history[end + 3]
        gap = np.cumsum(window) / window.sum() - np.cumsum(later) / later.sum()
        expected.append(np.abs(gap).max())

    np.testing.assert_allclose(judge.past(3)["ks"], expected)
    assert len(judge.past(3)["ks"]) == len(history) - 6 - 3 + 1 >= LEAST_WINDOWS


def test_growth_makes_distances_at_longer_leads_larger() -> None:
    level = np.linspace(0, 3, 37)
    column, _ = Population().column(2, 1)
    draws = np.random.default_rng(8)
    edges = np.asarray(column.bins.edges)  # type: ignore[union-attr]
    for week in range(37):
        column.history.counts[week] = np.bincount(
            np.searchsorted(edges, draws.normal(level[week], 1, 4000)), minlength=len(column.bins)
        )
    judge = ColumnJudge(column, 1e-4)
    week_sketch = Sketch(4000, 0, column.history.counts[-1], 4000)
    limits = [judge.thresholds(week_sketch, lead, ["ks"])["ks"].value for lead in (1, 4, 8)]

    assert limits == sorted(limits)
    assert limits[0] < limits[-1] < 0.75


def test_a_level_is_exceeded_as_rarely_as_said() -> None:
    draws = np.random.default_rng(9)
    exceeded = [bool(sample[-1] > predicted_level(sample[:-1], 0.01)) for sample in draws.normal(size=(3000, 31)) ** 2]
    assert 0.002 <= np.mean(exceeded) <= 0.02


def test_a_level_counts_neighbours_that_follow_each_other_for_less() -> None:
    apart = np.random.default_rng(10).gamma(2, 1, 30)
    assert predicted_level(np.sort(apart), 1e-3) > predicted_level(apart, 1e-3)


def test_thin_categories_are_judged_together() -> None:
    first, second = gathered(np.array([500.0, 400.0, 2.0, 1.0, 0.0]), np.array([480.0, 410.0, 1.0, 3.0, 0.0]))
    assert (first.tolist(), second.tolist()) == ([500, 400, 3], [480, 410, 4])


def test_categories_are_judged_by_chi_squared_missing_shares_and_news() -> None:
    column, _ = Population().column(3, 1)
    bins = CategoryBins(("a", "b"), frozenset({"a", "b"}))
    reference = Sketch(6000, 60, np.array([4000, 1940, 0]), 6000)
    changed = type(column)(
        column.watched, bins, reference, 6, column.end, type(column.history)((), np.empty((0, 3), np.int64), np.empty(0, np.int64)), None
    )  # fmt: skip
    judge = ColumnJudge(changed, 1e-4)
    same = judge.measured(Sketch(2000, 22, np.array([1330, 648, 0]), 2000), 1)
    other = judge.measured(Sketch(2000, 400, np.array([400, 1100, 100]), 2000, new={"c": 100}, new_rows=100), 1)

    assert {name for name, one in same.items() if one.exceeds} == set()
    assert {name for name, one in other.items() if one.exceeds} == {"chi2", "js", "missing_shift", "new_share"}
    assert other["missing_shift"].value == pytest.approx(0.19)
    assert other["new_share"].value == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("every", "moment", "steps"),
    [("week", "2020-02-10", 5), ("day", "2020-01-09", 3), ("month", "2021-01-06", 12), ("week", "2019-12-30", 1)],
)
def test_a_lead_counts_snapshots_since_the_reference(every: str, moment: str, steps: int) -> None:
    grid = SnapshotSpec.model_validate({"every": every, "last": 3})
    assert leads(grid, datetime(2020, 1, 6), datetime.fromisoformat(moment)) == steps
    assert leads(None, None, None) == 1
