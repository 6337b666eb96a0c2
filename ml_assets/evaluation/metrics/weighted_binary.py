"""The metrics of binary probabilities under many weightings of the rows."""

from __future__ import annotations

import numpy as np

from ml_assets.evaluation.catalogue import MetricOptions
from ml_assets.evaluation.metrics.binary import Vector
from ml_assets.evaluation.metrics.inputs import Codes
from ml_assets.evaluation.metrics.resampled import Clusters, Draws, RankedRows, ratio


class BinaryMetrics:
    """Sums by cluster for what is a sum, rows in order of score for what is not.

    Both calibration errors compare the mean probability with the share of positives bin by bin, weighted by the bin's
    rows (Naeini, Cooper and Hauskrecht 2015): bins of equal width over [0, 1], closed above, or bins that hold equally
    many of the rows, with tied scores in one bin. The bins stay those of the rows as they are in every draw.
    """

    def __init__(self, label: Vector, score: Vector, clusters: Clusters, options: MetricOptions) -> None:
        self._options = options
        self._ranked = RankedRows(label == 1, score, clusters)
        selected = score >= options.threshold
        columns = [
            np.ones(len(label)),
            label,
            row_log_loss(label, score),
            (score - label) ** 2,
            selected,
            selected * label,
        ]
        gap, self._plain = label - score, len(columns)
        for bins in (width_bins(score, options.bins), mass_bins(score, options.bins)):
            columns += [np.where(bins == place, gap, 0.0) for place in range(options.bins)]
        self._sums = clusters.sums(np.stack(columns, axis=1))

    def values(self, draws: Draws) -> Vector:
        sums = draws.weights @ self._sums
        rows, positives, log_loss, squared, selected, true = sums.T[: self._plain]
        gaps = np.abs(sums[:, self._plain :]).reshape(len(draws), 2, -1).sum(axis=2)
        ranked = self._ranked.values(draws, self._options.top)
        top_precision = ratio(ranked.top_positives, ranked.top_rows)
        found = [
            ranked.roc_auc, ranked.average_precision, ratio(squared, rows), ratio(log_loss, rows),
            ratio(gaps[:, 0], rows), ratio(gaps[:, 1], rows),
            ratio(true, selected), ratio(true, positives), ratio(2 * true, selected + positives),
            top_precision, ratio(ranked.top_positives, positives), ratio(top_precision, ratio(positives, rows)),
        ]  # fmt: skip
        return np.stack(found, axis=1)


def row_log_loss(label: Vector, score: Vector) -> Vector:
    """Negative natural logarithm of the probability that was given to what happened, (n_rows,), clipped at a float step."""
    step = float(np.finfo(np.float64).eps)
    happened: Vector = np.where(label == 1, score, 1 - score).clip(step, 1 - step)
    return -np.log(happened)


def width_bins(score: Vector, bins: int) -> Codes:
    """Bin 0.. of each probability, all of width 1/`bins` and closed above; 0 belongs to the first."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    return np.clip(np.searchsorted(edges, score) - 1, 0, bins - 1)


def mass_bins(score: Vector, bins: int) -> Codes:
    """Bin 0.. of each score by its rank: equally many rows a bin as far as tied scores, which stay together, allow."""
    _, step, rows = np.unique(score, return_inverse=True, return_counts=True)
    lower = np.cumsum(rows) - rows
    found: Codes = (lower * bins // max(len(score), 1))[step]
    return found
