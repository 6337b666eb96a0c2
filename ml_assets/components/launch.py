"""Runs from the command line: stage by stage through Dagster, in this process, recorded in the project's instance."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from ml_assets.components.definitions_of import definitions_of, resource_of
from ml_assets.components.keys import asset_key
from ml_assets.components.setup_lock import alone_in
from ml_assets.graph.compile import Graph
from ml_assets.graph.plan import StagePlan, stage_plan, stages
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.manifest import UNPARTITIONED

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass
class RunReport:
    """What a command-line run did. `failures`: step → what it said."""

    stages: int = 0
    made: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    run_ids: list[str] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        return not self.failures


def prepare_instance(home: Home) -> Path:
    """Dagster's own folder with its `dagster.yaml`: telemetry off, pooled event log, one run at a time."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    path = home.dagster / "dagster.yaml"
    if not path.exists():
        path.write_text(_INSTANCE, encoding="utf-8")
    return home.dagster


_INSTANCE = """\
# Written once by ml-assets; yours to change.
telemetry:
  enabled: false
nux:
  enabled: false
# Dagster's SQLite event log with connections kept open (see ml_assets/components/event_log.py).
event_log_storage:
  module: ml_assets.components.event_log
  class: PooledSqliteEventLogStorage
# One warehouse file has one writer; waiting in the queue is cheaper than waiting for the lock.
concurrency:
  runs:
    max_concurrent_runs: 1
run_monitoring:
  enabled: true
freshness:
  enabled: true
"""


@contextmanager
def project_instance(home: Home) -> Iterator[dg.DagsterInstance]:
    """The project's Dagster instance, the one that the UI shows."""
    os.environ["DAGSTER_HOME"] = str(prepare_instance(home))
    with alone_in(home.dagster):
        instance = dg.DagsterInstance.get()
    with instance:
        yield instance


def run_assets(
    graph: Graph, root: Path, assets: Sequence[TableAsset], partitions: Sequence[str] | None = None
) -> RunReport:
    """Make what is out of date among `assets`, with all checks. Later stages run only if earlier ones succeeded.

    The definitions are made from the graph itself: the component tree would find the same assets, half a second later.
    """
    report = RunReport()
    resource = resource_of(str(root))
    definitions = dg.Definitions.merge(
        definitions_of(list(graph), root), dg.Definitions(executor=dg.in_process_executor)
    )
    with project_instance(resource.state) as instance:
        job = definitions.resolve_implicit_global_asset_job_def()
        for stage in stages(assets):
            context = resource.context()
            with context.warehouse.reading() as bench:
                plan = stage_plan(bench, context, stage, partitions)
            if not plan.assets:
                continue
            report.stages += 1
            _run_stage(instance, job, plan, report)
            if report.failures:
                break
    return report


def _run_stage(instance: dg.DagsterInstance, job: dg.JobDefinition, plan: StagePlan, report: RunReport) -> None:
    keys = [key for key in plan.partitions if key != UNPARTITIONED]
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[asset_key(asset.name) for asset in plan.assets],
        tags={RANGE_START: keys[0], RANGE_END: keys[-1]} if keys else {},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    report.run_ids.append(result.run_id)
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_SUCCESS and event.step_key:
            report.made.append(event.step_key)
        elif event.event_type == dg.DagsterEventType.STEP_FAILURE and event.step_key:
            report.failures[event.step_key] = _said(event)


def _said(event: dg.DagsterEvent) -> str:
    """What a failed step has to tell a person: our own message where there is one, never a stack trace."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "failed without a message"
