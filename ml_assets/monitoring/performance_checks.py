"""Checks of performance: as promised, base rate as scored, estimate reconciled, slices no worse than the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_assets.monitoring.base_rate import ages
from ml_assets.monitoring.performance_budget import chance_allowed
from ml_assets.monitoring.performance_verdicts import (
    Row,
    Verdict,
    as_promised,
    base_rate_held,
    estimate_right,
    judged_metrics,
    slices_hold,
)
from ml_assets.specs.models import LabelSpec, ModelSpec
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.specs.times import SnapshotSpec, span_length
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import MAX_EVIDENCE_ROWS, CheckFinding

_Rows = Mapping[str, Sequence[Row]]
_Judge = Callable[[Sequence[Row]], Verdict]
AS_PROMISED, BASE_RATE = "performance_is_as_promised", "base_rate_is_as_scored"
_RECONCILED, _SLICES = "estimate_agrees_with_outcomes", "declared_slices_hold"


def performance_checks(
    spec: MonitorSpec, model: ModelSpec, grid: SnapshotSpec | None, rates: TableName
) -> tuple[Check, ...]:
    """All checks of `monitoring.<monitor>__performance`; `rates` is the table of base rates beside it."""
    judges = verdicts(spec, model, grid)
    judged = " and ".join(judged_metrics(model.task))
    return (
        _check(spec, AS_PROMISED, "PF001", f"{judged} are not worse than the evaluation promised.", _performance, judges),
        _check(spec, BASE_RATE, "PF002", "The rate of positives, told from early outcomes, is what the scores say.", _rates(rates), judges),
        _check(spec, _RECONCILED, "PF003", "What was estimated without outcomes is what they show.", _performance, judges),
        _check(spec, _SLICES, "PF004", "No declared slice has become worse by more than all rows have.", _performance, judges),
    )  # fmt: skip


def verdicts(spec: MonitorSpec, model: ModelSpec, grid: SnapshotSpec | None) -> dict[str, _Judge]:
    """Name of a check → its verdict on the rows of one snapshot: of base rates for that of the base rate, else of performance."""
    task, budget = model.task, spec.false_alarms
    metrics = len(judged_metrics(task))
    chance = chance_allowed(budget, grid, metrics)

    def sliced(rows: Sequence[Row]) -> Verdict:
        judged = sum(row["metric"] in judged_metrics(task) for row in rows) - metrics
        return slices_hold(task, rows, chance_allowed(budget, grid, judged))

    return {
        AS_PROMISED: lambda rows: as_promised(task, rows, chance),
        BASE_RATE: _base_rate(spec, model, grid),
        _RECONCILED: lambda rows: estimate_right(task, rows, chance),
        _SLICES: sliced,
    }


def _base_rate(spec: MonitorSpec, model: ModelSpec, grid: SnapshotSpec | None) -> _Judge:
    looks = 1
    if isinstance(model.label, LabelSpec):
        horizon = span_length(model.label.horizon)
        looks = len(ages(horizon, horizon)) + 1

    def judge(rows: Sequence[Row]) -> Verdict:
        if model.task != "binary" or grid is None:
            return Verdict(None, "only binary tasks with an outcome window show their base rate before it has passed")
        return base_rate_held(rows, chance_allowed(spec.false_alarms, grid, looks))

    return judge


def _check(
    spec: MonitorSpec, name: str, code: str, description: str, read: Callable[[CheckScope], _Rows],
    judges: Mapping[str, _Judge],
) -> Check:  # fmt: skip
    judge = judges[name]

    def judged(scope: CheckScope) -> list[CheckFinding]:
        found = read(scope)
        return [_finding(name, key, judge(found.get(key, ())), found.get(key, ())) for key in scope.partitions]

    return Check(name, code, description, judged, spec.severity)


def _performance(scope: CheckScope) -> dict[str, list[Row]]:
    return _by_partition(scope, f"select *, {scope.key_sql} as _key from {scope.relation} order by slice, metric")


def _rates(rates: TableName) -> Callable[[CheckScope], _Rows]:
    def read(scope: CheckScope) -> _Rows:
        if not scope.bench.has_table(rates):
            return {}
        return _by_partition(scope, f"select *, {scope.key_sql} as _key from {rates.quoted} order by age_days")

    return read


def _by_partition(scope: CheckScope, query: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in scope.bench.records(query):
        found.setdefault(row.pop("_key"), []).append(row)
    return found


def _finding(name: str, key: str, verdict: Verdict, rows: Sequence[Row]) -> CheckFinding:
    if verdict.held is None:
        return CheckFinding(name, "not_applicable", verdict.said, key)
    numbers: dict[str, float | int | str | None] = {"limit": verdict.limit}
    for one in verdict.tested[:MAX_EVIDENCE_ROWS]:
        label = one.metric if len(verdict.tested) <= 2 else f"{one.metric} of {one.slice}"
        numbers |= {label: one.value, f"{label} expected": one.other, f"{label} deviations": one.deviations}
    evidence = [_shown(row, {(one.slice, one.metric) for one in verdict.tested}) for row in rows]
    return CheckFinding.judged(
        name, verdict.held, verdict.said, partition=key, numbers=numbers,
        evidence=[row for row in evidence if row][:MAX_EVIDENCE_ROWS],
    )  # fmt: skip


def _shown(row: Row, tested: set[tuple[str, str]]) -> dict[str, Any]:
    """The row as evidence: of performance only what was tested, of base rates every age."""
    if "slice" in row and (row["slice"], row["metric"]) not in tested:
        return {}
    return {name: value for name, value in row.items() if value is not None and name != "snapshot"}
