"""From which distance on a column has drifted: set by what chance makes, and by how much the column moved before.

The budget, alarms expected in a period although nothing has changed, is divided by the judgements of the period and by all
measures of all columns (Bonferroni: it holds however these depend on each other), and once more by two, for chance and for
history. A threshold is the largest of

- *chance*: the quantile at that probability of the distance of two samples of one distribution, with as many independent
  rows as there are entities;
- *history*: what the column did by itself. Windows as long as the reference roll over the snapshots of the training set; the
  distance of each to the snapshot as far behind it as the judged one is behind the reference are a sample of distances in
  which season, trend and growth are at work as they always were (`predicted_level`). A level that wanders for longer than
  the history lasts cannot be told from drift;
- *least*: a distance that nobody would act upon, however many rows prove it.

With fewer than `LEAST_WINDOWS` windows chance alone is left, and `basis` says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ml_assets.monitoring import chance
from ml_assets.monitoring.distances import (
    Floats,
    chi_squared,
    jensen_shannon,
    kolmogorov_smirnov,
    population_stability,
    shares,
    wasserstein,
)
from ml_assets.monitoring.measures import CHI2, JS, KS, MEASURES, MISSING, NEW, PSI, WASSERSTEIN
from ml_assets.monitoring.reference_rows import ReferenceColumn
from ml_assets.monitoring.sketch import CategoryBins, NumberBins, Sketch
from ml_assets.specs.monitors import FalseAlarmSpec
from ml_assets.specs.times import SnapshotSpec

LEAST_WINDOWS = 8
# Distances that are no news. A shift by 0.2 standard deviations of a normal variable is PSI 0.04, KS 0.08, JS 0.007 bits,
# Wasserstein 0.2; chi-squared is by row.
LEAST: Mapping[str, float] = {
    PSI: 0.02, KS: 0.03, JS: 0.003, WASSERSTEIN: 0.05, CHI2: 0.0166, MISSING: 0.005, NEW: 0.005,
}  # fmt: skip
# What is bounded by 1 and comes so near to it has changed altogether, whatever it did before.
_MOST: Mapping[str, float] = {KS: 0.75, JS: 0.75, MISSING: 0.75}
# These grow with the square of a shift, the others with the shift.
_SQUARED = (PSI, JS, CHI2)
# Below, nothing would ever be far enough: history that short cannot prove a budget of one alarm a year.
_LEAST_FREEDOM = 8.0


@dataclass(frozen=True)
class Threshold:
    """From where on a distance is drift, and what set it: chance, history or least."""

    value: float
    set_by: str


@dataclass(frozen=True)
class Measured:
    """One measure of one column on one snapshot."""

    value: float
    threshold: Threshold

    @property
    def exceeds(self) -> bool:
        return self.value > self.threshold.value


def judgements_a_year(snapshots: SnapshotSpec | None) -> float:
    """Of a grid; a table without snapshots is taken as judged every day."""
    return {"day": 365.0, "week": 365 / 7, "month": 12.0}[snapshots.every if snapshots is not None else "day"]


def alpha_of(budget: FalseAlarmSpec, snapshots: SnapshotSpec | None, tests: int) -> float:
    """The probability of a false alarm that one measure of one column may have on one snapshot, from chance and from history
    each; at most 0.025."""
    a_year = budget.at_most * (12 if budget.per == "month" else 1)
    return min(a_year / judgements_a_year(snapshots) / max(tests, 1), 0.05) / 2


def tests_of(columns: Sequence[ReferenceColumn]) -> int:
    """How many measures are judged on one snapshot."""
    return sum(len(MEASURES[kind_of(column)]) for column in columns)


@dataclass
class ColumnJudge:
    """Measures one column of a version against its reference. What its history says is computed once a lead."""

    reference: ReferenceColumn
    alpha: float
    _past: dict[int, dict[str, Floats]] = field(default_factory=dict)
    _levels: dict[tuple[int, str], float] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return kind_of(self.reference)

    def measured(self, current: Sketch, lead: int) -> dict[str, Measured]:
        """Measure → value and threshold; what cannot be said of these rows is left out.

        `lead` is by how many snapshots the judged one follows the newest of the reference, at least 1.
        """
        values = self._values(current)
        limits = self.thresholds(current, lead, tuple(values))
        return {name: Measured(value, limits[name]) for name, value in values.items()}

    def thresholds(self, current: Sketch, lead: int, measures: Sequence[str]) -> dict[str, Threshold]:
        """Measure → threshold for rows as many (and as often missing or new) as those of `current`."""
        found = {}
        for name in measures:
            candidates = {
                "chance": self._chance(name, current), "least": self._least(name, current),
                "history": self._history(name, lead, current),
            }  # fmt: skip
            set_by = max(candidates, key=lambda which: candidates[which])
            found[name] = Threshold(candidates[set_by], set_by)
        return found

    def distances(self, counts: npt.ArrayLike) -> dict[str, Floats]:
        """Measure of the shape → distance (…) of `counts` (…, n_bins) to the reference; chi-squared needs more than counts."""
        reference = self.reference.sketch.counts
        found = {JS: jensen_shannon(reference, counts)}
        return found | (_of_numbers(reference, counts, self._widths) if self.kind == "number" else {})

    def past(self, lead: int) -> dict[str, Floats]:
        """Measure → distances (n_windows,) of the column's own history at this lead, or at the longest there is; empty
        where the history is too short."""
        windows = self.windows(lead)
        if windows is None:
            return {}
        width, step = windows
        if step not in self._past:
            self._past[step] = self._rolled(width, step)
        return self._past[step]

    def windows(self, lead: int) -> tuple[int, int] | None:
        """Snapshots of a window, and its distance to the one it is compared with; None where fewer than `LEAST_WINDOWS` fit."""
        length = len(self.reference.history.snapshots)
        width = max(min(self.reference.snapshots, length // 2), 1)
        step = min(max(lead, 1), length - width - LEAST_WINDOWS + 1)
        return (width, step) if step >= 1 else None

    def basis(self, lead: int) -> str:
        """In words, what thresholds rest on beside chance."""
        windows, length = self.windows(lead), len(self.reference.history.snapshots)
        if windows is None:
            return f"chance alone: {length} snapshots of history, too few for {LEAST_WINDOWS} windows"
        return f"{length - sum(windows) + 1} windows of {windows[0]} snapshots, each against the one {windows[1]} later"

    def _rolled(self, width: int, step: int) -> dict[str, Floats]:
        history = self.reference.history
        counts, missing = history.counts.astype(np.float64), history.missing.astype(np.float64)
        windows, single = _rolling(counts, width)[:-step], counts[width - 1 + step :]
        rows = counts.sum(axis=1) + missing
        absent = _rolling(missing[:, None], width)[:-step, 0] / _rolling(rows[:, None], width)[:-step, 0].clip(1)
        with np.errstate(invalid="ignore"):
            alone = missing[width - 1 + step :] / rows[width - 1 + step :].clip(1)
        found = {JS: jensen_shannon(windows, single), MISSING: np.abs(alone - absent)}
        if self.kind == "category":
            found[CHI2] = 2 * chi_squared(shares(windows), shares(single))
        else:
            found |= _of_numbers(windows, single, self._widths)
        return found

    def _values(self, current: Sketch) -> dict[str, float]:
        sketch, found = self.reference.sketch, {}
        if current.rows and sketch.rows:
            found[MISSING] = abs(current.missing_share - sketch.missing_share)
        if not current.present or not sketch.present:
            return found
        found |= {name: float(value) for name, value in self.distances(current.counts).items()}
        if isinstance(self.reference.bins, CategoryBins):
            first, second = (shares(one.counts) * _independent(one) for one in (sketch, current))
            found[CHI2] = float(chi_squared(*gathered(first, second)))
            if self.reference.bins.known:
                found[NEW] = current.new_rows / current.rows
        return {name: value for name, value in found.items() if not math.isnan(value)}

    @property
    def _widths(self) -> Floats | None:
        """Widths of the bins between the edges in standard deviations of the reference; None where it does not vary."""
        bins, std = self.reference.bins, self.reference.sketch.std
        if not isinstance(bins, NumberBins) or not std > 0:
            return None
        return np.diff(np.asarray(bins.edges)) / std

    def _chance(self, name: str, current: Sketch) -> float:
        sketch, alpha = self.reference.sketch, self.alpha
        if name in (MISSING, NEW):
            hits = sum(one.missing * one.units / max(one.rows, 1) for one in (sketch, current))
            hits = current.new_rows * current.units / max(current.rows, 1) if name == NEW else hits
            return chance.share_noise(alpha, sketch.units, current.units, hits)
        first, second = _independent(sketch), _independent(current)
        used = int(((sketch.counts + current.counts) > 0).sum())
        if name == CHI2:
            return chance.chi_squared_quantile(
                alpha, len(gathered(shares(sketch.counts) * first, shares(current.counts) * second)[0]) - 1
            )
        if name == KS:
            return chance.kolmogorov_smirnov_noise(alpha, first, second)
        if name == WASSERSTEIN:
            assert self._widths is not None
            return chance.wasserstein_noise(alpha, first, second, sketch.counts.astype(np.float64), self._widths)
        noise = chance.stability_noise if name == PSI else chance.divergence_noise
        return noise(alpha, first, second, used)

    def _least(self, name: str, current: Sketch) -> float:
        return LEAST[name] * (self._pairs(current) if name == CHI2 else 1.0)

    def _history(self, name: str, lead: int, current: Sketch) -> float:
        """What the column's own distances let expect of one more; 0 where too few of them are defined."""
        if (lead, name) not in self._levels:
            self._levels[lead, name] = self._level(name, self.past(lead).get(name, np.empty(0)))
        return self._levels[lead, name] * (self._pairs(current) if name == CHI2 else 1.0)

    def _level(self, name: str, past: Floats) -> float:
        told = past[~np.isnan(past)]
        if len(told) < LEAST_WINDOWS:
            return 0.0
        level = predicted_level(told if name in _SQUARED else told**2, self.alpha, self._expected_noise(name))
        return min(level if name in _SQUARED else math.sqrt(level), _MOST.get(name, math.inf))

    def _expected_noise(self, name: str) -> float:
        """What squared distances of the history would be on average, had nothing moved but chance."""
        history = self.reference.history
        rows = float(history.counts.sum(axis=1).mean())
        variance = chance.sampling_variance(rows * max(self.reference.snapshots, 1), rows) if rows else 0.0
        freedom = int((self.reference.sketch.counts > 0).sum()) - 1
        by_measure = {PSI: freedom, CHI2: freedom, JS: freedom / (8 * math.log(2)), KS: math.pi**2 / 12}
        if name == WASSERSTEIN and self._widths is not None:
            return (
                variance * 2 / math.pi * chance.area(self.reference.sketch.counts.astype(np.float64), self._widths) ** 2
            )
        return variance * max(by_measure.get(name, 0.0), 0.0)

    def _pairs(self, current: Sketch) -> float:
        return 1 / chance.sampling_variance(_independent(self.reference.sketch), _independent(current))


