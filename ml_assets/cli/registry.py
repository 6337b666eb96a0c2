"""`ml-assets registry …` and `ml-assets drill …`: the commands. What they do is in `registering`, imported when needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
_by = click.option(
    "--by", default=None, metavar="NAME", help="Who does it, for the log; default the user of this machine."
)
_reason = click.option("--reason", required=True, metavar="TEXT", help="Why, for the log.")
_reference = click.argument("reference", metavar="NAME@VERSION")


@click.group()
def registry() -> None:
    """Versions, verdicts and aliases: what may serve, what serves, who decided it and why.

    A version is named NAME@3, or by an alias: NAME@champion, NAME@challenger, NAME@pinned.
    """


@click.group()
def drill() -> None:
    """Rehearse what must work on a bad day; leaves no trace."""


def _run(function: str, project: Path | None, **options: Any) -> None:
    """Do the work of one command and end with its exit code."""
    from ml_assets.cli import registering

    sys.exit(getattr(registering, function)(project, **options))


@registry.command()
@click.argument("name")
@_as_json
@click.pass_obj
def runs(project: Path | None, name: str, as_json: bool) -> None:
    """Every training run of a model, newest first: what differs in parameters, metrics, time, data, verdict."""
    from ml_assets.cli.tracking import runs_command

    sys.exit(runs_command(project, name, as_json=as_json))


@registry.command(name="export-mlflow")
@click.argument("name")
@click.option("--tracking-uri", metavar="URI", help="Of the MLflow server; default MLFLOW_TRACKING_URI.")
@click.option("--experiment", metavar="NAME", help="Experiment on the server; default the model's name.")
@_as_json
@click.pass_obj
def export_mlflow(
    project: Path | None, name: str, tracking_uri: str | None, experiment: str | None, as_json: bool
) -> None:
    """Copy every training run to an MLflow server (extra `mlflow`); those that are there are not copied twice."""
    from ml_assets.cli.tracking import export_command

    sys.exit(export_command(project, name, tracking_uri, experiment, as_json=as_json))


@registry.command(name="list")
@click.argument("name", required=False)
@_as_json
@click.pass_obj
def list_(project: Path | None, name: str | None, as_json: bool) -> None:
    """Every version of one model NAME, or of all: verdict, aliases, overrides."""
    _run("list_command", project, name=name, as_json=as_json)


@registry.command()
@_reference
@_as_json
@click.pass_obj
def show(project: Path | None, reference: str, as_json: bool) -> None:
    """Everything about one version: verdict by rule, overrides, approvals, alias history, what it was made from."""
    _run("show_command", project, reference=reference, as_json=as_json)


@registry.command()
@click.argument("name")
@click.argument("moment")
@_as_json
@click.pass_obj
def at(project: Path | None, name: str, moment: str, as_json: bool) -> None:
    """What served at MOMENT (such as 2011-11-01T12:00, UTC), who moved it there and why."""
    _run("at_command", project, name=name, moment=moment, as_json=as_json)


@registry.command()
@_reference
@_by
@_reason
@_as_json
@click.pass_obj
def promote(project: Path | None, reference: str, by: str | None, reason: str, as_json: bool) -> None:
    """Make a version champion that may serve and, where the policy is approval, is approved."""
    _run("act_command", project, action="promote", reference=reference, by=by, reason=reason, as_json=as_json)


@registry.command()
@_reference
@_by
@_reason
@_as_json
@click.pass_obj
def approve(project: Path | None, reference: str, by: str | None, reason: str, as_json: bool) -> None:
    """Approve a version exactly as it was judged; with enough approvals it becomes champion."""
    _run("act_command", project, action="approve", reference=reference, by=by, reason=reason, as_json=as_json)


@registry.command()
@_reference
@click.option("--until", required=True, metavar="DATE", help="When it ends (UTC), at most 90 days ahead.")
@_by
@_reason
@_as_json
@click.pass_obj
def override(project: Path | None, reference: str, until: str, by: str | None, reason: str, as_json: bool) -> None:
    """Answer for a version that the gate refused, for a time. Does not promote it."""
    _run("override_command", project, reference=reference, until=until, by=by, reason=reason, as_json=as_json)


@registry.command()
@click.argument("reference", metavar="NAME[@VERSION]")
@_by
@_reason
@_as_json
@click.pass_obj
def rollback(project: Path | None, reference: str, by: str | None, reason: str, as_json: bool) -> None:
    """Make the champion before, or NAME@VERSION, champion again at once."""
    _run("rollback_command", project, reference=reference, by=by, reason=reason, as_json=as_json)


@registry.command()
@_reference
@_by
@_reason
@_as_json
@click.pass_obj
def pin(project: Path | None, reference: str, by: str | None, reason: str, as_json: bool) -> None:
    """Let the alias `pinned` point to a version; it stays there whatever becomes champion."""
    _run("act_command", project, action="pin", reference=reference, by=by, reason=reason, as_json=as_json)


@registry.command()
@click.argument("references", nargs=-1, required=True, metavar="NAME@A NAME@B …")
@click.option("--all", "everything", is_flag=True, help="Show equal rows too, not only what differs.")
@_as_json
@click.pass_obj
def compare(project: Path | None, references: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Versions of one model side by side: metrics with intervals, gate, data, features, parameters, code.

    With one reference it is compared with the champion.
    """
    _run("compare_command", project, references=references, everything=everything, as_json=as_json)


@registry.command()
@_reference
@_as_json
@click.pass_obj
def card(project: Path | None, reference: str, as_json: bool) -> None:
    """The model card of a version with its release notes, as Markdown."""
    _run("card_command", project, reference=reference, as_json=as_json)


@drill.command(name="rollback")
@click.argument("reference", metavar="NAME[@VERSION]")
@_as_json
@click.pass_obj
def drill_rollback(project: Path | None, reference: str, as_json: bool) -> None:
    """Prove that a rollback would work now: the old version answers its golden rows exactly, the alias moves and back."""
    _run("drill_command", project, reference=reference, as_json=as_json)


# What is typed on a bad day is short: `ml-assets rollback NAME` is `ml-assets registry rollback NAME`.
SHORT = (promote, approve, rollback, pin, compare, show)


def add_to(main: click.Group) -> None:
    """Hang these commands below `main`."""
    for command in (registry, drill, *SHORT):
        main.add_command(command)
