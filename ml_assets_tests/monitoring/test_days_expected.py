"""The ranges of days: false alarms within the budget, nothing seen of the future, weekdays, few rows, short histories."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from ml_assets.monitoring.days_expected import LEAST, Series, Values, usual_ranges

DAYS, FIGURES = 1000, 30
WEEKDAYS = np.arange(DAYS, dtype=np.int64) % 7
CHANCE = 1 / (FIGURES * 365)


def rows_of(random: Generator) -> Values:
    return np.round(np.exp(7 + 0.15 * random.normal(size=DAYS)))


def levels(random: Generator, _place: int) -> Series:
    return Series("level", 2 + 0.1 * random.normal(size=DAYS), rows_of(random), np.full(DAYS, 0.02))


def shares(random: Generator, place: int) -> Series:
    rows = rows_of(random)
    chance = random.beta(30, 90, size=DAYS) if place % 2 else np.full(DAYS, (0.3, 0.01, 0.0005)[place % 3])
    return Series("share", random.binomial(rows.astype(np.int64), chance) / rows, rows)


def counts_of_weekdays(random: Generator, _place: int) -> Series:
    rows = np.round(np.exp(6 + 0.5 * (WEEKDAYS == 6) + 0.1 * random.normal(size=DAYS)))
    return Series("count", rows, rows)


def growing_counts(random: Generator, _place: int) -> Series:
    rows = np.round(np.exp(5 + np.arange(DAYS) / 500 + 0.1 * random.normal(size=DAYS)))
    return Series("count", rows, rows)


@pytest.mark.parametrize("made", [levels, shares, counts_of_weekdays, growing_counts])
def test_stable_days_stay_within_the_false_alarm_budget(made: Callable[[Generator, int], Series]) -> None:
    """One alarm a year is allowed; three runs of 1,000 stable days and 30 figures may have 8, and by chance seldom 14."""
    alarms = 0
    for seed in range(3):
        random = np.random.default_rng(seed)
        series = [made(random, place) for place in range(FIGURES)]
        ranges = usual_ranges(series, WEEKDAYS, CHANCE)
        alarms += int(ranges.unusual(np.stack([one.value for one in series], axis=1)).sum())

    assert alarms <= 14


def changed(series: Series, day: int, value: float) -> bool:
    """Whether `value` on `day` is unusual."""
    values = series.value.copy()
    values[day] = value
    ranges = usual_ranges([Series(series.scale, values, series.rows, series.noise)], WEEKDAYS, CHANCE)
    return bool(ranges.unusual(values[:, None])[day, 0])


@pytest.mark.parametrize("day", [50, 300, 900])
def test_a_day_that_is_plainly_wrong_is_unusual(day: int) -> None:
    random = np.random.default_rng(5)
    level, share, count = levels(random, 0), shares(random, 0), counts_of_weekdays(random, 0)

    assert changed(level, day, level.value[day] + np.log(100))
    assert changed(level, day, level.value[day] - np.log(100))
    assert changed(share, day, 0.87)
    assert changed(count, day, count.value[day] / 4)


def test_weekday_that_is_always_quiet_makes_no_alarm_and_a_busy_one_does() -> None:
    random = np.random.default_rng(6)
    rows = np.round(np.exp(6 - 1.5 * (WEEKDAYS == 6) + 0.05 * random.normal(size=DAYS)))
    count = Series("count", rows, rows)
    sunday, monday = 699, 700

    ranges = usual_ranges([count], WEEKDAYS, CHANCE)

    assert WEEKDAYS[sunday] == 6
    assert ranges.expected[sunday, 0] == pytest.approx(np.exp(4.5), rel=0.1)
    assert ranges.expected[monday, 0] == pytest.approx(np.exp(6), rel=0.1)
    assert changed(count, sunday, rows[monday])
    assert changed(count, monday, rows[sunday])


def test_range_of_a_day_knows_nothing_of_the_day_itself_or_of_later_ones() -> None:
    random = np.random.default_rng(7)
    series = [levels(random, 0), shares(random, 1), counts_of_weekdays(random, 0)]
    day = 400
    whole = usual_ranges(series, WEEKDAYS, CHANCE)
    until = [
        Series(
            one.scale,
            np.append(one.value[:day], [0.5]),
            one.rows[: day + 1],
            None if one.noise is None else one.noise[: day + 1],
        )
        for one in series
    ]

    cut = usual_ranges(until, WEEKDAYS[: day + 1], CHANCE)

    for part in ("expected", "low", "high"):
        np.testing.assert_array_equal(getattr(whole, part)[: day + 1], getattr(cut, part))


def test_nothing_is_judged_before_the_twentieth_day() -> None:
    ranges = usual_ranges([levels(np.random.default_rng(8), 0)], WEEKDAYS, CHANCE)

    assert np.isnan(ranges.expected[:LEAST]).all()
    assert not np.isnan(ranges.expected[LEAST:]).any()
    assert not ranges.unusual(np.full((DAYS, 1), 1e9))[:LEAST].any()


def test_share_of_few_rows_may_vary_more_and_a_handful_is_not_judged() -> None:
    rows = np.full(DAYS, 1000.0)
    rows[500], rows[501] = 30, 5
    share = Series("share", np.random.default_rng(9).binomial(1000, 0.1, size=DAYS) / 1000, rows)

    ranges = usual_ranges([share], WEEKDAYS, CHANCE)

    assert changed(share, 499, 0.3)
    assert not changed(share, 500, 0.3)
    assert changed(share, 500, 0.9)
    assert np.isnan(ranges.high[501, 0])


def test_change_that_stays_becomes_usual() -> None:
    """Unusual at first; within the 28 days of the window the new level is what is expected."""
    level = levels(np.random.default_rng(10), 0)
    level.value[400:] += 3
    ranges = usual_ranges([level], WEEKDAYS, CHANCE)

    unusual = ranges.unusual(level.value[:, None])[:, 0]

    assert unusual[400:404].all()
    assert not unusual[428:].any()
