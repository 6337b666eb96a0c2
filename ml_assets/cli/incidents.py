"""`ml-assets incidents …`, `doctor` and `alerts …`: the commands. What they do is in `watching` and `diagnosing`, imported when needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
_by = click.option(
    "--by", default=None, metavar="NAME", help="Who does it, for the timeline; default the user of this machine."
)
_number = click.argument("number", type=int)


def _run(function: str, project: Path | None, **options: Any) -> None:
    from ml_assets.cli import diagnosing, watching

    room = watching if hasattr(watching, function) else diagnosing
    sys.exit(getattr(room, function)(project, **options))


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@_as_json
@click.pass_context
def incidents(context: click.Context, everything: bool, as_json: bool) -> None:
    """What is wrong in production: one incident a cause, with owner, timeline, evidence, affected scores, runbook.

    Without a command it lists those that last, the worst first. Exit codes: 0 none lasts, 1 some do.
    """
    if context.invoked_subcommand is None:
        _run("list_command", context.obj, everything=everything, as_json=as_json)


@incidents.command()
@_as_json
@click.pass_obj
def update(project: Path | None, as_json: bool) -> None:
    """Look at everything now: open, add to, escalate and close incidents, and send what has to be sent.

    `run` and `check` do it too, without what takes longer: tables that are overdue, champions' packages and golden rows.
    """
    _run("update_command", project, as_json=as_json)


@incidents.command()
@_number
@_as_json
@click.pass_obj
def show(project: Path | None, number: int, as_json: bool) -> None:
    """Everything about one incident: timeline, evidence, what it affects, who was told, runbook, next steps."""
    _run("show_command", project, number=number, as_json=as_json)


@incidents.command()
@_number
@_by
@click.option("--note", default="", metavar="TEXT", help="What is known or done, for the timeline.")
@_as_json
@click.pass_obj
def acknowledge(project: Path | None, number: int, by: str | None, note: str, as_json: bool) -> None:
    """Take an incident on: it is not escalated any more."""
    _run("act_command", project, action="acknowledge", number=number, by=by, words={"note": note}, as_json=as_json)


@incidents.command()
@_number
@click.argument("owner")
@_by
@_as_json
@click.pass_obj
def assign(project: Path | None, number: int, owner: str, by: str | None, as_json: bool) -> None:
    """Let OWNER answer for an incident."""
    _run("act_command", project, action="assign", number=number, by=by, words={"owner": owner}, as_json=as_json)


@incidents.command()
@_number
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the timeline.")
@_by
@_as_json
@click.pass_obj
def close(project: Path | None, number: int, reason: str, by: str | None, as_json: bool) -> None:
    """End an incident by hand; while its signals last it comes back only if it becomes worse."""
    _run("act_command", project, action="close", number=number, by=by, words={"reason": reason}, as_json=as_json)


@incidents.command()
@_number
@click.option(
    "--write", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this file, which must be new."
)
@click.pass_obj
def postmortem(project: Path | None, number: int, write: Path | None) -> None:
    """A draft in Markdown: summary, impact, timeline with times to detect and recover, root cause, what to fill in."""
    _run("postmortem_command", project, number=number, write=write)


@click.command()
@click.argument("asset", required=False, default="")
@_as_json
@click.pass_obj
def doctor(project: Path | None, asset: str, as_json: bool) -> None:
    """Rank the likely causes of what is wrong with ASSET, or with anything: what speaks for and against each, what to type.

    Looks at the environment too: variables, folders, disk, lock, clock, packages. Exit codes: 0 all is well, 1 something is not.
    """
    _run("doctor_command", project, asset=asset, as_json=as_json)


@click.group(invoke_without_command=True)
@_as_json
@click.pass_context
def alerts(context: click.Context, as_json: bool) -> None:
    """Routes that the profile declares, and what was sent over them; URLs are never shown."""
    if context.invoked_subcommand is None:
        _run("alerts_command", context.obj, as_json=as_json)


@alerts.command(name="test")
@click.argument("route", required=False)
@click.pass_obj
def test_(project: Path | None, route: str | None) -> None:
    """Send a test message over ROUTE, or over every one. Exit codes: 0 taken by all, 1 not by some."""
    _run("alert_test_command", project, route=route)


def add_to(main: click.Group) -> None:
    """Hang these commands below `main`."""
    for command in (incidents, doctor, alerts):
        main.add_command(command)
