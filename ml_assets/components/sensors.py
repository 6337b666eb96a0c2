"""The landing sensor: it compares the folder with the warehouse each time, so a lost cursor loses and repeats nothing."""

from collections.abc import Iterator

import dagster as dg

from ml_assets.components.keys import asset_key
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.resources import MlAssetsResource
from ml_assets.warehouse.manifest import fingerprint

_SECONDS = 30


def landing_sensor(asset: RawTableAsset, resource: MlAssetsResource) -> dg.SensorDefinition:
    """Request one run when files are new or changed, or when the asset's materialisation is gone.

    The run key holds the content to be loaded and the number of earlier attempts at it, because Dagster remembers a
    key for ever: the same content asks again only after the run for it has ended without loading it.
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
        with run.warehouse.reading() as bench:
            plan = asset.landing_plan(bench, run)
        materialized = context.instance.get_latest_materialization_event(key) is not None
        if plan.is_empty and (materialized or plan.same == 0):
            yield dg.SkipReason(f"{plan.same} files, all loaded")
            return
        active = context.instance.get_runs(
            dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
        )
        if active:
            yield dg.SkipReason(f"a run is loading already ({active[0].run_id[:8]})")
            return
        content = fingerprint(
            [(landed.file, landed.sha256) for landed in (*plan.work, *plan.restored)], [copy.file for copy, _ in plan.copies],
            plan.withdrawn, materialized,
        )  # fmt: skip
        attempts = context.instance.get_runs_count(dg.RunsFilter(job_name=job, tags={"ml_assets/landing": content}))
        yield dg.RunRequest(run_key=f"{content}-{attempts}", tags={"ml_assets/landing": content})

    return landing
