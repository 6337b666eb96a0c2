"""Metrics against scikit-learn, ties and missing classes included; bins and curves by hand."""

from __future__ import annotations

import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.evaluation.metrics import METRICS, Vector, binary_metrics, calibration_bins, roc_points

steady = settings(max_examples=200, deadline=None, derandomize=True, database=None)
Rows = list[tuple[int, float]]

# Few values, so that ties are common; ends of the range, and neighbours that differ in the last bit.
SCORES = st.sampled_from([0.0, 5e-324, 0.1, 0.1 + 2**-56, 0.5, 0.7, 1 - 2**-53, 1.0]) | st.floats(0, 1)
ROWS = st.lists(st.tuples(st.integers(0, 1), SCORES), min_size=1, max_size=60)


def split(rows: Rows) -> tuple[Vector, Vector]:
    return np.array([label for label, _ in rows], dtype=float), np.array([score for _, score in rows], dtype=float)


def by_scikit_learn(label: Vector, score: Vector) -> dict[str, float]:
    from sklearn import metrics

    both = 0 < label.sum() < len(label)
    return {
        "roc_auc": metrics.roc_auc_score(label, score) if both else math.nan,
        "average_precision": metrics.average_precision_score(label, score) if label.sum() else math.nan,
        "brier": metrics.brier_score_loss(label, score, labels=[0, 1], pos_label=1),
        "log_loss": metrics.log_loss(label, np.column_stack([1 - score, score]), labels=[0, 1]),
    }


@steady
@given(ROWS)
def test_metrics_are_those_of_scikit_learn(rows: Rows) -> None:
    label, score = split(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of undefined metrics; here they are NaN
        oracle = by_scikit_learn(label, score)
    found = binary_metrics(label, score)

    assert list(found) == list(METRICS)
    for name, value in oracle.items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), name


@steady
@given(ROWS, st.randoms(use_true_random=False))
def test_order_of_rows_changes_no_metric(rows: Rows, random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert binary_metrics(*split(shuffled)) == pytest.approx(binary_metrics(*split(rows)), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", list(METRICS))
def test_metric_by_itself_is_the_one_of_the_set(name: str) -> None:
    label, score = split([(1, 0.9), (0, 0.9), (1, 0.4), (0, 0.2), (0, 0.1)])

    assert METRICS[name](label, score) == binary_metrics(label, score)[name]


@pytest.mark.parametrize(
    ("rows", "undefined"),
    [
        pytest.param([], {"roc_auc", "average_precision", "brier", "log_loss"}, id="no_rows"),
        pytest.param([(0, 0.3), (0, 0.5)], {"roc_auc", "average_precision"}, id="no_positives"),
        pytest.param([(1, 0.3), (1, 0.5)], {"roc_auc"}, id="no_negatives"),
        pytest.param([(0, 0.3), (1, 0.3)], set(), id="all_tied"),
    ],
)
def test_metric_that_does_not_exist_is_nan(rows: Rows, undefined: set[str]) -> None:
    assert {name for name, value in binary_metrics(*split(rows)).items() if math.isnan(value)} == undefined


def test_certain_and_wrong_costs_much_but_not_infinitely() -> None:
    assert binary_metrics(*split([(1, 0.0), (0, 1.0)]))["log_loss"] == pytest.approx(-math.log(2**-52))


def test_calibration_bins_hold_equally_many_rows_lowest_scores_first() -> None:
    label, score = split([(place % 2, (10 - place) / 10) for place in range(10)])

    expected = [(0.25, 0.5, 4), (0.6, 2 / 3, 3), (0.9, 1 / 3, 3)]
    assert calibration_bins(label, score, 3) == [pytest.approx(found) for found in expected]


@steady
@given(ROWS, st.integers(1, 12))
def test_calibration_bins_lose_no_row(rows: Rows, bins: int) -> None:
    label, score = split(rows)
    found = calibration_bins(label, score, bins)

    assert sum(count for _, _, count in found) == len(rows)
    assert max(count for _, _, count in found) - min(count for _, _, count in found) <= 1
    assert sum(share * count for _, share, count in found) == pytest.approx(label.sum())
    assert sum(mean * count for mean, _, count in found) == pytest.approx(score.sum())


def test_roc_points_are_one_a_distinct_score() -> None:
    label, score = split([(1, 0.9), (0, 0.8), (1, 0.8), (0, 0.1)])

    assert roc_points(label, score) == [(0, 0), (0, 0.5), (0.5, 1), (1, 1)]


@steady
@given(ROWS)
def test_roc_points_span_the_area_under_the_curve(rows: Rows) -> None:
    label, score = split(rows)
    points = roc_points(label, score)
    area = sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(points))
    auc = binary_metrics(label, score)["roc_auc"]

    assert points[0] == (0, 0)
    assert points == sorted(points)
    assert math.isnan(auc) or (area == pytest.approx(auc) and points[-1] == (1, 1))


def test_roc_curve_of_many_rows_has_at_most_the_asked_points() -> None:
    score = np.linspace(0, 1, 5000)
    points = roc_points((score > 0.5).astype(float), score, 200)

    assert len(points) == 200
    assert (points[0], points[-1]) == ((0, 0), (1, 1))
