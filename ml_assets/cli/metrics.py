"""What `ml-assets metrics` and `ml-assets telemetry` do."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType

from ml_assets.cli.project import OpenProject, open_project
from ml_assets.errors import SelectionError
from ml_assets.monitoring.rules_on_file import FILE
from ml_assets.operations.telemetry.collector import Collector
from ml_assets.operations.telemetry.exposition import MetricsServer, exposition
from ml_assets.operations.telemetry.files import monitoring_files, outdated, write_files
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.store import EngineSettings, Warehouse

# A scrape is given up by Prometheus after ten seconds; looking must not take memory or cores from those who work.
_LOOKING = EngineSettings(memory_limit="512MB", threads=1, deadline_seconds=1.5)


def print_metrics(project: Path | None) -> int:
    """Print the exposition once; 0, or 1 where the books could not be read."""
    collector = _collector(open_project(project))
    sys.stdout.write(exposition(collector.reading()))
    if collector.problem:
        sys.stderr.write(f"{collector.problem}\n")
    return 1 if collector.problem else 0


def serve_metrics(project: Path | None, host: str, port: int) -> int:
    """Answer scrapes until the process is told to stop."""
    collector = _collector(open_project(project))
    exposition(collector.reading())
    try:
        server = MetricsServer(collector, host, port)
    except OSError as problem:
        raise SelectionError(
            "nothing can listen there", place=f"{host}:{port}", expected="a free port of an address of this machine",
            got=problem.strerror or problem, remedy="choose another --host or --port; 0 takes a free port",
        ) from problem  # fmt: skip
    with server:
        sys.stdout.write(f"Metrics at {server.url}/metrics, health at {server.url}/health. Stop with Ctrl-C.\n")
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _collector(opened: OpenProject) -> Collector:
    def context() -> RunContext:
        home = opened.home
        return replace(opened.context(), warehouse=Warehouse(home.warehouse, home.scratch, _LOOKING))

    return Collector(context, opened.graph, opened.profile.spec.fresh_for)


def generate_files(project: Path | None, folder: Path | None, runbooks_at: str, *, check: bool) -> int:
    """Print the alert rules, or write all files; 1 where they were only to be looked at and are not up to date."""
    opened = open_project(project)
    files = monitoring_files(opened.graph, runbooks_at)
    if folder is None:
        sys.stdout.write(files[FILE])
        return 0
    if check:
        found = outdated(files, folder)
        sys.stdout.writelines(f"not up to date: {folder / name}\n" for name in found)
        return 1 if found else 0
    changed = write_files(files, folder)
    sys.stdout.write(f"{len(files)} files in {folder}, {len(changed)} of them new or changed.\n")
    return 0
