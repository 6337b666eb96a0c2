"""`ml-assets run` and `ml-assets ui`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_assets.cli.project import OpenProject, keys_within, open_project, partition_range
from ml_assets.cli.terminal import Terminal
from ml_assets.graph.plan import select, stage_plan, stages
from ml_assets.graph.summary import Summary, summarize
from ml_assets.warehouse.asset import TableAsset


def run_command(project: Path | None, selection: str, partitions: str | None, *, retrain: bool, as_json: bool) -> int:
    """Make what is out of date; the process's exit code."""
    opened = open_project(project)
    assets = select(opened.graph, selection)
    return run_assets_of(opened, assets, partitions, retrain=retrain, as_json=as_json)


def run_assets_of(
    opened: OpenProject,
    assets: Sequence[TableAsset],
    partitions: str | None = None,
    *,
    retrain: bool = False,
    as_json: bool = False,
) -> int:
    """Run, with progress on a terminal, then say what there is now."""
    started = time.monotonic()
    keys = _keys(opened, assets, partitions)
    if not _anything_stale(opened, assets, keys, retrain=retrain):
        return _finish(opened, assets, {}, 0, time.monotonic() - started, as_json=as_json)
    os.environ["ML_ASSETS_RETRAIN"] = "1" if retrain else "0"
    # Imported here: Dagster takes a second, and a run with nothing to do needs none of it.
    from ml_assets.components.launch import run_assets
    from ml_assets.components.progress import listening

    terminal = Terminal(quiet=as_json)
    with terminal, listening(terminal.progress):
        report = run_assets(opened.graph, opened.root, assets, keys)
    return _finish(opened, assets, report.failures, len(report.run_ids), time.monotonic() - started, as_json=as_json)


def _keys(opened: OpenProject, assets: Sequence[TableAsset], partitions: str | None) -> list[str] | None:
    wanted = partition_range(partitions)
    if wanted is None:
        return None
    return keys_within(wanted, assets, opened.home.clock()())


def _anything_stale(
    opened: OpenProject, assets: Sequence[TableAsset], keys: list[str] | None, *, retrain: bool
) -> bool:
    context = opened.context(retrain=retrain)
    with context.warehouse.reading() as bench:
        return any(stage_plan(bench, context, stage, keys).assets for stage in stages(assets))


def _finish(
    opened: OpenProject,
    assets: Sequence[TableAsset],
    failures: dict[str, str],
    runs: int,
    seconds: float,
    *,
    as_json: bool,
) -> int:
    summary = summarize(opened.context(), opened.graph, assets)
    failed = bool(failures) or summary.errors > 0
    if as_json:
        facts: dict[str, Any] = summary.to_json() | {
            "failures": failures,
            "dagster_runs": runs,
            "seconds": round(seconds, 3),
        }
        sys.stdout.write(json.dumps(facts, default=str) + "\n")
    else:
        _print(summary, failures, runs, seconds)
    return 1 if failed else 0


def _print(summary: Summary, failures: dict[str, str], runs: int, seconds: float) -> None:
    from ml_assets.cli.tables import print_summary

    if runs == 0 and not failures:
        sys.stdout.write(f"Nothing to do: every selected asset is current ({seconds:.1f} s).\n")
    print_summary(summary, failures, seconds)


def ui_command(project: Path | None, host: str, port: int) -> None:
    """Replace this process by `dagster dev` on the project's own state."""
    from ml_assets.components.launch import prepare_instance

    opened = open_project(project)
    os.environ["DAGSTER_HOME"] = str(prepare_instance(opened.home).resolve())
    os.environ["ML_ASSETS_HOME"] = str(opened.home.root)
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-w",
        str(opened.root / "workspace.yaml"),
        "-h",
        host,
        "-p",
        str(port),
    ]
    os.chdir(opened.root)
    os.execv(sys.executable, command)  # noqa: S606
