"""Incidents as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ml_assets.operations.alerts.outbox import Alert, Change
from ml_assets.operations.incident_book import SEVERITIES, Event, Incident
from ml_assets.operations.incidents import changes_in_words
from ml_assets.operations.timing import in_words, times_of

_COLOURS = {"critical": "red", "major": "yellow", "minor": "cyan"}
_MOST_ROWS = 5


def _console() -> Console:
    return Console(width=None if Console().is_terminal else 120)


def print_changes(changes: Sequence[Change]) -> None:
    """One line each."""
    console = _console()
    for line in changes_in_words(changes):
        console.print(escape(line), soft_wrap=True, highlight=False)


def print_incidents(found: Sequence[Incident], now: datetime, *, everything: bool) -> None:
    """The worst first, and how long each has lasted."""
    console = _console()
    if not found:
        what = "There never was an incident." if everything else "No incident lasts."
        console.print(f"{what} Clock {now:%Y-%m-%d %H:%M} UTC.", highlight=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("no.", "severity", "status", "since", "owner", "what"):
        table.add_column(name, overflow="fold")
    for one in sorted(found, key=lambda one: (one.status == "closed", SEVERITIES.index(one.severity), one.number)):
        colour = _COLOURS[one.severity]
        table.add_row(
            str(one.number), f"[{colour}]{one.severity}[/]", one.status, f"{one.began_at:%Y-%m-%d %H:%M}", one.owner or "nobody",
            escape(one.title),
        )  # fmt: skip
    console.print(table)
    console.print("Next: ml-assets incidents show NUMBER", highlight=False)


def print_incident(one: Incident, events: Sequence[Event], told: Sequence[Alert], steps: Sequence[str]) -> None:
    """What it is, what speaks for it, whom it reaches, what happened when, and what to do."""
    console = _console()

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False)

    say(f"[{_COLOURS[one.severity]}]incident {one.number}[/] {escape(one.title)}")
    times = ", ".join(f"{name} {in_words(span)}" for name, span in times_of(one).items() if span is not None)
    say(
        f"  {one.severity}, {one.status}, owner {escape(one.owner or 'nobody')}; began {one.began_at:%Y-%m-%d %H:%M} UTC{f'; {times}' if times else ''}"
    )
    say(f"  affects: {escape(', '.join(one.affected.scores) or 'no scores')}; models: {', '.join(one.affected.models) or 'none'}; "
        f"{len(one.affected.tables)} tables made from it")  # fmt: skip
    say("Evidence:")
    for signal in one.signals:
        at = f" {signal.partition}" if signal.partition else ""
        say(
            f"  {signal.severity:<5} {escape(signal.asset or 'machine')}{at} {signal.name} {signal.code}: {escape(signal.summary)}"
        )
        if signal.place:
            say(f"        [dim]{escape(signal.place)}[/]")
    for row in one.signals[0].evidence[:_MOST_ROWS]:
        say("        " + escape(", ".join(f"{name} {value}" for name, value in row.items())))
    say("Timeline (UTC):")
    for event in events:
        say(
            f"  {event.happened_at:%Y-%m-%d %H:%M} {event.kind:<12} {escape(event.message)}{'' if event.actor == 'ml-assets' else f' ({escape(event.actor)})'}"
        )
    routes = sorted({f"{alert.route} ({alert.status})" for alert in told})
    say(f"Told: {', '.join(routes) or 'nobody'}")
    say(f"Runbook: {one.runbook}")
    say("Next:")
    for step in steps:
        say(f"  {escape(step)}")
