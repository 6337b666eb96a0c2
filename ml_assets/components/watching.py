"""The sensor that watches over everything: incidents are kept up to date, with what only Dagster knows of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus

from ml_assets.components.automation import remembered
from ml_assets.errors import shortened
from ml_assets.graph.compile import compile_graph
from ml_assets.graph.locate import find_project
from ml_assets.graph.project import Declaration, load_project
from ml_assets.operations.look import look, tell_of_unusable_warehouse
from ml_assets.operations.signals import THOROUGH, Kind, Signal
from ml_assets.operations.watch import Watch
from ml_assets.resources import MlAssetsResource
from ml_assets.sql_files import sql_root
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.names import TableName

NAME = "watch_incidents"
_SECONDS = 60
_NEWEST_RUNS = 50
_KINDS: frozenset[Kind] = THOROUGH | {"dagster"}


def watching_sensor() -> dg.SensorDefinition:
    """Looks at everything that `ml-assets incidents update` looks at, and at failed runs and ticks besides."""

    @dg.sensor(
        name=NAME, minimum_interval_seconds=_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING,
        description="Opens, escalates and closes incidents, and tells people over the routes of the profile.",
    )  # fmt: skip
    def watching(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        location = context.repository_def
        found = remembered(location.asset_graph.get_all_asset_keys() if location is not None else None)
        if found is None:
            return dg.SkipReason("there is nothing to watch")
        watch = _watch(*found)
        watch = replace(watch, context=replace(watch.context, log=context.log.info))
        try:
            changes = look(watch, _KINDS, list(dagster_signals(context.instance, watch)))
        except Exception as problem:
            tell_of_unusable_warehouse(watch, problem)
            raise
        return dg.SkipReason("; ".join(map(str, changes)) or "nothing has changed")

    return watching


def _watch(assets: Mapping[TableName, TableAsset], resource: MlAssetsResource) -> Watch:
    """The declarations as they stand now, with those that are made in Python."""
    folder = find_project(Path(resource.project_root))
    project = load_project(folder.defs, sql_root(folder.root), folder.root)
    graph = compile_graph(project)
    in_python = [asset for name, asset in assets.items() if name not in graph.assets]
    if in_python:
        for asset in in_python:
            project = project.including(Declaration(asset.spec, asset.place, asset.use_case))
        graph = compile_graph(project)
    return Watch(resource.context(), graph, resource.profile.spec)


def dagster_signals(instance: dg.DagsterInstance, watch: Watch) -> Iterator[Signal]:
    """Assets whose newest run failed, and sensors and schedules whose newest tick did. What the command line ran stands in
    the book of steps already."""
    yield from _failed_ticks(instance, watch)
    yield from _failed_runs(instance, watch)


def _failed_ticks(instance: dg.DagsterInstance, watch: Watch) -> Iterator[Signal]:
    if instance.schedule_storage is None:
        return  # an instance of one process alone, which has no daemon
    for state in instance.all_instigator_state():
        if state.status == InstigatorStatus.STOPPED or state.instigator_name == NAME:
            continue
        newest = next(iter(instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)), None)
        if newest is not None and newest.status == TickStatus.FAILURE:
            said = newest.error.message.strip().splitlines()[0] if newest.error else "without a message"
            yield Signal(
                "dagster", f"{state.instigator_name}_ticks", "sensor", "error", watch.context.now,
                f"{state.instigator_name}: {shortened(said)}", numbers={"tick": newest.tick_id},
            )  # fmt: skip


def _failed_runs(instance: dg.DagsterInstance, watch: Watch) -> Iterator[Signal]:
    seen: set[str] = set()
    for record in instance.get_run_records(limit=_NEWEST_RUNS):
        run = record.dagster_run
        names = {".".join(key.path) for key in run.asset_selection or ()}
        new = names - seen
        if not run.is_finished:
            continue
        seen |= names
        if run.status != dg.DagsterRunStatus.FAILURE or "ml_assets/command" in run.tags:
            continue
        for name in sorted(new):
            asset = watch.asset(name)
            if asset is not None:
                yield Signal(
                    "dagster", "run_succeeds", "failed_run", "error", watch.context.now, f"run {run.run_id[:8]} of {run.job_name} failed",
                    name, name, numbers={"run": run.run_id}, place=asset.place,
                )  # fmt: skip
