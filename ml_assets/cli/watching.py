"""What the commands about incidents do: read the project, ask operations, print."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Any

from ml_assets.cli.project import OpenProject, open_made
from ml_assets.errors import SelectionError
from ml_assets.operations import acting
from ml_assets.operations.alerts.outbox import Change, alerts_where
from ml_assets.operations.incident_book import incident_of, incidents_where, timeline
from ml_assets.operations.look import look, tell_of_unusable_warehouse
from ml_assets.operations.next_steps import next_steps
from ml_assets.operations.postmortem import postmortem
from ml_assets.operations.signals import QUICK, THOROUGH, Kind
from ml_assets.operations.watch import Watch


def watch_of(opened: OpenProject) -> Watch:
    """The project as operations look at it."""
    return Watch(opened.context(), opened.graph, opened.profile.spec)


def look_after(opened: OpenProject, kinds: frozenset[Kind] = QUICK) -> list[Change]:
    """What a command does about incidents when its own work is done."""
    return look(watch_of(opened), kinds)


def tell_if_unusable(opened: OpenProject, problem: Exception) -> None:
    """People are told of a held lock or a full disk, of which nothing can be booked now."""
    tell_of_unusable_warehouse(watch_of(opened), problem)


def list_command(project: Path | None, *, everything: bool, as_json: bool) -> int:
    """Print incidents; 1 where some last."""
    watch = _watch(project)
    with watch.context.warehouse.reading() as bench:
        found = incidents_where(bench, "true" if everything else "status in ('open', 'acknowledged')")
    lasting = [one for one in found if one.status in ("open", "acknowledged")]
    if as_json:
        _print_json({"now": watch.context.now, "incidents": [one.to_json() for one in found]})
    else:
        from ml_assets.cli.incident_tables import print_incidents

        print_incidents(found, watch.context.now, everything=everything)
    return 1 if lasting else 0


def update_command(project: Path | None, *, as_json: bool) -> int:
    """Look thoroughly, and print what changed; 1 where incidents last."""
    watch = _watch(project)
    try:
        changes = look(watch, THOROUGH)
    except Exception as problem:
        tell_of_unusable_warehouse(watch, problem)
        raise
    with watch.context.warehouse.reading() as bench:
        lasting = incidents_where(bench, "status in ('open', 'acknowledged')")
    if as_json:
        _print_json(
            {
                "now": watch.context.now,
                "changes": changes_as_data(changes),
                "lasting": [one.to_json() for one in lasting],
            }
        )
    else:
        from ml_assets.cli.incident_tables import print_changes, print_incidents

        print_changes(changes)
        print_incidents(lasting, watch.context.now, everything=False)
    return 1 if lasting else 0


def show_command(project: Path | None, *, number: int, as_json: bool) -> int:
    """Print everything about one incident."""
    watch = _watch(project)
    with watch.context.warehouse.reading() as bench:
        one, events = incident_of(bench, number), timeline(bench, number)
        told = alerts_where(bench, "incident = ?", [number])
    steps = next_steps(one, watch)
    if as_json:
        events_as_data = [vars(event) for event in events]
        _print_json(
            one.to_json() | {"timeline": events_as_data, "alerts": [vars(alert) for alert in told], "next": steps}
        )
    else:
        from ml_assets.cli.incident_tables import print_incident

        print_incident(one, events, told, steps)
    return 0


def act_command(
    project: Path | None, *, action: str, number: int, by: str | None, words: dict[str, str], as_json: bool
) -> int:
    """Acknowledge, assign or close."""
    watch = _watch(project)
    one = getattr(acting, action)(watch, number, by=by if by is not None else getpass.getuser(), **words)
    if as_json:
        _print_json(one.to_json())
    else:
        sys.stdout.write(f"incident {one.number} is {one.status}, owner {one.owner or 'nobody'}: {one.title}\n")
    return 0


def postmortem_command(project: Path | None, *, number: int, write: Path | None) -> int:
    """Print or write the draft; a file that is there is not touched."""
    watch = _watch(project)
    with watch.context.warehouse.reading() as bench:
        text = postmortem(incident_of(bench, number), timeline(bench, number), watch)
    if write is None:
        sys.stdout.write(text)
        return 0
    if write.exists():
        raise SelectionError(
            f"{write} is there already", expected="a new file", got="one that somebody may have edited",
            remedy="name another file, or remove it",
        )  # fmt: skip
    write.parent.mkdir(parents=True, exist_ok=True)
    write.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{write} is written: fill in what only people know\n")
    return 0


def changes_as_data(changes: list[Change]) -> list[dict[str, Any]]:
    """Changes for a JSON object."""
    return [{"what": change.what, "message": change.message, **change.incident.to_json()} for change in changes]


def _watch(project: Path | None) -> Watch:
    return watch_of(open_made(project, "there is no warehouse, and so no incidents"))


def _print_json(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found, default=str) + "\n")
