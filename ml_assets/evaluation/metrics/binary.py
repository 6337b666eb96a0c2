"""Metrics and curves of a binary prediction, each row counted once; labels in {0, 1}, probabilities, shape (n_rows,)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


def binary_metrics(label: Vector, score: Vector) -> dict[str, float]:
    """Every metric of `METRICS`, with the rows sorted once."""
    steps = threshold_steps(label, score)
    return {
        "roc_auc": _area_under_roc(steps), "average_precision": _average_precision(steps), "brier": brier(label, score),
        "log_loss": log_loss(label, score),
    }  # fmt: skip


@dataclass(frozen=True)
class ThresholdSteps:
    """What lies at or above each distinct score, highest first: how many rows, and how many positives among them."""

    rows: Vector
    positives: Vector

    @property
    def negatives(self) -> Vector:
        return self.rows - self.positives


def threshold_steps(label: Vector, score: Vector) -> ThresholdSteps:
    """Equal scores make one step, so that no order among them matters."""
    order = np.argsort(-score)
    ranked = score[order]
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True]) if len(ranked) else np.array([], dtype=np.intp)
    return ThresholdSteps((ends + 1).astype(np.float64), np.cumsum(label[order])[ends])


def roc_auc(label: Vector, score: Vector) -> float:
    """Probability that a random positive scores above a random negative, ties counted half (Mann and Whitney 1947).

    NaN when one class is absent.
    """
    return _area_under_roc(threshold_steps(label, score))


def average_precision(label: Vector, score: Vector) -> float:
    """Sum over thresholds of (recall gained) x precision; NaN without positives."""
    return _average_precision(threshold_steps(label, score))


def brier(label: Vector, score: Vector) -> float:
    """Mean squared distance of probability and outcome (Brier 1950); NaN without rows."""
    return float(np.mean((score - label) ** 2)) if len(label) else math.nan


def log_loss(label: Vector, score: Vector) -> float:
    """Mean negative log likelihood, natural logarithm; probabilities are clipped at the smallest float step.

    NaN without rows.
    """
    if not len(label):
        return math.nan
    step = float(np.finfo(np.float64).eps)
    # The probability that was given to what happened: one logarithm a row.
    happened = np.where(label == 1, score, 1 - score).clip(step, 1 - step)
    return float(-np.mean(np.log(happened)))


METRICS: dict[str, Callable[[Vector, Vector], float]] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "brier": brier,
    "log_loss": log_loss,
}
HIGHER_IS_BETTER = {"roc_auc": True, "average_precision": True, "brier": False, "log_loss": False}


def _area_under_roc(steps: ThresholdSteps) -> float:
    positive, negative = steps.positives[-1:].sum(), steps.negatives[-1:].sum()
    if positive == 0 or negative == 0:
        return math.nan
    width, height = np.diff(steps.negatives, prepend=0.0), steps.positives
    before = np.r_[0.0, height[:-1]]
    return float(np.sum(width * (before + height)) / 2 / (positive * negative))


def _average_precision(steps: ThresholdSteps) -> float:
    positive = steps.positives[-1:].sum()
    if positive == 0:
        return math.nan
    return float(np.sum(np.diff(steps.positives, prepend=0.0) * steps.positives / steps.rows) / positive)


def calibration_bins(label: Vector, score: Vector, bins: int = 10) -> list[tuple[float, float, int]]:
    """(mean score, positive share, rows) of equally filled score bins, lowest first."""
    order = np.argsort(score, kind="stable")
    return [
        (float(score[part].mean()), float(label[part].mean()), len(part))
        for part in np.array_split(order, bins)
        if len(part)
    ]


def roc_points(label: Vector, score: Vector, most: int = 200) -> list[tuple[float, float]]:
    """(false positive rate, true positive rate) along the ROC curve, at most `most` points, ends included."""
    steps = threshold_steps(label, score)
    true = np.r_[0, steps.positives] / max(label.sum(), 1)
    false = np.r_[0, steps.negatives] / max((1 - label).sum(), 1)
    chosen = np.unique(np.linspace(0, len(true) - 1, min(most, len(true))).round().astype(int))
    return [(float(false[i]), float(true[i])) for i in chosen]
