"""`ml-assets drill faults` and `drill all`: what must work on a bad day, tried on copies of the state."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from ml_assets.cli.registry import drill

if TYPE_CHECKING:
    from ml_assets.cli.project import OpenProject
    from ml_assets.operations.drills.faults import Fault
    from ml_assets.operations.drills.report import DrillReport, FaultReport

_DEMO_ROWS = 40_000
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
_demo = click.option("--demo", is_flag=True, help="On a simulated shop of its own instead of this project's state.")
_keep = click.option("--keep", is_flag=True, help="Keep the copies, to look at them.")
_markdown = click.option(
    "--markdown", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the detection table into this file: between its marks, or as a new file.",
)  # fmt: skip


@click.command(name="faults")
@click.option("--only", metavar="NAME,…", help="Only these faults.")
@click.option("--list", "listing", is_flag=True, help="List the faults and what has to notice them; holds none.")
@_demo
@_keep
@_markdown
@_as_json
@click.pass_obj
def faults_command(project: Path | None, /, **options: Any) -> None:
    """Harm copies of the state in every way that --list names, and see who notices, how late, who is told, and whether it can be put right.

    The state itself is only read. Exit codes: 0 all noticed and nothing lost, 1 not so, 2 could not be held.
    """
    sys.exit(run_faults(project, Wanted(**options)))


@click.command(name="all")
@_demo
@_markdown
@_as_json
@click.pass_obj
def all_command(project: Path | None, demo: bool, markdown: Path | None, as_json: bool) -> None:
    """Rehearse every rollback, backup with restore, and every fault.

    Exit codes: 0 all of it works, 1 not so, 2 could not be held.
    """
    sys.exit(run_all(project, Wanted(demo=demo, markdown=markdown, as_json=as_json)))


@dataclass(frozen=True)
class Wanted:
    """What was asked on the command line."""

    only: str | None = None
    listing: bool = False
    demo: bool = False
    keep: bool = False
    markdown: Path | None = None
    as_json: bool = False


def run_faults(project: Path | None, wanted: Wanted) -> int:
    """Hold the faults and say what was found; the process's exit code."""
    chosen = chosen_faults(wanted.only)
    if wanted.listing:
        return _list(chosen, as_json=wanted.as_json)
    with _ground(project, demo=wanted.demo) as opened:
        report = _held(opened, chosen, wanted)
    _tell(report, wanted)
    return 1 if report.failed else 0


def run_all(project: Path | None, wanted: Wanted) -> int:
    """Rollbacks, backup and restore, faults."""
    with _ground(project, demo=wanted.demo) as opened:
        rollbacks = list(_rollbacks(opened))
        saved = _saved_and_restored(opened)
        if not wanted.as_json:
            for line in (*rollbacks, saved):
                sys.stdout.write(f"{line['drill']:<24} {line['status']:<15} {line['said']}\n")
        report = _held(opened, chosen_faults(None), wanted)
    good = all(line["status"] != "failed" for line in (*rollbacks, saved))
    _tell(report, wanted, {"rollbacks": rollbacks, "backup": saved})
    return 0 if good and not report.failed else 1


def chosen_faults(only: str | None) -> list[Fault]:
    """The named faults in their own order; an unknown name is refused."""
    from ml_assets.errors import UnknownNameError
    from ml_assets.operations.drills.faults import BY_NAME, FAULTS

    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    for name in names:
        if name not in BY_NAME:
            raise UnknownNameError("fault", name, BY_NAME, remedy="ml-assets drill faults --list")
    return [fault for fault in FAULTS if not names or fault.name in names]


def _held(opened: OpenProject, faults: Sequence[Fault], wanted: Wanted) -> DrillReport:
    from ml_assets.cli.terminal import Terminal
    from ml_assets.operations.drills.drill import Wishes, drill_faults

    def told(report: FaultReport) -> None:
        if not wanted.as_json:
            sys.stdout.write(f"{line_of(report)}\n")
            sys.stdout.flush()

    with Terminal(quiet=wanted.as_json) as terminal:
        context = replace(opened.context(), progress=terminal.progress)
        return drill_faults(
            context, opened.graph, opened.root, Wishes(faults, wanted.keep, _sensor(opened), opened.profile.spec, told)
        )


def _sensor(opened: OpenProject) -> Any:
    """Asks the landing sensor of the harmed table; Dagster is imported only when a fault needs it."""
    from datetime import datetime

    from ml_assets.ingest.raw_table import RawTableAsset
    from ml_assets.warehouse.home import Home

    def asks(table: RawTableAsset, home: Path, _clock: datetime) -> tuple[int, str]:
        from ml_assets.components.landing_drill import landing_requests

        return landing_requests(table, opened.root, Home(home))

    return asks


def line_of(report: FaultReport) -> str:
    """One fault in one line."""
    from ml_assets.errors import shortened
    from ml_assets.operations.drills.report import caught_in_words, delay_in_words

    said = shortened(report.why, 200) or caught_in_words(report)
    after = f" after {delay_in_words(report.delay)}" if report.caught_by and report.delay else ""
    told = f" -> {', '.join(report.told)}" if report.told else ""
    return f"{report.fault.name:<20} {report.status.replace('_', ' '):<15} {said}{after}{told} ({report.seconds:.1f} s)"


def _list(faults: Sequence[Fault], *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps({"faults": [asdict(fault) for fault in faults]}) + "\n")
        return 0
    for fault in faults:
        sys.stdout.write(
            f"{fault.name:<20} {fault.what}\n{'':<20} by {', '.join(fault.expected)}; runbook {fault.runbook}\n"
        )
    return 0


