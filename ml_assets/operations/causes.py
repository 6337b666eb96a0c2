"""The words for what goes wrong, which of them comes before which, and the cause that a check's code stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

Cause = Literal[
    "lock", "disk", "schema", "quarantine", "late_upstream", "nulls", "volume", "duplicates", "values", "code", "parameters",
    "model", "drift", "base_rate", "performance", "candidate", "unwatched", "stale", "failed_run", "sensor",
]  # fmt: skip
CAUSES: tuple[Cause, ...] = get_args(Cause)

# Which of two causes brings the other about, where both are possible: data before logic, logic before what models make of
# it, and what was only not done comes last. Causes of one tier stand in the order of `CAUSES`.
_TIERS: tuple[tuple[Cause, ...], ...] = (
    ("lock", "disk"),
    ("schema", "quarantine", "late_upstream", "nulls", "volume", "duplicates", "values"),
    ("code", "parameters", "model"),
    ("drift", "base_rate", "performance", "candidate"),
    ("unwatched",),
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
    "candidate": "the newest version, which does not serve, is not good enough",
    "unwatched": "something in production has no monitor, owner, runbook or alert rule", "stale": "the table is out of date", "failed_run": "making it failed", "sensor": "a sensor or schedule failed",
}  # fmt: skip

_OF_CODES: Mapping[str, Cause] = {
    "DQ001": "values", "DQ002": "duplicates", "DQ003": "nulls", "DQ004": "volume", "DQ005": "values", "DQ006": "duplicates",
    "DQ007": "schema", "DQ008": "quarantine", "FR001": "late_upstream", "IN001": "quarantine", "IN002": "quarantine",
    "DD001": "nulls", "DD002": "volume", "DD003": "values", "DD004": "schema", "DD005": "late_upstream", "DD006": "quarantine",
    "DR": "drift", "PF002": "base_rate", "PF003": "base_rate", "PF": "performance", "RT": "performance", "OP003": "model", "OP": "unwatched",
    "LB": "base_rate", "LK": "code", "TR": "parameters", "MD": "model", "MC": "candidate", "GT002": "candidate", "GT": "model",
    "SC002": "volume", "SC": "model", "EV": "code", "MLA301": "lock", "MLA210": "late_upstream", "MLA211": "late_upstream",
    "MLA302": "stale", "MLA303": "stale", "MLA100": "code", "MLA101": "code", "MLA110": "code", "MLA410": "model", "MLA700": "model",
}  # fmt: skip
# What an unusual figure of a table's days speaks for, where its check covers several causes.
_OF_FIGURES: Mapping[str, Cause] = {
    "future_rows": "values", "days_in_a_file": "values", "repeated": "duplicates", "repeated_files": "duplicates",
}  # fmt: skip
_SCHEMA_RULES = frozenset({"missing_column", "extra_column", "repeated_header", "no_header", "broken_header", "type"})


def rank(cause: Cause) -> tuple[int, int]:
    """Lower explains higher; equal first numbers are causes of one kind."""
    return _TIER[cause], CAUSES.index(cause)


def cause_of_code(code: str) -> Cause | None:
    """By the code itself, else by its letters; None for a code that nobody has placed."""
    return _OF_CODES.get(code) or _OF_CODES.get(code.rstrip("0123456789"))


def cause_of_check(
    code: str, numbers: Mapping[str, Any] | None = None, evidence: Iterable[Mapping[str, Any]] = ()
) -> Cause:
    """What a failed check speaks for; its numbers and bad rows decide where its code covers several causes."""
    if code in ("DD005", "DD006"):
        worst = next(iter(evidence), {})
        told = _OF_FIGURES.get(str(worst.get("signal")), cause_of_code(code))
        return "schema" if worst.get("note") in _SCHEMA_RULES else told or "failed_run"
    if code == "IN002":
        return "schema" if any(row.get("rule") in _SCHEMA_RULES for row in evidence) else "quarantine"
    if code == "DQ001" and {name.rpartition(".")[2] for name in (numbers or {}) if "." in name} == {"not_null"}:
        return "nulls"
    return cause_of_code(code) or "failed_run"


def column_of_numbers(numbers: Mapping[str, Any]) -> str:
    """The column that the figures are about, where they are named `<column>.<what>`: the one with the largest figure."""
    figures = {
        key.rpartition(".")[0]: value
        for key, value in numbers.items()
        if "." in key and isinstance(value, int | float) and not isinstance(value, bool)
    }
    return max(figures, key=lambda name: (figures[name], name)) if figures else ""
