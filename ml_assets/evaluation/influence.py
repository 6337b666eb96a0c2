"""Metrics with the influence of each row on them: from cluster sums of it come intervals and tests without resampling.

A metric's variance is the sum over clusters of the squared sum of influences (infinitesimal jackknife; for the area under
the ROC curve this is DeLong 1988, with clusters Obuchowski 1997). Outcomes may be soft: with the promised probability in
the place of the label, the same functions give the value that the scores themselves promise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml_assets.errors import MlAssetsError
from ml_assets.evaluation.column_groups import Codes, Floats

LEAST_PROBABILITY = 1e-6
SCORE_BINS = 20


@dataclass(frozen=True)
class Influenced:
    """A value and how much each row moves it, shape (n_rows,), summing to 0.

    `slope` (n_rows,), where it is known: how fast the value changes with a row's outcome.
    """

    value: float
    influence: Floats
    slope: Floats | None = None

    def standard_error(self, cluster: Codes) -> float:
        """With rows of one cluster moving together; `cluster` (n_rows,). NaN with fewer than two clusters."""
        sums = np.bincount(cluster, weights=self.influence)
        present = np.count_nonzero(np.bincount(cluster))
        return math.sqrt(np.sum(sums**2) * present / (present - 1)) if present > 1 else math.nan


def roc_auc(outcome: Floats, score: Floats) -> Influenced:
    """Area under the ROC curve, ties half; `outcome` in [0, 1]. Undefined (NaN) without both classes."""
    return roc_auc_of_levels(outcome, levels(score))


def levels(score: Floats) -> Codes:
    """Place of each score among the distinct ones, lowest first, (n_rows,)."""
    return np.unique(score, return_inverse=True)[1].astype(np.intp, copy=False)


def roc_auc_of_levels(outcome: Floats, level: Codes) -> Influenced:
    """`roc_auc` of scores whose order is known already."""
    positive, negative = np.bincount(level, outcome), np.bincount(level, 1 - outcome)
    total, rest = positive.sum(), negative.sum()
    if total <= 0 or rest <= 0:
        return Influenced(math.nan, np.full(len(level), math.nan))
    below = (np.cumsum(negative) - negative / 2) / rest
    above = 1 - (np.cumsum(positive) - positive / 2) / total
    value = float(positive @ below / total)
    influence = outcome * (below[level] - value) / total + (1 - outcome) * (above[level] - value) / rest
    return Influenced(value, influence, (below[level] - value) / total - (above[level] - value) / rest)


def average_precision(outcome: Floats, score: Floats) -> Influenced:
    """Sum over thresholds of (recall gained) x precision; `outcome` in [0, 1]. Undefined (NaN) without positives."""
    return average_precision_of_levels(outcome, levels(score))


def average_precision_of_levels(outcome: Floats, level: Codes) -> Influenced:
    """`average_precision` of scores whose order is known already."""
    level = (level.max(initial=0) - level).astype(np.intp, copy=False)
    positive, rows = np.bincount(level, outcome), np.cumsum(np.bincount(level))
    total = positive.sum()
    if total <= 0:
        return Influenced(math.nan, np.full(len(level), math.nan))
    precision = np.cumsum(positive) / rows
    value = float(positive @ precision / total)
    # A row counts at its own threshold and at every lower one.
    weight, weighted = positive / rows, positive * precision / rows
    later, later_weighted = np.cumsum(weight[::-1])[::-1], np.cumsum(weighted[::-1])[::-1]
    gained = precision[level] - value + later[level]
    return Influenced(value, (outcome * gained - later_weighted[level]) / total, gained / total)


def log_losses(outcome: Floats, score: Floats) -> Floats:
    """Negative log likelihood of each row, probabilities kept a millionth away from 0 and 1."""
    kept = score.clip(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    found: Floats = -outcome * np.log(kept) - (1 - outcome) * np.log1p(-kept)
    return found


def brier_losses(outcome: Floats, score: Floats) -> Floats:
    """Squared distance of probability and outcome, in the mean over a soft outcome."""
    return outcome * (1 - score) ** 2 + (1 - outcome) * score**2


def mean_of(values: Floats) -> Influenced:
    """The mean; NaN without rows."""
    mean = float(values.mean()) if len(values) else math.nan
    return Influenced(mean, (values - mean) / max(len(values), 1))


def root_mean_of(values: Floats) -> Influenced:
    """Square root of the mean, by the delta method."""
    mean = mean_of(values)
    root = math.sqrt(mean.value)
    return Influenced(root, mean.influence / (2 * root) if root else mean.influence)


RowLoss = Callable[[Floats, Floats], Floats]
CLASSIFICATION: dict[str, Callable[[Floats, Floats], Influenced]] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "log_loss": lambda outcome, score: mean_of(log_losses(outcome, score)),
    "brier": lambda outcome, score: mean_of(brier_losses(outcome, score)),
}
REGRESSION: dict[str, RowLoss] = {
    "mae": lambda label, score: np.abs(label - score),
    "mse": lambda label, score: (label - score) ** 2,
    "rmse": lambda label, score: (label - score) ** 2,
}
HIGHER_IS_BETTER = frozenset({"roc_auc", "average_precision"})


def recalibrated(label: Floats, score: Floats) -> Floats:
    """The probabilities after one logistic recalibration for all rows (intercept and slope on the log odds; Platt 1999).

    A base rate that has moved everywhere, or scores too sharp everywhere, are faults of the model and not of a slice; this
    takes them out of what the scores promise. A tiny penalty towards "no change" keeps it finite for perfect scores.
    """
    design = np.column_stack([np.ones(len(score)), log_odds(score)])
    start, penalty = np.array([0.0, 1.0]), 1e-3
    weights = start.copy()
    for _ in range(25):
        probability = 1 / (1 + np.exp(-(design @ weights).clip(-30, 30)))
        slope = design.T @ (label - probability) - penalty * (weights - start)
        bend = (design * (probability * (1 - probability))[:, None]).T @ design + penalty * np.eye(2)
        step = np.linalg.solve(bend, slope)
        weights += step.clip(-2, 2)
        if np.abs(step).max() < 1e-10:
            break
    promised: Floats = 1 / (1 + np.exp(-(design @ weights).clip(-30, 30)))
    return promised


def log_odds(score: Floats) -> Floats:
    kept = score.clip(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    odds: Floats = np.log(kept) - np.log1p(-kept)
    return odds


def promised_losses(loss: Floats, score: Floats) -> Floats:
    """What loss rows of about this score have: the mean over each of 20 equally filled score bins.

    A regression says no probability; but errors that grow with the predicted value are no fault of a slice.
    """
    cuts = np.unique(np.quantile(score, np.arange(1, SCORE_BINS) / SCORE_BINS))
    place = np.searchsorted(cuts, score, side="right")
    counts = np.bincount(place)
    return (np.bincount(place, weights=loss) / np.maximum(counts, 1))[place]


def upper_tail(statistic: npt.ArrayLike, freedom: npt.ArrayLike) -> Floats:
    """Probability of a t statistic above this one."""
    from scipy.special import stdtr

    found: Floats = stdtr(np.asarray(freedom, dtype=np.float64), -np.asarray(statistic, dtype=np.float64))
    return found


def t_quantile(share: float, freedom: int) -> float:
    """The value below which a t statistic lies with this probability."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))


