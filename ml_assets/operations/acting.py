"""What people do about incidents: take one on, hand it over, close it. Each is a line of the timeline with a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ml_assets.errors import SelectionError
from ml_assets.operations.incident_book import Event, EventKind, Incident, append_events, incident_of, store
from ml_assets.operations.watch import Watch


def acknowledge(watch: Watch, number: int, by: str, note: str) -> Incident:
    """Somebody works on it: it is not escalated any more. A second time it only adds the note."""
    now = watch.context.now
    return _changed(
        watch, number, "acknowledged", by, note or "taken on",
        lambda one: replace(one, status="acknowledged", acknowledged_at=one.acknowledged_at or now),
    )  # fmt: skip


def assign(watch: Watch, number: int, owner: str, by: str) -> Incident:
    """Somebody else answers for it; looking again does not change that."""
    return _changed(watch, number, "assigned", by, f"to {owner}", lambda one: replace(one, owner=owner))


def close(watch: Watch, number: int, by: str, reason: str) -> Incident:
    """End it by hand. While its signals last nothing more is said of it, unless it becomes worse."""
    now = watch.context.now
    return _changed(watch, number, "closed", by, reason, lambda one: replace(one, status="dismissed", closed_at=now))


def _changed(
    watch: Watch, number: int, kind: EventKind, by: str, message: str, change: Callable[[Incident], Incident]
) -> Incident:
    """In one commit. What is over is refused."""
    with watch.context.warehouse.committing() as bench:
        one = incident_of(bench, number)
        if one.status in ("closed", "dismissed"):
            raise SelectionError(
                f"incident {number} is closed", expected="one that lasts", got=f"{one.status} at {one.closed_at:%Y-%m-%d %H:%M} UTC",
                remedy="`ml-assets incidents` lists those that last; what comes back within a day opens again by itself",
            )  # fmt: skip
        changed = change(one)
        store(bench, [changed])
        append_events(bench, [Event(number, watch.context.now, kind, message, by)])
    return changed
