"""The metrics that change although nobody writes: ages of data, what is out of date, the disk, the clock."""

from __future__ import annotations

from pathlib import Path

from ml_assets.graph.age_limit import age_limit
from ml_assets.graph.compile import Graph
from ml_assets.graph.plan import out_of_date
from ml_assets.operations.freshness import CODE
from ml_assets.operations.surroundings import disk_space
from ml_assets.operations.telemetry.readings import Reading
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

_HOUR = 3600.0


def read_present(bench: Workbench, context: RunContext, graph: Graph, fresh_for: str) -> Reading:
    """Inside a reading block: how old data is and what a run would make, by the clock of this context.

    Checks of freshness are judged now: what no run judges any more would stay as fresh as at the last one.
    """
    reading = Reading()
    assets = list(graph)
    for asset in assets:
        reading.put("asset_age_limit_seconds", age_limit(asset, fresh_for).total_seconds(), str(asset.name))
        for check in asset.checks:
            if check.code == CODE and bench.has_table(asset.name):
                _age(bench, context, asset, check, reading)
    # What is made from something that is due may become so too; a plan of one stage does not look that far.
    due = graph.downstream({TableName.parse(name) for name in out_of_date(bench, context, assets)})
    for asset in assets:
        reading.put("asset_out_of_date", int(asset.name in due), str(asset.name))
    return reading


def _age(bench: Workbench, context: RunContext, asset: TableAsset, check: Check, reading: Reading) -> None:
    [finding] = check.findings(CheckScope(bench, asset.name, asset.partitions(context.now), context.now))
    for number, name in (("age_hours", "data_age_seconds"), ("limit_hours", "data_age_limit_seconds")):
        hours = finding.numbers.get(number)
        reading.put(name, hours * _HOUR if isinstance(hours, int | float) else None, str(asset.name))


def read_surroundings(home: Path, warehouse: Path) -> Reading:
    """Disk and file sizes, for which nothing has to be opened."""
    reading = Reading()
    folder = next(path for path in (home, *home.parents) if path.exists())
    size, free = disk_space(folder)
    reading.put("disk_free_bytes", free)
    reading.put("disk_size_bytes", size)
    if warehouse.exists():
        reading.put("warehouse_size_bytes", warehouse.stat().st_size)
    return reading
