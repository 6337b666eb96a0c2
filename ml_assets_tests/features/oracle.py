"""What features and labels must be, in plain Python and by brute force: no SQL, no shared code with the package."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple


class Event(NamedTuple):
    """A row of `staging.events`; times are naive UTC, null where unknown."""

    customer_id: int | None
    item_id: int | None
    amount: int | None
    event_time: datetime | None
    available_at: datetime | None


COLUMNS = {
    "customer_id": "bigint", "item_id": "bigint", "amount": "bigint", "event_time": "timestamp", "available_at": "timestamp",
}  # fmt: skip


def known_at(rows: Iterable[Event], snapshot: datetime, ttl: timedelta | None = None) -> list[Event]:
    """Rows that had happened before the snapshot (not longer ago than `ttl`) and could be known at it."""
    found = []
    for row in rows:
        if row.event_time is None or row.event_time >= snapshot:
            continue
        if ttl is not None and row.event_time < snapshot - ttl:
            continue
        if row.available_at is not None and row.available_at > snapshot:
            continue
        found.append(row)
    return found


def inside(rows: Iterable[Event], start: datetime, length: timedelta) -> list[Event]:
    """Rows that happened in [start, start + length), whenever they became known."""
    return [row for row in rows if row.event_time is not None and start <= row.event_time < start + length]


def summed(rows: Iterable[Event], snapshot: datetime) -> Counter[tuple[object, ...]]:
    """(customer, events, total, last event, events of the last seven days); a total of nulls alone is null."""
    groups: dict[int | None, list[Event]] = defaultdict(list)
    for row in rows:
        groups[row.customer_id].append(row)
    found: Counter[tuple[object, ...]] = Counter()
    for customer, members in groups.items():
        amounts = [row.amount for row in members if row.amount is not None]
        times = [row.event_time for row in members if row.event_time is not None]
        recent = sum(moment >= snapshot - timedelta(days=7) for moment in times)
        found[customer, len(members), sum(amounts) if amounts else None, max(times), recent] += 1
    return found


def paired(left: Iterable[Event], right: Iterable[Event]) -> Counter[tuple[object, ...]]:
    """(customer, pairs of rows with the same customer and item), for customers with such a pair; null equals nothing."""
    right, counts = list(right), Counter[object]()
    for one in left:
        for other in right:
            if None not in (one.customer_id, one.item_id) and one[:2] == other[:2]:
                counts[one.customer_id] += 1
    return Counter(list(counts.items()))


def labelled(rows: Iterable[Event], snapshot: datetime, horizon: timedelta) -> Counter[tuple[object, ...]]:
    """(customer, 1 if they come again within the horizon else 0) for everyone known at the snapshot."""
    rows = list(rows)
    again = {row.customer_id for row in inside(rows, snapshot, horizon)}
    people = {row.customer_id for row in known_at(rows, snapshot)}
    return Counter({(person, int(person is not None and person in again)): 1 for person in people})
