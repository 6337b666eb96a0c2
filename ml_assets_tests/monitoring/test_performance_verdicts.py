"""Verdicts on simulated weeks: how often they alarm for nothing, and that they find what has become worse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.evaluation.bootstrap import bootstrap
from ml_assets.evaluation.catalogue import MetricOptions
from ml_assets.evaluation.metrics import Vector
from ml_assets.evaluation.slices import DeclaredSlice
from ml_assets.monitoring.performance_promise import Promise, share
from ml_assets.monitoring.performance_rows import PERFORMANCE_COLUMNS, WatchedRows, performance_rows
from ml_assets.monitoring.performance_verdicts import Row, Verdict, as_promised, estimate_right, slices_hold
from ml_assets.monitoring.performance_words import ALL_ROWS

CHANCE = 0.05
NAMES = [column.split()[0] for column in PERFORMANCE_COLUMNS.split(", ")][1:]
SLICES = [DeclaredSlice(("kind",))]
Outcome = Callable[[Vector, np.random.Generator], Vector]


def calibrated(score: Vector, draws: np.random.Generator) -> Vector:
    return (draws.random(len(score)) < score).astype(np.float64)


def more_often(score: Vector, draws: np.random.Generator) -> Vector:
    return (draws.random(len(score)) < np.minimum(1.0, score * 1.6)).astype(np.float64)


def at_random(score: Vector, draws: np.random.Generator) -> Vector:
    return (draws.random(len(score)) < score.mean()).astype(np.float64)


def kinds(rows: int) -> pa.Table:
    return pa.table({"kind": [("old", "new")[row % 2] for row in range(rows)]})


def promise_of(rows: int, seed: int) -> Promise:
    """What an evaluation of so many calibrated rows promises, of all of them and of both slices."""
    draws = np.random.default_rng(seed)
    score = draws.beta(1.5, 3, rows)
    label = calibrated(score, draws)
    found = {}
    for name, chosen in ((ALL_ROWS, slice(None)), ("kind = old", slice(0, None, 2)), ("kind = new", slice(1, None, 2))):
        report = bootstrap("binary", label[chosen], {"candidate": score[chosen]}, draws=100)
        found |= {(name, metric): estimate for metric, estimate in report.estimates["candidate"].items()}
    found[ALL_ROWS, "positive_rate"] = share(int(label.sum()), rows)
    return Promise(1, MetricOptions(), found, {})


def week(promise: Promise, rows: int, seed: int, outcome: Outcome, only_new: bool = False) -> list[Row]:
    draws = np.random.default_rng(seed)
    score = draws.beta(1.5, 3, rows)
    label = outcome(score, draws)
    if only_new:
        label[::2] = calibrated(score[::2], draws)
    table = kinds(rows)
    watched = WatchedRows("binary", score, label, np.arange(rows), None, {"kind": table["kind"]})
    found = performance_rows(watched, promise, SLICES, draws=100, waiting="", projection="not looked at")
    return [dict(zip(NAMES, row.values, strict=True)) for row in found]


@pytest.fixture(scope="module")
def stable() -> list[list[Row]]:
    """120 weeks in which nothing happens, each against a promise of its own."""
    return [week(promise_of(900, 1000 + seed), 600, seed, calibrated) for seed in range(120)]


@pytest.mark.parametrize(
    ("judge", "tests"), [(as_promised, 2), (estimate_right, 2), (slices_hold, 4)], ids=["promise", "estimate", "slices"]
)
def test_chance_alone_alarms_at_most_as_often_as_allowed(
    stable: list[list[Row]], judge: Callable[[str, list[Row], float], Verdict], tests: int
) -> None:
    alarms = [judge("binary", rows, CHANCE / tests).held is False for rows in stable]

    # 6 of 120 are allowed; more than 12 would come by chance once in a hundred times.
    assert sum(alarms) <= 12


def test_performance_that_has_decayed_is_found() -> None:
    promise = promise_of(2000, 1)

    found = as_promised("binary", week(promise, 1500, 2, at_random), CHANCE / 2)

    assert found.held is False
    assert {one.metric for one in found.tested if one.p_value < CHANCE / 2} == {"roc_auc", "log_loss"}
    assert "roc_auc 0.5" in found.said


def test_better_than_promised_is_no_alarm() -> None:
    promise = promise_of(2000, 1)
    sharp = week(promise, 1500, 3, lambda score, _: (score > 0.33).astype(np.float64))

    assert as_promised("binary", sharp, CHANCE / 2).held is True


def test_moved_base_rate_makes_the_estimate_wrong() -> None:
    found = estimate_right("binary", week(promise_of(2000, 1), 2000, 4, more_often), CHANCE / 2)

    assert found.held is False
    assert "log_loss" in found.said


def test_only_the_slice_that_is_worse_than_the_rest_is_named() -> None:
    promise = promise_of(4000, 1)

    everywhere = slices_hold("binary", week(promise, 3000, 5, at_random), CHANCE / 4)
    one = slices_hold("binary", week(promise, 3000, 5, at_random, only_new=True), CHANCE / 4)

    assert everywhere.held is True
    assert one.held is False
    assert {test.slice for test in one.tested if test.p_value < CHANCE / 4} == {"kind = new"}


def test_spread_of_test_snapshots_widens_what_is_allowed() -> None:
    promise = promise_of(2000, 1)
    rows = week(promise, 1500, 4, more_often)
    spread = [{**row, "promised_spread": 0.2} for row in rows]

    assert as_promised("binary", rows, CHANCE / 2).held is False
    assert as_promised("binary", spread, CHANCE / 2).held is True


def test_few_rows_of_a_slice_are_not_judged() -> None:
    found = slices_hold("binary", week(promise_of(900, 1), 300, 6, calibrated), CHANCE / 4)

    assert found.held is None
    assert found.said == "kind = new: too few to judge: 150 rows of 200"
