"""As-of views: what a statement may see of its sources at a snapshot.

A feature statement is run as written, in a workbench whose `staging.orders` is not the table but a view of the rows
with event time < snapshot and available time <= snapshot. The bounds are session variables, so one view serves
every snapshot. The warehouse itself is not reachable under the statement's names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ml_assets.errors import SqlError
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.store import Workbench


@dataclass(frozen=True)
class TimeColumns:
    """The time columns of a table: when it happened, and when the source could have known it (null: at once)."""

    event: str
    available: str | None = None


@dataclass(frozen=True)
class Window:
    """Which rows are visible, by event time in [start, end) and availability; None leaves a side open."""

    start: datetime | None
    end: datetime | None
    known_at: datetime | None

    @classmethod
    def before(cls, snapshot: datetime, ttl: timedelta | None = None) -> Window:
        """What was known at the snapshot; rows older than `ttl` are forgotten."""
        return cls(snapshot - ttl if ttl else None, snapshot, snapshot)

    @classmethod
    def after(cls, snapshot: datetime, horizon: timedelta) -> Window:
        """The outcome window [snapshot, snapshot + horizon)."""
        return cls(snapshot, snapshot + horizon, None)

    def condition(self, times: TimeColumns) -> str:
        """SQL with the bounds written out; null for a row without event time, which no window shows."""
        event = quoted(times.event)
        parts = [f"{event} >= {_timestamp(self.start)}"] if self.start else []
        parts += [f"{event} < {_timestamp(self.end)}"] if self.end else []
        if self.known_at and times.available:
            parts.append(f"coalesce({quoted(times.available)}, {event}) <= {_timestamp(self.known_at)}")
        return " and ".join(parts) or f"{event} is not null"


def _timestamp(moment: datetime) -> str:
    return f"timestamp {literal(str(naive_utc(moment)))}"


def require_times(
    tables: Iterable[TableName], times: Mapping[TableName, TimeColumns], place: str
) -> dict[TableName, TimeColumns]:
    """Time columns of all `tables`; a table without an event time cannot be cut at a snapshot and is refused."""
    found = {}
    for table in tables:
        if table not in times:
            raise SqlError(
                f"{table} has no event time, so the future in it cannot be hidden", place=place,
                expected="tables with event_time in feature and label SQL", got=str(table),
                remedy=f"declare event_time on {table} (for a reference table: when each row became true)",
            )  # fmt: skip
        found[table] = times[table]
    return found


def create_views(bench: Workbench, times: Mapping[TableName, TimeColumns]) -> None:
    """Views under the statement's own names, bounded by session variables (`window_settings` sets them)."""
    for table, columns in times.items():
        bench.execute(f"create schema if not exists {quoted(table.schema)}")
        bounds = [f"getvariable({literal(name)})" for name in ("window_start", "window_end", "window_known")]
        event = quoted(columns.event)
        known = f"and coalesce({quoted(columns.available)}, {event}) <= {bounds[2]}" if columns.available else ""
        bench.execute(
            f"create or replace view {quoted(table.schema)}.{quoted(table.table)} as select * from {table.quoted} "
            f"where {event} >= {bounds[0]} and {event} < {bounds[1]} {known}"
        )


def window_settings(window: Window) -> list[str]:
    """Statements that set the bounds of the views in one session. An open side becomes infinity."""
    bounds = {"window_start": (window.start, "-infinity"), "window_end": (window.end, "infinity"),
              "window_known": (window.known_at, "infinity")}  # fmt: skip
    return [
        f"set variable {name} = timestamp {literal(str(naive_utc(bound)) if bound else open_side)}"
        for name, (bound, open_side) in bounds.items()
    ]
