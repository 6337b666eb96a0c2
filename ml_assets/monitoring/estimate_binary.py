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
from ml_assets.evaluation.influence import average_precision_of_levels, levels, roc_auc_of_levels
from ml_assets.evaluation.metrics import Vector
from ml_assets.evaluation.metrics.inputs import Codes
from ml_assets.evaluation.metrics.weighted_binary import mass_bins, row_log_loss, width_bins
from ml_assets.monitoring.performance_words import POSITIVE_RATE


class Expected(NamedTuple):
    """A mean and a variance over the outcomes that these rows may have; NaN where the metric is not defined."""

    value: float
    variance: float


class BinaryRows:
    """Scores (n_rows,) prepared once for every truth that is tried on them."""

    def __init__(self, score: Vector, options: MetricOptions) -> None:
        self.score = score
        self._level = levels(score)
        self._bins = {
            "calibration_error": width_bins(score, options.bins), "calibration_error_mass": mass_bins(score, options.bins),
        }  # fmt: skip
        self._selected = (score >= options.threshold).astype(np.float64)
        self._top = _top_rows(score, options.top)
        ones = np.ones(len(score))
        # Loss of each row if it turns out positive, and if negative.
        self._losses = {
            "brier": ((1 - score) ** 2, score**2),
            "log_loss": (row_log_loss(ones, score), row_log_loss(1 - ones, score)),
        }

    def expected(self, chance: Vector) -> dict[str, Expected]:
        """Metric → what it is expected to be if `chance` (n_rows,) are the true probabilities; at least one row."""
        rows, positives = len(self.score), float(chance.sum())
        noise = chance * (1 - chance)

        def smooth(value: float, slope: Vector | None) -> Expected:
            return Expected(value, math.nan if slope is None else float(noise @ slope**2))

        ranked = roc_auc_of_levels(chance, self._level)
        precise = average_precision_of_levels(chance, self._level)
        found = {
            "roc_auc": smooth(ranked.value, ranked.slope),
            "average_precision": smooth(precise.value, precise.slope),
            POSITIVE_RATE: smooth(positives / rows, np.full(rows, 1 / rows)),
        }
        for name, (lost, kept) in self._losses.items():
            found[name] = smooth(float(np.mean(chance * lost + (1 - chance) * kept)), (lost - kept) / rows)
        for name, bins in self._bins.items():
            found[name] = _gaps(self.score, chance, noise, bins)
        for name, chosen in (("precision", self._selected), ("precision_at_top", self._top)):
            if total := float(chosen.sum()):
                found[name] = smooth(float(chosen @ chance) / total, chosen / total)
        return found | (self._shares_of_positives(chance, positives, smooth) if positives > 0 else {})

    def _shares_of_positives(
        self, chance: Vector, positives: float, smooth: Callable[[float, Vector], Expected]
    ) -> dict[str, Expected]:
        """Metrics that have the number of positives below the line, which the outcomes move as well."""
        selected, top = self._selected, self._top
        caught, in_top, chosen = float(selected @ chance), float(top @ chance), float(selected.sum())
        recall, top_recall, f1 = caught / positives, in_top / positives, 2 * caught / (chosen + positives)
        lift = top_recall * len(chance) / float(top.sum())
        return {
            "recall": smooth(recall, (selected - recall) / positives),
            "f1": smooth(f1, (2 * selected - f1) / (chosen + positives)),
            "recall_at_top": smooth(top_recall, (top - top_recall) / positives),
            "lift_at_top": smooth(lift, lift * (top / in_top - 1 / positives) if in_top > 0 else np.zeros(len(chance))),
        }


def _top_rows(score: Vector, share: float) -> Vector:
    """How much of each row is in the top share, rounded up: of rows tied at its edge an equal part each, (n_rows,)."""
    if not len(score):
        return np.empty(0)
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
