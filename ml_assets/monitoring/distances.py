"""How far two binned distributions are apart. Everything is over the last axis, so that many pairs are one call.

`reference` and `current` are counts of shape (…, n_bins) over the same bins; results have shape (…). A distance to nothing
(no rows on either side) is NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_PSEUDO_COUNT = 0.5


def shares(counts: npt.ArrayLike) -> Floats:
    """Share of each bin; NaN without rows."""
    given = np.asarray(counts, dtype=np.float64)
    total = given.sum(axis=-1, keepdims=True)
    found: Floats = np.divide(given, total, out=np.full(given.shape, np.nan), where=total > 0)
    return found


def population_stability(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """Population stability index: sum of (q - p) ln(q / p), Jeffreys' symmetric divergence (Jeffreys 1946; Siddiqi 2006).

    Half a row is added to every bin that either side has rows in, so that a bin empty on one side is far, not infinitely
    far; bins empty on both sides say nothing.
    """
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    used = (p + q) > 0
    there = (p.sum(axis=-1) > 0) & (q.sum(axis=-1) > 0)
    p, q = (shares(np.where(used, side + _PSEUDO_COUNT, 0.0)) for side in np.broadcast_arrays(p, q))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(used, (q - p) * np.log(q / p), 0.0)
    return np.where(there, terms.sum(axis=-1), np.nan)


def kolmogorov_smirnov(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """Largest distance of the two cumulative shares at the edges of the bins: at most that of the rows themselves."""
    found: Floats = np.abs(_cumulative_difference(reference, current)).max(axis=-1)
    return found


def jensen_shannon(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """Jensen-Shannon divergence in bits, from 0 (equal) to 1 (nothing in common) (Lin 1991)."""
    p, q = np.broadcast_arrays(shares(reference), shares(current))
    middle = (p + q) / 2
    found: Floats = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    # Rounding must not make equal shares a tiny negative distance.
    return np.where(np.isnan(found), np.nan, np.clip(found, 0.0, 1.0))


def wasserstein(reference: npt.ArrayLike, current: npt.ArrayLike, widths: npt.ArrayLike) -> Floats:
    """Area between the two cumulative shares (first Wasserstein distance; Vallender 1974), in units of `widths`.

    `widths` (…, n_bins - 2) are those of the bins between the edges, divided by the reference's standard deviation for a
    standardised distance. Values are taken as evenly spread in their bin, and what lies outside of the edges as lying at
    the nearest one: a single value out of all proportion does not become the distance.
    """
    difference = _cumulative_difference(reference, current)[..., :-1]
    left, right = difference[..., :-1], difference[..., 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (left**2 + right**2) / (2 * np.abs(left - right))
    area = np.where(left * right >= 0, np.abs(left + right) / 2, crossing)
    found: Floats = (area * np.asarray(widths, dtype=np.float64)).sum(axis=-1)
    return found


def chi_squared(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """Pearson's statistic of "both samples have the same shares" (Pearson 1911): sum of (observed - expected)² / expected."""
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    first, second = p.sum(axis=-1, keepdims=True), q.sum(axis=-1, keepdims=True)
    pooled = (p + q) / np.where(first + second > 0, first + second, np.nan)
    total = np.zeros(np.broadcast_shapes(p.shape, q.shape)[:-1])
    for counts, rows in ((p, first), (q, second)):
        expected = rows * pooled
        total = total + np.where(expected > 0, (counts - expected) ** 2 / np.where(expected > 0, expected, 1), 0).sum(
            -1
        )
    there = (first[..., 0] > 0) & (second[..., 0] > 0)
    return np.where(there, total, np.nan)


def _cumulative_difference(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    found: Floats = np.cumsum(shares(current), axis=-1) - np.cumsum(shares(reference), axis=-1)
    return found


def _relative_entropy(p: Floats, q: Floats) -> Floats:
    """Kullback-Leibler divergence in bits; a bin without rows adds nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(p / q), p * 0)
    found: Floats = terms.sum(axis=-1)
    return found
