"""Scores that were made long after their snapshot: nobody acted by them, so what a monitor says of them is history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ml_assets.operations.watch import Watch
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.warehouse.manifest import manifest_of
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench


def scored_in_hindsight(bench: Workbench, watch: Watch) -> Iterator[tuple[str, str]]:
    """Inside a reading block: (monitor's table, partition) of snapshots whose scores were made when the next one was a day old."""
    for asset in watch.graph:
        spec = asset.spec
        if not isinstance(spec, MonitorSpec) or spec.scores is None or asset.snapshots is None:
            continue
        for key, row in manifest_of(bench, TableName("scores", spec.scores)).items():
            moment = datetime.fromisoformat(key).replace(tzinfo=UTC) if key else row.made_at
            if row.made_at > asset.snapshots.step(moment, 1) + timedelta(days=1):
                yield str(asset.name), key
