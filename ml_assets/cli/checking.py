"""`ml-assets check`."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from ml_assets.cli.project import keys_within, open_project, output_root, partition_range
from ml_assets.cli.telemetry import logs_to_stderr
from ml_assets.cli.terminal import Terminal
from ml_assets.errors import MlAssetsError, NotMaterializedError, SelectionError
from ml_assets.graph.annotations import workflow_commands
from ml_assets.graph.junit import junit_xml
from ml_assets.graph.markdown import markdown_summary
from ml_assets.graph.plan import select
from ml_assets.graph.summary import summarize
from ml_assets.graph.verdict import UNJUDGED, PartitionChoice, Verdict, not_carried_out, verdict_on
from ml_assets.operations.telemetry.judged import tell_verdict
from ml_assets.operations.telemetry.listening import listening
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.steps import StepRecord, record_step


@dataclass(frozen=True)
class CheckOptions:
    """What was asked on the command line. None leaves `github` to the surroundings."""

    selection: str = "*"
    partitions: str | None = None
    all_partitions: bool = False
    junit: Path | None = None
    markdown: Path | None = None
    github: bool | None = None
    record: bool = True
    as_json: bool = False


def check_command(project: Path | None, options: CheckOptions) -> int:
    """Judge what is materialised and say so in every asked form; the process's exit code."""
    try:
        verdict = _verdict(project, options)
    except MlAssetsError as problem:
        root = output_root(project)
        verdict = not_carried_out(Home.locate(root).clock()(), problem)
        _write(verdict, root, options)
        raise
    root = output_root(project)
    _write(verdict, root, options)
    if options.as_json:
        sys.stdout.write(json.dumps(verdict.to_json(), default=str) + "\n")
    else:
        from ml_assets.cli.tables import print_verdict

        print_verdict(verdict)
    return verdict.exit_code


def _verdict(project: Path | None, options: CheckOptions) -> Verdict:
    opened = open_project(project)
    assets = select(opened.graph, options.selection)
    choice = PartitionChoice(partition_range(options.partitions), every=options.all_partitions)
    if choice.span is not None and choice.every:
        raise SelectionError(
            "--partitions and --all-partitions exclude each other",
            expected="one of them",
            got="both",
            remedy="leave one out",
        )
    if not opened.home.warehouse.exists():
        raise NotMaterializedError(
            "there is no warehouse to judge", place=opened.home.warehouse, expected="what `ml-assets run` makes", got="nothing",
            remedy="run it first, or name the state folder in ML_ASSETS_HOME",
        )  # fmt: skip
    context = opened.context()
    if choice.span is not None:
        keys_within(choice.span, assets, context.now)
    run_id, began = str(uuid4()), datetime.now(UTC)
    with Terminal(quiet=options.as_json or logs_to_stderr()) as terminal:
        verdict = verdict_on(replace(context, progress=terminal.progress), opened.graph, assets, choice)
    with listening(opened.home, to_stderr=logs_to_stderr()) as listener:
        tell_verdict(listener, run_id, began, verdict, assets)
    if not verdict.findings:
        return verdict
    if options.record:
        from ml_assets.cli.watching import look_after

        _keep_for_dagster(context, verdict, run_id)
        look_after(opened)
    return replace(verdict, models=summarize(context, opened.graph, assets).models)


def _keep_for_dagster(context: RunContext, verdict: Verdict, run_id: str) -> None:
    """Write what was judged into the book of steps; the UI shows it when it next looks."""
    now = datetime.now(UTC)
    with context.warehouse.committing() as bench:
        for number, (asset, findings) in enumerate(verdict.findings.items()):
            keys = tuple(sorted({finding.partition for finding in findings}))
            raised = [one for one in verdict.of("error") if one.asset == str(asset) and one.check != UNJUDGED]
            said = "\n".join(
                f"{one.place}: {one.check} of {asset} could not be judged: {one.summary}" for one in raised
            )
            record_step(
                bench,
                StepRecord(run_id, number, "check", asset, keys, "judged", now, now, said, clock_time=context.now),
            )


def _write(verdict: Verdict, root: Path, options: CheckOptions) -> None:
    repository = Path(os.environ.get("GITHUB_WORKSPACE") or root).resolve()
    if options.junit is not None:
        options.junit.parent.mkdir(parents=True, exist_ok=True)
        options.junit.write_text(junit_xml(verdict, root, repository), encoding="utf-8")
    if options.markdown is not None:
        options.markdown.parent.mkdir(parents=True, exist_ok=True)
        with options.markdown.open("a", encoding="utf-8") as summary:
            summary.write(markdown_summary(verdict, root, repository))
    if options.github if options.github is not None else os.environ.get("GITHUB_ACTIONS") == "true":
        # GitHub reads both streams; standard output may hold one JSON object.
        stream = sys.stderr if options.as_json else sys.stdout
        stream.writelines(f"{line}\n" for line in workflow_commands(verdict, root, repository))
