"""What a metric will be before outcomes are known, if the scores are calibrated, or calibrated but for a moved base rate.

Method: confidence-based performance estimation (Białek, Kuberski, Perrakis and Bifet 2024, arXiv 2401.08348). The outcomes of
the rows are taken as draws from their probabilities; the estimate is the mean of a metric over them, and its interval holds
the value that these very rows will have with the stated probability. Nothing is said about rows not scored, and nothing is
right when what the score means has changed: then the outcomes are drawn from wrong probabilities.

A base rate that has moved is taken out as by Saerens, Latinne and Decaestecker (2002): a change of the class priors moves
the log odds of every row by one number. That number is the one for which the mean probability is the rate at hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ml_assets.evaluation.bootstrap import Estimate, chunks
from ml_assets.evaluation.catalogue import MetricOptions, task_metrics
from ml_assets.evaluation.influence import log_odds
from ml_assets.evaluation.metrics import Vector
from ml_assets.evaluation.metrics.inputs import MetricError, checked
from ml_assets.evaluation.metrics.measure import kernel
from ml_assets.evaluation.metrics.resampled import Clusters, Counts, Draws
from ml_assets.monitoring.estimate_binary import BinaryRows
from ml_assets.monitoring.performance_words import POSITIVE_RATE

ESTIMATED_TASKS = ("binary", "multiclass")
# Draws in which a metric is not defined (a class was not drawn) are left out as long as they are this rare.
_MOST_UNDEFINED = 0.05
_MOST_STEPS, _CLOSE = 100, 1e-12
# A normal distribution as three points, exact up to the fifth moment (Gauss and Hermite).
_POINTS = ((-math.sqrt(3), 1 / 6), (0.0, 2 / 3), (math.sqrt(3), 1 / 6))


class Truth(NamedTuple):
    """What the probabilities of the rows may really be, (n_rows,), and how likely that is."""

    chance: Vector
    weight: float = 1.0


def estimated(
    task: str, score: Vector, truths: Sequence[Truth] | None = None, *, options: MetricOptions | None = None,
    draws: int = 200, level: float = 0.95,
) -> dict[str, Estimate]:  # fmt: skip
    """Every metric of the task, and for a binary one the rate of positives, as expected of these rows; equal input, equal answer.

    Score (n_rows,), or (n_rows, n_classes) of several classes; by default it is the truth. `draws` are of several classes:
    two have formulas. Raises `MetricError` on a task without probabilities and on unfit scores.
    """
    if task not in ESTIMATED_TASKS:
        raise MetricError(
            f"no estimate of a {task} task", expected="probabilities (binary, multiclass)", got=task,
            remedy="wait for the outcomes: a number does not say how far it may be off",
        )  # fmt: skip
    if task == "multiclass":
        return _several(score, draws, level)
    rows = prepared(score, options)
    return estimated_of(rows, truths or (Truth(rows.score),), level)


def prepared(score: Vector, options: MetricOptions | None = None) -> BinaryRows:
    """Checked scores of a binary task, ready for `estimated_of` under one truth after another."""
    rows = checked("binary", np.zeros(len(score)), score)
    return BinaryRows(rows.score, options or MetricOptions())


def estimated_of(rows: BinaryRows, truths: Sequence[Truth], level: float = 0.95) -> dict[str, Estimate]:
    """`estimated` of a binary task."""
    from scipy.special import ndtri

    expected = [rows.expected(truth.chance) for truth in truths] if len(rows.score) else []
    weights = np.array([truth.weight for truth in truths])
    found = {}
    for name, low, high in _bounds():
        known = [each[name] for each in expected if name in each and math.isfinite(each[name].value)]
        if not known or len(known) < len(expected):
            found[name] = Estimate(
                None, None, None, "not defined: one class is absent, or no probability reaches the threshold"
            )
            continue
        values, variances = (np.array(column) for column in zip(*known, strict=True))
        value = float(weights @ values)
        reach = float(ndtri((1 + level) / 2)) * math.sqrt(float(weights @ (variances + (values - value) ** 2)))
        found[name] = Estimate(value, max(low, value - reach), min(high, value + reach))
    return found


def _bounds() -> list[tuple[str, float, float]]:
    """Each metric of a binary task with the least and largest value it can have."""
    found = [
        (info.name, -math.inf if info.lower_bound is None else info.lower_bound, math.inf if info.upper_bound is None else info.upper_bound)
        for info in task_metrics("binary")
    ]  # fmt: skip
    return [*found, (POSITIVE_RATE, 0.0, 1.0)]


def _several(score: Vector, draws: int, level: float) -> dict[str, Estimate]:
    """Each row once with every class that it can have: a draw counts one of them."""
    classes = score.shape[1]
    rows = checked("multiclass", np.tile(np.arange(classes), len(score)), np.repeat(score, classes, axis=0))
    prepared = kernel(rows, Clusters.of_rows(rows.rows), MetricOptions())
    edges = score.cumsum(axis=1)
    found = [
        prepared.values(Draws.of(_drawn(edges, count, np.random.default_rng([0, place]))))
        for place, (_, count) in enumerate(chunks(rows.rows, draws))
    ]
    sampled = np.concatenate(found)
    return {info.name: _summary(sampled[:, place], level) for place, info in enumerate(task_metrics("multiclass"))}


def _drawn(edges: Vector, draws: int, random: np.random.Generator) -> Counts:
    """How often each class of each row counts in each draw, (n_draws, n_rows x n_classes): 0 or 1."""
    identity = np.eye(edges.shape[1], dtype=np.int32)
    places = [
        (random.random((len(edges), 1)) * edges[:, -1:] >= edges).sum(axis=1).clip(0, edges.shape[1] - 1)
        for _ in range(draws)
    ]
    return np.stack([identity[chosen].ravel() for chosen in places])


def _summary(sampled: Vector, level: float) -> Estimate:
    known = sampled[np.isfinite(sampled)]
    if len(known) < len(sampled) * (1 - _MOST_UNDEFINED) or not len(known):
        return Estimate(None, None, None, f"not defined in {len(sampled) - len(known):,} of {len(sampled):,} draws")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(known.mean()), float(low), float(high))


def moved(score: Vector, rate: float) -> Vector:
    """The probabilities with every row's log odds moved by the one number that makes their mean `rate`; (n_rows,).

    `rate` lies in (0, 1). Where the change is one of the priors alone, this is the correction by the true priors.
    """
    if not 0 < rate < 1:
        raise MetricError("no base rate to move to", expected="a rate above 0 and below 1", got=rate)
    odds = log_odds(score)
    low, high = -40.0, 40.0
    mean = float(score.mean().clip(1e-9, 1 - 1e-9))
    shift = math.log(rate / (1 - rate)) - math.log(mean / (1 - mean))
    for _ in range(_MOST_STEPS):
        chance = _probability(odds + shift)
        excess = float(chance.mean()) - rate
        if abs(excess) < _CLOSE:
            break
        low, high = (low, shift) if excess > 0 else (shift, high)
        slope = float((chance * (1 - chance)).mean())
        step = shift - excess / slope if slope > 0 else math.nan
        # Newton's step where it stays between what is known to be too low and too high, else the middle of them.
        shift = step if low < step < high else (low + high) / 2
    return _probability(odds + shift)


def moved_about(score: Vector, centre: float, spread: float) -> list[Truth]:
    """`moved` to rates that stand for a normal distribution of their log odds."""
    rates = _probability(np.array([centre + spread * place for place, _ in _POINTS])).tolist()
    return [Truth(moved(score, rate), weight) for rate, (_, weight) in zip(rates, _POINTS, strict=True)]


def _probability(odds: Vector) -> Vector:
    found: Vector = 1 / (1 + np.exp(-odds))
    return found