def false_discovery_rates(p_values: Floats, tests: int | None = None, held: int = 0) -> Floats:
    """The q-value of each p-value, shape (n_tests,) (Benjamini and Hochberg 1995).

    With `tests`, the p-values given are the smallest of that many, after `held` that have been found to hold already.
    """
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * (tests or len(p_values)) / (held + np.arange(1, len(p_values) + 1))
    found = np.empty(len(p_values))
    found[order] = np.minimum.accumulate(scaled[::-1])[::-1].clip(0, 1)
    return found


def checked_rows(label: Floats, score: Floats, cluster: Codes, task: str) -> tuple[Floats, Floats, Codes]:
    """The three as they are needed here, clusters numbered from 0; raises on rows that nothing can be said about."""
    label, score = np.asarray(label, dtype=np.float64), np.asarray(score, dtype=np.float64)
    fault = None
    if not len(label) == len(score) == len(cluster):
        fault = f"{len(label)} labels, {len(score)} scores, {len(cluster)} clusters"
    elif not len(label):
        fault = "no rows"
    elif not (np.isfinite(label).all() and np.isfinite(score).all()):
        fault = "labels or scores that are missing or infinite"
    elif task == "binary" and not np.isin(label, (0, 1)).all():
        fault = f"labels besides 0 and 1, such as {label[~np.isin(label, (0, 1))][0]}"
    elif task == "binary" and (score.min() < 0 or score.max() > 1):
        fault = f"scores from {score.min():.6g} to {score.max():.6g}"
    if fault is not None:
        raise MlAssetsError(
            "these rows cannot be judged", expected="a label, a score and a cluster a row; probabilities and labels 0 and 1 where the task is binary",
            got=fault, remedy="look at the rows of the test part",
        )  # fmt: skip
    return label, score, np.unique(cluster, return_inverse=True)[1].astype(np.intp)
