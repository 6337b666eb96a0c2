"""Times that may be declared: spans, snapshot grids, trading calendars, freshness."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ml_assets.specs.base import Severity, Spec

_SPAN = re.compile(r"\s*(\d+)\s*(minute|hour|day|week)s?\s*")
KEY_FORMAT = "%Y-%m-%d"


def _valid_span(value: str) -> str:
    if not _SPAN.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a span: write a whole number and minutes, hours, days or weeks, as '30 days'"
        )
    return value


Span = Annotated[str, AfterValidator(_valid_span)]


def span_length(span: Span) -> timedelta:
    """The length of a declared span such as `30 days`."""
    match = _SPAN.fullmatch(span)
    if match is None:
        raise ValueError(f"{span!r} is not a span")
    return timedelta(**{f"{match.group(2)}s": int(match.group(1))})


def snapshot_key(moment: datetime) -> str:
    """The partition key of a snapshot: its UTC date."""
    return moment.strftime(KEY_FORMAT)


def snapshot_time(key: str) -> datetime:
    """The instant (UTC midnight) that a partition key stands for; the inverse of `snapshot_key`."""
    return datetime.strptime(key, KEY_FORMAT).replace(tzinfo=UTC)


class SnapshotSpec(Spec):
    """A grid of instants at UTC midnight. A snapshot sees rows strictly before it."""

    every: Literal["day", "week", "month"] = Field(
        description="Distance of two snapshots; weeks begin on Monday, months on the first."
    )
    start: str | None = Field(default=None, description="First snapshot, as a quoted date. Or give `last`.")
    last: int | None = Field(
        default=None, ge=1, le=10_000, description="Keep this many newest snapshots; the grid slides with the clock."
    )

    @model_validator(mode="after")
    def _one_beginning(self) -> SnapshotSpec:
        if (self.start is None) == (self.last is None):
            raise ValueError("give exactly one of start (a date) and last (a number of snapshots)")
        if self.start is not None:
            try:
                date.fromisoformat(self.start)
            except ValueError as problem:
                raise ValueError(f"start {self.start!r} is not a date: write '2011-02-28', quoted") from problem
        return self

    @property
    def cron(self) -> str:
        return {"day": "0 0 * * *", "week": "0 0 * * 1", "month": "0 0 1 * *"}[self.every]

    def floor(self, moment: datetime) -> datetime:
        """The newest grid instant at or before `moment`."""
        day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.every == "week":
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self.every == "month" else day

    def step(self, moment: datetime, count: int) -> datetime:
        """The grid instant `count` steps after (or, negative, before) the grid instant `moment`."""
        if self.every != "month":
            return moment + count * timedelta(days=7 if self.every == "week" else 1)
        months = moment.year * 12 + moment.month - 1 + count
        return moment.replace(year=months // 12, month=months % 12 + 1)

    def first(self, now: datetime) -> datetime:
        """The first snapshot of the grid as seen at `now`."""
        if self.last is not None:
            return self.step(self.floor(now), 1 - self.last)
        declared = datetime.fromisoformat(self.start or "").replace(tzinfo=UTC)
        floored = self.floor(declared)
        return floored if floored == declared else self.step(floored, 1)

    def instants(self, now: datetime) -> list[datetime]:
        """All snapshots at or before `now`, oldest first."""
        moment, found = self.first(now), []
        while moment <= now:
            found.append(moment)
            moment = self.step(moment, 1)
        return found

    def keys(self, now: datetime) -> list[str]:
        """Partition keys of `instants`."""
        return [snapshot_key(moment) for moment in self.instants(now)]


class CalendarSpec(Spec):
    """On which days data is to be expected."""

    kind: Literal["every_day", "declared", "learnt"] = Field(
        default="every_day",
        description="`learnt`: weekdays on which the table's own past shows trade in at least a tenth of the weeks.",
    )
    weekdays: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(
        default=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), description="Trading days of the week (`declared`)."
    )
    closed: tuple[str, ...] = Field(
        default=(), description="Days without trade: '2011-12-26', or '12-25' for every year. Quoted."
    )

    @model_validator(mode="after")
    def _closed_days_are_dates(self) -> CalendarSpec:
        for day in self.closed:
            try:
                date.fromisoformat(day if len(day) == 10 else f"2000-{day}")
            except ValueError as problem:
                raise ValueError(f"closed day {day!r} is neither 'YYYY-MM-DD' nor 'MM-DD'") from problem
        return self


class FreshnessSpec(Spec):
    """How old the newest data may be, measured by its own event time."""

    max_age: Span = Field(description="Largest distance from the newest event to now; days without trade do not count.")
    severity: Severity = Field(default="error", description="Severity of the data-time freshness check.")
