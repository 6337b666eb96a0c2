"""Checks of training sets: parts apart in time, keys unique, both classes everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise

from ml_assets.specs.columns import ColumnSpec
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.splits import ChronologicalSplitSpec, GroupSplitSpec, TimeSplitSpec
from ml_assets.specs.times import span_length
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.results import MAX_EVIDENCE_ROWS, CheckFinding
from ml_assets.warehouse.rules import unique_check

_ORDER = ("train", "validation", "test")


def training_checks(spec: ModelSpec, contracts: Mapping[str, ColumnSpec]) -> tuple[Check, ...]:
    """All checks of `training.<model>`."""
    return (
        unique_check(("snapshot", spec.entity) if spec.source is None else (spec.entity,)),
        _divided_check(spec),
        _labels_check(spec),
        _contract_check(contracts),
    )


def _divided_check(spec: ModelSpec) -> Check:
    """What the declared split promises."""
    if isinstance(spec.split, TimeSplitSpec):
        return _apart_check(span_length(spec.split.embargo or spec.outcome.horizon))
    if isinstance(spec.split, ChronologicalSplitSpec):
        return _apart_check(span_length(spec.split.embargo or "0 days"))
    if isinstance(spec.split, GroupSplitSpec):
        return _groups_check(spec.split.column or spec.entity)
    return _parts_check()


def _groups_check(column: str) -> Check:
    name, group = "groups_stay_in_one_part", quoted(column)

    def judge(scope: CheckScope) -> list[CheckFinding]:
        torn = (
            f"select {group}, string_agg(distinct part, ', ' order by part) as parts from {scope.table.quoted} "
            "where part <> 'left_out' group by 1 having count(distinct part) > 1"
        )
        groups = int(scope.bench.value(f"select count(distinct {group}) from {scope.table.quoted}"))
        count = int(scope.bench.value(f"select count(*) from ({torn})"))
        return [
            CheckFinding.judged(
                name, count == 0, f"{count} of {groups} groups have rows in several parts", numbers={"groups": groups, "torn": count},
                evidence=scope.evidence(torn) if count else (),
            )
        ]  # fmt: skip

    return Check(name, "TR001", f"No {column} has rows in two parts.", judge, blocking=True)


def _parts_check() -> Check:
    name = "every_part_has_rows"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        counts = dict(scope.bench.rows(f"select part, count(*) from {scope.table.quoted} group by 1"))
        missing = [part for part in _ORDER if not counts.get(part)]
        said = (
            f"no rows of {', '.join(missing)}" if missing else ", ".join(f"{part}: {counts[part]}" for part in _ORDER)
        )
        return [CheckFinding.judged(name, not missing, said, numbers={f"{part}.rows": n for part, n in counts.items()})]

    return Check(name, "TR001", "Train, validation and test have rows.", judge, blocking=True)


def _labels_check(spec: ModelSpec) -> Check:
    return _classes_check() if spec.task == "binary" else _variety_check(spec)


def _variety_check(spec: ModelSpec) -> Check:
    """Every part shows several labels; of classes, none of validation or test is unknown to training."""
    name = "every_part_can_be_judged"
    classes = "list_sort(list(distinct label))" if spec.task == "multiclass" else "null"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        rows = scope.bench.rows(
            f"select part, count(*), count(distinct label), {classes} from {scope.table.quoted} "
            f"where part in {_ORDER} group by 1 order by 1"
        )
        found = {part: (count, values, labels) for part, count, values, labels in rows}
        bad = [
            f"{part}: {found[part][1] if part in found else 0} different labels"
            for part in _ORDER
            if part not in found or found[part][1] < 2
        ]
        if spec.task == "multiclass" and "train" in found:
            known = set(found["train"][2])
            bad += [
                f"{part}: classes that training lacks: {', '.join(sorted(set(labels) - known))}"
                for part, (_, _, labels) in found.items()
                if set(labels) - known
            ]
        said = "; ".join(bad) or ", ".join(
            f"{part}: {count} rows, {values} labels" for part, (count, values, _) in found.items()
        )
        return [
            CheckFinding.judged(
                name, not bad, said, numbers={f"{part}.labels": values for part, (_, values, _) in found.items()}
            )
        ]

    return Check(
        name, "TR002", "Every part has different labels, and training all classes of the others.", judge, blocking=True
    )


def _apart_check(embargo: timedelta) -> Check:
    name = "parts_are_an_embargo_apart"

    def is_apart(end: datetime, begin: datetime) -> bool:
        return end < begin and end + embargo <= begin

    def judge(scope: CheckScope) -> list[CheckFinding]:
        spans = {
            part: (first, last)
            for part, first, last in scope.bench.rows(
                f"select part, min(snapshot), max(snapshot) from {scope.table.quoted} where part not in ('embargo', 'left_out') group by 1"
            )
        }
        missing = [part for part in _ORDER if part not in spans]
        close = [
            f"{a} ends {spans[a][1]:%Y-%m-%d}, {b} begins {spans[b][0]:%Y-%m-%d}"
            for a, b in pairwise(_ORDER)
            if a in spans and b in spans and not is_apart(spans[a][1], spans[b][0])
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
        from ml_assets.training.contract import violations
        from ml_assets.training.matrix import arrow_rows

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
