"""A table's past stays as it is: recompute it from sources cut at a few instants and compare what lies before them.

The proof of a feature set starts from staging tables, so a staging statement that looks ahead (a window over later rows,
a total over all time) would pass it. This one starts from the statement's own sources.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime

import duckdb

from ml_assets.features.asof import TimeColumns, Window
from ml_assets.features.cut import CutSources
from ml_assets.features.snapshots import engine_error
from ml_assets.features.statement import Statement
from ml_assets.warehouse.buckets import BucketIndex
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.manifest import fingerprint, manifest_of, naive_utc
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.results import CheckFinding

_QUANTILES = (0.3, 0.6, 0.9)
_MONTHS = 6
_NAME = "no_row_depends_on_later_rows"


def later_rows_check(statement: Statement, sources: Mapping[TableName, TimeColumns], own: TimeColumns) -> Check:
    """Rows before an instant are the same when the statement sees its sources up to that instant only.

    Judged at up to three instants, about 30, 60 and 90 % through the sources' days. Floats are compared to seven
    digits, because the order of addition differs. Sources without event time are read whole. An instant that was
    proved for the very same statement, sources and rows before it is not proved again.
    """
    whole = tuple(table for table in statement.tables if table not in sources)
    unseen = f"; without event time and read whole: {', '.join(map(str, whole))}" if whole else ""

    def judge(scope: CheckScope) -> list[CheckFinding]:
        if not sources:
            return [_not_applicable("no source has an event time to be cut by")]
        cuts = _cuts(scope, sources, own)
        if not cuts:
            return [_not_applicable("source rows on two days at least, and rows before the later one, are needed")]
        proofs = _proofs(scope, statement, sources, whole, cuts)
        known = _known_proofs(scope)
        open_cuts = [moment for moment in cuts if known.get(_label(moment)) != proofs[_label(moment)]]
        try:
            with CutSources(scope.bench, statement, sources, whole) as cut:
                for moment in open_cuts:
                    cut.move_to(Window.before(moment))
                    _recompute(scope, cut, statement)
                    sides = _Sides(scope, Window.before(moment).condition(own))
                    if sides.differ:
                        return [sides.failure(moment)]
        finally:
            scope.bench.execute("drop table if exists recomputed")
        at = ", ".join(f"{moment:%Y-%m-%d}" for moment in cuts)
        return [
            CheckFinding(
                _NAME, "passed", f"the same rows before {at}, recomputed from sources that end there{unseen}",
                numbers={"instants": len(cuts), "proved_now": len(open_cuts), "whole_sources": len(whole), **proofs},
            )
        ]  # fmt: skip

    return Check(_NAME, "LK003", "Rows before an instant depend on nothing that came after it.", judge, blocking=True)


def _label(moment: datetime) -> str:
    return f"proof of {moment:%Y-%m-%d}"


def _proofs(
    scope: CheckScope, statement: Statement, sources: Mapping[TableName, TimeColumns], whole: tuple[TableName, ...],
    cuts: list[datetime],
) -> dict[str, str]:  # fmt: skip
    """What a proof at each instant rests on: the statement, what it may see, and the rows that it vouches for."""
    seen = {table: BucketIndex(scope.bench, table) for table in sources}
    made = BucketIndex(scope.bench, scope.table)
    rest = {str(table): manifest_of(scope.bench, table) for table in whole}
    unseen = {name: [row.content for row in rows.values()] for name, rows in rest.items()}
    return {
        _label(moment): fingerprint(
            statement.fingerprint,
            {str(t): index.known_at(moment) for t, index in seen.items()},
            unseen,
            made.within(None, moment),
        )
        for moment in cuts
    }


def _known_proofs(scope: CheckScope) -> dict[str, str]:
    numbers = scope.bench.value(
        "select numbers from wh.ops.checks where asset = ? and check_name = ? and status = 'passed'",
        [str(scope.table), _NAME],
    )
    return dict(json.loads(numbers)) if numbers else {}


def _not_applicable(why: str) -> CheckFinding:
    return CheckFinding(_NAME, "not_applicable", why)


def _cuts(scope: CheckScope, sources: Mapping[TableName, TimeColumns], own: TimeColumns) -> list[datetime]:
    """Midnights of the quantiles among the days of the sources (the beginning of their months, where there are six
    months or more), as far as the table has rows before them."""
    days: set[date] = set()
    for table, times in sources.items():
        found = scope.bench.rows(
            f"select distinct cast({quoted(times.event)} as date) from {table.quoted} where {quoted(times.event)} is not null"
        )
        days.update(row[0] for row in found)
    first = scope.bench.value(f"select cast(min({quoted(own.event)}) as timestamp) from {scope.relation}")
    ordered = sorted(days)
    chosen = sorted({ordered[max(1, int(share * len(ordered)))] for share in _QUANTILES}) if len(ordered) > 1 else []
    # Months begin at the same instants tomorrow; the quantiles do not, and every proof would have to be made anew.
    steady = (
        {day.replace(day=1) for day in chosen} if len({day.replace(day=1) for day in days}) >= _MONTHS else set(chosen)
    )
    midnights = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in sorted(steady)]
    return [moment for moment in midnights if first is not None and naive_utc(moment) > first]


def _recompute(scope: CheckScope, cut: CutSources, statement: Statement) -> None:
    try:
        cut.session.execute(
            f"create or replace table {scope.bench.database}.main.recomputed as select * from (\n{statement.body}\n)"
        )
    except duckdb.Error as problem:
        raise engine_error(statement, problem) from problem


class _Sides:
    """Stored and recomputed rows before an instant, as two relations of the columns that both have."""

    def __init__(self, scope: CheckScope, condition: str) -> None:
        self._scope = scope
        types = scope.bench.columns(scope.relation)
        made = scope.bench.columns("recomputed")
        self._exact = ", ".join(quoted(name) for name in types if name in made)
        compared = ", ".join(_compared(name, types[name]) for name in types if name in made)
        self.stored = f"(select {compared} from {scope.relation} where {condition})"
        self.recomputed = f"(select {compared} from recomputed where {condition})"
        self.stored_rows, before = self._summary(self.stored)
        self.recomputed_rows, after = self._summary(self.recomputed)
        self.differ = (self.stored_rows, before) != (self.recomputed_rows, after)

    def _summary(self, relation: str) -> tuple[int, int]:
        rows, hashes = self._scope.bench.rows(
            f"select count(*), coalesce(sum(hash({self._exact})), 0) from {relation}"
        )[0]
        return int(rows), int(hashes)

    def failure(self, moment: datetime) -> CheckFinding:
        """What differs, stored rows first."""
        lost = f"(from {self.stored} except all from {self.recomputed})"
        gained = f"(from {self.recomputed} except all from {self.stored})"
        bench = self._scope.bench
        wrong, new = bench.rows(f"select (select count(*) from {lost}), (select count(*) from {gained})")[0]
        evidence = self._scope.evidence(
            f"select * from (select 'stored' as side, * from {lost} union all select 'recomputed', * from {gained}) "
            f"order by {self._exact}, side desc"
        )
        return CheckFinding(
            _NAME, "failed",
            f"{wrong} of {self.stored_rows} rows before {moment:%Y-%m-%d} change ({new} come instead) when nothing later is known",
            numbers={"rows": self.stored_rows, "stored_only": wrong, "recomputed_only": new}, evidence=evidence,
        )  # fmt: skip


def _compared(name: str, kind: str) -> str:
    """A float without its last digits: they depend on the order of addition."""
    if kind in ("DOUBLE", "FLOAT"):
        return f"try_cast({quoted(name)} as float) as {quoted(name)}"
    return quoted(name)
