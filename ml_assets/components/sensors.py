"""The landing sensor: it compares the folder with the warehouse each time, so a lost cursor loses and repeats nothing."""

import time
from collections.abc import Iterator, Sequence

import dagster as dg

from ml_assets.components.automation import remembered
from ml_assets.components.keys import asset_key
from ml_assets.components.telling import tell
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.resources import MlAssetsResource
from ml_assets.warehouse.manifest import fingerprint

_SECONDS = 30
_LONGEST_PAUSE_SECONDS = 3600
_ACTIVE = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def landing_sensor(asset: RawTableAsset, resource: MlAssetsResource) -> dg.SensorDefinition:
    """Request one run when files are new or changed, or when the asset's materialisation is gone.

    The run key holds the content to be loaded and the number of earlier attempts at it, because Dagster remembers a
    key for ever: the same content asks again only after the run for it has ended without loading it, and ever later.
    """
    key = asset_key(asset.name)
    job = f"load_{asset.name.table}"

    @dg.sensor(
        name=f"{job}_on_landing", job=dg.define_asset_job(job, selection=dg.AssetSelection.assets(key)),
        minimum_interval_seconds=_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Watches {asset.spec.files} and loads what is new or changed into {asset.name}.",
    )  # fmt: skip
    def landing(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        run = resource.context()
        # What the command line loaded is no lost materialisation.
        tell(context.instance, run, (remembered() or ({}, resource))[0])
        with run.warehouse.reading() as bench:
            plan = asset.landing_plan(bench, run)
        materialized = context.instance.get_latest_materialization_event(key) is not None
        if plan.is_empty and (materialized or plan.same == 0):
            yield dg.SkipReason(f"{plan.same} files, all loaded")
            return
        if active := _loading(context.instance, job, key):
            yield dg.SkipReason(f"a run is loading already ({active.run_id[:8]})")
            return
        content = fingerprint(
            [(landed.file, landed.sha256) for landed in (*plan.work, *plan.restored)], [copy.file for copy, _ in plan.copies],
            plan.withdrawn, materialized,
        )  # fmt: skip
        tags = {"ml_assets/landing": content}
        attempts = context.instance.get_run_records(dg.RunsFilter(job_name=job, tags=tags))
        if (pause := _pause(attempts)) > 0:
            yield dg.SkipReason(f"{len(attempts)} runs for these files have failed; the next one is in {pause:.0f} s")
            return
        yield dg.RunRequest(run_key=f"{content}-{len(attempts)}", tags=tags)

    return landing


def _loading(instance: dg.DagsterInstance, job: str, key: dg.AssetKey) -> dg.DagsterRun | None:
    """A run that loads the asset now or soon, whoever asked for it."""
    active = instance.get_runs(dg.RunsFilter(statuses=_ACTIVE))
    return next((run for run in active if run.job_name == job or key in (run.asset_selection or ())), None)


def _pause(attempts: Sequence[dg.RunRecord]) -> float:
    """Seconds until the next attempt at the same content: 30 s after the first, then twice as long each time, at most 1 h."""
    if not attempts:
        return 0.0
    ended = max(record.end_time or record.update_timestamp.timestamp() for record in attempts)
    return ended + min(_SECONDS * 2.0 ** (len(attempts) - 1), _LONGEST_PAUSE_SECONDS) - time.time()
