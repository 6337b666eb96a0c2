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
        _values_check(spec),
        _maturity_check(horizon),
        _balance_check(spec),
        _window_check(spec, statement, times, window),
    )


def _values_check(spec: ModelSpec) -> Check:
    name, wanted, wrong = _values(spec)

    def judge(scope: CheckScope) -> list[CheckFinding]:
        counted = scope.grouped({"wrong": f"count(*) filter (where label is null or {wrong})"})
        return [
            CheckFinding.judged(
                name, row["wrong"] == 0, f"{row['wrong']} of {row['rows']} labels are {wanted}", partition=key,
                numbers={"rows": row["rows"], "wrong": row["wrong"]},
                evidence=scope.evidence(
                    f"select label, count(*) as rows from {scope.relation} where label is null or {wrong} group by 1 order by 2 desc"
                ) if row["wrong"] else (),
            )
            for key, row in counted.items()
        ]  # fmt: skip

    return Check(
        name,
        "LB001",
        f"Every label is {wanted.removeprefix('neither ').removeprefix('no ').replace(' nor ', ' or ')}.",
        judge,
        blocking=True,
    )


def _values(spec: ModelSpec) -> tuple[str, str, str]:
    """Name of the rule, what a wrong label is, and SQL for a wrong one."""
    if spec.task == "binary":
        return "labels_are_zero_or_one", "neither 0 nor 1", "label not in (0, 1)"
    if spec.task == "regression":
        return "labels_are_finite_numbers", "no finite number", "not isfinite(label)"
    if spec.task == "ranking":
        return "labels_are_grades", "no grade from 0 to 30", "label not between 0 and 30"
    if spec.label.classes is None:
        return "labels_are_classes", "no class", "label = ''"
    listed = ", ".join(literal(str(name)) for name in spec.label.classes)
    return "labels_are_declared_classes", "no declared class", f"label not in ({listed})"


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


def _balance_check(spec: ModelSpec) -> Check:
    if spec.task != "binary":
        return _variety_check(spec)
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


def _variety_check(spec: ModelSpec) -> Check:
    """Several classes, numbers or grades in every snapshot, and of declared classes each."""
    name = "labels_differ"
    declared = spec.label.classes
    least = len(declared) if declared is not None else 2

    def judge(scope: CheckScope) -> list[CheckFinding]:
        counted = scope.grouped({"values": "count(distinct label)"})
        return [
            CheckFinding.judged(
                name, row["values"] >= least, f"{row['values']} different labels in {row['rows']} rows (at least {least})",
                partition=key, numbers={"rows": row["rows"], "values": row["values"]},
            )
            for key, row in counted.items()
        ]  # fmt: skip

    said = "Every declared class occurs." if declared is not None else "Labels are not all the same."
    return Check(name, "LB003", said, judge, "warn")


def _window_check(
    spec: ModelSpec, statement: Statement, times: Mapping[TableName, TimeColumns], window: Callable[[datetime], Window]
) -> Check:
    """Labels recomputed on sources that hold the outcome window and nothing else are the stored ones."""
    name = "labels_come_from_their_window_alone"

    def rows(recomputed: str, stored: str) -> str:
        return labelled(stored, recomputed, spec)

    return Check(
        name, "LK002", "Labels depend on rows inside [snapshot, snapshot + horizon) only.",
        Proof(name, statement, times, window, spec.entity, rows).judge, blocking=True,
    )  # fmt: skip


def labelled(people: str, outcomes: str, spec: ModelSpec) -> str:
    """SQL: `people` (snapshot, entity, carried columns) with their label; who has no row in `outcomes` gets the default.

    An outcome that is there and null stays null, for the checks to find. Classes are kept as text.
    """
    key, kind = quoted(spec.entity), _TYPES[spec.task]
    kept = ", ".join(f"p.{quoted(name)}" for name in (spec.entity, *spec.carried))
    return (
        f"select p.snapshot, {kept}, case when o._found then cast(o.label as {kind}) "
        f"else cast({literal(str(spec.outcome.default))} as {kind}) end as label from {people} p "
        f"left join (select *, true as _found from {outcomes}) o on o.snapshot = p.snapshot and o.{key} = p.{key}"
    )


_TYPES = {"binary": "bigint", "ranking": "bigint", "regression": "double", "multiclass": "varchar"}
