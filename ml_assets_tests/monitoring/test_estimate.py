"""Estimates without outcomes, held against outcomes that are drawn by known truth."""

from __future__ import annotations

import numpy as np
import pytest

from ml_assets.evaluation.catalogue import TASK_METRICS, MetricOptions
from ml_assets.evaluation.metrics import MetricError, Vector, measure
from ml_assets.monitoring.estimate import Truth, estimated, moved, moved_about
from ml_assets.monitoring.performance_words import POSITIVE_RATE

OPTIONS = MetricOptions(threshold=0.35, top=0.1)


def scores(rows: int, seed: int = 1) -> Vector:
    """Probabilities as a model of moderate skill gives them, some of them equal."""
    return np.random.default_rng(seed).beta(1.2, 3.0, rows).round(2).clip(0.01, 0.99)


def outcomes(chance: Vector, seed: int) -> Vector:
    return (np.random.default_rng(seed).random(len(chance)) < chance).astype(np.float64)


def drawn_metrics(score: Vector, chance: Vector, draws: int) -> dict[str, Vector]:
    """Metric → its values (n_draws,) on outcomes drawn from `chance`, computed one by one: the slow way."""
    found = [
        measure("binary", label, score, None, OPTIONS) | {POSITIVE_RATE: float(label.mean())}
        for label in (outcomes(chance, seed) for seed in range(draws))
    ]
    return {name: np.array([each[name] for each in found]) for name in found[0]}


@pytest.mark.parametrize("shifted", [False, True])
def test_estimate_is_mean_and_spread_of_every_metric_over_drawn_outcomes(shifted: bool) -> None:
    score = scores(1500)
    chance = moved(score, 0.45) if shifted else score
    draws = 200
    oracle = drawn_metrics(score, chance, draws)

    found = estimated("binary", score, [Truth(chance)], options=OPTIONS)

    assert set(found) == {info.name for info in TASK_METRICS["binary"]} | {POSITIVE_RATE}
    for name, estimate in found.items():
        assert estimate.value is not None
        assert estimate.low is not None
        assert estimate.high is not None
        spread = float(oracle[name].std())
        # Average precision is a little above its smooth value on few rows; everything else is within the draws' own error.
        bias = 0.25 * spread if name == "average_precision" else 0.0
        assert abs(estimate.value - oracle[name].mean()) < 4 * spread / draws**0.5 + bias, name
        assert (estimate.high - estimate.low) / 3.92 == pytest.approx(spread, rel=0.2), name


def test_interval_holds_the_coming_value_of_calibrated_scores_as_often_as_it_says() -> None:
    held = dict.fromkeys(("roc_auc", "log_loss", "brier", "average_precision", "f1", POSITIVE_RATE), 0)
    times = 200
    for seed in range(times):
        score = scores(600, seed)
        label = outcomes(score, 10_000 + seed)
        found = estimated("binary", score, options=OPTIONS)
        truth = measure("binary", label, score, None, OPTIONS) | {POSITIVE_RATE: float(label.mean())}
        for name in held:
            estimate = found[name]
            assert estimate.low is not None
            assert estimate.high is not None
            held[name] += estimate.low <= truth[name] <= estimate.high

    for name, count in held.items():
        assert 0.9 <= count / times <= 0.99, (name, count / times)


def test_under_a_moved_base_rate_the_plain_estimate_is_wrong_and_the_adjusted_one_right() -> None:
    """Prior shift as it is defined: features keep their distribution within each class, the classes' shares change."""
    draws = np.random.default_rng(4)
    rows, before, after = 40_000, 0.2, 0.35
    label = (draws.random(rows) < after).astype(np.float64)
    feature = draws.normal(label, 1.0)
    # What a model learns at the rate before: the exact probability given the feature.
    odds = np.log(before / (1 - before)) + feature - 0.5
    score = 1 / (1 + np.exp(-odds))
    truth = measure("binary", label, score, None, OPTIONS)

    plain = estimated("binary", score, options=OPTIONS)
    centre = float(np.log(label.mean() / (1 - label.mean())))
    adjusted = estimated("binary", score, moved_about(score, centre, 0.02), options=OPTIONS)

    for name in ("log_loss", "brier", "average_precision", "precision", "calibration_error"):
        value, low, high = plain[name].value, plain[name].low, plain[name].high
        assert low is not None
        assert high is not None
        assert value is not None
        assert not low <= truth[name] <= high, name
        better = adjusted[name]
        assert better.low is not None
        assert better.high is not None
        assert better.low <= truth[name] <= better.high, name


def test_moving_to_the_true_rate_gives_the_true_probabilities() -> None:
    draws = np.random.default_rng(5)
    rows, before, after = 200_000, 0.1, 0.4
    label = (draws.random(rows) < after).astype(np.float64)
    feature = draws.normal(label, 1.0)

    def probability(rate: float) -> Vector:
        return np.asarray(1 / (1 + np.exp(-(np.log(rate / (1 - rate)) + feature - 0.5))))

    np.testing.assert_allclose(moved(probability(before), float(label.mean())), probability(after), atol=0.004)


@pytest.mark.parametrize("rate", [1e-6, 0.03, 0.5, 0.97, 1 - 1e-6])
def test_moved_probabilities_have_the_rate_and_keep_their_order(rate: float) -> None:
    score = np.r_[0.0, scores(50), 1.0]
    found = moved(score, rate)

    assert found.mean() == pytest.approx(rate, rel=1e-6)
    assert (np.diff(found[np.argsort(score, kind="stable")]) >= 0).all()


def test_uncertain_base_rate_widens_the_interval() -> None:
    score = scores(2000)
    sure, unsure = (estimated("binary", score, moved_about(score, -0.8, spread))["log_loss"] for spread in (0.0, 0.3))

    assert sure.low is not None
    assert sure.high is not None
    assert unsure.low is not None
    assert unsure.high is not None
    assert unsure.high - unsure.low > 2 * (sure.high - sure.low)


def test_several_classes_are_estimated_by_drawing_them() -> None:
    draws = np.random.default_rng(2)
    score = draws.dirichlet((2.0, 1.0, 0.7), 3000)
    label = (draws.random((3000, 1)) > score.cumsum(axis=1)).sum(axis=1)
    truth = measure("multiclass", label, score)

    found = estimated("multiclass", score)

    for name, estimate in found.items():
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low <= truth[name] <= estimate.high, name
    assert found == estimated("multiclass", score)


@pytest.mark.parametrize("task", ["regression", "ranking"])
def test_tasks_without_probabilities_are_refused(task: str) -> None:
    with pytest.raises(MetricError, match="no estimate"):
        estimated(task, np.array([1.0, 2.0]))


def test_scores_that_are_certain_have_no_spread() -> None:
    found = estimated("binary", np.array([0.0, 0.0, 1.0, 1.0]))

    assert found["roc_auc"].value == 1.0
    assert (found["brier"].value, found["brier"].low, found["brier"].high) == (0.0, 0.0, 0.0)


def test_no_rows_are_no_estimate() -> None:
    assert estimated("binary", np.empty(0))["log_loss"].value is None
