"""Dates and times that are not ISO 8601: in which format a column is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.warehouse.names import literal
from ml_assets.warehouse.store import Workbench

_DAY_FIRST = ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y")
_MONTH_FIRST = ("%m/%d/%Y", "%m.%d.%Y", "%m-%d-%Y", "%m/%d/%y", "%m.%d.%y", "%m-%d-%y")
_NAMED = (
    "%d %b %Y", "%d-%b-%Y", "%d/%b/%Y", "%d-%b-%y", "%d %B %Y", "%d. %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%Y.%m.%d", "%Y-%b-%d",
    "%a, %d %b %Y", "%Y%m%d", "%d.%b.%Y",
)  # fmt: skip
_CLOCKS = (
    "", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", ", %H:%M", " %H.%M", " %H:%M:%S %z", " %H:%M %z", "-%H:%M",
    " %H%M%S", "%H%M%S", " %H:%M:%S%z",
)  # fmt: skip
_ISO_ODD = (
    "%Y-%m-%d %I:%M %p",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%d-%H.%M.%S",
)
FORMATS = tuple(day + clock for day in (*_DAY_FIRST, *_MONTH_FIRST, *_NAMED) for clock in _CLOCKS) + _ISO_ODD
_EXAMPLES = 400
_LEAST = 0.99
_LEAST_VARIED = 3
_LEAST_ORDERED = 5
_TWINS = {**dict(zip(_DAY_FIRST, _MONTH_FIRST, strict=True)), **dict(zip(_MONTH_FIRST, _DAY_FIRST, strict=True))}


@dataclass(frozen=True)
class MomentFormat:
    """The format of a column; `format` is None where none reads nearly all values.

    `twin` is the other order of day and month that reads all of them too. `several` formats each read some.
    """

    format: str | None
    share: float = 0.0
    twin: str | None = None
    several: tuple[str, ...] = ()
    because: str = ""

    @property
    def is_date(self) -> bool:
        return self.format is not None and not any(word in self.format for word in ("%H", "%I"))


def valid_moment(text: str, written: str) -> str:
    """SQL: the moment that `written` reads, null for none. %Y reads two digits as the year 24: that is none."""
    return f"case when try_strptime({text}, {literal(written)}) between timestamp '1000-01-01' and timestamp '2300-01-01' then try_strptime({text}, {literal(written)}) end"


def formats_of(
    bench: Workbench, table: str, columns: Sequence[str], missing: Sequence[str], *, day_first: bool
) -> dict[str, MomentFormat]:
    """Column → its format, tried on its distinct values. `day_first` decides where nothing else does."""
    return {column: _format_of(bench, table, column, missing, day_first=day_first) for column in columns}


def _format_of(bench: Workbench, table: str, column: str, missing: Sequence[str], *, day_first: bool) -> MomentFormat:
    text = f"trim({column}, ' \t\u00a0')"
    absent = ", ".join(literal(spelling) for spelling in missing)
    bench.execute(
        f"create or replace temp table tried as select v, row_number() over (order by hash(v)) as n from "
        f"(select distinct {text} as v from {table} where {text} not in ({absent})) qualify n <= {_EXAMPLES}"
    )
    total = int(bench.value("select count(*) from tried"))
    shares: dict[str, float] = {}
    for start in range(0, len(FORMATS), 40):
        batch = FORMATS[start : start + 40]
        counted = bench.rows(
            "select " + ", ".join(f"count({valid_moment('v', written)})" for written in batch) + " from tried"
        )[0]
        shares |= {written: count / total for written, count in zip(batch, counted, strict=True) if count}
    if not total or not shares:
        return MomentFormat(None)
    best = max(shares.values())
    fitting = [written for written, share in shares.items() if share >= max(_LEAST, best) - 1e-9]
    if not fitting:
        several = sorted((written for written, share in shares.items() if share >= 0.05), key=lambda w: -shares[w])
        return MomentFormat(None, best, several=tuple(_without_twins(several)))
    return _chosen(bench, table, column, fitting, shares, total, day_first=day_first)


def _without_twins(formats: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for written in formats:
        if _twin(written) not in kept:
            kept.append(written)
    return kept


def _twin(written: str) -> str | None:
    for day, twin in _TWINS.items():
        if written.startswith(day):
            return twin + written[len(day) :]
    return None


def _chosen(
    bench: Workbench,
    table: str,
    column: str,
    fitting: Sequence[str],
    shares: dict[str, float],
    total: int,
    *,
    day_first: bool,
) -> MomentFormat:
    first = fitting[0]
    twin = _twin(first)
    share = shares[first]
    if twin is None or twin not in fitting:
        return MomentFormat(first, share, because="" if twin is None else "a part above 12 can only be the day")
    days, months = (first, twin) if first.startswith("%d") else (twin, first)
    text = f"trim({column}, ' \t\u00a0')"
    counts = bench.rows(f"select count({valid_moment(text, days)}), count({valid_moment(text, months)}) from {table}")[
        0
    ]
    if counts[0] != counts[1]:
        return MomentFormat(
            days if counts[0] > counts[1] else months, share, because="a part above 12 can only be the day"
        )
    # A part that never changes is the day: months are told by their first.
    varied = bench.rows(
        f"select count(distinct day({valid_moment('v', days)})), count(distinct month({valid_moment('v', days)})) from tried"
    )[0]
    if varied[0] == 1 and varied[1] >= _LEAST_VARIED:
        return MomentFormat(days, share, months, because="the first part never changes, so it is the day")
    if varied[1] == 1 and varied[0] >= _LEAST_VARIED:
        return MomentFormat(months, share, days, because="the second part never changes, so it is the day")
    orders = [_in_order(bench, table, column, written) for written in (days, months)]
    if orders[0] != orders[1] and total >= _LEAST_ORDERED:
        chosen, other = (days, months) if orders[0] else (months, days)
        return MomentFormat(chosen, share, other, because="read so, the rows stand in order of time")
    return MomentFormat(days, share, months) if day_first or "." in first else MomentFormat(months, share, days)


def _in_order(bench: Workbench, table: str, column: str, written: str) -> bool:
    """Whether rows of the sample stand in order of time."""
    moment = valid_moment(f"trim({column}, ' \t\u00a0')", written)
    backwards = bench.value(
        f"select count(*) from (select {moment} as m, lag({moment}) over (order by n) as before from (select *, row_number() over () as n from (select {column} from {table})) where {column} is not null) where m < before"
    )
    return bool(backwards == 0)
