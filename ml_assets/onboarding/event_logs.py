"""Logs of events: whether a table is one, and how far into the future it is sensible to look."""

from __future__ import annotations

from dataclasses import replace

from ml_assets.errors import UnderstandingError
from ml_assets.onboarding.facts import Examined
from ml_assets.onboarding.keys import is_named_as_id
from ml_assets.onboarding.understanding import ColumnFacts, Note
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.store import Workbench

_HORIZONS = (7, 14, 30, 60, 90)
_LEAST_REPEATED = 1.5
_MOST_EVENTS = 2_000_000
# A model needs some windows to learn from and some to be judged by.
_LEAST_WINDOWS = 4


def repeats(table: Examined, entity: str) -> bool:
    """Whether an entity has several rows, on average."""
    column = table.facts.column(entity)
    return column.distinct > 0 and (column.rows - column.missing) / column.distinct >= _LEAST_REPEATED


def acting_entity(table: Examined, taken: tuple[str | None, ...]) -> str | None:
    """The id column whose values act: it is named as an id, repeats, and has many values."""
    found = [
        c for c in table.facts.columns
        if c.name not in taken and c.type in ("string", "integer") and is_named_as_id(c) and c.distinct >= 10 and repeats(table, c.name)
    ]  # fmt: skip
    return max(found, key=lambda c: c.distinct).name if found else None


def whole_span(bench: Workbench, table: Examined, time: str) -> ColumnFacts:
    """The facts of the time column with the first and last moment of all rows: a sample may miss the newest day."""
    when = quoted(time)
    low, high = bench.rows(
        f"select min({when})::varchar, max({when})::varchar from ({table.narrowed([time])}) where {when} is not null"
    )[0]
    return replace(table.facts.column(time), low=low, high=high)


def horizon_of(bench: Workbench, table: Examined, entity: str, time: str, wished: int | None) -> tuple[int, Note]:
    """Days to look ahead: as wished, else the median gap between days on which an entity acts, rounded up.

    Raises UnderstandingError where the history is too short for any horizon.
    """
    who, when = quoted(entity), quoted(time)
    events = f"select {who} as e, cast({when} as date) as d from ({table.narrowed([entity, time])}) where {who} is not null and {when} is not null"
    keep = max(1, table.facts.rows // _MOST_EVENTS)
    gap, span, gaps = bench.rows(
        f"select median(g), (select max(d) - min(d) from ({events})), count(g) from (select d - lag(d) over (partition by e order by d) as g "
        f"from (select distinct e, d from ({events}) where hash(e) % {keep} = 0))"
    )[0]
    if not span or span < _LEAST_WINDOWS * (wished or 1):
        raise UnderstandingError(
            f"the events of {table.facts.name} span too few days for a horizon", expected=f"at least {_LEAST_WINDOWS} times the horizon of {wished or 'a few'} days",
            got=f"{span or 0} days", remedy="give a longer history" if wished is None else "give a longer history, or a shorter --horizon",
        )  # fmt: skip
    if wished is not None:
        return wished, Note("horizon", f"{wished} days", "as wished")
    if not gaps:
        raise UnderstandingError(
            f"no {entity} acts on two days",
            expected="entities that come again",
            got="one day each",
            remedy="name another --entity, or a --target to predict for each row",
        )
    rounded = next((days for days in _HORIZONS if days >= gap), _HORIZONS[-1])
    fitting = max((days for days in (1, 2, 3, *_HORIZONS) if days <= max(1, span // _LEAST_WINDOWS)), default=1)
    days = min(rounded, fitting)
    cut = f"; the history of {span} days allows no longer one" if days < rounded else ""
    why = f"the median gap between days on which a {entity} acts is {gap:g} days{cut}"
    return days, Note("horizon", f"{days} days", why, doubt=True, answered_by="--horizon")
