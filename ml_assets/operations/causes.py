"""The words for what goes wrong, which of them comes before which, and the cause that a check's code stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

Cause = Literal[
    "lock", "disk", "schema", "quarantine", "late_upstream", "nulls", "volume", "duplicates", "values", "code", "parameters",
    "model", "drift", "base_rate", "performance", "stale", "failed_run", "sensor",
]  # fmt: skip
CAUSES: tuple[Cause, ...] = get_args(Cause)

# Which of two causes brings the other about, where both are possible: data before logic, logic before what models make of
# it, and what was only not done comes last. Causes of one tier stand in the order of `CAUSES`.
_TIERS: tuple[tuple[Cause, ...], ...] = (
    ("lock", "disk"),
    ("schema", "quarantine", "late_upstream", "nulls", "volume", "duplicates", "values"),
    ("code", "parameters", "model"),
    ("drift", "base_rate", "performance"),
    ("stale", "failed_run", "sensor"),
)
_TIER = {cause: number for number, causes in enumerate(_TIERS) for cause in causes}
CONSEQUENCES = _TIERS[-1]

WORDS: Mapping[Cause, str] = {
    "lock": "the warehouse is held", "disk": "the disk is nearly full", "schema": "the columns are not as declared",
    "quarantine": "rows or files break the contract", "late_upstream": "data is late", "nulls": "values are missing",
    "volume": "the number of rows is unusual", "duplicates": "rows are repeated", "values": "values break the rules",
    "code": "a statement or declaration fails", "parameters": "training is not set up soundly", "model": "the model that serves is in doubt",
    "drift": "inputs or scores have drifted", "base_rate": "the share of positives has moved", "performance": "the model is worse than promised",
    "stale": "the table is out of date", "failed_run": "making it failed", "sensor": "a sensor or schedule failed",
}  # fmt: skip

_OF_CODES: Mapping[str, Cause] = {
    "DQ001": "values", "DQ002": "duplicates", "DQ003": "nulls", "DQ004": "volume", "DQ005": "values", "DQ006": "duplicates",
    "DQ007": "schema", "DQ008": "quarantine", "FR001": "late_upstream", "IN001": "quarantine", "IN002": "quarantine",
    "GT002": "performance", "SC002": "volume", "PF": "performance", "RT": "model", "DR": "drift", "DD": "volume", "LB": "base_rate",
    "LK": "code", "TR": "parameters", "MD": "model", "MC": "performance", "GT": "model", "SC": "model", "OP": "sensor",
    "EV": "code", "MLA301": "lock", "MLA210": "late_upstream", "MLA211": "late_upstream", "MLA302": "stale", "MLA303": "stale",
    "MLA100": "code", "MLA101": "code", "MLA110": "code", "MLA410": "model", "MLA700": "model",
}  # fmt: skip
# Words that a check's name or its evidence has where its code covers several causes, the most telling first.
_TELLING: tuple[tuple[str, Cause], ...] = (
    ("schema", "schema"), ("header", "schema"), ("column_", "schema"), ("_column", "schema"), ("columns", "schema"), ("type", "schema"),
    ("null", "nulls"), ("missing", "nulls"), ("late", "late_upstream"), ("fresh", "late_upstream"), ("quarantine", "quarantine"),
    ("refused", "quarantine"), ("repeat", "duplicates"), ("duplicate", "duplicates"), ("base_rate", "base_rate"),
    ("positive", "base_rate"), ("label", "base_rate"), ("rows", "volume"), ("volume", "volume"), ("drift", "drift"),
)  # fmt: skip
_BROAD = ("DD", "PF", "DR")
# What an unusual figure of a table's days speaks for.
_OF_FIGURES: Mapping[str, Cause] = {
    "missing": "nulls", "rows": "volume", "last_hour": "volume", "changed_columns": "schema", "days_late": "late_upstream",
    "hours_late": "late_upstream", "future_rows": "values", "days_in_a_file": "values", "quarantined": "quarantine",
    "refused_files": "quarantine", "repeated": "duplicates", "repeated_files": "duplicates", "level": "values", "zeros": "values",
    "negatives": "values", "leading_value": "values", "new_values": "values",
}  # fmt: skip
_SCHEMA_RULES = frozenset({"missing_column", "extra_column", "repeated_header", "no_header", "broken_header", "type"})


def rank(cause: Cause) -> tuple[int, int]:
    """Lower explains higher; equal first numbers are causes of one kind."""
    return _TIER[cause], CAUSES.index(cause)


def cause_of_code(code: str) -> Cause | None:
    """By the code itself, else by its letters; None for a code that nobody has placed."""
    return _OF_CODES.get(code) or _OF_CODES.get(code.rstrip("0123456789"))


def cause_of_check(
    code: str, name: str, numbers: Mapping[str, Any] | None = None, evidence: Iterable[Mapping[str, Any]] = ()
) -> Cause:
    """What a failed check speaks for; its name, numbers and bad rows decide where the code covers several things."""
    told_by = list(evidence)
    rules = {str(row.get("rule") or "") for row in told_by}
    if code == "IN002":
        return "schema" if rules & _SCHEMA_RULES else "quarantine"
    if code == "DQ001":
        broken = {key.rpartition(".")[2] for key in (numbers or {}) if "." in key}
        return "nulls" if broken == {"not_null"} else "values"
    if code.startswith("DD") and told_by and str(told_by[0].get("signal")) in _OF_FIGURES:
        worst = told_by[0]
        return "schema" if worst.get("note") in _SCHEMA_RULES else _OF_FIGURES[str(worst["signal"])]
    if code.startswith(_BROAD):
        told = next((cause for word, cause in _TELLING if word in name), None)
        if told is not None:
            return told
    return cause_of_code(code) or "failed_run"


def column_of_numbers(numbers: Mapping[str, Any]) -> str:
    """The column that the figures are about, where they are named `<column>.<what>`: the one with the largest figure."""
    figures = {
        key.rpartition(".")[0]: value
        for key, value in numbers.items()
        if "." in key and isinstance(value, int | float) and not isinstance(value, bool)
    }
    return max(figures, key=lambda name: (figures[name], name)) if figures else ""
