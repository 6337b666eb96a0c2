"""`ml-assets metrics` and `ml-assets telemetry …`: the commands. What they do is in `metrics`, imported when needed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

LOGS_TO_STDERR = "ml_assets.logs_to_stderr"


def logs_to_stderr() -> bool:
    """Whether the running command was asked for structured log lines on standard error."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(LOGS_TO_STDERR))


@click.command()
@click.option("--serve", is_flag=True, help="Answer HTTP requests for /metrics and /health until stopped.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=9464, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.pass_obj
def metrics(project: Path | None, serve: bool, host: str, port: int) -> None:
    """Print what the books say as Prometheus metrics, or serve it to a Prometheus of yours (extra `metrics`).

    Reads only, and never waits long: while the warehouse is locked the last values are given, and a gauge says so.
    """
    from ml_assets.cli.metrics import print_metrics, serve_metrics

    sys.exit(serve_metrics(project, host, port) if serve else print_metrics(project))


@click.group()
def telemetry() -> None:
    """Dashboards and alert rules of the graph, for a Grafana and a Prometheus of yours."""


@telemetry.command()
@click.option(
    "--write", type=click.Path(file_okay=False, path_type=Path),
    help="Write all files into this folder, such as deploy/monitoring. Without it only the alert rules are printed.",
)  # fmt: skip
@click.option(
    "--check", is_flag=True, help="Write nothing; exit with 1 if files of the folder --write are not up to date."
)
@click.option(
    "--runbooks-at",
    default="",
    metavar="URL",
    help="Address before runbooks that are files, as of the repository's main branch.",
)
@click.pass_obj
def generate(project: Path | None, write: Path | None, check: bool, runbooks_at: str) -> None:
    """Make Grafana dashboards and Prometheus alert rules from the declarations; equal ones give equal bytes."""
    from ml_assets.cli.metrics import generate_files

    if check and write is None:
        raise click.UsageError("--check compares with a folder: name it with --write")
    sys.exit(generate_files(project, write, runbooks_at, check=check))


def add_to(main: click.Group) -> None:
    """Hang these commands below `main`."""
    main.add_command(metrics)
    main.add_command(telemetry)
