"""What share of positives a snapshot will end with, told from those it has after a part of its outcome window.

Snapshots whose window has passed show how the share of positives grew: the odds at the end are those at an age times a
factor that was about the same at every one of them (on the log odds: a difference). The difference of a new snapshot is one
more of the same kind, so its end lies within what t says about one more draw (Student 1908); weeks unlike all others are left out. Ages are compared with equal
ages, as known at that age: reports that arrive late are late for both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from ml_assets.evaluation.influence import t_quantile, upper_tail
from ml_assets.evaluation.metrics import Vector

FEWEST_REFERENCES = 5
_MOST_AGES, _APART = 14, 5.0
_STEPS = tuple(timedelta(days=days) for days in (1, 7, 28, 91, 364))


class Grown(NamedTuple):
    """Rows of a snapshot, positives among them at an age, and at the end."""

    rows: int
    early: int
    final: int


class Projection(NamedTuple):
    """Where a rate will end: its log odds with their standard deviation, from so many earlier snapshots."""

    centre: float
    spread: float
    references: int

    @property
    def rate(self) -> float:
        return 1 / (1 + math.exp(-self.centre))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Between which rates it will end with this probability."""
        reach = t_quantile((1 + level) / 2, self.references - 1) * self.spread
        low, high = (1 / (1 + math.exp(-(self.centre + side * reach))) for side in (-1, 1))
        return low, high


def age_step(horizon: timedelta) -> timedelta | None:
    """Distance of the ages that are looked at: days, weeks or more, at most 14 within the horizon; None below two days."""
    if horizon < 2 * _STEPS[0]:
        return None
    return next((step for step in _STEPS if horizon / step <= _MOST_AGES), _STEPS[-1])


def ages(horizon: timedelta, elapsed: timedelta) -> list[timedelta]:
    """Whole ages that have passed and lie before the end of the window, youngest first."""
    step = age_step(horizon)
    if step is None:
        return []
    last = min(elapsed // step, (horizon - timedelta(microseconds=1)) // step)
    return [step * count for count in range(1, last + 1)]


def projected(rows: int, early: int, references: Sequence[Grown]) -> Projection | None:
    """Where a snapshot with so many early positives will end; None with fewer than `FEWEST_REFERENCES` earlier ones."""
    if len(references) < FEWEST_REFERENCES or rows == 0:
        return None
    grown = _ordinary(
        np.array([log_odds_of(one.final, one.rows) - log_odds_of(one.early, one.rows) for one in references])
    )
    spread = float(grown.std(ddof=1)) * math.sqrt(1 + 1 / len(grown))
    return Projection(log_odds_of(early, rows) + float(grown.mean()), spread, len(grown))


def _ordinary(grown: Vector) -> Vector:
    """Without what lies apart from all others: a week in which the shop was closed would hide every move behind its own.

    Apart is further from the median than `_APART` standard deviations, told from the median distance (Hampel 1974).
    """
    distance = np.abs(grown - np.median(grown))
    usual = 1.4826 * float(np.median(distance))
    kept: Vector = grown[distance <= _APART * usual] if usual > 0 else grown
    return kept if len(kept) >= FEWEST_REFERENCES else grown


def log_odds_of(positives: int, rows: int) -> float:
    """Log odds of a count, half a row added to each side so that none and all have a value (Haldane 1956)."""
    return math.log((positives + 0.5) / (rows - positives + 0.5))


class Gap(NamedTuple):
    """How far a rate is from what the scores say, in log odds, in standard deviations, and how probable that is by chance."""

    difference: float
    deviations: float
    p_value: float


def gap(score: Vector, centre: float, spread: float = 0.0, references: int | None = None) -> Gap:
    """A rate (its log odds, known up to `spread`) against the mean score; two-sided.

    With calibrated scores the rate that these rows end with varies by the draw of their outcomes alone.
    """
    mean = float(score.mean().clip(1e-9, 1 - 1e-9))
    drawn = math.sqrt(float((score * (1 - score)).sum())) / len(score) / (mean * (1 - mean))
    difference = centre - math.log(mean / (1 - mean))
    deviations = difference / math.hypot(spread, drawn)
    freedom = 10**6 if references is None else references - 1
    return Gap(difference, deviations, float(2 * upper_tail(abs(deviations), freedom)))
