"""Incidents: opened when a cause is first seen, added to while it lasts, escalated, closed when it is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

from ml_assets.errors import shortened
from ml_assets.operations.alerts.outbox import Change, alerts_wait, put_due
from ml_assets.operations.column_reach import Reached, columns_reach
from ml_assets.operations.describing import affected_by, owner_of, route_of, runbook_for, severity_of, title_of
from ml_assets.operations.freshness import changed_by_the_clock, judge_freshness
from ml_assets.operations.grouping import Group, grouped
from ml_assets.operations.incident_book import (
    SEVERITIES,
    Event,
    EventKind,
    Incident,
    append_events,
    next_number,
    position,
    store,
    unsettled,
)
from ml_assets.operations.signals import QUICK, Kind, Signal, gather, with_known_beginnings
from ml_assets.operations.surroundings import unbooked, unbooked_file
from ml_assets.operations.watch import Watch
from ml_assets.specs.times import span_length
from ml_assets.warehouse.store import Workbench

_LONGEST_SYMPTOM = 200
REOPENS_WITHIN = timedelta(hours=24)


@dataclass
class _Ledger:
    """What one look changes, before it is written."""

    stored: dict[int, Incident] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def put(self, incident: Incident, events: Sequence[Event] = (), what: str = "", message: str = "") -> None:
        self.stored[incident.number] = incident
        self.events += events
        if what:
            self.changes.append(Change(incident, what, message))


@dataclass(frozen=True)
class Outcome:
    """What one look changed, and whether alerts wait to be sent."""

    changes: tuple[Change, ...]
    alerts_wait: bool


@dataclass(frozen=True)
class _Seen:
    """What one look read: signals, incidents that are not settled, what columns reach, and how far the books were then."""

    signals: list[Signal]
    known: list[Incident]
    reached: Reached
    first: int
    alerts_wait: bool
    position: tuple[int, int]

    @property
    def is_quiet(self) -> bool:
        return not self.signals and all(one.status == "closed" for one in self.known)


def update(watch: Watch, kinds: frozenset[Kind] = QUICK, more: Sequence[Signal] = ()) -> Outcome:
    """Look at the books and bring the incidents up to date, in one short commit or, where nothing changed, in none.

    `more` are signals from elsewhere (Dagster), of a kind among `kinds`. A signal of a kind that is not looked at stays as
    it was, so that a short look closes nothing that only a thorough one can see. Where another process was faster, it looks
    again.
    """
    if not watch.context.warehouse.path.exists():
        return Outcome((), alerts_wait=False)
    while True:
        waiting = unbooked(watch.context.home)
        seen = _read(watch, kinds, [*more, *waiting])
        if seen.is_quiet:
            return Outcome((), seen.alerts_wait)
        ledger = _judged(watch, seen, kinds)
        if _written(watch, ledger, seen):
            break
    if waiting:
        unbooked_file(watch.context.home).unlink(missing_ok=True)
    return Outcome(tuple(ledger.changes), seen.alerts_wait or bool(ledger.changes))


def _written(watch: Watch, ledger: _Ledger, seen: _Seen) -> bool:
    """Commit what changed; False where somebody else has written into the books of incidents since they were read."""
    if not ledger.stored and not ledger.events:
        return True
    with watch.context.warehouse.committing() as bench:
        if position(bench) != seen.position:
            return False
        store(bench, ledger.stored.values())
        append_events(bench, ledger.events)
        put_due(bench, watch, ledger.changes)
    return True


def _read(watch: Watch, kinds: frozenset[Kind], more: Sequence[Signal]) -> _Seen:
    """In one reading block, unless freshness has to be judged anew."""
    with watch.context.warehouse.reading() as bench:
        outdated = {asset.name: asset for asset, _ in changed_by_the_clock(bench, watch)}
        if not outdated:
            return _seen(bench, watch, kinds, more)
    judge_freshness(watch, outdated.values())
    with watch.context.warehouse.reading() as bench:
        return _seen(bench, watch, kinds, more)


def _seen(bench: Workbench, watch: Watch, kinds: frozenset[Kind], more: Sequence[Signal]) -> _Seen:
    signals = [*gather(bench, watch, kinds), *more]
    known = unsettled(bench, watch.context.now - REOPENS_WITHIN)
    lasting = [signal for one in known if one.status != "closed" for signal in one.signals]
    reached = columns_reach(bench, watch, [*signals, *lasting])
    return _Seen(signals, known, reached, next_number(bench), alerts_wait(bench), position(bench))


def _judged(watch: Watch, seen: _Seen, kinds: frozenset[Kind]) -> _Ledger:
    known, found = seen.known, seen.signals
    lasting = [one for one in known if one.status != "closed"]
    began = {signal.key: signal.began_at for one in lasting for signal in one.signals}
    there = {signal.key for signal in found}
    unseen = [
        signal for one in lasting for signal in one.signals if signal.kind not in kinds and signal.key not in there
    ]  # fmt: skip
    groups = grouped(with_known_beginnings([*found, *unseen], began), watch.graph, seen.reached)
    ledger, taken = _Ledger(), set[int]()
    numbers = count(seen.first)
    for group in sorted(groups, key=lambda group: _match(group, lasting, taken) is None):
        match = _match(group, lasting, taken) or _closed_lately(group, known, taken)
        if match is not None:
            taken.add(match.number)
            _go_on(watch, ledger, match, group)
        else:
            _open(watch, ledger, group, next(numbers))
    present = {signal.key for group in groups for signal in group.signals}
    for one in lasting:
        if one.number not in taken:
            _end(watch, ledger, one, merged=bool(one.keys & present))
    for one in list(ledger.stored.values()) + [one for one in lasting if one.number not in ledger.stored]:
        _escalate(watch, ledger, one)
    return ledger


def _match(group: Group, lasting: Sequence[Incident], taken: set[int]) -> Incident | None:
    """The incident that a group is: of the same cause, else one that has a signal of it, the oldest first."""
    free = [one for one in lasting if one.number not in taken]
    keys = {signal.key for signal in group.signals}
    same = [one for one in free if one.fingerprint == group.root.fingerprint]
    return next(iter([*same, *(one for one in free if one.keys & keys)]), None)


def _closed_lately(group: Group, known: Sequence[Incident], taken: set[int]) -> Incident | None:
    return next(
        (one for one in reversed(known)
         if one.status == "closed" and one.number not in taken and one.fingerprint == group.root.fingerprint), None,
    )  # fmt: skip


def _described(watch: Watch, group: Group, number: int) -> Incident:
    root, now = group.root, watch.context.now
    affected = affected_by(root, watch)
    return Incident(
        number, root.fingerprint, root.cause, root.subject, root.column, title_of(root), severity_of(group, affected), "open",
        owner_of(root, watch), runbook_for(root, watch), route_of(root, watch), min(s.began_at for s in group.signals), now,
        now, group.signals, affected,
    )  # fmt: skip


def _open(watch: Watch, ledger: _Ledger, group: Group, number: int) -> None:
    one = _described(watch, group, number)
    now = watch.context.now
    events = [
        _event(one, one.began_at, "began", group.root.summary), _event(one, now, "detected", _seen_by(group.root)),
        *(_event(one, now, "symptom", _symptom(signal), signal) for signal in group.symptoms),
    ]  # fmt: skip
    ledger.put(one, events, "opened", group.root.summary)


def _go_on(watch: Watch, ledger: _Ledger, before: Incident, group: Group) -> None:
    """An incident that lasts, or comes back: with the signals there are now. Where nothing differs nothing is written."""
    now = watch.context.now
    fresh = _described(watch, group, before.number)
    worse = SEVERITIES.index(fresh.severity) < SEVERITIES.index(before.severity)
    again = before.status == "closed" or (before.status == "dismissed" and worse)
    if before.status == "dismissed" and not worse:
        return
    one = replace(
        fresh, opened_at=before.opened_at, waiting_since=now if again else before.waiting_since, began_at=min(before.began_at, fresh.began_at), owner=before.owner,
        severity=fresh.severity if worse or before.status == "closed" else before.severity, status="open" if again else before.status,
        escalated_at=None if again else before.escalated_at, acknowledged_at=None if again else before.acknowledged_at,
    )  # fmt: skip
    if not again and _told(one) == _told(before):
        return
    new = [signal for signal in group.signals if signal.key not in before.keys]
    gone = [signal for signal in before.signals if signal.key not in one.keys]
    events = [_event(one, now, "reopened", f"it is back: {group.root.summary}")] if again else []
    if one.fingerprint != before.fingerprint:
        events.append(_event(one, now, "note", f"the cause is now seen in {one.title}"))
    events += [_event(one, now, "symptom", _symptom(signal), signal) for signal in new]
    events += [_event(one, now, "symptom_gone", _symptom(signal)) for signal in gone if not again]
    if worse and not again:
        events.append(_event(one, now, "note", f"{before.severity} became {one.severity}"))
    what = "reopened" if again else "worse" if worse else "added_to" if new else ""
    ledger.put(one, events, what, "; ".join(_symptom(signal) for signal in new) or group.root.summary)


def _told(one: Incident) -> tuple[object, ...]:
    """What has to differ for an incident to be written anew; the age of a champion and free bytes differ at every look."""
    figures = {
        signal.key: (
            signal.severity,
            signal.partition,
            (signal.summary, dict(signal.numbers)) if signal.kind == "check" else None,
        )
        for signal in one.signals
    }
    return (one.fingerprint, one.severity, one.status, one.runbook, one.route, one.began_at, one.affected, figures)


def _end(watch: Watch, ledger: _Ledger, before: Incident, *, merged: bool) -> None:
    now = watch.context.now
    one = replace(before, status="closed", closed_at=now)
    if merged:
        ledger.put(one, [_event(one, now, "closed", "its signals belong to another incident now")])
        return
    lasted = now - before.opened_at
    said = f"all {len(before.signals)} signals are gone, {_days(lasted)} after it was detected"
    events = [_event(one, now, "recovered", said), _event(one, now, "closed", "by recovery")]
    ledger.put(one, events, "recovered" if before.status != "dismissed" else "", said)


def _escalate(watch: Watch, ledger: _Ledger, one: Incident) -> None:
    """An open incident that nobody has taken on in time is told again."""
    now, limit = watch.context.now, watch.operations.escalate_after
    if one.status == "open" and one.escalated_at is None and now - one.waiting_since >= span_length(limit):
        said = f"nobody has acknowledged it within {limit}"
        told = replace(one, escalated_at=now)
        ledger.put(told, [_event(told, now, "escalated", said)], "escalated", said)


def _days(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"


def _event(one: Incident, moment: object, kind: EventKind, message: str, signal: Signal | None = None) -> Event:
    facts = (
        {} if signal is None else {"signal": signal.key, "severity": signal.severity, "numbers": dict(signal.numbers)}
    )
    return Event(one.number, moment, kind, message, facts=facts)  # type: ignore[arg-type]


def _seen_by(signal: Signal) -> str:
    where = f" of {signal.asset}" if signal.asset else ""
    return f"by {signal.name}{where}{f' ({signal.code})' if signal.code else ''}"


def _symptom(signal: Signal) -> str:
    where, said = f"{signal.asset} {signal.partition}".strip(), shortened(signal.summary, _LONGEST_SYMPTOM)
    return f"{where}: {signal.name}{f' ({signal.code})' if signal.code else ''}: {said}" if where else said


def changes_in_words(changes: Sequence[Change]) -> Iterator[str]:
    """One line for each new or changed incident, the worst first."""
    for change in sorted(
        changes, key=lambda change: (SEVERITIES.index(change.incident.severity), change.incident.number)
    ):
        yield str(change)
