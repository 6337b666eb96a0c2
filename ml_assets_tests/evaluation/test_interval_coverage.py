"""95 % intervals hold the truth in 95 % of samples: known truths, independent rows and rows of one customer together."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from ml_assets.evaluation.bootstrap import bootstrap
from ml_assets.evaluation.curves import CostMatrix, cost_curve
from ml_assets.evaluation.metrics import Vector

POSITIVE = 0.3
# How far the positives' mean lies above the negatives', in standard deviations: of the candidate and of the other.
SHIFTS = (1.2, 0.9)
# Share of the variance that the rows of a cluster have in common.
COMMON = 0.4


def probability(x: Vector, shift: float) -> Vector:
    """Of being positive where x is normal with mean `shift` for positives and 0 for negatives."""
    found: Vector = 1 / (1 + np.exp(-(shift * x - shift**2 / 2 + math.log(POSITIVE / (1 - POSITIVE)))))
    return found


def true_area(shift: float) -> float:
    return (1 + math.erf(shift / 2)) / 2


def true_log_loss(shift: float) -> float:
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    positive = -np.log(probability(points + shift, shift)) @ weights / weights.sum()
    negative = -np.log(1 - probability(points, shift)) @ weights / weights.sum()
    return float(POSITIVE * positive + (1 - POSITIVE) * negative)


def sample(seed: int, clusters: int, size: int) -> tuple[Vector, dict[str, Vector], Vector]:
    """Label, two correlated estimators and cluster; label and scores are alike within a cluster."""
    from scipy.special import ndtri

    random = np.random.default_rng([seed, clusters, size])
    cluster = np.repeat(np.arange(clusters), size)

    def mixed() -> Vector:
        own = random.normal(size=len(cluster))
        shared: Vector = random.normal(size=clusters)[cluster]
        return math.sqrt(COMMON) * shared + math.sqrt(1 - COMMON) * own

    label = (mixed() < ndtri(POSITIVE)).astype(float)
    one = mixed()
    other = 0.7 * one + math.sqrt(1 - 0.7**2) * mixed()
    noise = {"candidate": one, "other": other}
    scores = {name: probability(shift * label + noise[name], shift) for name, shift in zip(noise, SHIFTS, strict=True)}
    return label, scores, cluster


def coverage(cases: int, draws: int, clusters: int, size: int) -> dict[str, float]:
    truth = {
        "roc_auc": true_area(SHIFTS[0]),
        "log_loss": true_log_loss(SHIFTS[0]),
        "difference": true_area(SHIFTS[0]) - true_area(SHIFTS[1]),
    }
    held = dict.fromkeys(truth, 0)
    for seed in range(cases):
        label, scores, cluster = sample(seed, clusters, size)
        report = bootstrap("binary", label, scores, cluster=cluster, draws=draws, seed=seed)
        found = {**report.estimates["candidate"], "difference": report.difference("candidate", "other", "roc_auc")}
        for name, value in truth.items():
            assert found[name].low is not None
            held[name] += found[name].low <= value <= found[name].high  # type: ignore[operator]
    return {name: count / cases for name, count in held.items()}


@pytest.mark.parametrize(("clusters", "size"), [pytest.param(300, 1, id="rows"), pytest.param(300, 3, id="clusters")])
def test_intervals_hold_the_truth_as_often_as_they_say(
    clusters: int, size: int, record_property: Callable[[str, object], None]
) -> None:
    # 500 cases tell a share to 1 point only (one standard error), which is half of the 2 points that are claimed.
    found = coverage(1000, 400, clusters, size)

    record_property("coverage", found)
    assert {name: share for name, share in found.items() if abs(share - 0.95) > 0.02 + 1e-9} == {}


@pytest.mark.full
@pytest.mark.parametrize(("clusters", "size"), [(100, 1), (300, 1), (2000, 1), (100, 5), (200, 5), (1000, 5)])
def test_intervals_of_many_more_cases_hold_the_truth(
    clusters: int, size: int, record_property: Callable[[str, object], None]
) -> None:
    found = coverage(2000, 1000, clusters, size)

    record_property("coverage", found)
    assert {name: share for name, share in found.items() if abs(share - 0.95) > 0.02 + 1e-9} == {}


def test_rows_of_clusters_taken_for_independent_give_too_short_intervals() -> None:
    held = 0
    for seed in range(100):
        label, scores, _ = sample(seed, 30, 20)
        found = bootstrap("binary", label, scores, draws=200, seed=seed).estimates["candidate"]["roc_auc"]
        held += found.low <= true_area(SHIFTS[0]) <= found.high  # type: ignore[operator]

    assert held < 85


def test_interval_of_the_best_threshold_holds_the_ratio_of_costs() -> None:
    held = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        score = random.random(1000)
        label = (random.random(1000) < score).astype(float)
        found = cost_curve(label, score, CostMatrix(1, 3), draws=200, seed=seed).threshold
        # Elkan (2001): select where false_positive x (1 - p) < false_negative x p.
        held += found.low <= 0.25 <= found.high  # type: ignore[operator]

    assert 88 <= held <= 99
