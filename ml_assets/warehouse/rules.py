"""Checks that fit any table: keys, columns, nulls, volume, references, repeated rows, schema."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import log1p

from ml_assets.specs.base import Severity
from ml_assets.specs.columns import ColumnSpec
from ml_assets.specs.tables import RawTableSpec, ReferenceSpec, SqlTableSpec, VolumeSpec
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.freshness import freshness_check
from ml_assets.warehouse.manifest import UNPARTITIONED
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.results import CheckFinding

_ROBUST_SCALE = 1.4826  # median absolute deviation → standard deviation, for a normal distribution
_LEAST_LOG_SPREAD = 0.05
_MOST_RULES = 20  # of a wide table, broken rules that are shown with rows
_DAY = timedelta(days=1)
ERROR: Severity = "error"
WARN: Severity = "warn"


@dataclass(frozen=True)
class RowRule:
    """A predicate that is true for bad rows. `expected` says what would be right."""

    name: str
    column: str
    bad: str
    expected: str
    severity: Severity = "error"


def column_rules(columns: Mapping[str, ColumnSpec]) -> list[RowRule]:
    """The row rules of typed columns: not null, bounds, pattern, allowed values, length."""
    rules: list[RowRule] = []
    for name, spec in columns.items():
        column = quoted(name)
        found = []
        if not spec.nullable:
            found.append(("not_null", f"{column} is null", "a value"))
        if spec.min is not None:
            found.append(("min", f"{column} < {_bound(spec, spec.min)}", f"at least {spec.min}"))
        if spec.max is not None:
            found.append(("max", f"{column} > {_bound(spec, spec.max)}", f"at most {spec.max}"))
        if spec.pattern is not None:
            found.append(
                ("pattern", f"not regexp_full_match({column}, {literal(spec.pattern)})", f"matching {spec.pattern}")
            )
        if spec.allowed is not None:
            values = ", ".join(f"cast({literal(str(value))} as {spec.duckdb_type})" for value in spec.allowed)
            found.append(("allowed", f"{column} not in ({values})", f"one of {list(spec.allowed)}"))
        if spec.max_length is not None:
            found.append(
                ("max_length", f"length({column}) > {spec.max_length}", f"at most {spec.max_length} characters")
            )
        if spec.type == "float":
            found.append(("finite", f"not isfinite({column})", "a finite number"))
        rules += [RowRule(rule, name, bad, expected, spec.severity) for rule, bad, expected in found]
    return rules


def _bound(spec: ColumnSpec, bound: float | str) -> str:
    return f"{spec.duckdb_type} {literal(bound)}" if isinstance(bound, str) else repr(bound)


def column_checks(columns: Mapping[str, ColumnSpec]) -> tuple[Check, ...]:
    """Contract of a computed table's columns, and shares of missing values."""
    rules = column_rules(columns)
    hard, soft_rules = ([rule for rule in rules if rule.severity == severity] for severity in ("error", "warn"))
    checks = [_contract_check(found, severity) for found, severity in ((hard, ERROR), (soft_rules, WARN)) if found]
    limits = {n: c.max_null_share for n, c in columns.items() if c.max_null_share is not None}
    soft = frozenset(name for name in limits if columns[name].severity == "warn")
    return (*checks, *([null_share_check(limits, soft)] if limits else []))


def _contract_check(rules: Sequence[RowRule], severity: Severity) -> Check:
    """Rules of one severity: a break of a softer rule must not pass as a whole contract that is kept."""
    name = "rows_keep_the_contract" if severity == ERROR else "rows_keep_the_softer_rules"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        counted = scope.grouped({str(i): f"count_if({rule.bad})" for i, rule in enumerate(rules)})
        findings = []
        for key, counts in counted.items():
            broken = [(rule, counts[str(i)]) for i, rule in enumerate(rules) if counts[str(i)]]
            evidence = _bad_rows(scope, key, [rule for rule, _ in broken[:_MOST_RULES]]) if broken else []
            said = "; ".join(f"{r.column}: {n} rows not {r.expected}" for r, n in broken[:_MOST_RULES])
            said += f"; and {len(broken) - _MOST_RULES} rules more" if len(broken) > _MOST_RULES else ""
            findings.append(
                CheckFinding.judged(
                    name, not broken, said or f"{counts['rows']} rows hold {len(rules)} rules", partition=key,
                    numbers={"rows": counts["rows"], **{f"{r.column}.{r.name}": n for r, n in broken}},
                    evidence=evidence,
                )
            )  # fmt: skip
        return findings

    words = f"No row breaks the {len(rules)} declared column rules of severity {severity}."
    return Check(name, "DQ001", words, judge, severity, blocking=severity == ERROR)


