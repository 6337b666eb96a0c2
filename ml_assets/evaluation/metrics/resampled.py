"""Rows under many weightings at once: each draw of a bootstrap says how often each cluster of rows counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ml_assets.evaluation.metrics.binary import Vector
from ml_assets.evaluation.metrics.inputs import Codes

Counts = npt.NDArray[np.int32]
# Counts of this many rows are looked at together: they stay in a core's cache, and small data need few calls.
_BLOCK = 1 << 17


@dataclass(frozen=True)
class Clusters:
    """Which cluster each row belongs to, codes 0.. of shape (n_rows,), and how many clusters there are."""

    codes: Codes
    count: int

    @classmethod
    def of_rows(cls, rows: int) -> Clusters:
        """Every row by itself."""
        return cls(np.arange(rows), rows)

    def sums(self, columns: Vector) -> Vector:
        """Columns (n_rows, m) added up by cluster: (n_clusters, m)."""
        if len(columns) == self.count and np.array_equal(self.codes, np.arange(self.count)):
            return columns
        return np.stack([summed(self.codes, column, self.count) for column in columns.T], axis=1)


@dataclass(frozen=True)
class Draws:
    """How often each cluster counts in each draw: whole numbers, shape (n_draws, n_clusters), also as floats."""

    counts: Counts
    weights: Vector

    @classmethod
    def of(cls, counts: Counts) -> Draws:
        return cls(counts, counts.astype(np.float64))

    @classmethod
    def once(cls, clusters: Clusters) -> Draws:
        """One draw in which every row counts once."""
        return cls.of(np.ones((1, clusters.count), dtype=np.int32))

    def __len__(self) -> int:
        return len(self.counts)

    def blocks(self, width: int) -> Iterator[slice]:
        """Draws that are handled together when each needs `width` numbers."""
        step = max(1, _BLOCK // max(width, 1))
        return (slice(start, min(start + step, len(self))) for start in range(0, len(self), step))


class Kernel(Protocol):
    """All metrics of one task and score, prepared so that a draw costs no sort."""

    def values(self, draws: Draws) -> Vector:
        """Metrics in the order of the task's catalogue, (n_draws, n_metrics); NaN where one is not defined."""
        ...


def summed(codes: Codes, values: npt.ArrayLike, count: int) -> Vector:
    """Values added up by code, (count,)."""
    found: Vector = np.bincount(codes, values, count).astype(np.float64, copy=False)
    return found


def ratio(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> Vector:
    """Their quotient; NaN where the denominator is 0 or not known."""
    found = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=found, where=denominator != 0)
    return found


@dataclass(frozen=True)
class Ranked:
    """What a ranking does in each draw: shapes (n_draws,)."""

    roc_auc: Vector
    average_precision: Vector
    top_rows: Vector
    top_positives: Vector


class RankedRows:
    """Rows of a binary question in falling order of score, sorted once for all draws.

    Equal scores make one step, so that no order among them matters. Only steps that hold a positive row are looked at:
    between them neither the area under the ROC curve nor the precision gains anything.
    """

    def __init__(self, positive: npt.NDArray[np.bool_], score: Vector, clusters: Clusters) -> None:
        order = np.argsort(-score, kind="stable")
        falling = score[order]
        ends = np.flatnonzero(np.r_[falling[1:] != falling[:-1], True]) if len(order) else np.array([], dtype=np.intp)
        self._ends = ends
        self._codes = clusters.codes[order]
        at = np.flatnonzero(positive[order])
        self._positive_codes = self._codes[at]
        step = np.searchsorted(ends, at)
        last = np.flatnonzero(np.r_[step[1:] != step[:-1], True]) if len(at) else np.array([], dtype=np.intp)
        # Of each step with a positive: the place of its last row, of the last row above it, and of its last positive.
        self._step_end = ends[step[last]]
        self._step_start = np.r_[-1, ends][step[last]]
        self._last_positive = last
        self._positive_at_end = np.searchsorted(at, ends, side="right")

    def values(self, draws: Draws, top: float | None = None) -> Ranked:
        """Areas and, for the share `top` of the rows, how many rows and positives it holds (else NaN)."""
        found = np.full((4, len(draws)), np.nan)
        if not len(self._codes):
            return Ranked(*found)
        for block in draws.blocks(len(self._codes)):
            counts = draws.counts[block]
            rows = _running(counts, self._codes)
            positives = _running(counts, self._positive_codes)
            found[:2, block] = self._areas(rows, positives)
            if top is not None:
                found[2:, block] = self._top(rows, positives, top)
        return Ranked(*found)

    def _areas(self, rows: Counts, positives: Counts) -> tuple[Vector, Vector]:
        """Mann and Whitney's area with ties counted half, and the sum over steps of recall gained x precision."""
        at_end = positives[:, 1:].take(self._last_positive, axis=1).astype(np.float64)
        gained = np.diff(at_end, axis=1, prepend=0.0)
        seen = rows.take(self._step_end + 1, axis=1).astype(np.float64)
        before = rows.take(self._step_start + 1, axis=1)
        all_positive = positives[:, -1].astype(np.float64)
        all_negative = rows[:, -1] - all_positive
        precision = at_end / np.maximum(seen, 1.0)
        # Negatives at or above the step count as lost, those within it half.
        lost = seen + before
        lost -= 2 * at_end
        lost += gained
        wrong = np.einsum("ij,ij->i", gained, lost) / 2
        return 1 - ratio(wrong, all_positive * all_negative), ratio(
            np.einsum("ij,ij->i", gained, precision), all_positive
        )

    def _top(self, rows: Counts, positives: Counts, top: float) -> tuple[Vector, Vector]:
        """Rows among the top share, rounded up, and the positives expected there when ties are broken at random."""
        wanted = np.ceil(rows[:, -1] * top - 1e-9)
        last_row = [int(np.searchsorted(line[1:], count)) for line, count in zip(rows, wanted, strict=True)]
        step, each = np.searchsorted(self._ends, last_row), np.arange(len(rows))
        above = np.r_[-1, self._ends][step]
        rows_before, rows_after = rows[each, above + 1], rows[each, self._ends[step] + 1]
        before = positives[each, np.r_[0, self._positive_at_end][step]]
        after = positives[each, self._positive_at_end[step]]
        share = (wanted - rows_before) / (rows_after - rows_before)
        return wanted, before + share * (after - before)


def _running(counts: Counts, codes: Codes) -> Counts:
    """Rows counted so far along `codes`, a zero first: (n_draws, len(codes) + 1)."""
    found = np.zeros((len(counts), len(codes) + 1), dtype=np.int32)
    np.cumsum(np.take(counts, codes, axis=1), axis=1, dtype=np.int32, out=found[:, 1:])
    return found
