"""The metrics of predicted numbers under many weightings of the rows."""

from __future__ import annotations

import numpy as np

from ml_assets.evaluation.catalogue import MetricOptions
from ml_assets.evaluation.metrics.binary import Vector
from ml_assets.evaluation.metrics.resampled import Clusters, Draws, ratio

# Below this share of the squares about the mean of all rows, what is left of a draw's own spread is rounding.
_NO_SPREAD = 1e-10


class RegressionMetrics:
    """R² against the mean of the draw's own labels; the percentage error only where no label is 0.

    Pinball: quantile x shortfall above the prediction, (1 - quantile) x excess below it (Koenker and Bassett 1978).
    """

    def __init__(self, label: Vector, score: Vector, clusters: Clusters, options: MetricOptions) -> None:
        error = label - score
        absolute = np.abs(error)
        # About the mean, so that squares of large labels do not drown their spread; exact where all labels are equal.
        constant = len(label) == 0 or bool((label == label[0]).all())
        about = np.zeros(len(label)) if constant else label - label.mean()
        pinball = np.maximum(options.quantile * error, (options.quantile - 1) * error)
        share = ratio(absolute, np.abs(label)) if label.all() else np.full(len(label), np.nan)
        columns = [np.ones(len(label)), absolute, error**2, about, about**2, pinball, share]
        self._sums = clusters.sums(np.stack(columns, axis=1))
        order = np.argsort(absolute, kind="stable")
        self._absolute, self._codes = absolute[order], clusters.codes[order]

    def values(self, draws: Draws) -> Vector:
        rows, absolute, squared, about, about_squared, pinball, share = (draws.weights @ self._sums).T
        spread = about_squared - np.nan_to_num(ratio(about**2, rows))
        spread = np.where(spread <= _NO_SPREAD * about_squared, 0.0, spread)
        found = [
            1 - ratio(squared, spread), np.sqrt(ratio(squared, rows)), ratio(absolute, rows), self._medians(draws),
            ratio(pinball, rows), ratio(share, rows),
        ]  # fmt: skip
        return np.stack(found, axis=1)

    def _medians(self, draws: Draws) -> Vector:
        """Middle of the counted absolute errors, mean of the two middle ones of an even number."""
        found = np.full(len(draws), np.nan)
        if not len(self._codes):
            return found
        for block in draws.blocks(len(self._codes)):
            running = np.cumsum(np.take(draws.counts[block], self._codes, axis=1), axis=1)
            for draw, line in enumerate(running, block.start):
                middle = np.searchsorted(line, [(line[-1] - 1) // 2, line[-1] // 2], side="right")
                found[draw] = self._absolute[middle].mean()
        return found
