"""Checks of drift: one finding a snapshot, whatever the number of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ml_assets.monitoring.measures import MISSING, NEW, SHAPE_MEASURES
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.manifest import UNPARTITIONED
from ml_assets.warehouse.names import literal
from ml_assets.warehouse.results import CheckFinding

_MOST_NAMED = 5
_WORDS = {
    "psi": "stability index", "ks": "Kolmogorov-Smirnov", "js": "Jensen-Shannon", "wasserstein": "Wasserstein", "chi2": "chi-squared",
    MISSING: "missing share moved by", NEW: "share of new categories",
}  # fmt: skip


class _Rule(NamedTuple):
    """Which rows of drift a check is about, by which measures, and what it says where there are none."""

    name: str
    code: str
    claim: str
    roles: tuple[str, ...]
    measures: tuple[str, ...]
    absent: str


_RULES = (
    _Rule("features_have_not_drifted", "DR001", "No feature is distributed otherwise than on the version's test rows.", ("feature",), SHAPE_MEASURES, "no feature has values to judge"),
    _Rule("scores_have_not_drifted", "DR002", "Scores are distributed as on the version's test rows.", ("score",), SHAPE_MEASURES, "there are no scores to judge"),
    _Rule("labels_have_not_drifted", "DR003", "Outcomes are distributed as on the version's test rows.", ("label",), SHAPE_MEASURES, "outcomes are not known yet"),
    _Rule("missing_shares_have_not_moved", "DR004", "No feature is missing more or less often than on the version's test rows.", ("feature",), (MISSING,), "no feature to judge"),
    _Rule("categories_are_known", "DR005", "Categories that the version has never seen stay rare.", ("feature", "score", "label"), (NEW,), "no column with known categories"),
)  # fmt: skip


def drift_checks(spec: MonitorSpec) -> tuple[Check, ...]:
    """All checks of `monitoring.<monitor>__drift`, of the monitor's severity."""
    return tuple(
        Check(rule.name, rule.code, f"{rule.claim} {_budget(spec)}", _judge_of(rule), spec.severity) for rule in _RULES
    )


def _budget(spec: MonitorSpec) -> str:
    budget = spec.false_alarms
    return f"Thresholds are set for at most {budget.at_most:g} false alarms a {budget.per} by all of them."


def _judge_of(rule: _Rule) -> Any:
    def judge(scope: CheckScope) -> list[CheckFinding]:
        listed = ", ".join(literal(role) for role in rule.roles)
        columns = ", ".join(f"{name}, {name}_threshold" for name in rule.measures)
        rows = scope.bench.records(
            f"select {scope.key_sql} as partition_key, column_name, flags, reference_mean, mean, reference_missing_share, missing_share, "
            f"new_categories, effect, effect_unit, rank, {columns} from {scope.relation} "
            f"where role in ({listed}) and not ({' and '.join(f'{name} is null' for name in rule.measures)}) order by rank, column_name"
        )
        by_key: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_key.setdefault(row["partition_key"], []).append(row)
        return [_finding(rule, key, by_key.get(key, [])) for key in scope.partitions]

    return judge


def _finding(rule: _Rule, key: str, rows: Sequence[dict[str, Any]]) -> CheckFinding:
    if not rows:
        return CheckFinding(rule.name, "not_applicable", rule.absent, key or UNPARTITIONED)
    drifted = [(row, [name for name in rule.measures if name in row["flags"]]) for row in rows]
    drifted = [(row, flags) for row, flags in drifted if flags]
    nearest = max(rows, key=lambda row: _in_thresholds(row, _strongest(row, rule.measures)))
    largest = _in_thresholds(nearest, _strongest(nearest, rule.measures))
    numbers: dict[str, Any] = {"columns": len(rows), "drifted": len(drifted), "largest_in_thresholds": largest}
    for row, flags in drifted[:_MOST_NAMED]:
        strongest = _strongest(row, flags)
        numbers[f"{row['column_name']}.{strongest}"] = row[strongest]
        numbers[f"{row['column_name']}.{strongest}_threshold"] = row[f"{strongest}_threshold"]
    evidence = [_shown(row, name) for row, flags in drifted for name in flags]
    return CheckFinding.judged(
        rule.name,
        not drifted,
        _summary(rows, drifted, nearest["column_name"], largest),
        partition=key,
        numbers=numbers,
        evidence=evidence[:20],
    )


def _summary(
    rows: Sequence[dict[str, Any]], drifted: Sequence[tuple[dict[str, Any], list[str]]], nearest: str, largest: float
) -> str:
    if not drifted:
        return f"all {len(rows)} within their thresholds, {nearest} nearest with {largest:.2f} times its own"
    said = [_said(row, flags) for row, flags in drifted[:_MOST_NAMED]]
    more = f"; and {len(drifted) - _MOST_NAMED} more" if len(drifted) > _MOST_NAMED else ""
    return (
        f"{len(drifted)} of {len(rows)}, by effect on the score: {'; '.join(said)}{more}" if len(rows) > 1 else said[0]
    )


def _said(row: dict[str, Any], flags: Sequence[str]) -> str:
    strongest = _strongest(row, flags)
    moved = f", mean {row['reference_mean']:.4g} to {row['mean']:.4g}" if _has_means(row, strongest) else ""
    news = f" ({', '.join(row['new_categories'])})" if strongest == NEW else ""
    effect = f", moves the score by {row['effect']:+.3g} {row['effect_unit']}" if row["effect"] is not None else ""
    return (
        f"{row['column_name']}: {_WORDS[strongest]} {row[strongest]:.3g}, threshold {row[f'{strongest}_threshold']:.3g}"
        f"{news}{moved}{effect}"
    )


def _has_means(row: dict[str, Any], measure: str) -> bool:
    return measure in SHAPE_MEASURES and row["mean"] is not None and row["reference_mean"] is not None


def _strongest(row: dict[str, Any], flags: Sequence[str]) -> str:
    """The measure that is most times its threshold."""
    return max(flags, key=lambda name: _in_thresholds(row, name))


def _in_thresholds(row: dict[str, Any], measure: str) -> float:
    """A distance in thresholds; 0 where the column has no such measure."""
    return 0.0 if row[measure] is None else row[measure] / row[f"{measure}_threshold"]


def _shown(row: dict[str, Any], measure: str) -> dict[str, Any]:
    kept = ("reference_mean", "mean", "reference_missing_share", "missing_share", "effect", "effect_unit", "rank")
    return {
        "column": row["column_name"], "measure": measure, "value": row[measure], "threshold": row[f"{measure}_threshold"],
        **{name: row[name] for name in kept}, **({"new_categories": row["new_categories"]} if measure == NEW else {}),
    }  # fmt: skip
