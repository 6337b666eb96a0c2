"""Checks of a table's days: whether the newest ones are as usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ml_assets.specs.base import Severity
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.results import CheckFinding

RECENT_DAYS = 7
_SHARES = ("missing", "zeros", "negatives", "leading_value", "new_values", "repeated", "quarantined")
_WORDS = {
    "missing": "of {column} missing", "rows": "rows", "last_hour": "last event at", "level": "typical size of {column}", "zeros": "of {column} zero",
    "negatives": "of {column} negative", "leading_value": "of {column} the most frequent value",
    "new_values": "of {column} never seen before", "changed_columns": "columns changed", "days_late": "trading days late",
    "hours_late": "hours from event to availability",
    "future_rows": "rows dated after their arrival", "days_in_a_file": "days in a file", "quarantined": "of the rows in quarantine",
    "refused_files": "refused files", "repeated_files": "files that repeat another", "repeated": "of the rows repeat another",
}  # fmt: skip
_RULES = (
    ("DD001", "missing_values_are_as_usual", "As many values are missing as usual", ("missing",)),
    ("DD002", "rows_of_days_are_as_usual", "Every trading day has rows, as many as usual, to its end", ("rows", "last_hour")),
    ("DD003", "values_of_days_are_as_usual", "Size, zeros, negatives and categories of the values are as usual",
     ("level", "zeros", "negatives", "leading_value", "new_values")),
    ("DD004", "files_keep_their_columns", "The files have the columns of the day before", ("changed_columns",)),
    ("DD005", "rows_are_neither_late_nor_misdated", "Rows come as soon as usual, in order, and none from the future",
     ("days_late", "hours_late", "future_rows", "days_in_a_file")),
    ("DD006", "few_rows_are_refused_or_repeated", "As few rows and files are refused or repeated as usual",
     ("quarantined", "refused_files", "repeated_files", "repeated")),
)  # fmt: skip


def days_checks(severity: Severity) -> tuple[Check, ...]:
    """All checks of `monitoring.<monitor>__days`. They judge the last seven trading days: older ones have been accepted."""
    return tuple(_check(code, name, words, signals, severity) for code, name, words, signals in _RULES)


def _check(code: str, name: str, words: str, signals: Sequence[str], severity: Severity) -> Check:
    listed = ", ".join(f"'{signal}'" for signal in signals)

    def judge(scope: CheckScope) -> list[CheckFinding]:
        today = naive_utc(scope.now).date()
        recent = (
            f"(select * from {scope.table.quoted} where signal in ({listed}) and greatest(day, known) >= (select min(day) from "
            f"(select distinct day from {scope.table.quoted} where signal = 'rows' and day <= date '{today}' and note <> 'no trading day' "
            f"order by day desc limit {RECENT_DAYS})))"
        )
        days, figures, judged = scope.bench.rows(
            f"select count(distinct day), count(*), count(*) filter (where judged) from {recent}"
        )[0]
        if not judged:
            why = "20 trading days of history are needed" if figures else "the table has no such figures"
            return [CheckFinding(name, "not_applicable", why)]
        rows = scope.evidence(
            'select day, signal, column_name as "column", value, expected, low, high, since, affected, note '
            f"from {recent} where unusual order by abs(value - expected) / nullif(high - low, 0) desc nulls first, day desc, signal, column_name"
        )
        numbers: dict[str, Any] = {"days": days, "judged": judged, "unusual": len(rows)}
        if rows:
            worst = rows[0]
            numbers |= {key: worst[key] for key in ("value", "expected", "low", "high", "affected")}
            numbers |= {
                "figure": worst["signal"],
                "column": worst["column"],
                "since": min(str(row["since"]) for row in rows),
            }
        said = "; ".join(unusual_words(row) for row in rows[:3]) + (
            f"; and {len(rows) - 3} more" if len(rows) > 3 else ""
        )
        return [
            CheckFinding.judged(
                name, not rows, said or f"{judged} figures of {days} days are as usual", numbers=numbers, evidence=rows
            )
        ]

    return Check(name, code, f"{words}, on the last {RECENT_DAYS} trading days.", judge, severity)


def unusual_words(row: Mapping[str, Any]) -> str:
    """One unusual figure in words, such as "2011-08-30: 87.4% of customer_id missing, usual 11.1% (0.0% to 70.0%)"."""
    signal = str(row["signal"])
    what = _WORDS[signal].format(column=row["column"])
    note = f": {row['note']}" if row["note"] else ""
    if row["expected"] is None:
        return f"{row['day']}: {_shown(signal, row['value'])} {what}{note}"
    usual = f"usual {_shown(signal, row['expected'])} ({_shown(signal, row['low'])} to {_shown(signal, row['high'])})"
    value = _shown(signal, row["value"])
    said = f"{what} {value}" if signal in ("level", "last_hour") else f"{value} {what}"
    return f"{row['day']}: {said}, {usual}{note}"


def _shown(signal: str, value: float | None) -> str:
    if value is None:
        return "unknown"
    if signal in _SHARES:
        return f"{value:.1%}"
    if signal == "last_hour":
        return f"{int(value):02d}:{value % 1 * 60:02.0f}"
    return f"{value:.4g}" if signal == "level" else f"{value:.0f}"
