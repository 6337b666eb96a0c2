"""A table's days in figures: rows, missing values, values, repeated rows of each day of its event time, in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ml_assets.monitoring.days_expected import Scale, Series, Values
from ml_assets.specs.tables import RawTableSpec, SqlTableSpec
from ml_assets.warehouse.manifest import naive_utc, row_hash
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

Days = NDArray[np.datetime64]
MOST_DAYS = 1100
_MOST_COLUMNS = 40  # of one statement
_MOST_CATEGORIES, _LEAST_REPEATS = 200, 20
# One large order from a country of its own is no news; half of the rows from there is.
_NEW_VALUES_SPREAD = 0.1
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_TEXTS = ("VARCHAR", "BOOLEAN", "ENUM")


@dataclass(frozen=True)
class Watched:
    """The table whose days are looked at. `hidden` columns are personal or name rows: how many are missing is told, values never."""

    name: TableName
    spec: RawTableSpec | SqlTableSpec
    hidden: frozenset[str]

    @property
    def event_time(self) -> str:
        return str(self.spec.event_time)

    @property
    def day(self) -> str:
        """SQL: the day (UTC) of a row."""
        return f"{quoted(self.event_time)}::date"


@dataclass(frozen=True)
class Signal:
    """One figure of the days, aligned with `TableDays.days`; `affected` counts the rows that it is about.

    `series` is None for a figure that is told and not judged.
    """

    name: str
    column: str
    shown: Values
    affected: Values
    series: Series | None


@dataclass(frozen=True)
class TableDays:
    """The days that have rows, oldest first, the time of day (seconds) at which each ends, and their figures."""

    days: Days
    rows: Values
    ends: Values
    signals: tuple[Signal, ...]


def table_days(bench: Workbench, watched: Watched, now: datetime) -> TableDays:
    """Inside a reading block: every day up to the clock's, of the newest `MOST_DAYS` days of the calendar."""
    types = {name: kind for name, kind in bench.columns(watched.name.quoted).items() if not name.startswith("_")}
    today = naive_utc(now).date()
    first = _first_day(bench, watched, today)
    rows_of_days = f"(select *, {watched.day} as _day from {watched.name.quoted} where {watched.day} between '{first}' and '{today}')"
    base = bench.execute(
        f"select _day, count(*)::double as rows, max(epoch({quoted(watched.event_time)}::timestamp) - epoch(_day)) as ends, "
        f"(count(*) - count(distinct {row_hash(types)}))::double as repeated, {_delay(watched)} as delay "
        f"from {rows_of_days} group by 1 order by 1"
    ).fetchnumpy()
    days = base["_day"].astype("datetime64[D]")
    rows, repeated = _numbers(base["rows"]), _numbers(base["repeated"])
    signals = [Signal("rows", "", rows, rows, Series("count", rows, rows)), _share("repeated", "", repeated, rows)]
    if watched.spec.available_at is not None:
        delay = np.maximum(_numbers(base["delay"]), 0)
        signals.append(Signal("hours_late", "", delay, rows, Series("count", delay, rows)))
    for some in _portions(sorted(types)):
        signals += _figures(bench, watched, rows_of_days, {name: types[name] for name in some}, rows)
    for name in _categories(bench, watched, types, float(rows.sum())):
        signals += _category(bench, rows_of_days, name, days, rows)
    return TableDays(days, rows, _numbers(base["ends"]), tuple(signals))


def _delay(watched: Watched) -> str:
    """SQL: how many hours after their event nine in ten rows were available; null where the table does not say."""
    if watched.spec.available_at is None:
        return "null::double"
    late = f"epoch({quoted(watched.spec.available_at)}::timestamp) - epoch({quoted(watched.event_time)}::timestamp)"
    return f"quantile_cont(({late}) / 3600, 0.9)"


def _first_day(bench: Workbench, watched: Watched, today: date) -> date:
    """Where the table's days begin: stray rows dated long before the others do not make years of missing days."""
    found: list[date] = [
        row[0] for row in bench.rows(
            f"select distinct {watched.day} from {watched.name.quoted} where {watched.day} between ? and ? order by 1",
            [today - timedelta(days=MOST_DAYS), today],
        )
    ]  # fmt: skip
    begins = 0
    for place, (before, day) in enumerate(pairwise(found), 1):
        if (day - before).days > 60 and place - begins < 20:
            begins = place
    return found[begins] if found else today


def _portions(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(names), _MOST_COLUMNS):
        yield names[begin : begin + _MOST_COLUMNS]


def _numbers(column: object) -> Values:
    """A fetched column as floats, NaN for null."""
    filled = column.filled(np.nan) if isinstance(column, np.ma.MaskedArray) else column
    return np.asarray(filled, dtype=np.float64)


