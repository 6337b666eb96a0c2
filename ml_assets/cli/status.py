"""`ml-assets status`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ml_assets.cli.project import OpenProject, open_project
from ml_assets.graph.locate import nothing_declared
from ml_assets.graph.plan import out_of_date, select
from ml_assets.graph.summary import summarize
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.store import Warehouse


@contextmanager
def looking(opened: OpenProject, *, retrain: bool = False) -> Iterator[RunContext]:
    """The project's state; where there is none yet, an empty warehouse elsewhere, because looking makes nothing."""
    context = opened.context(retrain=retrain)
    if opened.home.warehouse.exists():
        yield context
        return
    with TemporaryDirectory(prefix="ml-assets-") as folder:
        yield replace(context, warehouse=Warehouse(Path(folder) / "warehouse.duckdb", Path(folder) / "scratch"))


def status_command(project: Path | None, selection: str, *, as_json: bool) -> int:
    """Print what there is and what is out of date; 0, or 1 when an ERROR check fails."""
    opened = open_project(project, may_be_empty=True)
    assets = select(opened.graph, selection) if opened.graph.assets else []
    with looking(opened) as context:
        with context.warehouse.reading() as bench:
            stale = out_of_date(bench, context, assets)
        summary = summarize(context, opened.graph, assets)
    if as_json:
        sys.stdout.write(json.dumps(summary.to_json() | {"out_of_date": stale}, default=str) + "\n")
        return 1 if summary.errors else 0
    if not opened.graph.assets:
        sys.stdout.write(f"{nothing_declared(opened.folder)}\n")
        return 0
    from ml_assets.cli.tables import print_status

    print_status(summary, stale)
    return 1 if summary.errors else 0
