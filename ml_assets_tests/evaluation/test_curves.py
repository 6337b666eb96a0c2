"""Points of pictures: against scikit-learn, by hand, bounded in number, and null or empty where nothing is to be seen."""

from __future__ import annotations

import numpy as np
import pytest

from ml_assets.evaluation.curves import CostMatrix, cost_curve, query_spread, residual_bins, threshold_curve
from ml_assets.evaluation.metrics import MetricError, Vector, measure


def many(rows: int = 5000, seed: int = 0) -> tuple[Vector, Vector]:
    random = np.random.default_rng(seed)
    score = random.random(rows)
    return (random.random(rows) < score).astype(float), score


def test_threshold_curve_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import precision_recall_curve

    label, score = many(150)
    score = score.round(1)
    precision, recall, thresholds = precision_recall_curve(label, score)
    found = threshold_curve(label, score)

    assert [point.threshold for point in found] == thresholds[::-1].tolist()
    assert [point.precision for point in found] == pytest.approx(precision[:-1][::-1])
    assert [point.recall for point in found] == pytest.approx(recall[:-1][::-1])
    assert [point.selected for point in found] == pytest.approx([(score >= at).mean() for at in thresholds[::-1]])
    assert [point.lift for point in found] == pytest.approx(precision[:-1][::-1] / label.mean())


def test_curves_have_at_most_the_asked_points_and_their_ends() -> None:
    label, score = many()
    found, costs = threshold_curve(label, score), cost_curve(label, score, CostMatrix(1, 3), draws=20)

    assert len(found) == 200
    assert (found[0].threshold, found[-1].threshold) == (score.max(), score.min())
    assert 190 <= len(costs.points) <= 200
    assert len(residual_bins(label, score, 1000)) == 200
    assert len(query_spread(label, score, np.arange(5000) // 5)["ndcg"].points) == 200


def test_curve_without_positives_knows_no_recall() -> None:
    assert threshold_curve([0, 0], [0.1, 0.1]) == [(0.1, 0.0, None, 1.0, None)]
    assert threshold_curve([], []) == []


def test_cost_curve_is_the_mean_cost_by_threshold() -> None:
    label, score = many(100)
    score = score.round(1)
    found = cost_curve(label, score, CostMatrix(2, 7, true_positive=-1, true_negative=0.5), draws=20)

    for threshold, cost in found.points:
        selected = score >= threshold
        expected = np.where(selected, np.where(label == 1, -1, 2), np.where(label == 1, 7, 0.5)).mean()
        assert cost == pytest.approx(expected)
    assert not (score >= found.points[0][0]).any()
    assert (found.threshold.value, found.cost.value) == min(found.points, key=lambda point: point[1])


def test_best_threshold_lies_where_the_costs_balance() -> None:
    label, score = many(20_000)
    found = cost_curve(label, score, CostMatrix(1, 3), draws=200)

    assert found.threshold.value == pytest.approx(0.25, abs=0.05)
    assert found.threshold.low < found.threshold.value < found.threshold.high  # type: ignore[operator]
    assert found.threshold.high - found.threshold.low < 0.15  # type: ignore[operator]
    assert found.cost.low < found.cost.value < found.cost.high  # type: ignore[operator]
    assert found == cost_curve(label, score, CostMatrix(1, 3), draws=200)


def test_cost_curve_of_few_clusters_or_no_rows_has_no_interval() -> None:
    few = cost_curve(*many(50), CostMatrix(1, 1), cluster=np.arange(50) % 4)
    none = cost_curve([], [], CostMatrix(1, 1))

    assert (few.threshold.low, few.threshold.reason) == (
        None,
        "4 independent clusters are too few for an interval: 10 are needed",
    )
    assert (none.points, none.threshold.value, none.threshold.reason) == ([], None, "there are no rows")


def test_residual_bins_hold_equally_many_rows_lowest_predictions_first() -> None:
    found = residual_bins([1.0, 3.0, 10.0, 30.0], [20.0, 2.0, 2.0, 40.0], 2)

    assert [(one.rows, one.predicted, one.actual, one.residual_p50) for one in found] == [
        (2, 2.0, 6.5, 4.5),
        (2, 30.0, 15.5, -14.5),
    ]
    assert residual_bins([], []) == []
    with pytest.raises(MetricError, match="missing or infinite in 1 of 1 rows"):
        residual_bins([1.0], [np.nan])


def test_query_spread_rises_to_all_queries_and_counts_those_left_out() -> None:
    label, score, query = [1, 0, 0, 1, 0, 0], [0.9, 0.1, 0.9, 0.1, 0.3, 0.2], [1, 1, 2, 2, 3, 3]
    found = query_spread(label, score, query)

    assert found["mrr"].points == [(0.5, 0.5), (1.0, 1.0)]
    assert (found["mrr"].judged, found["mrr"].left_out) == (2, 1)
    for name, value in measure("ranking", label, score, query).items():
        assert np.mean([point for _, point in found[name].points]) == pytest.approx(value)
    assert query_spread([], [], [])["ndcg"].points == []
