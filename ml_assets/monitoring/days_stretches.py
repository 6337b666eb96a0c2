"""Stretches of unusual days, over the whole history of a `…__days` table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench


@dataclass(frozen=True)
class Stretch:
    """Consecutive judged days on which one figure was unusual; `value` is the one farthest from `expected`.

    `ended` is the first judged day on which it was usual again, None while it is not. `known` is the day on which the
    first of it could be known. `affected` counts rows (or files) over all its days.
    """

    signal: str
    column: str
    first: date
    last: date
    ended: date | None
    known: date
    days: int
    value: float
    expected: float | None
    low: float | None
    high: float | None
    affected: int
    note: str


def unusual_stretches(bench: Workbench, table: TableName | str) -> list[Stretch]:
    """Inside a reading block: every unusual stretch of a `…__days` table, in order of first day, signal and column."""
    relation = table.quoted if isinstance(table, TableName) else table
    farthest = "abs(value - coalesce(expected, 0))"
    worst = ", ".join(
        f"arg_max_null({{name}}, {farthest})".format(name=name) for name in ("value", "expected", "low", "high")
    )
    rows = bench.rows(
        f"with judged as (select *, lead(day) over w as following from {relation} where judged "
        "window w as (partition by signal, column_name order by day)) "
        "select signal, column_name, since, max(day), arg_max_null(following, day), min(known), count(*), "
        f"{worst}, sum(affected)::bigint, arg_max_null(note, {farthest}) "
        "from judged where unusual group by signal, column_name, since order by since, signal, column_name"
    )
    return [Stretch(*row) for row in rows]