def predicted_level(squares: Floats, alpha: float, noise: float = 0.0) -> float:
    """The level that one more of `squares` (n,), squared distances that follow each other, exceeds with probability `alpha`.

    `noise`, the part of them that is always there, stays as it is. The rest is taken as a multiple of a chi-squared variable whose degrees of freedom follow from mean and variance
    (Satterthwaite 1946): about one where a distance is that of a level which moves to and fro, many where it is always
    there, as under growth. As the mean is itself uncertain, the level is that of an F distribution. n values of
    lag-1 correlation r are worth n (1 - r) / (1 + r) independent ones (Bayley and Hammersley 1946).
    """
    rest = (squares - noise).clip(0)
    mean, variance = float(rest.mean()), float(rest.var())
    if not variance > 0:
        return mean + noise
    deviations = rest - mean
    correlation = float((deviations[1:] * deviations[:-1]).sum() / (deviations**2).sum())
    worth = min(max(len(rest) * (1 - correlation) / (1 + correlation), 2.0), float(len(rest)))
    freedom = max(2 * mean**2 * (1 - 1 / worth) / variance, 1.0)
    return noise + mean * chance.f_quantile(alpha, freedom, max(freedom * worth, _LEAST_FREEDOM))


def gathered(first: Floats, second: Floats, least: float = 5.0) -> tuple[Floats, Floats]:
    """Counts whose expected number is below `least` on a side are added up, as the chi-squared distribution wants it
    (Cochran 1954); bins empty on both sides are left out."""
    pooled = (first + second) / max(float(first.sum() + second.sum()), 1.0)
    thin = pooled * min(first.sum(), second.sum()) < least
    kept = [np.append(side[~thin], side[thin].sum()) for side in (first, second)]
    used = (kept[0] + kept[1]) > 0
    return kept[0][used], kept[1][used]


