"""Checks of scores: everybody has exactly one, they are probabilities, and they do differ."""

from __future__ import annotations

from ml_assets.specs.models import ScoredOutputSpec, Task
from ml_assets.specs.tables import VolumeSpec
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.rules import unique_check, volume_check


def score_checks(spec: ScoredOutputSpec, entity: str, population: str, task: Task = "binary") -> tuple[Check, ...]:
    """All checks of `scores.<name>`; `population` is SQL with the entities (of each snapshot) that have to be scored."""
    return (
        unique_check((entity,)),
        _range_check() if task in ("binary", "multiclass") else _finite_check(),
        _coverage_check(spec, entity, population),
        _spread_check(),
        *(() if spec.snapshots is None else (volume_check(VolumeSpec()),)),
    )


def _range_check() -> Check:
    name = "scores_are_probabilities"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        bad = "score is null or not (score between 0 and 1)"
        counted = scope.grouped({"wrong": f"count(*) filter (where {bad})", "low": "min(score)", "high": "max(score)"})
        return [
            CheckFinding.judged(
                name, row["wrong"] == 0, f"{row['wrong']} of {row['rows']} outside [0, 1]", partition=key,
                numbers={"rows": row["rows"], "wrong": row["wrong"], "min": row["low"], "max": row["high"]},
                evidence=scope.evidence(f"select * from {scope.relation} where {scope.key_sql} = {literal(key)} and ({bad})") if row["wrong"] else (),
            )
            for key, row in counted.items()
        ]  # fmt: skip

    return Check(name, "SC001", "Every score lies in [0, 1].", judge, blocking=True)


def _finite_check() -> Check:
    name = "scores_are_finite"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        counted = scope.grouped({"wrong": "count(*) filter (where score is null or not isfinite(score))"})
        return [
            CheckFinding.judged(
                name, row["wrong"] == 0, f"{row['wrong']} of {row['rows']} are no finite number", partition=key,
                numbers={"rows": row["rows"], "wrong": row["wrong"]},
            )
            for key, row in counted.items()
        ]  # fmt: skip

    return Check(name, "SC001", "Every score is a finite number.", judge, blocking=True)


def _coverage_check(spec: ScoredOutputSpec, entity: str, population: str) -> Check:
    name = "population_is_covered"
    column = quoted(entity)

    def judge(scope: CheckScope) -> list[CheckFinding]:
        findings = []
        for key in scope.partitions:
            of = {name: f"{name}.snapshot = timestamp {literal(key)}" if key else "true" for name in ("p", "s")}
            missing = (
                f"select p.{column} from {population} p where {of['p']} and not exists "
                f"(select 1 from {scope.table.quoted} s where {of['s']} and s.{column} = p.{column})"
            )
            people = int(scope.bench.value(f"select count(*) from {population} p where {of['p']}"))
            if people == 0:
                continue
            absent = int(scope.bench.value(f"select count(*) from ({missing})"))
            share = 1 - absent / people
            findings.append(
                CheckFinding.judged(
                    name, share >= spec.min_coverage, f"{people - absent} of {people} scored ({share:.2%}, at least {spec.min_coverage:.0%})",
                    partition=key, numbers={"population": people, "scored": people - absent, "coverage": share},
                    evidence=scope.evidence(missing) if absent else (),
                )
            )  # fmt: skip
        return findings

    return Check(name, "SC002", f"At least {spec.min_coverage:.0%} of the population has a score.", judge)


def _spread_check() -> Check:
    name = "scores_tell_entities_apart"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        counted = scope.grouped(
            {"values": "count(distinct score)", "spread": "stddev_pop(score)", "mean": "avg(score)"}
        )
        return [
            CheckFinding.judged(
                name, row["values"] > 1 or row["rows"] == 1, f"mean {row['mean']:.3f}, spread {row['spread']:.3f}, {row['values']} values",
                partition=key, numbers={"mean": row["mean"], "spread": row["spread"], "values": row["values"]},
            )
            for key, row in counted.items()
        ]  # fmt: skip

    return Check(name, "SC003", "The scores are not all the same.", judge, "warn")
