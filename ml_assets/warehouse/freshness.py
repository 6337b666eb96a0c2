"""Freshness by data time: how old is the newest event, counting only days on which data is to be expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ml_assets.specs.times import CalendarSpec, FreshnessSpec, span_length
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.store import Workbench

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


@dataclass(frozen=True)
class Delivery:
    """When rows of a table are to be expected."""

    table: TableName
    event_time: str
    freshness: FreshnessSpec
    calendar: CalendarSpec

    def complete_until(self, bench: Workbench, now: datetime) -> datetime:
        """Inside a reading block: until when all rows may be taken as come: `now` while the table is as fresh as declared,
        else the age that it may have after its newest event."""
        if not bench.has_table(self.table):
            return now
        column, limit = quoted(self.event_time), span_length(self.freshness.max_age)
        naive = now.astimezone(UTC).replace(tzinfo=None)
        newest = bench.value(
            f"select max({column}) filter (where {column} <= ?)::timestamp from {self.table.quoted}", [naive]
        )
        if newest is None:
            return now
        newest_at: datetime = newest.replace(tzinfo=UTC)
        if now - newest_at <= limit or self._calendar(bench, naive).age(newest_at, now) <= limit:
            return now
        return min(newest_at + limit, now)

    def _calendar(self, bench: Workbench, now: datetime) -> TradingCalendar:
        return TradingCalendar.of(self.calendar, days_with_rows(bench, self.table, self.event_time, now))


def days_with_rows(bench: Workbench, table: TableName, event_time: str, now: datetime) -> list[date]:
    """Days up to `now` (naive UTC) on which something happened."""
    column = quoted(event_time)
    found = bench.rows(f"select distinct {column}::date from {table.quoted} where {column} <= ?", [now])
    return [row[0] for row in found]


def freshness_check(freshness: FreshnessSpec, calendar: CalendarSpec, event_time: str) -> Check:
    """The newest event is at most `max_age` old. Events after now are counted and do not make the table fresh."""
    name = "data_is_fresh"
    limit = span_length(freshness.max_age)

    def judge(scope: CheckScope) -> list[CheckFinding]:
        now = scope.now.astimezone(UTC).replace(tzinfo=None)
        column = quoted(event_time)
        days = days_with_rows(scope.bench, scope.table, event_time, now)
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
