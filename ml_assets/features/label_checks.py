"""Checks of labels: maturity, balance, unique entities, and the window proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from ml_assets.features.asof import TimeColumns, Window, cut_tables
from ml_assets.features.statement import Statement
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.times import snapshot_time
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.rules import unique_check

_LEAST_SHARE, _MOST_SHARE = 0.01, 0.99


def label_checks(
    spec: ModelSpec, statement: Statement, times: Mapping[TableName, TimeColumns],
    window: Callable[[datetime], Window], horizon: timedelta,
) -> tuple[Check, ...]:  # fmt: skip
    """All checks of `labels.<model>`."""
    return (
        unique_check((spec.entity,)),
        _values_check(),
        _maturity_check(horizon),
        _balance_check(),
        _window_check(spec, statement, times, window),
    )


def _values_check() -> Check:
    name = "labels_are_zero_or_one"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        counted = scope.grouped({"wrong": "count(*) filter (where label is null or label not in (0, 1))"})
        return [
            CheckFinding.judged(
                name, row["wrong"] == 0, f"{row['wrong']} of {row['rows']} labels are neither 0 nor 1", partition=key,
                numbers={"rows": row["rows"], "wrong": row["wrong"]},
            )
            for key, row in counted.items()
        ]  # fmt: skip

    return Check(name, "LB001", "Every label is 0 or 1.", judge, blocking=True)


def _maturity_check(horizon: timedelta) -> Check:
    name = "label_window_has_passed"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        counted = scope.grouped({"labels": "count(label)"})
        findings = []
        for key in counted:
            ripe = snapshot_time(key) + horizon
            findings.append(
                CheckFinding.judged(name, ripe <= scope.now, f"window ended {ripe:%Y-%m-%d}, now {scope.now:%Y-%m-%d}", partition=key)
            )
        return findings

    return Check(name, "LB002", f"Labels exist only {horizon.days} days after their snapshot.", judge, blocking=True)


def _balance_check() -> Check:
    name = "both_classes_occur"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        counted = scope.grouped({"share": "avg(label)"})
        return [
            CheckFinding.judged(
                name, _LEAST_SHARE <= row["share"] <= _MOST_SHARE,
                f"{row['share']:.1%} positive of {row['rows']} (expected {_LEAST_SHARE:.0%} to {_MOST_SHARE:.0%})",
                partition=key, numbers={"rows": row["rows"], "positive_share": row["share"]},
            )
            for key, row in counted.items()
        ]  # fmt: skip

    return Check(name, "LB003", "Neither class is nearly absent.", judge, "warn")


def _window_check(
    spec: ModelSpec, statement: Statement, times: Mapping[TableName, TimeColumns], window: Callable[[datetime], Window]
) -> Check:
    """Labels recomputed on sources that hold the outcome window and nothing else are the stored ones."""
    name = "labels_come_from_their_window_alone"
    entity = quoted(spec.entity)

    def judge(scope: CheckScope) -> list[CheckFinding]:
        findings = []
        for key in scope.partitions:
            cut_tables(scope.bench, times, window(snapshot_time(key)))
            scope.bench.execute(
                f"create or replace temp table proof as select * from (\n{statement.text.rstrip().rstrip(';')}\n)",
                {"snapshot": snapshot_time(key).replace(tzinfo=None)} if statement.uses_snapshot else None,
            )
            differing = (
                f"select s.{entity}, s.label as stored, coalesce(p.label, {spec.label.default}) as recomputed "
                f"from (select * from {scope.table.quoted} where snapshot = timestamp {literal(key)}) s "
                f"left join proof p using ({entity}) where s.label is distinct from recomputed"
            )
            wrong = int(scope.bench.value(f"select count(*) from ({differing})"))
            findings.append(
                CheckFinding.judged(
                    name, wrong == 0, f"{wrong} labels differ from their recomputation", partition=key,
                    numbers={"differing": wrong}, evidence=scope.evidence(differing) if wrong else (),
                )
            )  # fmt: skip
        return findings

    return Check(name, "LK002", "Labels depend on rows inside [snapshot, snapshot + horizon) only.", judge, blocking=True)
