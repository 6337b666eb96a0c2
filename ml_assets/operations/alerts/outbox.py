"""What has to be sent, kept with the incidents: a receiver that fails costs no run, and is tried again at the next look."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ml_assets.operations.alerts.delivery import Delivery, deliver
from ml_assets.operations.alerts.messages import KIND_OF_CHANGE, alert_text
from ml_assets.operations.alerts.routes import LOG, routes_for
from ml_assets.operations.incident_book import Event, Incident, append_events
from ml_assets.operations.watch import Watch
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.manifest import insert_rows, naive_utc
from ml_assets.warehouse.store import Workbench

MOST_ATTEMPTS = 4


@dataclass(frozen=True)
class Alert:
    """One text for one route. `event_at`: when what it tells of happened; with incident, kind and route it is sent once.

    `status`: `due`, `sent`, `failed` (and tried again), or `given_up`.
    """

    incident: int
    kind: str
    event_at: datetime
    route: str
    status: str
    attempts: int
    sent_at: datetime | None
    message: str


@dataclass(frozen=True)
class Change:
    """What became of one incident in one look: `opened`, `reopened`, `worse`, `added_to`, `escalated` or `recovered`."""

    incident: Incident
    what: str
    message: str

    def __str__(self) -> str:
        one = self.incident
        return f"incident {one.number} {self.what.replace('_', ' ')} [{one.severity}] {one.title}"


def put_due(bench: Workbench, watch: Watch, changes: Iterable[Change]) -> None:
    """Inside the commit of the incidents: what is to be told of these changes, and over which routes."""
    moment = naive_utc(watch.context.now)
    rows = [
        [
            change.incident.number,
            kind,
            moment,
            route,
            "due",
            0,
            None,
            alert_text(change.incident, change.what, change.message),
        ]
        for change in changes
        if (kind := KIND_OF_CHANGE.get(change.what)) is not None
        for route in routes_for(change.incident, watch.profile)
    ]
    insert_rows(bench, "ops.alerts", rows)


_COLUMNS = "incident, kind, event_at, route, status, attempts, sent_at, message"


def alerts_where(bench: Workbench, condition: str, values: Sequence[object] = ()) -> list[Alert]:
    """Inside a reading block: alerts in order of what they tell of."""
    rows = bench.rows(
        f"select {_COLUMNS} from wh.ops.alerts where {condition} order by event_at, incident, kind, route", list(values)
    )
    return [
        Alert(number, kind, at.replace(tzinfo=UTC), route, status, attempts, sent and sent.replace(tzinfo=UTC), message)
        for number, kind, at, route, status, attempts, sent, message in rows
    ]


def alerts_wait(bench: Workbench) -> bool:
    """Inside a reading block: whether something has to be sent."""
    return bool(bench.value("select count(*) from wh.ops.alerts where status in ('due', 'failed')"))


def send_due(watch: Watch) -> list[Alert]:
    """Send what waits, and book what came of it; the alerts as they stand then. Never raises for a receiver's sake.

    One process sends at a time; another one leaves it to that.
    """
    context = watch.context
    with _alone(context.home) as alone:
        if not alone:
            return []
        with context.warehouse.reading() as bench:
            due = alerts_where(bench, "status in ('due', 'failed')")
        if not due:
            return []
        results = _deliver_all(watch, due)
        settled = [_settled(alert, result, context.now) for alert, result in zip(due, results, strict=True)]
        _book(watch, settled, results)
    for alert, result in zip(settled, results, strict=True):
        if result.problem:
            context.log(f"alert of incident {alert.incident} not sent over {alert.route}: {result.problem}")
    return settled


@contextmanager
def _alone(home: Home) -> Iterator[bool]:
    """Whether no other process is sending; none begins to until the block ends. The kernel forgets it with the process."""
    home.logs.mkdir(parents=True, exist_ok=True)
    with (home.logs / "alerts.lock").open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _book(watch: Watch, settled: Sequence[Alert], results: Sequence[Delivery]) -> None:
    now = watch.context.now
    with watch.context.warehouse.committing() as bench:
        insert_rows(bench, "ops.alerts", [
            [a.incident, a.kind, naive_utc(a.event_at), a.route, a.status, a.attempts, a.sent_at and naive_utc(a.sent_at), a.message]
            for a in settled
        ])  # fmt: skip
        append_events(bench, [
            Event(a.incident, now, "alerted", f"{a.kind} told over {a.route}" if a.status == "sent" else
                  f"{a.kind} not told over {a.route}, attempt {a.attempts} of {MOST_ATTEMPTS}: {result.problem}")
            for a, result in zip(settled, results, strict=True)
        ])  # fmt: skip


def _deliver_all(watch: Watch, due: Sequence[Alert]) -> list[Delivery]:
    texts: dict[str, list[str]] = {}
    for alert in due:
        if alert.route in watch.profile.alert_routes:
            texts.setdefault(alert.route, []).append(alert.message)
    done = {route: iter(found) for route, found in deliver(watch.profile, texts).items()}
    results = []
    for alert in due:
        if alert.route == LOG:
            write_log(watch, alert.message)
            results.append(Delivery(LOG))
        elif alert.route in done:
            results.append(next(done[alert.route]))
        else:
            results.append(Delivery(alert.route, "the profile declares no such route"))
    return results


def _settled(alert: Alert, result: Delivery, now: datetime) -> Alert:
    attempts = alert.attempts + 1
    status = "sent" if not result.problem else "given_up" if attempts >= MOST_ATTEMPTS else "failed"
    return Alert(
        alert.incident,
        alert.kind,
        alert.event_at,
        alert.route,
        status,
        attempts,
        now if status == "sent" else None,
        alert.message,
    )


def log_file(home: Home) -> Path:
    """Where every alert is written, whatever routes there are."""
    return home.logs / "alerts.log"


def write_log(watch: Watch, message: str) -> None:
    """One line into the log file, and one to whoever listens to this run."""
    line = " · ".join(message.splitlines())
    path = log_file(watch.context.home)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{watch.context.now:%Y-%m-%dT%H:%M:%SZ} {line}\n")
    watch.context.log(f"alert: {message.splitlines()[0]}")
