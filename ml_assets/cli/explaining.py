"""`ml-assets explain` and `ml-assets why`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ml_assets.cli.project import open_project
from ml_assets.cli.status import looking
from ml_assets.graph.explain import explained, one_asset


def explain_command(project: Path | None, *, asset: str, as_json: bool) -> int:
    """Print everything about one asset."""
    opened = open_project(project)
    wanted = one_asset(opened.graph, asset)
    with looking(opened) as context, context.warehouse.reading() as bench:
        found = explained(bench, context, opened.graph, wanted)
    return _print(found, as_json, "print_explained")


def why_command(project: Path | None, *, scores: str, row: str, snapshot: str | None, most: int, as_json: bool) -> int:
    """Print what one score was made from."""
    from ml_assets.graph.why import why_score

    opened = open_project(project)
    with looking(opened) as context, context.warehouse.reading() as bench:
        found = why_score(bench, context, opened.graph, scores, row, snapshot, most)
    return _print(found, as_json, "print_why")


def _print(found: dict[str, Any], as_json: bool, printer: str) -> int:
    if as_json:
        sys.stdout.write(json.dumps(found, default=str) + "\n")
    else:
        from ml_assets.cli import explaining_tables

        getattr(explaining_tables, printer)(found)
    return 0
