"""When assets are made without a click: the question that the command line asks, put to the warehouse's manifest."""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg

from ml_assets.resources import MlAssetsResource
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.names import TableName

# Filled while definitions are built; a condition is data without closures, so it finds its asset here by key.
_ASSETS: dict[dg.AssetKey, tuple[TableAsset, MlAssetsResource]] = {}


def remember(key: dg.AssetKey, asset: TableAsset, resource: MlAssetsResource) -> None:
    """Let `OutOfDate` judge this asset."""
    _ASSETS[key] = (asset, resource)


def remembered(
    keys: Collection[dg.AssetKey] | None = None,
) -> tuple[dict[TableName, TableAsset], MlAssetsResource] | None:
    """Every asset of this code location (or of these keys) by its table, and the project's resource; None where there is none."""
    found = [pair for key, pair in _ASSETS.items() if keys is None or key in keys]
    return ({asset.name: asset for asset, _ in found}, found[0][1]) if found else None


class OutOfDate(dg.AutomationCondition[dg.AssetKey]):
    """True for partitions whose inputs or logic differ from what the manifest says they were made from.

    Dagster's own conditions compare times of materialisation, so they would remake every snapshot when one day lands,
    and none when an old day is corrected. This one compares content.
    """

    @property
    def name(self) -> str:
        return "out_of_date"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        if context.candidate_subset.is_empty or context.key not in _ASSETS:
            return dg.AutomationResult(context, context.get_empty_subset())
        asset, resource = _ASSETS[context.key]
        stale = stale_partitions(asset, resource)
        if asset.snapshots is None:
            subset = context.candidate_subset if stale else context.get_empty_subset()
            return dg.AutomationResult(context, subset)
        grid = context.partitions_def
        assert grid is not None
        existing = stale.intersection(grid.get_partition_keys())
        chosen = context.asset_graph_view.get_subset_from_partition_keys(context.key, grid, existing)
        return dg.AutomationResult(context, context.candidate_subset.compute_intersection(chosen))


def stale_partitions(asset: TableAsset, resource: MlAssetsResource) -> set[str]:
    """Partition keys of one asset that are out of date now."""
    context = resource.context()
    with context.warehouse.reading() as bench:
        return set(asset.stale(bench, context, asset.partitions(context.now)))


def when_out_of_date(*, undeterred: bool = False) -> dg.AutomationCondition[dg.AssetKey]:
    """Out of date, not being made, and not tried in vain since an input or the logic last changed.

    What is undeterred by failures that it follows is tried again each hour: a run that held both skipped it, and nothing
    that it follows may change for long.
    """
    failed = dg.AutomationCondition.execution_failed()
    changed = dg.AutomationCondition.any_deps_updated() | dg.AutomationCondition.code_version_changed()
    if undeterred:
        changed |= dg.AutomationCondition.cron_tick_passed("0 * * * *")
    # A run may begin and fail between two ticks, so what was asked for counts as tried.
    in_vain = failed & ~changed.since(failed.newly_true() | dg.AutomationCondition.newly_requested())
    return (OutOfDate() & ~dg.AutomationCondition.in_progress() & ~in_vain).with_label(
        "out of date, and not tried in vain"
    )
