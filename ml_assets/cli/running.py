"""`ml-assets run` and `ml-assets ui`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ml_assets.cli.project import OpenProject, keys_within, open_project, partition_range
from ml_assets.cli.telemetry import logs_to_stderr
from ml_assets.cli.terminal import Terminal
from ml_assets.graph.locate import VARIABLE, ProjectFolder
from ml_assets.graph.plan import select
from ml_assets.graph.run import RunReport, failures_in_words, run_graph
from ml_assets.graph.summary import Summary, summarize
from ml_assets.operations.alerts.outbox import Change
from ml_assets.operations.telemetry.listening import listening
from ml_assets.warehouse.asset import TableAsset


def run_command(
    project: Path | None, selection: str, partitions: str | None, *, retrain: bool, pull: bool, as_json: bool
) -> int:
    """Make what is out of date; the process's exit code. With `pull`, a landing file that cannot be fetched stops the run."""
    opened = open_project(project)
    assets = select(opened.graph, selection)
    if pull:
        from ml_assets.cli.pulling import pull_assets, pullable, tell

        fetched = pull_assets(opened, pullable(assets), as_json=as_json)
        if fetched.failures:
            tell(fetched, as_json=as_json)
            return 1
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
    to_stderr = logs_to_stderr()
    with Terminal(quiet=as_json or to_stderr) as terminal, listening(opened.home, to_stderr=to_stderr) as listener:
        context = replace(opened.context(retrain=retrain), progress=terminal.progress)
        try:
            report = run_graph(context, assets, keys, listener=listener)
        except Exception as problem:
            from ml_assets.cli.watching import tell_if_unusable

            tell_if_unusable(opened, problem)
            raise
    return _finish(opened, assets, report, time.monotonic() - started, as_json=as_json)


def _keys(opened: OpenProject, assets: Sequence[TableAsset], partitions: str | None) -> list[str] | None:
    wanted = partition_range(partitions)
    if wanted is None:
        return None
    return keys_within(wanted, assets, opened.home.clock()())


def _finish(
    opened: OpenProject,
    assets: Sequence[TableAsset],
    report: RunReport,
    seconds: float,
    *,
    as_json: bool,
) -> int:
    from ml_assets.cli.watching import changes_as_data, look_after

    summary = summarize(opened.context(), opened.graph, assets)
    changes = look_after(opened)
    failed = bool(report.failures) or summary.errors > 0
    if as_json:
        facts: dict[str, Any] = summary.to_json() | {
            "run_id": report.run_id,
            "made": report.made,
            "written": {
                asset: {"changed": changed, "asked": asked} for asset, (changed, asked) in report.written.items()
            },
            "failures": report.failures,
            "skipped": report.skipped,
            "seconds": round(seconds, 3),
            "incidents": changes_as_data(changes),
        }
        sys.stdout.write(json.dumps(facts, default=str) + "\n")
    else:
        _print(summary, report, seconds)
        _print_incidents(changes)
    return 1 if failed else 0


def _print(summary: Summary, report: RunReport, seconds: float) -> None:
    from ml_assets.cli.tables import print_summary

    if report.steps == 0:
        sys.stdout.write(f"Nothing to do: every selected asset is current ({seconds:.1f} s).\n")
    if report.written:
        sys.stdout.write(f"This run made: {_written(report)}.\n")
    print_summary(summary, failures_in_words(report.failures, report.skipped), seconds)


def _print_incidents(changes: Sequence[Change]) -> None:
    if changes:
        from ml_assets.cli.incident_tables import print_changes

        print_changes(changes)


def _written(report: RunReport) -> str:
    """What got other rows, and of how many snapshots; what was only judged or found unchanged comes last, by number."""
    changed = [
        asset if asked == 1 else f"{asset} ({count} of {asked} snapshots)"
        for asset, (count, asked) in report.written.items()
        if count
    ]
    rest = len(report.written) - len(changed)
    unchanged = [f"{rest} found unchanged or only judged"] if rest else []
    return ", ".join([*changed, *unchanged])


def ui_command(project: Path | None, host: str, port: int) -> None:
    """Replace this process by `dagster dev` on the project's own state."""
    from ml_assets.components.instance import project_instance
    from ml_assets.components.telling import tell

    opened = open_project(project, may_be_empty=True)
    with project_instance(opened.home, opened.profile.instance_file) as instance:
        told = tell(instance, opened.context(), opened.graph.assets)
    if told:
        sys.stdout.write(f"Shown to Dagster: {told} steps that the command line made.\n")
    os.environ["DAGSTER_HOME"] = str(opened.home.dagster.resolve())
    os.environ["ML_ASSETS_HOME"] = str(opened.home.root)
    os.environ[VARIABLE] = str(opened.root)
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-w",
        str(dagster_workspace(opened)),
        "-h",
        host,
        "-p",
        str(port),
    ]
    os.chdir(opened.root)
    os.execv(sys.executable, command)  # noqa: S606


def dagster_workspace(opened: OpenProject) -> Path:
    """What Dagster is to load: the project's own `workspace.yaml`, else one that is written for it.

    A project with a code location of its own gets that one; any other needs no Python.
    """
    own = opened.root / "workspace.yaml"
    if own.is_file():
        return own
    settings = opened.folder.settings
    location = {
        "module_name": _own_code_location(opened.folder) or "ml_assets.definitions",
        "working_directory": str(opened.folder.base),
        "location_name": settings.get("code_location_name") or opened.root.name,
    }
    path = opened.home.dagster / "workspace.yaml"
    path.write_text(json.dumps({"load_from": [{"python_module": location}]}, indent=2) + "\n", encoding="utf-8")
    return path


def _own_code_location(folder: ProjectFolder) -> str | None:
    """The module that the project's configuration names, or the one that `dg` takes by default, if it is there."""
    if "code_location_target_module" in folder.settings:
        return str(folder.settings["code_location_target_module"])
    package = folder.settings.get("root_module")
    path = folder.base.joinpath(*str(package).split("."), "definitions")
    exists = package is not None and (path.is_dir() or path.with_suffix(".py").is_file())
    return f"{package}.definitions" if exists else None
