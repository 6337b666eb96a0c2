"""The tiny project as Dagster's processes see it: definitions, an instance, and ways to run and to ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from ml_assets.components.definitions_of import definitions_of
from ml_assets.components.graph_wide import graph_wide_definitions
from ml_assets.components.instance import project_instance
from ml_assets.components.telling import tell
from ml_assets_tests.tiny import TinyProject

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class World:
    """One project, loaded once; `reload` sees edited declarations and a moved clock."""

    project: TinyProject
    instance: dg.DagsterInstance
    definitions: dg.Definitions

    def reload(self) -> None:
        self.definitions = loaded(self.project)

    def run(self, *names: str, first: str | None = None, last: str | None = None) -> dg.ExecuteInProcessResult:
        """A run of these assets with their checks, over a span of snapshots if one is given."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        tags = {RANGE_START: first, RANGE_END: last or first} if first else {}
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[key_of(name) for name in names],
            tags=tags,
            run_config=QUIET,
            raise_on_error=False,
        )

    def sensor(self, name: str) -> dg.SensorDefinition:
        return next(s for s in self.definitions.sensors or () if isinstance(s, dg.SensorDefinition) and s.name == name)

    def evaluations(self, asset: str, check: str) -> list[dg.AssetCheckEvaluation]:
        """All evaluations of a check in the event log, newest first."""
        records = self.instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(key_of(asset), check), limit=500
        )
        found = [record.event.dagster_event for record in records if record.event is not None]
        return [
            e.asset_check_evaluation_data
            for e in found
            if e is not None and e.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ]


@contextmanager
def opened(project: TinyProject) -> Iterator[World]:
    """The project with its instance, told of what the command line did; closed at the end."""
    with project_instance(project.home) as instance:
        tell(instance, project.context(), project.graph().assets)
        yield World(project, instance, loaded(project))


def loaded(project: TinyProject) -> dg.Definitions:
    return dg.Definitions.merge(definitions_of(list(project.graph()), project.root), graph_wide_definitions())


def key_of(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("."))


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Failed step → what it said."""
    found = {}
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            data = event.step_failure_data
            said = data.user_failure_data.description if data.user_failure_data else None
            found[str(event.step_key)] = str(said or (data.error.message if data.error else ""))
    return found


def made(result: dg.ExecuteInProcessResult) -> Sequence[str]:
    """Assets that were materialised, in order, once each."""
    keys = [
        event.asset_key for event in result.all_events if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
    ]
    return list(dict.fromkeys(".".join(key.path) for key in keys if key is not None))
