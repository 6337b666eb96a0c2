"""The leakage proof: recompute on sources that physically end at the snapshot, and compare row by row.

The as-of views already hide the future. The proof does not trust them: it copies the sources, deletes what lies outside
the window, runs the same statement on the copies and expects the same rows. Whatever let the future in (a view at
fault, a correction that arrived unnoticed, a stored partition that is older than its sources) shows as a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from ml_assets.features.asof import TimeColumns, Window, cut_tables, narrow_tables
from ml_assets.features.snapshots import snapshot_select
from ml_assets.features.statement import Statement
from ml_assets.specs.times import snapshot_time
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.store import Workbench

_FLOATS = ("DOUBLE", "FLOAT")


def leakage_check(
    statement: Statement, times: Mapping[TableName, TimeColumns], window: Callable[[datetime], Window], entity: str
) -> Check:
    """Stored rows equal those recomputed from sources cut at the snapshot (floats to a relative 1e-9)."""

    def judge(scope: CheckScope) -> list[CheckFinding]:
        bench = scope.bench
        keys = sorted(scope.partitions, reverse=True)
        stored = bench.columns(scope.table.quoted)
        bench.execute("set threads = 1")
        findings = []
        try:
            for position, key in enumerate(keys):
                view = window(snapshot_time(key))
                (cut_tables if position == 0 or view.start is not None else narrow_tables)(bench, times, view)
                findings.append(_compare(scope, statement, key, entity, stored))
        finally:
            bench.execute(f"set threads = {bench.warehouse.settings.threads}")
        return findings

    return Check(
        "no_row_depends_on_the_future", "LK001",
        "Each stored row equals the one recomputed from sources that end at the snapshot.", judge, blocking=True,
    )  # fmt: skip


def _compare(scope: CheckScope, statement: Statement, key: str, entity: str, stored: Mapping[str, str]) -> CheckFinding:
    bench = scope.bench
    moment = naive_utc(snapshot_time(key))
    bench.execute(f"create or replace temp table proof as {snapshot_select(statement)}", {"snapshot": moment})
    shared = [name for name in bench.columns("proof") if name in stored and name != "snapshot"]
    cast = ", ".join(f"cast({quoted(name)} as {stored[name]}) as {quoted(name)}" for name in shared)
    bench.execute(
        f"create or replace temp table differing as select s.{quoted(entity)} as stored_entity, "
        f"p.{quoted(entity)} as recomputed_entity, {_first_difference(shared, stored)} as differs_in "
        f"from (select * from {scope.table.quoted} where snapshot = timestamp {literal(key)}) s "
        f"full join (select {cast} from proof) p on s.{quoted(entity)} = p.{quoted(entity)} "
        f"where differs_in is not null"
    )
    wrong = int(bench.value("select count(*) from differing"))
    rows = _rows(bench, scope.table, key)
    if rows == 0 and wrong == 0:
        return CheckFinding("no_row_depends_on_the_future", "not_applicable", "no rows to judge", key)
    return CheckFinding.judged(
        "no_row_depends_on_the_future", wrong == 0,
        f"{wrong} of {rows} rows differ from the recomputation" if wrong else f"{rows} rows equal their recomputation",
        partition=key, numbers={"rows": rows, "differing": wrong},
        evidence=scope.evidence("select * from differing order by all") if wrong else (),
    )  # fmt: skip


def _rows(bench: Workbench, table: TableName, key: str) -> int:
    return int(bench.value(f"select count(*) from {table.quoted} where snapshot = timestamp {literal(key)}"))


def _first_difference(columns: list[str], types: Mapping[str, str]) -> str:
    """SQL: name of the first column whose two sides differ, null when none does."""
    branches = []
    for name in columns:
        left, right = f"s.{quoted(name)}", f"p.{quoted(name)}"
        differs = f"{left} is distinct from {right}"
        if types[name] in _FLOATS:
            close = f"abs({left} - {right}) <= 1e-9 * greatest(1, abs({left}), abs({right}))"
            differs = f"({differs} and not coalesce({close}, false))"
        branches.append(f"when {differs} then {literal(name)}")
    return f"case {' '.join(branches)} end"
