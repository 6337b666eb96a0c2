"""Freshness by data time: how old is the newest event, counting only days on which data is to be expected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from ml_assets.specs.times import CalendarSpec, FreshnessSpec, span_length
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.results import CheckFinding

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LEARNT_SHARE = 0.1
_LEAST_WEEKS = 4


class TradingCalendar:
    """On which days data is to be expected."""

    def __init__(self, weekdays: Sequence[int], closed: Sequence[str]) -> None:
        self._weekdays = frozenset(weekdays)
        self._closed = frozenset(closed)

    @classmethod
    def of(cls, spec: CalendarSpec, seen_days: Sequence[date]) -> TradingCalendar:
        """From its declaration; a learnt one takes weekdays with data in at least a tenth of the weeks seen.

        With fewer than four weeks of past nothing is learnt and every day counts.
        """
        if spec.kind == "declared":
            return cls([_WEEKDAYS.index(name) for name in spec.weekdays], spec.closed)
        if spec.kind == "learnt" and seen_days and (max(seen_days) - min(seen_days)).days >= 7 * _LEAST_WEEKS:
            weeks = (max(seen_days) - min(seen_days)).days / 7
            counts = [sum(day.weekday() == weekday for day in seen_days) for weekday in range(7)]
            return cls([w for w, count in enumerate(counts) if count >= _LEARNT_SHARE * weeks], spec.closed)
        return cls(range(7), spec.closed)

    def is_open(self, day: date) -> bool:
        return (
            day.weekday() in self._weekdays
            and day.isoformat() not in self._closed
            and day.strftime("%m-%d") not in self._closed
        )

    def age(self, newest: datetime, now: datetime) -> timedelta:
        """Time from `newest` to `now`, less the part of it that fell on days without trade."""
        total, day = now - newest, newest.date()
        while day <= now.date():
            start = max(newest, datetime(day.year, day.month, day.day, tzinfo=UTC))
            end = min(now, datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1))
            if not self.is_open(day) and end > start:
                total -= end - start
            day += timedelta(days=1)
        return total


def freshness_check(freshness: FreshnessSpec, calendar: CalendarSpec, event_time: str) -> Check:
    """The newest event is at most `max_age` old. Events after now are counted and do not make the table fresh."""
    name = "data_is_fresh"
    limit = span_length(freshness.max_age)

    def judge(scope: CheckScope) -> list[CheckFinding]:
        now = scope.now.astimezone(UTC).replace(tzinfo=None)
        column = quoted(event_time)
        days = [
            row[0] for row in scope.bench.rows(
                f"select distinct {column}::date from {scope.table.quoted} where {column} <= ?", [now])
        ]  # fmt: skip
        newest, future = scope.bench.rows(
            f"select max({column}) filter (where {column} <= ?)::timestamp, count(*) filter (where {column} > ?) "
            f"from {scope.table.quoted}",
            [now, now],
        )[0]
        if newest is None:
            return [CheckFinding(name, "failed", "no event before now", numbers={"future_rows": future})]
        age = TradingCalendar.of(calendar, days).age(newest.replace(tzinfo=UTC), scope.now)
        hours = age.total_seconds() / 3600
        return [
            CheckFinding.judged(
                name, age <= limit,
                f"newest event {newest:%Y-%m-%d %H:%M}, {hours:.1f} trading hours old (limit {freshness.max_age})",
                numbers={"age_hours": hours, "limit_hours": limit.total_seconds() / 3600, "future_rows": future,
                         "newest": newest.isoformat()},
            )
        ]  # fmt: skip

    return Check(
        name,
        "FR001",
        f"The newest event is at most {freshness.max_age} of trading time old.",
        judge,
        freshness.severity,
    )
