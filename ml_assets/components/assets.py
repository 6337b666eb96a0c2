"""One adapter from the graph's assets to Dagster assets."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ml_assets.components.automation import remember, when_out_of_date
from ml_assets.components.keys import asset_key, partitions_of
from ml_assets.components.metadata import declared_metadata, made_metadata
from ml_assets.components.progress import step_progress
from ml_assets.components.step_book import recorded_step
from ml_assets.errors import MlAssetsError
from ml_assets.graph.age_limit import age_limit
from ml_assets.graph.events import StepTeller
from ml_assets.operations.telemetry.listening import process_listener
from ml_assets.resources import MlAssetsResource
from ml_assets.warehouse.asset import AssetReport, TableAsset
from ml_assets.warehouse.manifest import UNPARTITIONED

_RETRIES, _RETRY_SECONDS = 3, 10


def dagster_asset(asset: TableAsset, resource: MlAssetsResource) -> dg.AssetsDefinition:
    """The asset as Dagster shows and runs it; everything it does is `asset.materialize`."""
    key = asset_key(asset.name)
    grid = partitions_of(asset.snapshots, resource.state)
    remember(key, asset, resource)

    @dg.asset(
        key=key,
        deps=[asset_key(dep) for dep in asset.deps],
        partitions_def=grid,
        backfill_policy=dg.BackfillPolicy.single_run() if grid is not None else None,
        description=_description(asset),
        group_name=group_of(asset),
        kinds=set(asset.kinds),
        owners=list(asset.spec.owners),
        tags={"use_case": asset.use_case, **asset.spec.tags},
        metadata=declared_metadata(asset),
        automation_condition=when_out_of_date(undeterred=asset.undeterred),
        freshness_policy=freshness_policy_of(asset, resource.profile.spec.fresh_for),
        code_version=asset.logic,
    )
    def materialized(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        keys = list(context.partition_keys) if grid is not None else [UNPARTITIONED]
        run = resource.context(context.log, context.run.run_id, step_progress(context.log))
        teller = StepTeller(process_listener(run.home.root), run.run_id, "dagster", asset, keys)
        try:
            with recorded_step(context.instance, run, asset, keys, _RETRIES - context.retry_number) as step:
                report = asset.materialize(run, keys)
                step.made(report)
        except Exception as problem:
            teller.failed(problem)
            if isinstance(problem, MlAssetsError):
                raise dagster_failure(problem) from problem
            raise
        teller.ended(report)
        _note_partitions(context, asset, report)
        return dg.MaterializeResult(
            metadata=made_metadata(asset, run, report, keys), data_version=dg.DataVersion(_data_version(report))
        )

    return materialized


def group_of(asset: TableAsset) -> str:
    """Group in the UI: the use case and the stage of the walk."""
    stage = {
        "raw": "1_raw",
        "staging": "2_staging",
        "features": "3_features",
        "labels": "4_labels",
        "scores": "6_scores",
        "monitoring": "7_monitoring",
    }
    return f"{asset.use_case}_{stage.get(asset.name.schema, '5_model')}"


def freshness_policy_of(asset: TableAsset, default: str) -> dg.FreshnessPolicy:
    """How old the newest materialisation may be. Freshness by data time is a check; this one watches the pipeline."""
    return dg.FreshnessPolicy.time_window(fail_window=age_limit(asset, default))


def dagster_failure(problem: MlAssetsError) -> Exception:
    """A transient problem asks for another try; a permanent one fails at once, with its message and no retries."""
    if problem.transient:
        return dg.RetryRequested(max_retries=_RETRIES, seconds_to_wait=_RETRY_SECONDS)
    return dg.Failure(
        description=str(problem), allow_retries=False,
        metadata={"code": problem.code, "place": str(problem.place or ""), "remedy": problem.remedy or ""},
    )  # fmt: skip


def _description(asset: TableAsset) -> str:
    statement = getattr(asset, "statement", None)
    text = asset.description or "(no description)"
    return f"{text}\n\n```sql\n{statement.text.strip()}\n```" if statement is not None else text


def _data_version(report: AssetReport) -> str:
    from ml_assets.warehouse.manifest import fingerprint

    return report.made[0].content if len(report.made) == 1 else fingerprint([made.content for made in report.made])


def _note_partitions(context: dg.AssetExecutionContext, asset: TableAsset, report: AssetReport) -> None:
    if len(report.made) < 2:
        return
    for made in report.made:
        facts: Mapping[str, Any] = {"dagster/partition_row_count": made.rows, "note": made.note}
        context.add_asset_metadata(facts, asset_key=asset_key(asset.name), partition_key=made.partition)
