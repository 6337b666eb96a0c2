"""Freshness by the clock: a table that gets no new rows is not made anew, and so nobody would judge its age again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC

from ml_assets.graph.judge import judge_asset
from ml_assets.operations.watch import Watch
from ml_assets.specs.tables import RawTableSpec, SqlTableSpec
from ml_assets.specs.times import span_length
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.check import CheckScope
from ml_assets.warehouse.manifest import UNPARTITIONED, naive_utc
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.store import Workbench

CODE = "FR001"


def judge_freshness(watch: Watch, assets: Iterable[TableAsset]) -> None:
    """Judge the freshness checks of these tables again, and keep what they say."""
    for asset in assets:
        names = {check.name for check in asset.checks if check.code == CODE}
        judge_asset(watch.context, asset, [UNPARTITIONED], only=names)


def changed_by_the_clock(bench: Workbench, watch: Watch) -> Iterator[tuple[TableAsset, CheckFinding]]:
    """Inside a reading block: freshness checks that say something else now than what is kept of them."""
    for asset in watch.graph:
        if not _may_be_too_old(bench, watch, asset):
            continue
        kept = dict(
            bench.rows(
                "select c.check_name, c.status from wh.ops.checks c join wh.ops.manifest m on m.asset = c.asset "
                "and m.partition = c.partition and m.content = c.content where c.asset = ? and c.code = ?",
                [str(asset.name), CODE],
            )
        )
        scope = CheckScope(bench, asset.name, [UNPARTITIONED], watch.context.now)
        for check in asset.checks:
            if check.code == CODE and (finding := check.findings(scope)[0]).status != kept.get(check.name):
                yield asset, finding


def _may_be_too_old(bench: Workbench, watch: Watch, asset: TableAsset) -> bool:
    """Only a newest row that is older than the limit, days without trade counted, can have become too old."""
    spec, now = asset.spec, watch.context.now
    if not isinstance(spec, RawTableSpec | SqlTableSpec) or spec.freshness is None or not bench.has_table(asset.name):
        return False
    column = quoted(str(spec.event_time))
    newest = bench.value(
        f"select max({column})::timestamp from {asset.name.quoted} where {column} <= ?", [naive_utc(now)]
    )
    return newest is not None and now - newest.replace(tzinfo=UTC) > span_length(spec.freshness.max_age)