def _bad_rows(scope: CheckScope, key: str, rules: Sequence[RowRule]) -> list[dict[str, object]]:
    branches = " ".join(f"when {rule.bad} then {literal(f'{rule.column}.{rule.name}')}" for rule in rules)
    return scope.evidence(
        f"select case {branches} end as rule, * from {scope.relation} "
        f"where {scope.key_sql} = {literal(key)} and ({' or '.join(f'({rule.bad})' for rule in rules)})"
    )


def null_share_check(limits: Mapping[str, float], soft: frozenset[str] = frozenset()) -> Check:
    """Missing values stay within the declared share of each column; `soft` columns are reported and fail nothing."""
    name = "missing_values_stay_within_limits"
    hard = limits.keys() - soft or limits.keys()

    def judge(scope: CheckScope) -> list[CheckFinding]:
        counted = scope.grouped({column: f"avg(({quoted(column)} is null)::int)" for column in limits})
        findings = []
        for key, row in counted.items():
            over = {c: row[c] for c, limit in limits.items() if row[c] > limit}
            said = "; ".join(f"{c}: {share:.1%} missing, limit {limits[c]:.1%}" for c, share in over.items())
            findings.append(
                CheckFinding.judged(
                    name, not hard & over.keys(), said or "all shares within limits", partition=key,
                    numbers={f"{c}.null_share": row[c] for c in limits},
                )
            )  # fmt: skip
        return findings

    listed = ", ".join(f"{c} ≤ {limit:.0%}" for c, limit in limits.items())
    return Check(
        name, "DQ003", f"Share of missing values: {listed}.", judge, "error" if limits.keys() - soft else "warn"
    )


def unique_check(columns: Sequence[str], code: str = "DQ002", severity: Severity = "error") -> Check:
    """`columns` name a row (within its snapshot) and are never null."""
    name = "key_is_unique"
    listed = ", ".join(quoted(column) for column in columns)
    absent = " or ".join(f"{quoted(column)} is null" for column in columns)

    def judge(scope: CheckScope) -> list[CheckFinding]:
        # Rows without key are bad however often they stand there, so they are listed from the first on.
        repeated = (
            f"select {scope.key_sql} as partition_key, {listed}, count(*) as rows from {scope.relation} "
            f"group by all having count(*) > 1 or {absent}"
        )
        surplus = {
            row["partition_key"]: row["surplus"]
            for row in scope.bench.records(
                f"select partition_key, sum(rows - 1)::bigint as surplus from ({repeated}) where not ({absent}) group by 1"
            )
        }
        counted = scope.grouped({"missing": f"count(*) filter (where {absent})"})
        findings = []
        for key, row in counted.items():
            wrong = int(surplus.get(key, 0)) + int(row["missing"])
            said = f"{surplus.get(key, 0)} repeated, {row['missing']} without key, of {row['rows']} rows"
            findings.append(
                CheckFinding.judged(
                    name, wrong == 0, said if wrong else f"{row['rows']} rows, all different", partition=key,
                    numbers={"rows": row["rows"], "repeated": int(surplus.get(key, 0)), "missing": row["missing"]},
                    evidence=scope.evidence(
                        f"select * exclude (partition_key) from ({repeated}) where partition_key = {literal(key)} order by all"
                    ) if wrong else (),
                )
            )  # fmt: skip
        return findings

    return Check(name, code, f"({', '.join(columns)}) names a row.", judge, severity, blocking=severity == "error")