def _share(name: str, column: str, part: Values, rows: Values, least_spread: float | None = None) -> Signal:
    with np.errstate(invalid="ignore", divide="ignore"):
        share = part / rows
    return Signal(name, column, share, part, Series("share", share, rows, least_spread=least_spread))


def _figures(
    bench: Workbench, watched: Watched, relation: str, types: Mapping[str, str], rows: Values
) -> list[Signal]:  # fmt: skip
    """Missing values of these columns; of numbers also level, zeros, negatives and mean."""
    asked: dict[str, str] = {}
    for place, (name, kind) in enumerate(types.items()):
        column = quoted(name)
        asked[f"missing_{place}"] = f"(count(*) - count({column}))::double"
        if _is_number(kind) and name not in watched.hidden:
            value = f"{column}::double"
            counts = f"filter (where {column} <> 0 and isfinite({value}))"
            asked |= {
                f"level_{place}": f"avg(ln(abs({value}))) {counts}",
                f"spread_{place}": f"stddev_samp(ln(abs({value}))) {counts}",
                f"measured_{place}": f"(count(*) {counts})::double",
                f"zeros_{place}": f"count_if({column} = 0)::double",
                f"negatives_{place}": f"count_if({column} < 0)::double",
                f"mean_{place}": f"avg({value}) filter (where isfinite({value}))",
            }
    listed = ", ".join(f"{sql} as {alias}" for alias, sql in asked.items())
    found = bench.execute(f"select _day, {listed} from {relation} group by 1 order by 1").fetchnumpy()
    signals = []
    for place, name in enumerate(types):
        part = {word: _numbers(found[f"{word}_{place}"]) for word in _WORDS if f"{word}_{place}" in found}
        if name != watched.event_time:
            signals.append(_share("missing", name, part["missing"], rows))
        if "level" in part:
            signals += _number_signals(name, part, rows)
    return signals


_WORDS = ("missing", "level", "spread", "measured", "zeros", "negatives", "mean")


def _number_signals(name: str, part: Mapping[str, Values], rows: Values) -> list[Signal]:
    present, measured = rows - part["missing"], part["measured"]
    with np.errstate(invalid="ignore", divide="ignore"):
        noise = np.nan_to_num(part["spread"]) / np.sqrt(np.maximum(measured, 1))
    level = Series("level", part["level"], measured, noise)
    return [
        Signal("level", name, np.exp(part["level"]), measured, level),
        _share("zeros", name, part["zeros"], present),
        _share("negatives", name, part["negatives"], present),
        Signal("mean", name, part["mean"], present, None),
    ]


def _is_number(kind: str) -> bool:
    return kind.partition("(")[0].removeprefix("U") in _NUMBERS


def _categories(bench: Workbench, watched: Watched, types: Mapping[str, str], rows: float) -> list[str]:
    """Columns of few different values, which come back often."""
    texts = [name for name, kind in types.items() if kind.startswith(_TEXTS) and name not in watched.hidden]
    if not texts:
        return []
    counts = bench.rows(
        f"select {', '.join(f'approx_count_distinct({quoted(name)})' for name in texts)} from {watched.name.quoted}"
    )[0]
    most = min(_MOST_CATEGORIES, rows / _LEAST_REPEATS)
    return [name for name, count in zip(texts, counts, strict=True) if 1 < count <= most][:_MOST_COLUMNS]


def _category(bench: Workbench, relation: str, name: str, days: Days, rows: Values) -> list[Signal]:
    """Of a category: the share of the table's most frequent value, of values never seen before, and how many there are."""
    found = bench.execute(
        f"with counted as (select _day, {quoted(name)} as value, count(*) as times from {relation} "
        f"where {quoted(name)} is not null group by all), "
        "foremost as (select value from counted group by 1 order by sum(times) desc, value limit 1) "
        "select _day, sum(times)::double as present, "
        "coalesce(sum(times) filter (where value = (select value from foremost)), 0)::double as foremost, "
        "coalesce(sum(times) filter (where first = _day), 0)::double as fresh, count(*)::double as different "
        "from (select *, min(_day) over (partition by value) as first from counted) group by 1 order by 1"
    ).fetchnumpy()
    place = np.searchsorted(days, found["_day"].astype("datetime64[D]"))
    part = {}
    for word in ("present", "foremost", "fresh", "different"):
        part[word] = np.full(len(rows), np.nan)
        part[word][place] = _numbers(found[word])
    return [
        _share("leading_value", name, part["foremost"], part["present"]),
        _share("new_values", name, part["fresh"], part["present"], _NEW_VALUES_SPREAD),
        Signal("different_values", name, part["different"], part["present"], None),
    ]


def scale_of(signal: Signal) -> Scale | None:
    """On which scale a signal is judged; None for one that is told only."""
    return signal.series.scale if signal.series else None
