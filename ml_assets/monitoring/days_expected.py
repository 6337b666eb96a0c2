"""What a day's figures should be, from the days before it: expected value, and the range outside of which it is unusual.

No figure is held against itself or a later one. Of the 28 trading days before, the median is expected and half the distance
of the 16 % and 84 % quantiles is the spread: two of four wild days move neither much. Where a figure follows the weekday, the
usual difference of that weekday is taken off first. How many spreads are too many follows from the false-alarm budget twice:
by Student's t, as for regular figures, and by the tail of this figure's own past distances, for irregular ones; the wider
holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Values = NDArray[np.float64]
Scale = Literal["count", "share", "level"]
WINDOW, LEAST, _LEAST_ROWS = 28, 20, 10
_SAME_WEEKDAY, _LEAST_SAME, _LEAST_MIDDLE = 8, 3, 10
_GAIN, _WEEKDAY_PAST, _LEAST_PAST = 0.7, 120, 30
# The spread of n regular values is as uncertain as a standard deviation of 0.54 n degrees of freedom.
_DEGREES = 0.54
# Smaller changes than about five of these matter to nobody: a quarter of the rows, half a per cent of them, a tenth of a level.
_LEAST_SPREAD: dict[Scale, float] = {"count": 0.05, "share": 0.001, "level": 0.02}
_TAIL, _PAST, _EVERY = 0.1, 250, 5
_PRIOR, _PRIOR_EXCESS, _MOST_SHAPE = 8, 0.6, 0.2


@dataclass(frozen=True)
class Series:
    """One figure of each day: a count of rows, a share of the day's rows, or a level (mean of logarithms).

    Arrays have one value a day, NaN where the day has none or is not to be judged. `rows` are those the figure rests on;
    `noise` is the standard error of a level. `least_spread` keeps the spread from being taken for smaller, where changes of
    about five of it are nobody's business.
    """

    scale: Scale
    value: Values
    rows: Values
    noise: Values | None = None
    least_spread: float | None = None


@dataclass(frozen=True)
class Ranges:
    """Arrays of shape (days, series), in the unit of the series; NaN where too little came before to say."""

    expected: Values
    low: Values
    high: Values

    def unusual(self, values: Values) -> NDArray[np.bool_]:
        """Where a value is there, has a range, and lies outside of it."""
        margin = 1e-9 * np.maximum(1.0, np.abs(values))
        return (values < self.low - margin) | (values > self.high + margin)


def usual_ranges(series: Sequence[Series], weekdays: NDArray[np.int64], chance: float) -> Ranges:
    """The range of every day and series, from earlier days alone. `chance`: of one regular figure to lie outside."""
    scales = [one.scale for one in series]
    values = np.stack([_scaled(one) for one in series], axis=1)
    rows = np.stack([one.rows for one in series], axis=1)
    blank = np.zeros(len(values))
    noise = np.stack([blank if one.noise is None else one.noise for one in series], axis=1)
    expected, spread, known = _middle_and_spread(values, weekdays)
    counts, shares = (np.array([scale == word for scale in scales]) for word in ("count", "share"))
    spread = np.maximum(spread, np.array([one.least_spread or _LEAST_SPREAD[one.scale] for one in series]))
    spread = np.maximum(spread, np.nan_to_num(_trailing_median(noise)))
    usual_rows = _trailing_median(rows)
    spread = np.maximum(spread, np.where(shares, _binomial(expected, usual_rows), 0))
    # A figure of few rows varies more: a half holiday is no reason for an alarm about missing values.
    fewer = np.sqrt(np.maximum(1.0, usual_rows / np.maximum(rows, 1.0)))
    spread = spread * np.where(counts, 1.0, fewer)
    # Of two or three days known a limit has no end.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        limit = _limits(np.where(known >= LEAST, np.abs(values - expected) / spread, np.nan), known, chance)
        low, high = expected - limit * spread, expected + limit * spread
    of_shares = _share_range((low, high), values, expected, rows, usual_rows, chance)
    low, high = (np.where(shares, narrow, wide) for narrow, wide in zip(of_shares, (low, high), strict=True))
    # A handful of rows may be one order: its shares say nothing.
    judged = (known >= LEAST) & (counts | (rows >= _LEAST_ROWS))
    return Ranges(*(np.where(judged, _unscaled(part, scales), np.nan) for part in (expected, low, high)))


def _share_range(
    bounds: tuple[Values, Values], values: Values, expected: Values, rows: Values, usual_rows: Values, chance: float
) -> tuple[Values, Values]:
    """The range of a share: between none and all, and at least what chance alone does to so many rows.

    A range that leaves room for everything says nothing: all (or none) is unusual where the share never came near, unless so
    few rows came that they may be one order.
    """
    (low, high), plenty = bounds, rows >= usual_rows / 2
    floor, ceiling = _sampling_bounds(values, expected, rows, chance)
    least, most = _farthest(values)
    low = np.where((low <= 0) & (expected > 0.5) & plenty, least / 2, np.clip(low, 0, 1))
    high = np.where((high >= 1) & (expected < 0.5) & plenty, (1 + most) / 2, np.clip(high, 0, 1))
    return np.minimum(low, floor), np.maximum(high, ceiling)


def _scaled(one: Series) -> Values:
    return np.log1p(one.value) if one.scale == "count" else one.value


def _unscaled(values: Values, scales: Sequence[Scale]) -> Values:
    counts = np.array([scale == "count" for scale in scales])
    with np.errstate(over="ignore"):
        return np.where(counts, np.maximum(np.expm1(values), 0), values)


def _middle_and_spread(values: Values, weekdays: NDArray[np.int64]) -> tuple[Values, Values, Values]:
    """Of the days before: expected value, spread, and how many values there were."""
    ordered, known = _trailing(values, WINDOW)
    middle, spread = _quantile(ordered, known, 0.5), _half_range(ordered, known)
    effect = _weekday_effect(np.where(known >= _LEAST_MIDDLE, values - middle, np.nan), weekdays)
    ordered, _ = _trailing(values - effect, WINDOW)
    even_middle, even_spread = _quantile(ordered, known, 0.5) + effect, _half_range(ordered, known)
    follows = _follows_weekday(
        np.where(known >= LEAST, values - middle, np.nan), np.where(known >= LEAST, values - even_middle, np.nan)
    )
    return np.where(follows, even_middle, middle), np.where(follows, even_spread, spread), known


def _follows_weekday(plain: Values, even: Values) -> NDArray[np.bool_]:
    """Where the ninth of ten earlier days would have been foretold much better with the weekday; decided anew each week.

    Not the spread decides: it does not see a weekday that alone is different.
    """
    follows = np.zeros(plain.shape, dtype=np.bool_)
    for start in range(_EVERY, len(plain), _EVERY):
        past = slice(max(0, start - _WEEKDAY_PAST), start)
        (ordered, known), (even_ordered, _) = _in_order(np.abs(plain[past])), _in_order(np.abs(even[past]))
        better = _quantile(even_ordered, known, 0.9) < _GAIN * _quantile(ordered, known, 0.9)
        follows[start : start + _EVERY] = better & (known >= _LEAST_PAST)
    return follows


def _in_order(values: Values) -> tuple[Values, Values]:
    """The numbers of each series in order of size, NaN last, and how many there are."""
    ordered = np.sort(values, axis=0).T
    return ordered, (~np.isnan(ordered)).sum(axis=-1).astype(np.float64)


def _weekday_effect(differences: Values, weekdays: NDArray[np.int64]) -> Values:
    """How far the same weekday usually lay from the days before it; 0 while that is not known."""
    effect = np.zeros_like(differences)
    for weekday in range(7):
        here = weekdays == weekday
        ordered, known = _trailing(differences[here], _SAME_WEEKDAY)
        effect[here] = np.where(known >= _LEAST_SAME, _quantile(ordered, known, 0.5), 0)
    return effect


def _trailing(values: Values, window: int) -> tuple[Values, Values]:
    """For each row the `window` rows before it, in order of size with NaN last, shape (rows, series, window), and how many
    are numbers."""
    padded = np.concatenate([np.full((window, values.shape[1]), np.nan), values])[:-1]
    ordered = (
        np.sort(sliding_window_view(padded, window, axis=0), axis=-1)
        if len(values)
        else np.empty((*values.shape, window))
    )
    return ordered, (~np.isnan(ordered)).sum(axis=-1).astype(np.float64)


def _trailing_median(values: Values) -> Values:
    ordered, known = _trailing(values, WINDOW)
    return _quantile(ordered, known, 0.5)


def _quantile(ordered: Values, known: Values, share: float) -> Values:
    """Linear quantile of the numbers on the last axis; NaN where there is none."""
    place = np.maximum(known - 1, 0) * share
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(known - 1, 0).astype(np.int64))
    first, second = (np.take_along_axis(ordered, at[..., None], axis=-1)[..., 0] for at in (below, above))
    return np.asarray(first + (second - first) * (place - below))


def _half_range(ordered: Values, known: Values) -> Values:
    """Half the distance of the 16 % and 84 % quantiles: the standard deviation of regular values."""
    return (_quantile(ordered, known, 0.84) - _quantile(ordered, known, 0.16)) / 2


def _binomial(share: Values, rows: Values) -> Values:
    """Standard error of a share of so many rows, never that of a certainty."""
    likely = (np.clip(share, 0, 1) * rows + 1) / (rows + 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nan_to_num(np.sqrt(likely * (1 - likely) / rows)))


def _limits(distances: Values, known: Values, chance: float) -> Values:
    """How many spreads are too many, from the budget and from the distances of earlier days; set anew each week."""
    from scipy.special import stdtrit

    regular = -stdtrit(_DEGREES * np.clip(known, 2, WINDOW), chance / 2)
    limits = np.empty_like(distances)
    for start in range(0, len(distances), _EVERY):
        here = slice(start, start + _EVERY)
        ordered, count = _in_order(distances[max(0, start - _PAST) : start] if start else distances[:1] * np.nan)
        own = _reach_of_tail(ordered, count, chance)
        # What the tail is like is not known yet: the first ranges are twice as wide.
        young = 1 + _PRIOR / (_PRIOR + count)
        limits[here] = np.maximum(regular[here] * young, own)
    return limits


def _farthest(values: Values) -> tuple[Values, Values]:
    """Smallest and largest value of up to 250 days before, as known at the beginning of each week."""
    least, most = np.full_like(values, np.nan), np.full_like(values, np.nan)
    for start in range(_EVERY, len(values), _EVERY):
        ordered, known = _in_order(values[max(0, start - _PAST) : start])
        here = slice(start, start + _EVERY)
        least[here], most[here] = _quantile(ordered, known, 0), _quantile(ordered, known, 1)
    return least, most


def _reach_of_tail(ordered: Values, count: Values, chance: float) -> Values:
    """The distance that `chance` exceeds by a generalised Pareto tail through the last tenth of the distances seen.

    By its moments: mean and variance of the excesses give scale and shape. The shape is drawn towards that of an exponential
    tail while there are few, and is never lighter.
    """
    edge = np.nan_to_num(_quantile(ordered, count, 1 - _TAIL))
    excess = np.nan_to_num(np.maximum(ordered - edge[:, None], 0))
    beyond = _TAIL * count
    mean = (excess.sum(axis=-1) + _PRIOR * _PRIOR_EXCESS) / (beyond + _PRIOR)
    square = ((excess**2).sum(axis=-1) + 2 * _PRIOR * _PRIOR_EXCESS**2) / (beyond + _PRIOR)
    shape = (
        np.clip((1 - mean**2 / np.maximum(square - mean**2, 1e-12)) / 2, 1e-6, _MOST_SHAPE) * beyond / (beyond + _PRIOR)
    )
    shape = np.maximum(shape, 1e-6)
    return np.asarray(edge + mean * (1 - shape) * np.expm1(shape * np.log(_TAIL / chance)) / shape)


def _sampling_bounds(values: Values, expected: Values, rows: Values, chance: float) -> tuple[Values, Values]:
    """Between which shares chance alone keeps a share of so many rows (on the angle scale, whose noise is even)."""
    from scipy.special import ndtri

    ordered, known = _trailing(values, WINDOW)
    # The mean of all but the highest tenth: of a rare event the median is zero, and it happens all the same.
    kept = np.arange(WINDOW) < np.maximum(np.floor(0.9 * known), 1)[..., None]
    mean = np.where(kept, np.nan_to_num(ordered), 0).sum(axis=-1) / np.maximum(kept.sum(axis=-1), 1)
    reach = -ndtri(chance / 2) / 2 / np.sqrt(np.maximum(rows, 1.0))
    middle, upper = (np.arcsin(np.sqrt(np.clip(share, 0, 1))) for share in (expected, np.fmax(expected, mean)))
    low, high = np.maximum(middle - reach, 0), np.minimum(upper + reach, np.pi / 2)
    return np.sin(low) ** 2, np.sin(high) ** 2
