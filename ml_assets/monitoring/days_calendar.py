"""Which days have to have rows, as far as it was known on each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from ml_assets.monitoring.days_expected import WINDOW, Values
from ml_assets.monitoring.days_measures import Days
from ml_assets.specs.times import CalendarSpec
from ml_assets.warehouse.freshness import TradingCalendar
from ml_assets.warehouse.rules import ends_early

_GRACE = timedelta(days=1)
_LEARNT_FROM_DAYS = 400
_LEAST_SEEN, _REGULAR_SHARE, _REGULAR_FROM = 4, 0.9, 26


@dataclass(frozen=True)
class TradingDays:
    """Days that count, oldest first: those with rows, those that should have had some, and the clock's own.

    `open`: a trading day; `missing`: over, without rows, and on a weekday that has always had some; `finished`: over, and
    its rows are all there. `declared`: the calendar is known, not learnt from the rows.
    """

    days: Days
    open: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    finished: NDArray[np.bool_]
    calendar: TradingCalendar
    declared: bool

    @property
    def weekdays(self) -> NDArray[np.int64]:
        """0 is Monday."""
        return np.asarray((self.days.astype(np.int64) + 3) % 7)

    @property
    def in_a_year(self) -> int:
        """How many trading days a year has."""
        monday = date(2024, 1, 1)
        return 52 * sum(self.calendar.is_open(monday + timedelta(days=place)) for place in range(7, 14)) or 365

    def between(self, first: date, last: date) -> int:
        """Trading days after `first`, up to and with `last`."""
        days = (first + timedelta(days=place) for place in range(1, (last - first).days + 1))
        return sum(self.calendar.is_open(day) for day in days)


def trading_days(spec: CalendarSpec, days: Days, ends: Values, now: datetime) -> TradingDays:
    """From the days with rows and the time of day (seconds) at which each ended. A day that ended within the last 24 hours
    may still get rows: it is missing, or cut short, only afterwards."""
    seen: list[date] = days.tolist()
    today = now.astimezone(UTC).date()
    is_open, missing = _open_and_missing(spec, seen, now)
    every = sorted({*seen, *missing, *([today] if is_open.get(today) else [])})
    unfinished = {today}
    if seen and _may_go_on(seen[-1], ends, now):
        unfinished.add(seen[-1])
    return TradingDays(
        np.array(every, dtype="datetime64[D]"),
        np.array([is_open[day] for day in every], dtype=np.bool_),
        np.array([day in missing for day in every], dtype=np.bool_),
        np.array([day not in unfinished for day in every], dtype=np.bool_),
        TradingCalendar.of(spec, seen),
        spec.kind == "declared",
    )


def _may_go_on(newest: date, ends: Values, now: datetime) -> bool:
    """Whether the newest day stops earlier than days do, and rows of its rest may still come."""
    return now < _end(newest) + _GRACE and ends_early(float(ends[-1]), ends[-1 - WINDOW : -1].tolist())


def _end(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def _open_and_missing(spec: CalendarSpec, seen: Sequence[date], now: datetime) -> tuple[dict[date, bool], set[date]]:
    """Day → whether it is a trading day by what was known in its week; and the trading days that have no rows."""
    is_open: dict[date, bool] = {}
    missing: set[date] = set()
    if not seen:
        return is_open, missing
    there = set(seen)
    past: list[list[bool]] = [[] for _ in range(7)]
    calendar, learnt = TradingCalendar.of(spec, ()), 0
    day, today = seen[0], now.astimezone(UTC).date()
    while day <= today:
        if day.weekday() == 0 or day == seen[0]:
            learnt = learnt + sum(one < day for one in seen[learnt : learnt + 8])
            calendar = TradingCalendar.of(spec, seen[max(0, learnt - _LEARNT_FROM_DAYS) : learnt])
        is_open[day] = calendar.is_open(day)
        over = day < seen[-1] or now >= _end(day) + _GRACE
        if is_open[day] and day not in there and over and _is_regular(spec, past[day.weekday()]):
            missing.add(day)
        if is_open[day] and day < today:
            past[day.weekday()].append(day in there)
        day += timedelta(days=1)
    return is_open, missing


def _is_regular(spec: CalendarSpec, had_rows: Sequence[bool]) -> bool:
    """Whether a weekday without rows is news: by declaration, or because it has had some nearly always."""
    if spec.kind == "declared":
        return True
    recent = had_rows[-_REGULAR_FROM:]
    return len(recent) >= _LEAST_SEEN and sum(recent) >= _REGULAR_SHARE * len(recent)