def repeated_rows_check(columns: Sequence[str], severity: Severity, max_share: float) -> Check:
    """Rows that repeat an earlier one in all of `columns` (none given: all there are) stay a small share."""
    name = "few_rows_are_repeated"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        listed = ", ".join(quoted(column) for column in columns or scope.bench.columns(scope.relation))
        # By hash first: grouping a wide table by all its columns takes gigabytes, and most rows stand alone.
        alike = f"select _h from (select hash({listed}) as _h from {scope.relation}) group by 1 having count(*) > 1"
        groups = (
            f"select {listed}, count(*) as times from {scope.relation} where hash({listed}) in ({alike}) "
            "group by all having count(*) > 1"
        )
        rows = int(scope.bench.value(f"select count(*) from {scope.relation}"))
        if rows == 0:
            return []
        found, surplus = scope.bench.rows(f"select count(*), coalesce(sum(times - 1), 0)::bigint from ({groups})")[0]
        share = surplus / rows
        return [
            CheckFinding.judged(
                name, share <= max_share, f"{surplus} of {rows} rows repeat another ({share:.2%}, limit {max_share:.2%})",
                numbers={"rows": rows, "groups": found, "repeated": surplus, "share": share},
                evidence=scope.evidence(f"{groups} order by times desc, {listed}") if share > max_share else (),
            )
        ]  # fmt: skip

    return Check(name, "DQ006", f"At most {max_share:.1%} of the rows are full repetitions.", judge, severity)


def volume_check(volume: VolumeSpec, event_time: str | None = None) -> Check:
    """Rows of each partition, or of the newest complete event day, against the table's own earlier ones.

    Distance is |log(1 + rows) - median| over 1.4826 times the median absolute deviation (at least 0.05) of the logs of
    up to `volume.history` earlier periods; with fewer than four of them the check does not apply. The day of the clock
    is not over and never judged. Nor is the newest day, until 24 hours after its end, if it stops earlier than days do:
    its rest may still come. Days without rows are a matter of freshness.
    """
    name = "volume_is_as_usual"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        partitioned = scope.partition_column is not None
        column = quoted(scope.partition_column or event_time or "")
        period, now = f"strftime({column}, '%Y-%m-%d')", scope.now.astimezone(UTC)
        complete = "period is not null" if partitioned else f"period < {literal(now.strftime('%Y-%m-%d'))}"
        found = scope.bench.rows(
            f"select {period} as period, count(*), epoch(max({column})::timestamp) % 86400 from {scope.table.quoted} "
            f"where {complete} group by 1 order by 1"
        )
        counts = {key: rows for key, rows, _ in found}
        findings = []
        for key in scope.partitions if partitioned else list(counts)[-1:]:
            earlier = [counts[p] for p in counts if p < key][-volume.history :]
            target = key if partitioned else UNPARTITIONED
            finding = _volume_finding(name, target, key, counts.get(key, 0), earlier, volume.tolerance)
            if not partitioned and finding.status == "failed" and counts[key] < statistics.median(earlier):
                ends = [end for _, _, end in found]
                recent = now - datetime.fromisoformat(key).replace(tzinfo=UTC) < 2 * _DAY
                if recent and ends_early(ends[-1], ends[-1 - volume.history : -1]):
                    finding = _unfinished(finding, ends[-1])
            findings.append(finding)
        return findings

    return Check(
        name, "DQ004", f"The row count is within {volume.tolerance:g} robust deviations of earlier periods.", judge,
        volume.severity,
    )  # fmt: skip


def ends_early(end: float, earlier: Sequence[float]) -> bool:
    """Whether a day's last event comes before `earliest_end`; never without at least four days before it."""
    return len(earlier) >= 4 and end <= earliest_end(earlier)


def earliest_end(earlier: Sequence[float]) -> float:
    """How early (seconds after midnight) a day may end: an hour before all those before it, and half as far again from the
    earliest of them as that is from the median."""
    first = min(earlier)
    return first - max(3600.0, 1.5 * (statistics.median(earlier) - first))


def _unfinished(finding: CheckFinding, end: float) -> CheckFinding:
    said = f"unfinished: it ends at {end // 3600:02.0f}:{end // 60 % 60:02.0f}, which no day before it does"
    return replace(finding, status="not_applicable", summary=f"{finding.summary}; {said}")


def _volume_finding(
    name: str, target: str, period: str, rows: int, earlier: Sequence[int], tolerance: float
) -> CheckFinding:
    if len(earlier) < 4:
        return CheckFinding(name, "not_applicable", f"{len(earlier)} earlier periods, four are needed", target)
    logs = [log1p(count) for count in earlier]
    middle = statistics.median(logs)
    spread = max(_ROBUST_SCALE * statistics.median(abs(value - middle) for value in logs), _LEAST_LOG_SPREAD)
    distance = abs(log1p(rows) - middle) / spread
    usual = round(statistics.median(earlier))
    return CheckFinding.judged(
        name, distance <= tolerance, f"{period}: {rows} rows, usual {usual} ({distance:.1f} deviations, limit {tolerance:g})",
        partition=target, numbers={"rows": rows, "usual": usual, "distance": distance, "periods": len(earlier)},
    )  # fmt: skip


