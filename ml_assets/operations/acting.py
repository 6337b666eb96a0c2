"""What people do about incidents: take one on, hand it over, close it. Each is a line of the timeline with a name."""

from __future__ import annotations

from dataclasses import replace

from ml_assets.errors import SelectionError
from ml_assets.operations.incident_book import Event, EventKind, Incident, append_events, incident_of, store
from ml_assets.operations.watch import Watch


def acknowledge(watch: Watch, number: int, by: str, note: str) -> Incident:
    """Somebody works on it: it is not escalated any more. A second time it only adds the note."""
    one = _lasting(watch, number)
    now = watch.context.now
    taken = replace(one, status="acknowledged", acknowledged_at=one.acknowledged_at or now)
    return _kept(watch, taken, "acknowledged", by, note or "taken on")


def assign(watch: Watch, number: int, owner: str, by: str) -> Incident:
    """Somebody else answers for it; looking again does not change that."""
    one = _lasting(watch, number)
    return _kept(watch, replace(one, owner=owner), "assigned", by, f"from {one.owner or 'nobody'} to {owner}")


def close(watch: Watch, number: int, by: str, reason: str) -> Incident:
    """End it by hand. While its signals last nothing more is said of it, unless it becomes worse."""
    one = _lasting(watch, number)
    return _kept(watch, replace(one, status="dismissed", closed_at=watch.context.now), "closed", by, reason)


def _lasting(watch: Watch, number: int) -> Incident:
    with watch.context.warehouse.reading() as bench:
        one = incident_of(bench, number)
    if one.status in ("closed", "dismissed"):
        raise SelectionError(
            f"incident {number} is closed", expected="one that lasts", got=f"{one.status} at {one.closed_at:%Y-%m-%d %H:%M} UTC",
            remedy="`ml-assets incidents` lists those that last; what comes back within a day opens again by itself",
        )  # fmt: skip
    return one


def _kept(watch: Watch, one: Incident, kind: EventKind, by: str, message: str) -> Incident:
    with watch.context.warehouse.committing() as bench:
        store(bench, [one])
        append_events(bench, [Event(one.number, watch.context.now, kind, message, by)])
    return one
