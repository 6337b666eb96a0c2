"""What a distribution was like, in a few numbers: counts in bins fixed beforehand, moments, missing values, categories.

Sketches of parts add up to the sketch of the whole, so that rows are looked at once and never kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from ml_assets.errors import MlAssetsError

QUANTILES = 20
MOST_CATEGORIES = 50
MOST_NEW_NAMES = 5
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NumberBins:
    """Bins of a number: (-inf, e0], (e0, e1], …, (ek, inf), one more than `edges`, which rise strictly.

    Of bins learnt from a reference the first holds what lies below its smallest value, the last what lies above its largest.
    """

    edges: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.edges) + 1

    @classmethod
    def of_quantiles(cls, quantiles: Sequence[float], low: float, high: float) -> NumberBins:
        """Equally filled bins between the extremes. A value that several quantiles share, a tie, has a bin of its own."""
        values, times = np.unique(np.asarray(quantiles, dtype=np.float64), return_counts=True)
        tied = [float(value) for value in values[times > 1]]
        alone = [math.nextafter(value, -math.inf) for value in (*tied, low)]
        return cls(tuple(sorted({*map(float, values), *alone, high})))


@dataclass(frozen=True)
class CategoryBins:
    """Bins of a text: one for each of `listed`, and a last one for all others.

    Values outside `known` are new. `known` holds every listed one; it is empty where new values cannot be told.
    """

    listed: tuple[str, ...]
    known: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.listed) + 1


Bins = NumberBins | CategoryBins


@dataclass(frozen=True)
class Sketch:
    """One column of some rows. `counts` (n_bins,) of the values that are there; `missing` are nulls, NaN and
    infinite numbers, which no contract of a feature allows.

    Moments and extremes are NaN without values (and for texts). `new`: the most frequent new categories →
    rows; `new_rows` counts the rows of all of them. `units` are the distinct entities (or groups) behind the rows.
    """

    rows: int
    missing: int
    counts: Counts
    units: int = 0
    mean: float = math.nan
    std: float = math.nan
    low: float = math.nan
    high: float = math.nan
    new: Mapping[str, int] = field(default_factory=dict)
    new_rows: int = 0

    @property
    def present(self) -> int:
        return self.rows - self.missing

    @property
    def missing_share(self) -> float:
        """NaN without rows."""
        return self.missing / self.rows if self.rows else math.nan

    def with_moments(self, mean: float, std: float, low: float, high: float) -> Sketch:
        return replace(self, mean=mean, std=std, low=low, high=high)

    @classmethod
    def empty(cls, bins: Bins) -> Sketch:
        """Of no rows."""
        return cls(0, 0, np.zeros(len(bins), dtype=np.int64))


def number_or_nan(value: float | None) -> float:
    """A stored moment: null is NaN."""
    return math.nan if value is None else float(value)


def merged(parts: Sequence[Sketch]) -> Sketch:
    """The sketch of all rows of the parts, which have the same bins; moments are weighted by what is there.

    `units` are added up: right where no entity is in two parts, else an upper bound. Raises on parts with other bins.
    """
    if not parts:
        raise MlAssetsError("nothing to merge", expected="at least one sketch", got="none")
    return reduce(_both, parts)


def _both(one: Sketch, other: Sketch) -> Sketch:
    if len(one.counts) != len(other.counts):
        raise MlAssetsError(
            "sketches with different bins cannot be merged", expected=f"{len(one.counts)} bins", got=len(other.counts),
            remedy="make both with the bins of one reference",
        )  # fmt: skip
    mean, std = _moments(one, other)
    new = {name: one.new.get(name, 0) + other.new.get(name, 0) for name in {**one.new, **other.new}}
    most = sorted(new.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_NEW_NAMES]
    return Sketch(
        one.rows + other.rows, one.missing + other.missing, one.counts + other.counts, one.units + other.units,
        mean, std, float(np.fmin(one.low, other.low)), float(np.fmax(one.high, other.high)), dict(most),
        one.new_rows + other.new_rows,
    )  # fmt: skip


def _moments(one: Sketch, other: Sketch) -> tuple[float, float]:
    """Mean and standard deviation of both together (Chan, Golub, LeVeque 1983)."""
    parts = [part for part in (one, other) if not math.isnan(part.mean)]
    rows = sum(part.present for part in parts)
    if not rows:
        return math.nan, math.nan
    mean = sum(part.mean * part.present for part in parts) / rows
    square = sum((part.std**2 + (part.mean - mean) ** 2) * part.present for part in parts) / rows
    return mean, math.sqrt(square)