def leads(snapshots: SnapshotSpec | None, end: datetime | None, moment: datetime | None) -> int:
    """By how many snapshots of the grid `moment` follows `end`, at least 1; 1 where there is no order in time."""
    if snapshots is None or end is None or moment is None:
        return 1
    if snapshots.every == "month":
        return max((moment.year - end.year) * 12 + moment.month - end.month, 1)
    return max(round((moment - end).total_seconds() / 86400 / (7 if snapshots.every == "week" else 1)), 1)


def _of_numbers(reference: npt.ArrayLike, current: npt.ArrayLike, widths: Floats | None) -> dict[str, Floats]:
    found = {PSI: population_stability(reference, current), KS: kolmogorov_smirnov(reference, current)}
    return found if widths is None else {**found, WASSERSTEIN: wasserstein(reference, current, widths)}


def _rolling(values: Floats, width: int) -> Floats:
    """Sums over `width` rows, shape (n - width + 1, n_columns)."""
    total = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), values]), axis=0)
    found: Floats = total[width:] - total[:-width]
    return found


def _independent(sketch: Sketch) -> float:
    """Rows with a value that are independent of each other: entities, not their repetitions."""
    return sketch.units * sketch.present / max(sketch.rows, 1)


def kind_of(column: ReferenceColumn) -> str:
    """number or category."""
    return "number" if isinstance(column.bins, NumberBins) else "category"