def reference_check(reference: ReferenceSpec, position: int) -> Check:
    """Every non-null value exists in the other table."""
    other = TableName.parse(reference.to)
    suffix = "" if position == 0 else f"_{position + 1}"
    name = f"references_exist_in_{other.schema}_{other.table}{suffix}"
    pairs = list(zip(reference.columns, reference.to_columns or reference.columns, strict=True))
    matched = " and ".join(f"o.{quoted(theirs)} = t.{quoted(ours)}" for ours, theirs in pairs)
    present = " and ".join(f"t.{quoted(ours)} is not null" for ours, _ in pairs)

    def judge(scope: CheckScope) -> list[CheckFinding]:
        if not scope.bench.has_table(other):
            return [CheckFinding(name, "not_applicable", f"{other} was not made yet")]
        orphans = f"select * from {scope.relation} t where {present} and not exists (select 1 from {other.quoted} o where {matched})"
        wrong = int(scope.bench.value(f"select count(*) from ({orphans})"))
        said = f"{wrong} rows refer to nothing in {other}" if wrong else f"all rows refer to rows of {other}"
        return [
            CheckFinding.judged(
                name, wrong == 0, said, numbers={"orphans": wrong}, evidence=scope.evidence(orphans) if wrong else ()
            )
        ]

    return Check(name, "DQ005", f"({', '.join(reference.columns)}) exists in {other}.", judge, reference.severity)


def schema_check(columns: Mapping[str, ColumnSpec], *, complete: bool = True) -> Check:
    """Declared columns exist with their types; others are named, and fail where the declaration is `complete`."""
    name = "columns_are_as_declared"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        found = {c: t for c, t in scope.bench.columns(scope.table.quoted).items() if not c.startswith("_")}
        missing = sorted(set(columns) - set(found))
        retyped = [
            f"{c}: {found[c]}, declared {s.duckdb_type}"
            for c, s in columns.items()
            if c in found and _family(found[c]) != _family(s.duckdb_type)
        ]
        extra = sorted(set(found) - set(columns))
        parts = (
            [f"missing {missing}"] * bool(missing)
            + [f"other type {retyped}"] * bool(retyped)
            + [f"undeclared {extra}"] * bool(extra)
        )
        return [
            CheckFinding.judged(
                name, not (missing or retyped or (complete and extra)), "; ".join(parts) or f"{len(found)} columns as declared",
                numbers={"columns": len(found), "missing": len(missing), "retyped": len(retyped), "undeclared": len(extra)},
            )
        ]  # fmt: skip

    return Check(name, "DQ007", "The table has the declared columns and types.", judge, "warn")


def _family(kind: str) -> str:
    """A type without its width: INTEGER and HUGEINT, or DECIMAL(12,3) and DECIMAL(18,4), are one kind of number."""
    plain = kind.partition("(")[0]
    return "INTEGER" if plain.endswith(("INT", "INTEGER")) else "DOUBLE" if plain == "FLOAT" else plain


def table_checks(spec: SqlTableSpec | RawTableSpec, columns: Mapping[str, ColumnSpec]) -> tuple[Check, ...]:
    """The checks of an unpartitioned table, as its declaration asks for them."""
    checks: list[Check] = []
    if spec.key:
        checks.append(unique_check(spec.key))
    checks += column_checks(columns)
    if columns:
        checks.append(schema_check(columns, complete=isinstance(spec, RawTableSpec)))
    if spec.repeated_rows != "ignore":
        share = spec.max_repeated_share if isinstance(spec, RawTableSpec) else 0.0
        # The declared columns of a raw table are all but provenance, which tells every row apart.
        compared = tuple(columns) if isinstance(spec, RawTableSpec) else ()
        checks.append(repeated_rows_check(compared, spec.repeated_rows, share))
    if spec.event_time is not None:
        checks.append(volume_check(spec.volume, spec.event_time))
        if spec.freshness is not None:
            checks.append(freshness_check(spec.freshness, spec.calendar, spec.event_time))
    checks += [reference_check(reference, position) for position, reference in enumerate(spec.references)]
    return tuple(checks)
