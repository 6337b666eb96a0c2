"""A diagnosis and the alerts that were sent, as text for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich.console import Console
from rich.markup import escape

from ml_assets.operations.alerts.outbox import Alert
from ml_assets.operations.doctor import Diagnosis, Suspect

_MOST_ALERTS = 10


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False)


def print_diagnosis(found: Diagnosis) -> None:
    """The likeliest cause first; where all is well, what was looked at."""
    console = Console(width=None if Console().is_terminal else 120)
    about = found.asset or "the project"
    if found.is_well:
        _say(
            console,
            f"[green]All is well[/] with {about}, as far as can be seen at {found.now:%Y-%m-%d %H:%M} UTC. Looked at:",
        )
        for look in found.looks:
            _say(console, f"  {look.name:<22} {escape(look.said)}")
        for one in found.cleared:
            if one.speaks_against:
                _say(console, f"  {one.cause:<22} {escape('; '.join(one.speaks_against[:2]))}")
        return
    _say(console, f"What may be wrong with {about}, the likeliest first ({found.now:%Y-%m-%d %H:%M} UTC):")
    for number, suspect in enumerate(found.suspects, 1):
        _print_suspect(console, number, suspect)
    _say(console, "Nothing speaks for:")
    for one in found.cleared:
        _say(console, f"  {one.cause:<14} {escape('; '.join(one.speaks_against[:2]))}")


def _print_suspect(console: Console, number: int, one: Suspect) -> None:
    _say(console, f"[bold]{number}. {one.cause}[/]: {escape(one.title)} (weight {one.weight:g})")
    for line in one.speaks_for:
        _say(console, f"   + {escape(line)}")
    for line in one.speaks_against:
        _say(console, f"   - {escape(line)}")
    for line in one.next:
        _say(console, f"   → {escape(line)}")


def print_alerts(log: str, routes: Mapping[str, str], unset: Collection[str], sent: Sequence[Alert]) -> None:
    """Where alerts go, and the newest of them."""
    console = Console(width=None if Console().is_terminal else 120)
    _say(console, f"log: {escape(log)}")
    for name, variable in routes.items():
        _say(console, f"{name}: {variable}{' [yellow](not set, or no URL)[/]' if name in unset else ''}")
    if not routes:
        _say(console, "The profile declares no route: alert_routes in deploy/profiles/, see docs/how-to/send-alerts.md")
    for alert in sent[-_MOST_ALERTS:]:
        first = alert.message.partition("\n")[0]
        _say(console, f"  {alert.event_at:%Y-%m-%d %H:%M} {alert.route:<10} {alert.status:<8} {escape(first)}")
