"""What tomorrow's values have to be, learnt from today's: contracts with room for ordinary change."""

from __future__ import annotations

import math
from typing import Any, Literal

from ml_assets.onboarding.understanding import ColumnFacts, TableFacts, Understanding

Contract = dict[str, Any]
Role = Literal["name", "time", "target", "other"]
# Without a single missing value in this many rows, a missing one is a fault.
_ENOUGH_ROWS = 500
_MOST_VALUES, _ROWS_A_VALUE = 20, 25
# Of a sample, bounds only warn: rows that nobody has looked at may lie beyond them.
_SLACK, _SLACK_OF_A_SAMPLE = 2.0, 10.0
_NUMBERS = ("integer", "float", "decimal")
_NULL_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


def roles_of(understanding: Understanding, table: TableFacts) -> dict[str, Role]:
    """Column → its part, for those that have one. A target is one of a main table, and no sum of an event log."""
    found: dict[str, Role] = dict.fromkeys(table.key, "name")
    for relation in understanding.relations:
        found |= {relation.child_column: "name"} if relation.child == table.name else {}
        found |= {relation.parent_column: "name"} if relation.parent == table.name else {}
    if table.name == understanding.main:
        named = (understanding.entity, understanding.group, understanding.query)
        found |= {name: "name" for name in named if name is not None}
        if understanding.target is not None and understanding.shape != "event_log":
            found[understanding.target] = "target"
    if table.event_time is not None:
        found[table.event_time] = "time"
    return found


def is_personal(understanding: Understanding, table: TableFacts, column: ColumnFacts) -> bool:
    """Whether a column is to be hidden. What is judged by, predicted or kept on purpose has to be seen."""
    u = understanding
    if not column.personal or column.name in u.sensitive:
        return False
    kept = table.name == u.main and u.shape != "event_log" and column.name not in u.left_out
    return column.name != u.target and not kept


def column_contract(column: ColumnFacts, role: Role, table: TableFacts, *, pii: bool) -> Contract:
    """The fields of a column's contract, those that differ from the default only, in the order people read them."""
    found: Contract = {"source": column.header} if column.header != column.name else {}
    found["type"] = column.type
    if column.format is not None and column.type in ("date", "timestamp"):
        found["format"] = column.format
    complete = table.counted and not table.sampled and column.rows >= table.rows
    found |= _missing(column, role, complete)
    listed = _closed_set(column, role)
    if listed:
        found |= listed
    elif column.type in _NUMBERS and role != "name" and not column.id_like:
        found |= _number_range(column, complete)
    elif column.type in ("date", "timestamp"):
        found |= _first_day(column)
    if column.unit:
        found["unit"] = column.unit
    if pii:
        found["pii"] = True
    return found


def _missing(column: ColumnFacts, role: Role, complete: bool) -> Contract:
    if role == "target":  # rows that are yet to be scored have none
        return {}
    if column.missing == 0:
        if role in ("name", "time") or (complete and column.rows >= _ENOUGH_ROWS):
            return {"nullable": False}
        return {"max_null_share": 0.05} if column.rows >= _ENOUGH_ROWS else {}
    share = column.missing_share
    limit = next((step for step in _NULL_SHARES if step >= 2 * share), None)
    if limit is None and share < 0.9:
        limit = math.ceil((share + (1 - share) / 2) * 20) / 20
    return {"max_null_share": limit} if limit is not None and limit < 1 else {}


def outward(value: float, slack: float) -> int | float:
    """The next of 1, 2 and 5 times a power of ten at or above `value` (positive) times `slack`."""
    wanted = value * slack
    power = math.floor(math.log10(wanted))
    for digit in (1, 2, 5, 10):
        bound: float = digit * 10**power if power >= 0 else digit / 10**-power
        if bound >= wanted * (1 - 1e-9):
            return bound
    raise AssertionError(wanted)


def _number_range(column: ColumnFacts, complete: bool) -> Contract:
    low, high = column.low, column.high
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return {}
    if not (math.isfinite(low) and math.isfinite(high)) or max(abs(low), abs(high)) > 1e15:
        return {}
    if column.type == "integer" and low >= 0 and high <= 1:
        return {"min": 0, "max": 1}
    slack = _SLACK if complete else _SLACK_OF_A_SAMPLE
    found: Contract = {"min": 0 if low >= 0 else -outward(-low, slack)}
    if high != 0 or low != 0:
        found["max"] = 0 if high <= 0 else outward(high, slack)
    return found if complete else found | {"severity": "warn"}


def _first_day(column: ColumnFacts) -> Contract:
    """The decade before the first day; a zero date or a mistyped century lies below it."""
    year = str(column.low)[:4] if column.low is not None else ""
    if not year.isdigit() or int(year) < 1000:
        return {}
    return {"min": f"{int(year) // 10 * 10 - 10}-01-01"}


def _closed_set(column: ColumnFacts, role: Role) -> Contract:
    """Allowed values: of a target a new one is a fault, of anything else it is news."""
    values = column.values
    if (
        column.type == "integer"
        and role == "target"
        and 2 < len(values) <= _MOST_VALUES
        and column.distinct <= _MOST_VALUES
    ):
        return {"allowed": list(values)}
    if column.type != "string" or role in ("name", "time") or column.id_like or column.free_text or column.personal:
        return {}
    frequent = column.rows - column.missing >= _ROWS_A_VALUE * len(values)
    if not 2 <= len(values) <= _MOST_VALUES or not (frequent or role == "target"):
        return {}
    return {"allowed": list(values)} | ({} if role == "target" else {"severity": "warn"})
