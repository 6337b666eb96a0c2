"""Checks of raw tables: what the contract kept out, what was refused, and that nothing was lost."""

from __future__ import annotations

from ml_assets.specs.tables import RawTableSpec
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.rules import table_checks


def raw_checks(spec: RawTableSpec, name: TableName, quarantine: TableName) -> tuple[Check, ...]:
    """All checks of `raw.<name>`."""
    return (
        _accounting_check(name, quarantine),
        _quarantine_check(spec, name, quarantine),
        _refused_check(name, spec.files),
        *table_checks(spec, spec.contract.columns),
    )


def _accounting_check(name: TableName, quarantine: TableName) -> Check:
    check = "every_row_read_is_kept_or_quarantined"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        read, booked = scope.bench.rows(
            "select coalesce(sum(rows_read), 0)::bigint, coalesce(sum(rows_kept), 0)::bigint from wh.ops.files where asset = ?",
            [str(name)],
        )[0]
        kept = scope.bench.value(f"select count(*) from {name.quoted}")
        aside = scope.bench.value(f"select count(*) from {quarantine.quoted}")
        return [
            CheckFinding.judged(
                check, kept + aside == read and kept == booked, f"{read} read = {kept} kept + {aside} quarantined",
                numbers={"read": read, "kept": kept, "quarantined": aside},
            )
        ]  # fmt: skip

    return Check(check, "IN001", "Rows read = rows kept + rows in quarantine.", judge, blocking=True)


def _quarantine_check(spec: RawTableSpec, name: TableName, quarantine: TableName) -> Check:
    check = "few_rows_break_the_contract"
    limit = spec.contract.max_quarantine_share

    def judge(scope: CheckScope) -> list[CheckFinding]:
        over = scope.bench.records(
            "select file, rows_quarantined, rows_read, rows_quarantined / rows_read as share from wh.ops.files "
            "where asset = ? and rows_read > 0 and rows_quarantined / rows_read > ? order by share desc",
            [str(name), limit],
        )
        rules = scope.bench.rows(
            f"select rule, column_name, count(*) from {quarantine.quoted} group by all order by 3 desc limit 5"
        )
        cut = [row[0] for row in scope.bench.rows(_cut_files(quarantine), [str(name)])]
        total = scope.bench.value(f"select count(*) from {quarantine.quoted}")
        leading = ", ".join(f"{column}.{rule} {count}" for rule, column, count in rules)
        said = f"{len(over)} files above {limit:.0%}; " if over else ""
        said += f"cut off within the last record: {', '.join(cut[:3])}; " if cut else ""
        # A record that could not be taken apart may show any of its columns.
        hidden: set[str | None] = {c for c, s in spec.contract.columns.items() if s.pii}
        hidden |= {None} if hidden else set()
        evidence = [
            {**row, "value": "(personal data)" if row["column_name"] in hidden else row["value"]}
            for row in scope.evidence(
                f"select _file, _line, rule, column_name, value, expected from {quarantine.quoted} order by _batch desc, _file, _row"
            )
        ]
        return [
            CheckFinding.judged(
                check, not (over or cut), f"{said}{total} rows in quarantine{': ' if rules else ''}{leading}",
                numbers={"quarantined": total, "files_above_limit": len(over), "files_cut_off": len(cut), "limit": limit},
                evidence=evidence,
            )
        ]  # fmt: skip

    claim = f"No file has more than {limit:.0%} of its rows in quarantine, and none ends within a record."
    return Check(check, "DQ008", claim, judge)


def _cut_files(quarantine: TableName) -> str:
    """SQL: files whose last record breaks off, by the asset's name. A copy that stopped leaves that, however few rows it spoils."""
    return (
        f"select f.file from {quarantine.quoted} q join wh.ops.files f on f.file = q._file and q._row = f.rows_read "
        "where f.asset = ? and f.status = 'loaded' and q.rule in ('too_few_fields', 'unclosed_quote', 'not_json') order by 1"
    )


def _refused_check(name: TableName, pattern: str) -> Check:
    check = "no_landing_file_is_refused"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        refused = (
            f"select file, rule, reason from wh.ops.files where asset = '{name}' and status = 'refused' order by file"
        )
        count = scope.bench.value(f"select count(*) from ({refused})")
        files = scope.bench.value(
            "select count(*) from wh.ops.files where asset = ? and status <> 'withdrawn'", [str(name)]
        )
        if not files:
            return [CheckFinding(check, "not_applicable", f"no landing file matches {pattern} yet")]
        return [
            CheckFinding.judged(
                check, count == 0, f"{count} of {files} files were refused as a whole", numbers={"refused": count, "files": files},
                evidence=scope.evidence(refused) if count else (),
            )
        ]  # fmt: skip

    return Check(check, "IN002", "Every landing file could be read.", judge)
