"""Which columns of the main table are no features, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml_assets.errors import UnderstandingError
from ml_assets.onboarding.understanding import ColumnFacts, Note, TableFacts

_MANY = 1_000


def left_out_of(
    table: TableFacts, target: str | None, roles: Mapping[str, str], keep: Sequence[str], *, needs_features: bool
) -> tuple[dict[str, str], list[Note]]:
    """Column → why it is left out, and what is said about it; raises UnderstandingError where no feature is left."""
    reasons: dict[str, str] = {}
    for column in table.columns:
        if column.name == target:
            continue
        why = _unusable(column, roles) or ("" if column.name in keep else _unwanted(table, column))
        if why:
            reasons[column.name] = why
    left = [column for column in table.columns if column.name not in reasons and column.name != target]
    if needs_features and not left:
        listed = "; ".join(f"{table.column(name).header}: {why}" for name, why in reasons.items())
        raise UnderstandingError(
            "no column is left to learn from", expected="at least one column beside the target", got=listed or "the target alone",
            remedy="keep one of them with --keep COLUMN, or give files with more columns",
        )  # fmt: skip
    return reasons, _notes(table, reasons)


def _unusable(column: ColumnFacts, roles: Mapping[str, str]) -> str:
    if column.name in roles:
        return roles[column.name]
    if column.distinct == 0:
        return "always missing"
    if column.constant and not column.missing:
        return "the same value in every row"
    return ""


def _unwanted(table: TableFacts, column: ColumnFacts) -> str:
    if column.suspicious:
        return f"too good to be true: {column.suspicious}"
    if column.personal:
        return f"personal data: {column.personal}"
    if column.type in ("date", "timestamp"):
        return "a moment is neither a number nor a category"
    if column.name in table.key and len(table.key) == 1:
        return "names the row"
    if column.free_text:
        return "free text"
    if column.id_like:
        return f"names things: {column.distinct:,} different values in {column.rows - column.missing:,} rows"
    if column.type == "string" and column.distinct > max(_MANY, 0.5 * (column.rows - column.missing)):
        return f"too many categories: {column.distinct:,}"
    if column.type == "string" and isinstance(column.high, int) and column.high > 10_000:
        return f"texts of up to {column.high:,} characters"
    return ""


def _notes(table: TableFacts, reasons: Mapping[str, str]) -> list[Note]:
    """One note for each reason; columns with the same one are named together."""
    by_reason: dict[str, list[str]] = {}
    for name, why in reasons.items():
        if not table.column(name).suspicious:
            by_reason.setdefault(why, []).append(name)
    notes = []
    for why, names in by_reason.items():
        headers = [table.column(name).header or name for name in names]
        listed = ", ".join(headers[:6]) + (f" and {len(headers) - 6} more" if len(headers) > 6 else "")
        doubt = why.startswith(("personal", "names things", "too many", "free text"))
        notes.append(Note(listed, "no feature", why, doubt, f"--keep {headers[0]}" if doubt else ""))
    return notes
