"""The leakage proof: recompute on sources that physically end at the snapshot, and compare row by row.

The as-of views already hide the future. The proof does not trust them: it copies the sources as far as the window
goes, runs the same statement on the copies and expects the same rows. Whatever let the future in (a view at fault, a
correction that arrived unnoticed, a stored partition that is older than its sources) shows as a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import duckdb

from ml_assets.features.asof import TimeColumns, Window
from ml_assets.features.cut import CutSources, one_thread
from ml_assets.features.snapshots import engine_error, snapshot_select
from ml_assets.features.statement import Statement
from ml_assets.specs.times import snapshot_time
from ml_assets.warehouse.buckets import BucketIndex
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.manifest import manifest_of, naive_utc, partition_contents
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.store import Workbench

_FLOATS = ("DOUBLE", "FLOAT")


@dataclass(frozen=True)
class Proof:
    """How a partitioned table is recomputed. `rows` turns the statement's recomputed rows and the stored ones (two
    relations) into SQL for the rows that ought to be stored."""

    name: str
    statement: Statement
    times: Mapping[TableName, TimeColumns]
    window: Callable[[datetime], Window]
    entity: str
    rows: Callable[[str, str], str] = lambda recomputed, _stored: f"select * from {recomputed}"

    def judge(self, scope: CheckScope) -> list[CheckFinding]:
        """One finding a partition that has rows, stored or recomputed."""
        bench = scope.bench
        if not scope.partitions or not bench.has_table(scope.table):
            return []
        recompute(bench, self.statement, self.times, self.window, scope.partitions, into="recomputed")
        types = bench.columns(scope.table.quoted)
        made = bench.columns(f"({self.rows('recomputed', scope.relation)})")
        shared = [name for name in types if name in made]
        listed = ", ".join(f"try_cast({quoted(name)} as {types[name]}) as {quoted(name)}" for name in shared)
        bench.execute(
            f"create or replace temp table expected as select {listed} from ({self.rows('recomputed', scope.relation)})"
        )
        stored = f"(select {', '.join(map(quoted, shared))} from {scope.relation})"
        before, after = partition_contents(bench, stored, "snapshot"), partition_contents(bench, "expected", "snapshot")
        bench.execute("drop table recomputed")
        return [
            self._finding(scope, key, before.get(key), after.get(key), {name: types[name] for name in shared})
            for key in scope.partitions
            if key in before or key in after
        ]

    def _finding(
        self,
        scope: CheckScope,
        key: str,
        before: tuple[int, str] | None,
        after: tuple[int, str] | None,
        types: Mapping[str, str],
    ) -> CheckFinding:
        rows = before[0] if before else 0
        wrong = 0 if before == after else self._differing(scope, key, types)
        if not wrong:
            return CheckFinding(
                self.name, "passed", f"{rows} rows equal their recomputation", key, {"rows": rows, "differing": 0}
            )
        changed = _changed_sources(scope, key, self)
        why = f"; {', '.join(changed)} changed after they were made: materialise them again" if changed else ""
        evidence = scope.evidence("from differing order by all")
        for row in evidence:
            if row["differs_in"] in scope.hidden:
                row["stored"] = row["recomputed"] = "(personal data)"
        return CheckFinding(
            self.name, "failed", f"{wrong} of {rows} rows differ from their recomputation{why}", key,
            {"rows": rows, "differing": wrong, "changed_sources": len(changed)}, evidence,
        )  # fmt: skip

    def _differing(self, scope: CheckScope, key: str, types: Mapping[str, str]) -> int:
        """Rows that differ by more than the last bits of a float, into table `differing`; how many.

        Rows are paired by entity and, where an entity stands there several times, by their order.
        """
        bench, entity, same = scope.bench, quoted(self.entity), "is not distinct from"
        listed = ", ".join(map(quoted, types))
        stored, expected = (
            f"(select {listed}, row_number() over (partition by {entity} order by {listed}) as _nth "
            f"from {relation} where snapshot = timestamp {literal(key)})"
            for relation in (scope.table.quoted, "expected")
        )
        bench.execute(
            f"create or replace temp table differing as select coalesce(s.{entity}, p.{entity}) as {entity}, "
            f"{_first_difference(types)} as differs_in, {_value('s', types)} as stored, {_value('p', types)} as recomputed "
            f"from {stored} s full join {expected} p on s.{entity} {same} p.{entity} and s._nth = p._nth "
            f"where differs_in is not null"
        )
        return int(bench.value("select count(*) from differing"))


def leakage_check(
    statement: Statement, times: Mapping[TableName, TimeColumns], window: Callable[[datetime], Window], entity: str
) -> Check:
    """Stored rows equal those recomputed from sources cut at the snapshot (floats to a relative 1e-9)."""
    name = "no_row_depends_on_the_future"
    return Check(
        name, "LK001", "Each stored row equals the one recomputed from sources that end at the snapshot.",
        Proof(name, statement, times, window, entity).judge, blocking=True,
    )  # fmt: skip


def recompute(
    bench: Workbench, statement: Statement, times: Mapping[TableName, TimeColumns], window: Callable[[datetime], Window],
    partitions: Sequence[str], *, into: str,
) -> None:  # fmt: skip
    """Create table `into` with the statement's rows for every partition, each from sources cut to its window."""
    target, select = f"{bench.database}.main.{quoted(into)}", snapshot_select(statement)
    moments = [snapshot_time(key) for key in sorted(partitions)]

    def visit(share: Sequence[datetime]) -> None:
        with CutSources(bench, statement, times) as sources:
            for moment in share:
                sources.move_to(window(moment))
                sources.session.execute(f"insert into {target} {select}", {"snapshot": naive_utc(moment)})

    try:
        with one_thread(bench) as workers, ThreadPoolExecutor(workers) as pool:
            with CutSources(bench, statement, times) as shape:
                shape.session.execute(
                    f"create or replace table {target} as {select} limit 0", {"snapshot": naive_utc(moments[0])}
                )
            shares = [share for worker in range(workers) if (share := moments[worker::workers])]
            list(pool.map(visit, shares))
    except duckdb.Error as problem:
        raise engine_error(statement, problem) from problem


def _changed_sources(scope: CheckScope, key: str, proof: Proof) -> list[str]:
    """Sources whose rows inside the window are no longer those that the partition was made from."""
    row = manifest_of(scope.bench, scope.table).get(key)
    window = proof.window(snapshot_time(key))
    return [
        str(table) for table in proof.times
        if row is not None and row.inputs.get(str(table)) != BucketIndex(scope.bench, table).within(window.start, window.end, window.known_at)
    ]  # fmt: skip


def _first_difference(types: Mapping[str, str]) -> str:
    """SQL: name of the first column whose two sides differ, null when none does."""
    return f"case {' '.join(f'when {_differs(name, kind)} then {literal(name)}' for name, kind in types.items())} end"


def _value(side: str, types: Mapping[str, str]) -> str:
    """SQL: the value of the first differing column on one side, as text."""
    branches = " ".join(
        f"when {_differs(name, kind)} then cast({side}.{quoted(name)} as varchar)" for name, kind in types.items()
    )
    return f"case {branches} end"


def _differs(name: str, kind: str) -> str:
    left, right = f"s.{quoted(name)}", f"p.{quoted(name)}"
    if kind not in _FLOATS:
        return f"{left} is distinct from {right}"
    close = f"abs({left} - {right}) <= 1e-9 * greatest(1, abs({left}), abs({right}))"
    return f"({left} is distinct from {right} and not coalesce({close}, false))"
