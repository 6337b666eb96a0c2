"""Tell Dagster what the command line made and judged: each of its runs as a run, with its materialisations and evaluations.

The command line works without Dagster, which takes seconds to import; what it did stands in the warehouse's book of steps,
as does what Dagster ran itself, which the instance that ran it knows.
Whoever has an instance at hand (the UI when it starts, its sensors) reads the book and tells what is new in it. A
Dagster folder that was made anew is told everything again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from dagster._core.events import StepMaterializationData
from dagster._core.execution.plan.objects import StepFailureData, StepSuccessData, UserFailureData

from ml_assets.components.check_records import RunStep, one_transaction, record_evaluations, report_event
from ml_assets.components.instance import listener_of
from ml_assets.components.keys import asset_key
from ml_assets.components.metadata import made_metadata
from ml_assets.components.setup_lock import alone_in
from ml_assets.components.step_book import COMMAND
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.manifest import UNPARTITIONED
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import stored_findings
from ml_assets.warehouse.steps import StepRecord, mark_told, untold_steps

JOB_PREFIX = "ml_assets_"


def tell(instance: dg.DagsterInstance, context: RunContext, assets: Mapping[TableName, TableAsset]) -> int:
    """Record every step of the book that this instance has not heard of, in order of time; how many.

    Steps of assets that are no longer declared are passed over, and those of runs that it ran itself. Two processes never
    tell at once.
    """
    if not context.warehouse.path.exists():
        return 0
    listener = listener_of(instance)
    with alone_in(context.home.dagster / "telling"):
        with context.warehouse.reading() as bench:
            steps = untold_steps(bench, listener)
        own = {
            run_id for run_id in {step.run_id for step in steps if step.command == COMMAND} if instance.has_run(run_id)
        }
        for run_id, group in groupby(steps, key=lambda step: step.run_id):
            known = [step for step in group if step.asset in assets and run_id not in own]
            if known:
                _tell_run(instance, context, assets, run_id, known)
        if steps:
            with context.warehouse.committing() as bench:
                mark_told(bench, steps, listener)
    return len(steps)


def _tell_run(
    instance: dg.DagsterInstance, context: RunContext, assets: Mapping[TableName, TableAsset], run_id: str,
    steps: Sequence[StepRecord],
) -> None:  # fmt: skip
    job = JOB_PREFIX + steps[0].command
    if not instance.has_run(run_id):
        selection = frozenset(asset_key(step.asset) for step in steps)
        tags = {"ml_assets/command": steps[0].command}
        instance.add_run(dg.DagsterRun(job, run_id=run_id, tags=tags, asset_selection=selection))
        report_event(instance, dg.DagsterEventType.RUN_START, RunStep(run_id, job, at=steps[0].started_at))
    for step in steps:
        with one_transaction(instance):
            _tell_step(instance, context, assets[step.asset], step, job)
    failed = any(step.status == "failed" or step.message for step in steps)
    ended = dg.DagsterEventType.RUN_FAILURE if failed else dg.DagsterEventType.RUN_SUCCESS
    report_event(instance, ended, RunStep(run_id, job, at=max(step.ended_at for step in steps)))


def _tell_step(
    instance: dg.DagsterInstance, context: RunContext, asset: TableAsset, step: StepRecord, job: str
) -> None:
    place = RunStep(step.run_id, job, f"{asset.name.schema}__{asset.name.table}", step.ended_at)
    report_event(instance, dg.DagsterEventType.STEP_START, replace(place, at=step.started_at))
    for materialization in _materializations(context, asset, step):
        data = StepMaterializationData(materialization)
        report_event(instance, dg.DagsterEventType.ASSET_MATERIALIZATION, place, data)
    if step.status != "failed":
        with context.warehouse.reading() as bench:
            findings = stored_findings(bench, asset.name, step.partitions)
        names = {check.name for check in asset.checks}
        record_evaluations(instance, asset, [found for found in findings if found.check in names], place)
    if step.message:
        failure = StepFailureData(None, UserFailureData("ml_assets", step.message, {}))  # type: ignore[no-untyped-call]
        report_event(instance, dg.DagsterEventType.STEP_FAILURE, place, failure)
    else:
        took = (step.ended_at - step.started_at).total_seconds() * 1000
        report_event(instance, dg.DagsterEventType.STEP_SUCCESS, place, StepSuccessData(took))  # type: ignore[no-untyped-call]


def _materializations(context: RunContext, asset: TableAsset, step: StepRecord) -> list[dg.AssetMaterialization]:
    """One for each partition that was written; the last one carries what the UI shows of the table as a whole."""
    written = [made for made in step.made if made.changed]
    if not written:
        return []
    whole = made_metadata(asset, context, step.report, step.partitions)
    found = []
    for made in written:
        facts: dict[str, Any] = (
            {} if made.partition == UNPARTITIONED else {"dagster/partition_row_count": made.rows, "why": made.note}
        )
        found.append(
            dg.AssetMaterialization(
                asset_key(asset.name), partition=made.partition or None,
                metadata=whole | facts if made is written[-1] else facts,
                # Without a code version: Dagster would look for the version of each input beside it, and call all unsynced.
                tags={DATA_VERSION_TAG: made.content, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"},
            )
        )  # fmt: skip
    return found
