"""`ml-assets runbook`: what to do when something is wrong, wherever the library is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import click


def add_to(group: click.Group) -> None:
    """Hang the command below the main one."""
    group.add_command(runbook)


@click.command()
@click.argument("name", required=False)
@click.pass_obj
def runbook(project: Path | None, name: str | None) -> None:
    """Print the runbook NAME (such as stale-data), or list them all. A project's own docs/runbooks/NAME.md goes before."""
    from ml_assets.operations.runbooks import SLUGS, text_of, title_of

    root = _root(project)
    if name is None:
        sys.stdout.write("".join(f"{slug:<20} {title_of(text_of(slug, root))}\n" for slug in SLUGS))
        return
    sys.stdout.write(text_of(name, root))


def _root(project: Path | None) -> Path | None:
    """The project's folder; None outside of a project, where the built-in ones can be read all the same."""
    from ml_assets.errors import MlAssetsError
    from ml_assets.graph.locate import find_project

    try:
        return find_project(project).root
    except MlAssetsError:
        if project is not None:
            raise
        return None
