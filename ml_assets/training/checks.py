"""Checks of training sets: parts apart in time, keys unique, both classes everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from ml_assets.specs.columns import ColumnSpec
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.times import span_length
from ml_assets.training.contract import violations
from ml_assets.training.matrix import arrow_rows
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.results import MAX_EVIDENCE_ROWS, CheckFinding
from ml_assets.warehouse.rules import unique_check

_ORDER = ("train", "validation", "test")


def training_checks(spec: ModelSpec, contracts: Mapping[str, ColumnSpec]) -> tuple[Check, ...]:
    """All checks of `training.<model>`."""
    return (unique_check(("snapshot", spec.entity)), _apart_check(spec), _classes_check(), _contract_check(contracts))


def _apart_check(spec: ModelSpec) -> Check:
    name = "parts_are_an_embargo_apart"
    embargo = span_length(spec.split.embargo or spec.label.horizon)

    def judge(scope: CheckScope) -> list[CheckFinding]:
        spans = {
            part: (first, last)
            for part, first, last in scope.bench.rows(
                f"select part, min(snapshot), max(snapshot) from {scope.table.quoted} where part <> 'embargo' group by 1"
            )
        }
        missing = [part for part in _ORDER if part not in spans]
        close = [
            f"{a} ends {spans[a][1]:%Y-%m-%d}, {b} begins {spans[b][0]:%Y-%m-%d}"
            for a, b in pairwise(_ORDER)
            if a in spans and b in spans and spans[a][1] + embargo > spans[b][0]
        ]
        said = "; ".join([*(f"no {part} rows" for part in missing), *close])
        return [CheckFinding.judged(name, not said, said or f"{embargo.days} days free between all parts")]

    return Check(name, "TR001", "Outcome windows of one part never reach into a later part.", judge, blocking=True)


def _classes_check() -> Check:
    name = "every_part_has_both_classes"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        rows = scope.bench.rows(
            f"select part, count(*), sum(label)::bigint from {scope.table.quoted} where part <> 'embargo' group by 1 order by 1"
        )
        bad = [part for part, count, positive in rows if positive in (0, count)]
        said = ", ".join(f"{part}: {positive} of {count} positive" for part, count, positive in rows)
        numbers = {f"{part}.positive_share": positive / count for part, count, positive in rows}
        return [CheckFinding.judged(name, not bad and bool(rows), said or "no rows", numbers=numbers)]

    return Check(name, "TR002", "Train, validation and test each hold positives and negatives.", judge, blocking=True)


def _contract_check(contracts: Mapping[str, ColumnSpec]) -> Check:
    name = "features_keep_their_contract"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        columns = ", ".join(quoted(column) for column in contracts)
        rows = arrow_rows(scope.bench, f"select {columns} from {scope.table.quoted}")
        found = violations(rows, contracts)
        said = (
            "; ".join(str(violation) for violation in found)
            or f"{rows.num_rows} rows hold the contracts of {len(contracts)} features"
        )
        evidence = [{**violation._asdict(), "examples": ", ".join(violation.examples)} for violation in found]
        return [
            CheckFinding.judged(
                name, not found, said, numbers={"broken_rules": len(found)}, evidence=evidence[:MAX_EVIDENCE_ROWS]
            )
        ]

    description = "What a model learns from has the types, bounds and presence that the feature sets declare."
    return Check(name, "TR003", description, judge, blocking=True)
