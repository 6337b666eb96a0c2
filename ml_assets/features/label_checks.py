"""Checks of labels: maturity, balance, unique entities, and the window proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from ml_assets.features.asof import TimeColumns, Window
from ml_assets.features.leakage import Proof
from ml_assets.features.statement import Statement
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.times import snapshot_time
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import TableName, quoted
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
                CheckFinding.judged(
                    name, ripe <= scope.now, f"window ended {ripe:%Y-%m-%d}, now {scope.now:%Y-%m-%d}", partition=key
                )
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

    def rows(recomputed: str, stored: str) -> str:
        return labelled(stored, recomputed, spec.entity, spec.label.default)

    return Check(
        name, "LK002", "Labels depend on rows inside [snapshot, snapshot + horizon) only.",
        Proof(name, statement, times, window, spec.entity, rows).judge, blocking=True,
    )  # fmt: skip


def labelled(people: str, outcomes: str, entity: str, default: int) -> str:
    """SQL: `people` (snapshot, entity) with their label; who has no row in `outcomes` gets the default.

    An outcome that is there and null stays null, for the checks to find.
    """
    key = quoted(entity)
    return (
        f"select p.snapshot, p.{key}, case when o._found then o.label else {default} end as label from {people} p "
        f"left join (select *, true as _found from {outcomes}) o on o.snapshot = p.snapshot and o.{key} = p.{key}"
    )
