"""`ml-assets plan`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ml_assets.cli.project import keys_within, open_project, partition_range
from ml_assets.cli.status import looking
from ml_assets.graph.plan import select
from ml_assets.graph.preview import preview
from ml_assets.graph.revision import graph_at

BREAKING_EXIT_CODE = 3


def plan_command(
    project: Path | None, *, selection: str, partitions: str | None, retrain: bool, against: str | None, fail_on_breaking: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Print what a run would do and what changed; 0, or 3 where something is breaking and that was asked for."""
    opened = open_project(project)
    assets = select(opened.graph, selection)
    with looking(opened, retrain=retrain) as context:
        span = partition_range(partitions)
        keys = None if span is None else keys_within(span, assets, context.now)
        earlier = None
        if against is not None:
            earlier = (against, graph_at(opened.root, opened.folder.defs, context.sql_root, against))
        with context.warehouse.reading() as bench:
            found = preview(bench, context, opened.graph, assets, keys, earlier)
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), default=str) + "\n")
    else:
        from ml_assets.cli.planning_tables import print_plan

        print_plan(found)
    return BREAKING_EXIT_CODE if fail_on_breaking and found.breaking else 0
