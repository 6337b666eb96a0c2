"""`ml-assets status`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ml_assets.cli.project import open_project
from ml_assets.graph.plan import select, stage_plan, stages
from ml_assets.graph.summary import summarize


def status_command(project: Path | None, selection: str, *, as_json: bool) -> int:
    """Print what there is and what is out of date; 0, or 1 when an ERROR check fails."""
    opened = open_project(project)
    assets = select(opened.graph, selection)
    context = opened.context()
    stale: dict[str, dict[str, str]] = {}
    with context.warehouse.reading() as bench:
        for stage in stages(assets):
            plan = stage_plan(bench, context, stage)
            stale |= {str(name): reasons for name, reasons in plan.reasons.items()}
            stale |= {str(name): {"": "reads something that is out of date"} for name in plan.reached}
    summary = summarize(context, opened.graph, assets)
    if as_json:
        sys.stdout.write(json.dumps(summary.to_json() | {"out_of_date": stale}, default=str) + "\n")
        return 1 if summary.errors else 0
    from ml_assets.cli.tables import print_status

    print_status(summary, stale)
    return 1 if summary.errors else 0
