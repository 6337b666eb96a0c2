"""Pulling a landing file as a Dagster job, with a schedule where one is declared; the landing sensor does the rest."""

from pathlib import Path
from typing import Any

import dagster as dg

from ml_assets.components.assets import dagster_failure
from ml_assets.components.keys import asset_key
from ml_assets.errors import MlAssetsError
from ml_assets.ingest.pull import pull_table
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.resources import MlAssetsResource
from ml_assets.warehouse.asset import TableAsset

_CRON = {"hour": "0 * * * *", "day": "0 1 * * *", "week": "0 1 * * 1"}


def pull_jobs(asset: TableAsset, resource: MlAssetsResource) -> list[dg.JobDefinition]:
    """`pull_<table>` for a raw table that declares `pull`; none for any other asset."""
    if not isinstance(asset, RawTableAsset) or asset.spec.pull is None:
        return []
    return [_job(asset, resource)]


def pull_schedules(asset: TableAsset, resource: MlAssetsResource) -> list[dg.ScheduleDefinition]:
    """`pull_<table>_every_<span>` where the declaration says how often."""
    return [_schedule(asset, job, resource) for job in pull_jobs(asset, resource) if _every(asset) is not None]


def _every(asset: TableAsset) -> str | None:
    return asset.spec.pull.every if isinstance(asset, RawTableAsset) and asset.spec.pull is not None else None


def _job(asset: RawTableAsset, resource: MlAssetsResource) -> dg.JobDefinition:
    name = f"pull_{asset.name.table}"
    description = (
        f"Fetches {asset.spec.files} from the database that {asset.name} declares; equal rows leave it as it is."
    )

    @dg.op(name=f"{name}_op", description=description, out=dg.Out(dg.Nothing))
    def pulled(context: dg.OpExecutionContext) -> None:
        try:
            outcome = pull_table(
                asset.spec, resource.state.landing(asset.use_case), Path(resource.project_root), asset.place,
                lambda label, done, total: context.log.info("%s: %s of %s rows", label, done, total),
            )  # fmt: skip
        except MlAssetsError as problem:
            raise dagster_failure(problem) from problem
        context.log.info("%s", outcome.sentence)
        facts: dict[str, Any] = {
            "rows": outcome.rows,
            "changed": outcome.changed,
            "sha256": outcome.sha256,
            "file": str(outcome.path),
        }
        context.log_event(dg.AssetObservation(asset_key(asset.name), description=outcome.sentence, metadata=facts))

    @dg.job(name=name, description=description, tags={"ml_assets/action": "pull"})
    def job() -> None:
        pulled()

    return job


def _schedule(asset: TableAsset, job: dg.JobDefinition, resource: MlAssetsResource) -> dg.ScheduleDefinition:
    every = str(_every(asset))

    @dg.schedule(
        name=f"{job.name}_every_{every}", job_name=job.name, cron_schedule=_CRON[every], execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )  # fmt: skip
    def pulling(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if resource.state.replays_history:
            return dg.SkipReason("history is being replayed: its clock stands still")
        return dg.RunRequest()

    return pulling
