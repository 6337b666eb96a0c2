"""Freshness by the clock: a table that gets no new rows is not made anew, and so nobody would judge its age again."""

from __future__ import annotations

from datetime import UTC

from ml_assets.graph.judge import judge_asset
from ml_assets.operations.watch import Watch
from ml_assets.specs.tables import RawTableSpec, SqlTableSpec
from ml_assets.specs.times import span_length
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.check import CheckScope
from ml_assets.warehouse.manifest import UNPARTITIONED, manifest_of, naive_utc
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.store import Workbench

CODE = "FR001"


def judge_overdue_freshness(watch: Watch) -> None:
    """Judge the freshness checks again whose outcome the clock alone has changed, and keep what they say."""
    with watch.context.warehouse.reading() as bench:
        changed = [asset for asset in watch.graph if _is_changed(bench, watch, asset)]
    for asset in changed:
        names = {check.name for check in asset.checks if check.code == CODE}
        judge_asset(watch.context, asset, [UNPARTITIONED], only=names)


def _is_changed(bench: Workbench, watch: Watch, asset: TableAsset) -> bool:
    """Only a newest row older than the limit, days without trade counted, can have become too old: that is asked first."""
    spec = asset.spec
    if not isinstance(spec, RawTableSpec | SqlTableSpec) or spec.freshness is None or not bench.has_table(asset.name):
        return False
    now = watch.context.now
    column = quoted(str(spec.event_time))
    newest = bench.value(
        f"select max({column})::timestamp from {asset.name.quoted} where {column} <= ?", [naive_utc(now)]
    )
    if newest is None or now - newest.replace(tzinfo=UTC) <= span_length(spec.freshness.max_age):
        return False
    known = manifest_of(bench, asset.name).get(UNPARTITIONED)
    scope = CheckScope(bench, asset.name, [UNPARTITIONED], now)
    judged = {check.name: check.findings(scope)[0].status for check in asset.checks if check.code == CODE}
    stored = dict(
        bench.rows(
            "select check_name, status from wh.ops.checks where asset = ? and partition = '' and content = ? and code = ?",
            [str(asset.name), known.content if known is not None else "", CODE],
        )
    )
    return judged != stored
