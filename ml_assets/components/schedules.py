"""Schedules: retraining and scoring at their declared times, whether or not new data has landed."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from ml_assets.components.keys import asset_key
from ml_assets.registry.champion import ChampionAsset
from ml_assets.resources import MlAssetsResource
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.names import TableName

_RETRAIN = {"daily": "0 3 * * *", "weekly": "0 3 * * 1", "monthly": "0 3 1 * *"}
_SCORE = {"day": "0 4 * * *", "week": "0 4 * * 1", "month": "0 4 1 * *"}


def schedules_of(asset: TableAsset, resource: MlAssetsResource) -> list[dg.ScheduleDefinition]:
    """The schedules that one asset brings along."""
    if isinstance(asset, ChampionAsset) and asset.spec.retrain != "manual":
        name = asset.spec.name
        chain = [TableName("training", name), TableName("models", name), TableName("evaluation", name), asset.name]
        job = dg.define_asset_job(f"retrain_{name}", selection=dg.AssetSelection.assets(*map(asset_key, chain)))
        return [
            dg.ScheduleDefinition(
                name=f"retrain_{name}_{asset.spec.retrain}", job=job, cron_schedule=_RETRAIN[asset.spec.retrain],
                execution_timezone="UTC", default_status=dg.DefaultScheduleStatus.RUNNING,
            )
        ]  # fmt: skip
    if isinstance(asset, ScoresAsset) and asset.snapshots is not None:
        job = dg.define_asset_job(
            f"score_{asset.name.table}", selection=dg.AssetSelection.assets(asset_key(asset.name))
        )
        return [_scoring_schedule(asset, job, resource)]
    return []


def _scoring_schedule(
    asset: ScoresAsset, job: UnresolvedAssetJobDefinition, resource: MlAssetsResource
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"score_{asset.name.table}_every_{asset.spec.grid.every}", job=job, cron_schedule=_SCORE[asset.spec.grid.every],
        execution_timezone="UTC", default_status=dg.DefaultScheduleStatus.RUNNING,
    )  # fmt: skip
    def scoring(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if resource.state.replays_history:
            return dg.SkipReason("history is being replayed: its clock stands still, and no new snapshot comes")
        newest = asset.spec.grid.keys(context.scheduled_execution_time)[-1]
        return dg.RunRequest(partition_key=newest)

    return scoring
