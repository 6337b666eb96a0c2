"""The books of incidents: one row each, rewritten as it goes on, and a timeline that is only added to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from ml_assets.errors import UnknownNameError
from ml_assets.operations.causes import Cause
from ml_assets.operations.signals import Signal
from ml_assets.warehouse.manifest import insert_rows, naive_utc
from ml_assets.warehouse.store import Workbench

IncidentSeverity = Literal["critical", "major", "minor"]
SEVERITIES: tuple[IncidentSeverity, ...] = ("critical", "major", "minor")
# Dismissed: closed by a person although it lasts; nothing more is said of it until it is over or becomes worse.
Status = Literal["open", "acknowledged", "dismissed", "closed"]
EventKind = Literal[
    "began", "detected", "symptom", "symptom_gone", "note", "alerted", "acknowledged", "assigned", "escalated", "recovered", "reopened",
    "closed",
]  # fmt: skip
SYSTEM = "ml-assets"


@dataclass(frozen=True)
class Affected:
    """What is made from the table that an incident is about: models, scores that products read, and every table."""

    models: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Incident:
    """One cause that lasts or lasted. `signals`: the one that explains the others first. All times UTC, by the clock.

    `route` is the one that the monitor behind it asks for, empty where none does. `waiting_since`: from when on it waits to be
    acknowledged, later than `opened_at` where it came back.
    """

    number: int
    fingerprint: str
    cause: Cause
    asset: str
    column: str
    title: str
    severity: IncidentSeverity
    status: Status
    owner: str
    runbook: str
    route: str
    began_at: datetime
    opened_at: datetime
    waiting_since: datetime
    signals: tuple[Signal, ...]
    affected: Affected
    escalated_at: datetime | None = None
    acknowledged_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def keys(self) -> frozenset[str]:
        """The keys of its signals."""
        return frozenset(signal.key for signal in self.signals)

    def to_json(self) -> dict[str, Any]:
        return {
            "incident": self.number, **{name: value for name, value in vars(self).items() if name not in ("number", "signals", "affected")},
            "signals": [signal.to_json() for signal in self.signals], "affected": vars(self.affected),
        }  # fmt: skip


@dataclass(frozen=True)
class Event:
    """One line of a timeline. `actor` is who did it, `ml-assets` for what nobody did by hand."""

    incident: int
    happened_at: datetime
    kind: EventKind
    message: str
    actor: str = SYSTEM
    facts: Mapping[str, Any] = field(default_factory=dict)


def incidents_where(bench: Workbench, condition: str = "true", values: Sequence[Any] = ()) -> list[Incident]:
    """Inside a reading block or commit: incidents in order of their numbers."""
    rows = bench.records(f"select * from wh.ops.incidents where {condition} order by incident", list(values))
    return [_incident(row) for row in rows]


def _incident(row: Mapping[str, Any]) -> Incident:
    told = {
        name: value for name, value in row.items() if name not in ("incident", "column_name", "evidence", "affected")
    }
    for name, value in told.items():
        if isinstance(value, datetime):
            told[name] = value.replace(tzinfo=UTC)
    signals = tuple(Signal.from_json(data) for data in json.loads(row["evidence"]))
    affected = Affected(**{name: tuple(found) for name, found in json.loads(row["affected"]).items()})
    return Incident(number=row["incident"], column=row["column_name"], signals=signals, affected=affected, **told)


def unsettled(bench: Workbench, closed_after: datetime) -> list[Incident]:
    """Incidents that last, and those that closed so lately that the same cause would open them again."""
    return incidents_where(bench, "status <> 'closed' or closed_at >= ?", [naive_utc(closed_after)])


def incident_of(bench: Workbench, number: int) -> Incident:
    """One incident; an unknown number is refused with those there are."""
    found = incidents_where(bench, "incident = ?", [number])
    if not found:
        known = [
            str(row[0]) for row in bench.rows("select incident from wh.ops.incidents order by incident desc limit 20")
        ]
        raise UnknownNameError("incident", str(number), known, remedy="`ml-assets incidents --all` lists them")
    return found[0]


def next_number(bench: Workbench) -> int:
    """The number that the next incident gets."""
    return int(bench.value("select coalesce(max(incident), 0) + 1 from wh.ops.incidents"))


def position(bench: Workbench) -> tuple[int, int]:
    """How far the books are: another one means that somebody has written into them."""
    incidents, events = bench.rows(
        "select (select count(*) from wh.ops.incidents), (select count(*) from wh.ops.incident_events)"
    )[0]
    return incidents, events


def store(bench: Workbench, incidents: Iterable[Incident]) -> None:
    """Inside a commit: these incidents are now as described."""
    rows = [
        [one.number, one.fingerprint, one.cause, one.asset, one.column, one.title, one.severity, one.status, one.owner, one.runbook,
         one.route, *map(_naive, (one.began_at, one.opened_at, one.waiting_since, one.escalated_at, one.acknowledged_at, one.closed_at)),
         json.dumps([signal.to_json() for signal in one.signals], default=str), json.dumps(vars(one.affected))]
        for one in incidents
    ]  # fmt: skip
    insert_rows(bench, "ops.incidents", rows)


def _naive(moment: datetime | None) -> datetime | None:
    return naive_utc(moment) if moment is not None else None


def append_events(bench: Workbench, events: Iterable[Event]) -> None:
    """Inside a commit: lines at the end of timelines."""
    rows = [
        [
            event.incident,
            naive_utc(event.happened_at),
            event.kind,
            event.actor,
            event.message,
            json.dumps(dict(event.facts), default=str),
        ]
        for event in events
    ]
    if rows:
        bench.execute(
            "insert into wh.ops.incident_events select unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)",
            [list(column) for column in zip(*rows, strict=True)],
        )


def timeline(bench: Workbench, number: int) -> list[Event]:
    """Inside a reading block: what happened, oldest first; what happened at once in the order in which it was written."""
    rows = bench.rows(
        "select incident, happened_at, kind, message, actor, facts from wh.ops.incident_events where incident = ? "
        "order by happened_at, rowid", [number],
    )  # fmt: skip
    return [
        Event(incident, happened.replace(tzinfo=UTC), kind, message, actor, json.loads(facts))
        for incident, happened, kind, message, actor, facts in rows
    ]