def _tell(report: DrillReport, wanted: Wanted, more: dict[str, Any] | None = None) -> None:
    if wanted.markdown is not None:
        from ml_assets.operations.drills.report import written_into

        old = wanted.markdown.read_text(encoding="utf-8") if wanted.markdown.exists() else ""
        wanted.markdown.write_text(written_into(old, report), encoding="utf-8")
    if wanted.as_json:
        sys.stdout.write(json.dumps(report.to_json() | (more or {}), default=str) + "\n")
        return
    counts = {
        status: sum(one.status == status for one in report.faults)
        for status in dict.fromkeys(r.status for r in report.faults)
    }
    said = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items())
    sys.stdout.write(
        f"{len(report.faults)} faults on {report.table} ({report.rows:,} rows) in {report.seconds:.0f} s: {said}.\n"
    )
    if "kept" in report.facts:
        sys.stdout.write(f"Copies: {report.facts['kept']}\n")


@contextmanager
def _ground(project: Path | None, *, demo: bool) -> Iterator[OpenProject]:
    """The project with a state; with `demo` the example with a shop of its own, gone afterwards."""
    from ml_assets.cli.project import open_project
    from ml_assets.errors import NotMaterializedError

    if demo:
        with TemporaryDirectory(prefix="ml-assets-drill-") as folder:
            yield _demonstration(Path(folder))
        return
    opened = open_project(project)
    if not opened.home.warehouse.exists():
        raise NotMaterializedError(
            "there is no state to copy", place=opened.home.root, expected="what `ml-assets run` makes", got="nothing",
            remedy="run it first, or hold the drill on a shop of its own: --demo",
        )  # fmt: skip
    yield opened


def _demonstration(folder: Path) -> OpenProject:
    """The example's declarations, a simulated shop, and its raw tables loaded."""
    from datetime import UTC, datetime, timedelta

    from ml_assets.cli.demo import USE_CASE, copied_example
    from ml_assets.cli.project import open_project
    from ml_assets.graph.run import run_graph
    from ml_assets.ingest.raw_table import RawTableAsset
    from ml_assets.simulate import ShopSpec, write_shop
    from ml_assets.warehouse.home import Home

    opened = replace(open_project(copied_example(folder / "project", tell=False)), home=Home(folder / "state"))
    spec = ShopSpec.of_rows(_DEMO_ROWS)
    write_shop(spec, opened.home.landing(USE_CASE))
    clock = datetime.combine(spec.last_day + timedelta(days=1), datetime.min.time(), UTC)
    opened.home.replay_file.write_text(clock.isoformat() + "\n", encoding="utf-8")
    context = replace(opened.context(), now=clock)
    run_graph(context, [asset for asset in opened.graph if isinstance(asset, RawTableAsset)])
    return opened


def _rollbacks(opened: OpenProject) -> Iterator[dict[str, Any]]:
    from ml_assets.cli.registering import models_of
    from ml_assets.errors import MlAssetsError
    from ml_assets.registry.actions import rollback_target
    from ml_assets.registry.drill import drill_rollback

    for model in models_of(opened):
        name, context = f"rollback {model}", opened.context()
        try:
            with context.warehouse.reading() as bench:
                rollback_target(bench, model, None)
        except MlAssetsError as problem:
            yield {"drill": name, "status": "not_applicable", "said": problem.subject}
            continue
        try:
            report = drill_rollback(context, model)
            yield {
                "drill": name,
                "status": "works",
                "said": f"to version {report.target} in {report.move_seconds:.2f} s",
            }
        except MlAssetsError as problem:
            yield {"drill": name, "status": "failed", "said": problem.subject}


def _saved_and_restored(opened: OpenProject) -> dict[str, Any]:
    """Back the state up beside it, restore it elsewhere, prove it; both are removed again."""
    from ml_assets.cli.backup import newly_stale
    from ml_assets.operations.backup import back_up, inventory_of
    from ml_assets.operations.containers import require_room
    from ml_assets.operations.restore import differences, restore
    from ml_assets.warehouse.home import Home
    from ml_assets.warehouse.store import Warehouse

    context = opened.context()
    root = context.home.root
    require_room(root.parent, 2 * inventory_of(context.home).bytes, "a backup and its restore")
    with TemporaryDirectory(prefix=f".{root.name}-drill-", dir=root.parent) as folder:
        made = back_up(context, list(opened.graph), Path(folder) / "backup.tar")
        home = Home(Path(folder) / "restored")
        back = restore(made.backup, home, replace=False, progress=context.progress)
        there = replace(
            context, warehouse=Warehouse(home.warehouse, home.scratch, context.warehouse.settings), home=home
        )
        stale = newly_stale(there, list(opened.graph), back)
        wrong = [*differences(there.warehouse, back.manifest), *(f"{asset}: {why}" for asset, why in stale.items())]
    said = f"{made.files:,} files, {made.bytes:,} bytes: backup {made.seconds:.1f} s (writers wait {made.locked_seconds:.2f} s), restore {back.seconds:.1f} s"
    return {
        "drill": "backup and restore",
        "status": "failed" if wrong else "works",
        "said": wrong[0] if wrong else said,
    }


def add_to(_main: click.Group) -> None:
    """Hang these commands below `drill`, which the registry hangs below `main`."""
    drill.add_command(faults_command)
    drill.add_command(all_command)
