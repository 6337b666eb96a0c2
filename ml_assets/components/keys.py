"""Translations between the graph's names and Dagster's."""

from __future__ import annotations

import dagster as dg

from ml_assets.specs.times import KEY_FORMAT, SnapshotSpec
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.names import TableName


def asset_key(name: TableName) -> dg.AssetKey:
    """`raw.orders` is the asset `raw/orders`."""
    return dg.AssetKey([name.schema, name.table])


def table_name(key: dg.AssetKey) -> TableName:
    """The inverse of `asset_key`."""
    return TableName(key.path[0], "/".join(key.path[1:]))


def partitions_of(snapshots: SnapshotSpec | None, home: Home) -> dg.TimeWindowPartitionsDefinition | None:
    """The grid as Dagster partitions. A snapshot exists from its own instant on, hence the offset of one window.

    While history is replayed the grid ends with the replayed clock, since Dagster knows the real time only.
    """
    if snapshots is None:
        return None
    now = home.clock()()
    first = snapshots.first(now).replace(tzinfo=None)
    if home.replays_history:
        end = snapshots.step(snapshots.floor(now), 1).replace(tzinfo=None)
        return dg.TimeWindowPartitionsDefinition(
            start=first, end=end, cron_schedule=snapshots.cron, fmt=KEY_FORMAT, timezone="UTC"
        )
    return dg.TimeWindowPartitionsDefinition(
        start=first, cron_schedule=snapshots.cron, fmt=KEY_FORMAT, timezone="UTC", end_offset=1
    )
