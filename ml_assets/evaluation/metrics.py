"""Metrics of a binary prediction. Vectorised; every function takes labels in {0, 1} and probabilities, shape (n_rows,)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


def roc_auc(label: Vector, score: Vector) -> float:
    """Probability that a random positive scores above a random negative, ties counted half (Mann and Whitney 1947).

    NaN when one class is absent.
    """
    positive = int(label.sum())
    negative = len(label) - positive
    if positive == 0 or negative == 0:
        return math.nan
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    counts = np.diff(np.r_[starts, len(ranked)])
    mean_rank = starts + (counts + 1) / 2
    ranks = np.repeat(mean_rank, counts)
    return float((ranks[label[order] == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def average_precision(label: Vector, score: Vector) -> float:
    """Sum over thresholds of (recall gained) x precision; NaN without positives."""
    positive = label.sum()
    if positive == 0:
        return math.nan
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    true = np.cumsum(label[order])[ends]
    precision = true / (ends + 1)
    return float(np.sum(np.diff(np.r_[0, true]) * precision) / positive)


def brier(label: Vector, score: Vector) -> float:
    """Mean squared distance of probability and outcome (Brier 1950)."""
    return float(np.mean((score - label) ** 2))


def log_loss(label: Vector, score: Vector) -> float:
    """Mean negative log likelihood, natural logarithm; probabilities are clipped at the smallest float step."""
    step = float(np.finfo(np.float64).eps)
    clipped = score.clip(step, 1 - step)
    return float(-np.mean(label * np.log(clipped) + (1 - label) * np.log1p(-clipped)))


METRICS: dict[str, Callable[[Vector, Vector], float]] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "brier": brier,
    "log_loss": log_loss,
}
HIGHER_IS_BETTER = {"roc_auc": True, "average_precision": True, "brier": False, "log_loss": False}


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
    order = np.argsort(-score, kind="stable")
    ranked, hits = score[order], label[order]
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    true = np.r_[0, np.cumsum(hits)[ends]] / max(hits.sum(), 1)
    false = np.r_[0, np.cumsum(1 - hits)[ends]] / max((1 - hits).sum(), 1)
    chosen = np.unique(np.linspace(0, len(true) - 1, min(most, len(true))).round().astype(int))
    return [(float(false[i]), float(true[i])) for i in chosen]
