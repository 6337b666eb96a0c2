"""Metrics of binary scores expected before outcomes are known, with how far the outcomes of these rows will move them.

Outcomes are independent given their probabilities, so a metric that is smooth in them has the variance sum p (1 - p) slope²
(delta method); absolute gaps of calibration bins are folded normal numbers (Leone, Nelson and Nottingham 1961).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ml_assets.evaluation.catalogue import MetricOptions
from ml_assets.evaluation.influence import average_precision, roc_auc
from ml_assets.evaluation.metrics import Vector
from ml_assets.evaluation.metrics.inputs import Codes
from ml_assets.evaluation.metrics.weighted_binary import mass_bins, row_log_loss, width_bins

POSITIVE_RATE = "positive_rate"


class Expected(NamedTuple):
    """A mean and a variance over the outcomes that these rows may have; NaN where the metric is not defined."""

    value: float
    variance: float


def expected_binary(score: Vector, chance: Vector, options: MetricOptions) -> dict[str, Expected]:
    """Metric → what it is expected to be; `score` and the true `chance` of a positive (n_rows,), at least one row."""
    rows, positives = len(score), float(chance.sum())
    noise = chance * (1 - chance)

    def smooth(value: float, slope: Vector) -> Expected:
        return Expected(value, float(noise @ slope**2))

    def share_of(chosen: Vector) -> Expected:
        total = float(chosen.sum())
        return smooth(float(chosen @ chance) / total, chosen / total) if total else Expected(math.nan, math.nan)

    selected = (score >= options.threshold).astype(np.float64)
    top = _top_rows(score, options.top)
    ranked, precise = roc_auc(chance, score), average_precision(chance, score)
    found = {
        "roc_auc": Expected(math.nan, math.nan) if ranked.slope is None else smooth(ranked.value, ranked.slope),
        "average_precision": Expected(math.nan, math.nan)
        if precise.slope is None
        else smooth(precise.value, precise.slope),
        "brier": smooth(float(np.mean(chance * (1 - score) ** 2 + (1 - chance) * score**2)), (1 - 2 * score) / rows),
        "log_loss": _log_loss(score, chance, smooth),
        "calibration_error": _gaps(score, chance, noise, width_bins(score, options.bins)),
        "calibration_error_mass": _gaps(score, chance, noise, mass_bins(score, options.bins)),
        "precision": share_of(selected),
        "precision_at_top": share_of(top),
        POSITIVE_RATE: smooth(positives / rows, np.full(rows, 1 / rows)),
    }
    if positives > 0:
        found |= _shares_of_positives(selected, top, chance, positives, smooth)
    return found


def _shares_of_positives(
    selected: Vector, top: Vector, chance: Vector, positives: float, smooth: Callable[[float, Vector], Expected]
) -> dict[str, Expected]:
    """Metrics that have the number of positives below the line, which the outcomes move as well."""
    caught, in_top, chosen = float(selected @ chance), float(top @ chance), float(selected.sum())
    recall, top_recall, f1 = caught / positives, in_top / positives, 2 * caught / (chosen + positives)
    lift = top_recall * len(chance) / float(top.sum())
    return {
        "recall": smooth(recall, (selected - recall) / positives),
        "f1": smooth(f1, (2 * selected - f1) / (chosen + positives)),
        "recall_at_top": smooth(top_recall, (top - top_recall) / positives),
        "lift_at_top": smooth(lift, lift * (top / in_top - 1 / positives) if in_top > 0 else np.zeros(len(chance))),
    }


def _log_loss(score: Vector, chance: Vector, smooth: Callable[[float, Vector], Expected]) -> Expected:
    ones = np.ones(len(score))
    if_positive, if_negative = row_log_loss(ones, score), row_log_loss(1 - ones, score)
    value = float(np.mean(chance * if_positive + (1 - chance) * if_negative))
    return smooth(value, (if_positive - if_negative) / len(score))


def _top_rows(score: Vector, share: float) -> Vector:
    """How much of each row is in the top share, rounded up: of rows tied at its edge an equal part each, (n_rows,)."""
    wanted = math.ceil(len(score) * share - 1e-9)
    edge = np.partition(score, len(score) - wanted)[len(score) - wanted]
    above, tied = score > edge, score == edge
    found: Vector = above + tied * ((wanted - above.sum()) / tied.sum())
    return found


def _gaps(score: Vector, chance: Vector, noise: Vector, bins: Codes) -> Expected:
    """Sum over bins of |sum of (outcome - score)| a row."""
    from scipy.special import erf

    mean, variance = np.bincount(bins, chance - score), np.bincount(bins, noise)
    spread = np.sqrt(variance)
    scaled = np.divide(mean, spread * math.sqrt(2), out=np.zeros_like(mean), where=spread > 0)
    folded = np.where(
        spread > 0, spread * math.sqrt(2 / math.pi) * np.exp(-(scaled**2)) + mean * erf(scaled), np.abs(mean)
    )
    rest = np.maximum(mean**2 + variance - folded**2, 0.0)
    return Expected(float(folded.sum()) / len(score), float(rest.sum()) / len(score) ** 2)
