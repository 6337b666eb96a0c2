"""`ml-assets backup` and `ml-assets restore`: the whole state, one command each."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ml_assets.operations.backup import BackupReport
    from ml_assets.operations.restore import RestoreReport
    from ml_assets.warehouse.asset import RunContext, TableAsset
    from ml_assets.warehouse.home import Home

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


@click.command()
@click.argument("target", required=False, metavar="[FOLDER or FILE.tar]", type=click.Path(path_type=Path))
@_as_json
@click.pass_obj
def backup(project: Path | None, target: Path | None, as_json: bool) -> None:
    """Write the whole state to a new folder or `.tar` file, with a hash of every file, and read it back.

    Warehouse, landing files, training rows, reports, Dagster's instance, the clock file. Readers go on meanwhile; writers
    wait while the warehouse is copied, and how long is said. Without a name it lies beside the state folder.
    """
    sys.exit(backup_command(project, target, as_json=as_json))


@click.command()
@click.argument("source", metavar="BACKUP", type=click.Path(path_type=Path))
@click.option("--to", type=click.Path(path_type=Path), help="Another state folder than the project's own.")
@click.option("--replace", is_flag=True, help="Where there is a state already: move it aside (it is not removed).")
@_as_json
@click.pass_obj
def restore(project: Path | None, source: Path, to: Path | None, replace: bool, as_json: bool) -> None:
    """Put a backup in the place of the state, after every hash was checked, and prove that it is what it was.

    Exit codes: 0 restored and proved, 1 restored but not the same, 2 refused; then nothing was changed.
    """
    sys.exit(restore_command(project, source, to, replace=replace, as_json=as_json))


def backup_command(project: Path | None, target: Path | None, *, as_json: bool) -> int:
    """Write the backup and say what was written."""
    from ml_assets.cli.terminal import Terminal
    from ml_assets.operations.backup import back_up, default_target

    with Terminal(quiet=as_json) as terminal:
        context, assets, unread = _state(project, None, terminal)
        if not context.home.root.exists():
            _refuse_nothing(context.home)
        report = back_up(context, assets, target or default_target(context.home))
    if as_json:
        sys.stdout.write(json.dumps(report.to_json() | {"declarations": unread or "read"}, default=str) + "\n")
    else:
        _tell_backup(report, unread)
    return 0


def restore_command(project: Path | None, source: Path, to: Path | None, *, replace: bool, as_json: bool) -> int:
    """Restore, prove it, and say what was proved."""
    from ml_assets.cli.terminal import Terminal
    from ml_assets.operations.restore import differences, restore

    with Terminal(quiet=as_json) as terminal:
        context, assets, unread = _state(project, to, terminal)
        report = restore(source.absolute(), context.home, replace=replace, progress=terminal.progress)
        differing = differences(context.warehouse, report.manifest)
        stale = newly_stale(context, assets, report)
    if as_json:
        facts = report.to_json() | {
            "differences": differing,
            "newly_out_of_date": stale,
            "declarations": unread or "read",
        }
        sys.stdout.write(json.dumps(facts, default=str) + "\n")
    else:
        _tell_restore(report, differing, stale, unread)
    return 1 if differing or stale else 0


def _state(project: Path | None, to: Path | None, terminal: Any) -> tuple[RunContext, list[TableAsset] | None, str]:
    """Where the state is, the assets about it, and why they are not known where declarations are broken.

    A bad day's declarations must not keep anybody from saving or restoring the state.
    """
    from ml_assets import __version__
    from ml_assets.cli.project import compiled
    from ml_assets.errors import MlAssetsError
    from ml_assets.graph.locate import find_project
    from ml_assets.graph.profile import load_profile
    from ml_assets.sql_files import sql_root
    from ml_assets.warehouse.asset import RunContext
    from ml_assets.warehouse.home import Home
    from ml_assets.warehouse.store import Warehouse

    folder = find_project(project)
    profile = load_profile(folder.root)
    home = Home(to.expanduser().resolve()) if to is not None else profile.home
    warehouse = Warehouse(home.warehouse, home.scratch, profile.engine)
    context = RunContext(
        warehouse, home, sql_root(folder.root), home.clock()(), __version__,
        log=lambda text: sys.stderr.write(f"{text}\n"), progress=terminal.progress,
    )  # fmt: skip
    try:
        return context, list(compiled(folder)), ""
    except MlAssetsError as problem:
        return context, None, problem.subject


def newly_stale(context: RunContext, assets: list[TableAsset] | None, report: RestoreReport) -> dict[str, str]:
    """What a run would make now and would not have made when the backup was written, by the clock of that time."""
    from dataclasses import replace
    from datetime import datetime

    from ml_assets.graph.plan import out_of_date
    from ml_assets.operations.backup import reasons
    from ml_assets.operations.restore import newly_out_of_date

    if assets is None or report.manifest.warehouse is None or report.manifest.out_of_date is None:
        return {}
    then = replace(context, now=datetime.fromisoformat(report.manifest.clock))
    with context.warehouse.reading() as bench:
        return newly_out_of_date(reasons(out_of_date(bench, then, assets)), report.manifest)


def _refuse_nothing(home: Home) -> None:
    from ml_assets.errors import NotMaterializedError

    raise NotMaterializedError(
        "there is no state to back up", place=home.root, expected="what `ml-assets run` makes", got="no such folder",
        remedy="run it first, or name the state folder in ML_ASSETS_HOME",
    )  # fmt: skip


def _tell_backup(report: BackupReport, unread: str) -> None:
    rows = f", {report.warehouse.rows:,} rows in {len(report.warehouse.tables)} tables" if report.warehouse else ""
    sys.stdout.write(
        f"Backed up {report.files:,} files, {report.bytes:,} bytes{rows}, in {report.seconds:.1f} s; every file was read back "
        f"and is as it was.\nWriters could wait {report.locked_seconds:.2f} s, readers not at all.\n"
    )
    if report.changed:
        sys.stdout.write(f"Written to while they were copied: {', '.join(report.changed)}\n")
    if unread:
        sys.stdout.write(f"The declarations could not be read ({unread}): what was out of date is not noted.\n")
    sys.stdout.write(f"Backup: {report.backup}\nRestore it: ml-assets restore {report.backup}\n")


def _tell_restore(report: RestoreReport, differing: list[str], stale: dict[str, str], unread: str) -> None:
    manifest = report.manifest
    sys.stdout.write(
        f"Restored {len(manifest.files):,} files, {manifest.bytes:,} bytes, of {manifest.made_at[:19]} UTC to {report.home} "
        f"({report.seconds:.1f} s).\n"
    )
    if report.moved_aside:
        sys.stdout.write(f"What was there is now {report.moved_aside}\n")
    for line in differing:
        sys.stdout.write(f"differs: {line}\n")
    for asset, why in stale.items():
        sys.stdout.write(f"newly out of date: {asset}: {why}\n")
    if manifest.warehouse is None:
        sys.stdout.write("Not applicable: the backup holds no warehouse.\n")
    elif not differing:
        sys.stdout.write(
            f"Proved: the manifest and the rows of all {len(manifest.warehouse.tables)} tables are as they were"
            f"{'' if stale or unread else ', and nothing is newly out of date'}.\n"
        )
    if unread:
        sys.stdout.write(f"Not applicable: what is out of date, since the declarations cannot be read ({unread}).\n")


def add_to(main: click.Group) -> None:
    """Hang these commands below `main`."""
    main.add_command(backup)
    main.add_command(restore)
