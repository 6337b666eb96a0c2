"""Figures of days and what is usual, put together into the rows of a `…__days` table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml_assets.monitoring.days_calendar import TradingDays
from ml_assets.monitoring.days_expected import LEAST, WINDOW, Series, Values, usual_ranges
from ml_assets.monitoring.days_files import Counted, FileDay
from ml_assets.monitoring.days_measures import Days, Signal, TableDays
from ml_assets.specs.monitors import FalseAlarmSpec
from ml_assets.warehouse.rules import earliest_end

_HIGHEST_TENTH = 0.9
_SCHEMA = pa.schema(
    [
        ("day", pa.date32()), ("signal", pa.string()), ("column_name", pa.string()), ("value", pa.float64()),
        ("expected", pa.float64()), ("low", pa.float64()), ("high", pa.float64()), ("judged", pa.bool_()),
        ("unusual", pa.bool_()), ("since", pa.date32()), ("known", pa.date32()), ("affected", pa.int64()), ("note", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class _Part:
    """The rows of one signal, in order of days."""

    signal: str
    column: str
    days: Days
    value: Values
    expected: Values
    low: Values
    high: Values
    judged: NDArray[np.bool_]
    unusual: NDArray[np.bool_]
    known: Days
    affected: Values
    notes: Sequence[str]


def judged_days(
    table: TableDays, trading: TradingDays, files: Sequence[FileDay], counted: Sequence[Counted], budget: FalseAlarmSpec
) -> pa.Table:
    """One row a day and figure: value, expected value and range, whether it is unusual and since when.

    Days before the twentieth, days that are not over, and days without trade are told and not judged.
    """
    place = np.searchsorted(trading.days, table.days)
    signals = [_on(signal, place, len(trading.days)) for signal in table.signals]
    if files:
        signals.append(_quarantine(files, trading.days))
    parts = [*_ranged(signals, trading, budget), *(_counted(one, trading) for one in counted)]
    if table.ends.any():
        parts.append(_last_hours(_spread_out(table.ends, place, len(trading.days)) / 3600, parts[0], trading))
    notes = {day.day: day.quarantined_by for day in files}
    parts = [
        replace(p, notes=[notes.get(day, "") for day in p.days.tolist()]) if p.signal == "quarantined" else p
        for p in parts
    ]
    return pa.concat_tables([_rows(part) for part in parts]) if parts else _SCHEMA.empty_table()


def _on(signal: Signal, place: NDArray[np.int64], days: int) -> Signal:
    """The signal on the trading days: no number where the table has no rows."""

    def spread(values: Values) -> Values:
        return _spread_out(values, place, days)

    one = signal.series
    series = one and replace(
        one, value=spread(one.value), rows=spread(one.rows), noise=None if one.noise is None else spread(one.noise)
    )
    return Signal(signal.name, signal.column, spread(signal.shown), spread(signal.affected), series)


def _spread_out(values: Values, place: NDArray[np.int64], days: int) -> Values:
    found = np.full(days, np.nan)
    found[place] = values
    return found


def _last_hours(ends: Values, rows: _Part, trading: TradingDays) -> _Part:
    """The hour of each day's last event: a file that was cut short may hold as many rows as a quiet day."""
    complete = np.where(trading.open & trading.finished, ends, np.nan)
    expected, low = np.full(len(ends), np.nan), np.full(len(ends), np.nan)
    for at in range(len(ends)):
        before = complete[max(0, at - WINDOW) : at]
        before = before[~np.isnan(before)]
        if len(before) >= LEAST and not np.isnan(complete[at]):
            expected[at], low[at] = np.median(before), earliest_end((before * 3600).tolist()) / 3600
    judged = ~np.isnan(low)
    unusual = judged & (np.nan_to_num(complete) <= np.nan_to_num(low, nan=-1.0))
    affected = np.abs(np.nan_to_num(rows.value) - np.nan_to_num(rows.expected))
    high = np.where(judged, 24.0, np.nan)
    return replace(
        rows,
        signal="last_hour",
        value=ends,
        expected=expected,
        low=low,
        high=high,
        judged=judged,
        unusual=unusual,
        affected=affected,
    )


def _quarantine(files: Sequence[FileDay], days: Days) -> Signal:
    part, read = np.full(len(days), np.nan), np.full(len(days), np.nan)
    place = {day: position for position, day in enumerate(days.tolist())}
    for one in files:
        if one.day in place and one.read:
            part[place[one.day]], read[place[one.day]] = one.quarantined, one.read
    return Signal("quarantined", "", part / read, part, Series("share", part / read, read))


def _ranged(signals: Sequence[Signal], trading: TradingDays, budget: FalseAlarmSpec) -> list[_Part]:
    """Signals with the ranges of their days."""
    judged = [signal for signal in signals if signal.series is not None]
    told = [signal for signal in signals if signal.series is None]
    tests = len(judged) * trading.in_a_year / (12 if budget.per == "month" else 1)
    complete = trading.open & trading.finished
    series = [
        replace(signal.series, value=np.where(complete, signal.series.value, np.nan), rows=np.nan_to_num(signal.series.rows))
        for signal in judged if signal.series is not None
    ]  # fmt: skip
    ranges = usual_ranges(series, trading.weekdays, min(0.05, budget.at_most / tests))
    values = np.stack([one.value for one in series], axis=1)
    unusual = ranges.unusual(values)
    parts = []
    for at, (signal, one) in enumerate(zip(judged, series, strict=True)):
        held = ~np.isnan(values[:, at]) & ~np.isnan(ranges.expected[:, at])
        bounds = [
            np.exp(b[:, at]) if one.scale == "level" else b[:, at] for b in (ranges.expected, ranges.low, ranges.high)
        ]
        outside = unusual[:, at] & held
        if signal.name == "hours_late":
            # Nobody minds what comes sooner.
            bounds[1], outside = np.where(held, 0.0, np.nan), outside & (signal.shown > bounds[0])
        if one.scale == "share":
            # Fewer than usual: it is about the rows that are missing in the share.
            below = outside & (signal.shown < bounds[0])
            signal = replace(signal, affected=np.where(below, one.rows - signal.affected, signal.affected))
        part = _part(signal, trading, bounds, held, outside)
        parts.append(_with_missing_days(part, trading) if signal.name == "rows" else part)
    nothing = [np.full(len(trading.days), np.nan)] * 3
    never = np.zeros(len(trading.days), dtype=np.bool_)
    return [*parts, *(_part(signal, trading, nothing, never, never) for signal in told)]


def _part(
    signal: Signal,
    trading: TradingDays,
    bounds: Sequence[Values],
    judged: NDArray[np.bool_],
    unusual: NDArray[np.bool_],
) -> _Part:
    said = ["" if done else "not over yet" for done in trading.finished.tolist()]
    notes = [one if is_open else "no trading day" for one, is_open in zip(said, trading.open.tolist(), strict=True)]
    expected, low, high = bounds
    return _Part(
        signal.name, signal.column, trading.days, signal.shown, expected, low, high, judged, unusual, trading.days,
        signal.affected, notes,
    )  # fmt: skip


def _with_missing_days(part: _Part, trading: TradingDays) -> _Part:
    """Trading days without any row are unusual unless so small a table may have such days; they lack the rows of a usual one."""
    before = np.concatenate([[0], np.cumsum(~np.isnan(part.value))[:-1]])
    missing = trading.missing & (before >= LEAST) & (trading.declared | (part.low >= 1))
    notes = [
        "no rows on a trading day" if none else note for none, note in zip(missing.tolist(), part.notes, strict=True)
    ]
    value = np.where(trading.missing, 0.0, part.value)
    affected = np.abs(value - part.expected)
    return replace(
        part, value=value, judged=part.judged | missing, unusual=part.unusual | missing, affected=affected, notes=notes
    )


def _counted(one: Counted, trading: TradingDays) -> _Part:
    """A figure that is usually the same, on the trading days and its own; nothing of the kind happened on the others."""
    days = np.union1d(trading.days[trading.days <= trading.days[-1:]], one.days)
    place = np.searchsorted(days, one.days)
    value, affected = np.full(len(days), one.absent), np.zeros(len(days))
    value[place], affected[place] = one.value, one.affected
    known, notes = days.copy(), [""] * len(days)
    known[place] = one.known
    for position, note in zip(place.tolist(), one.notes, strict=True):
        notes[position] = note
    expected, high, seen = _usual_counts(value)
    judged = ~np.isnan(value) & (seen >= one.least)
    high = np.where(judged, high + one.slack, np.nan)
    unusual = judged & (np.nan_to_num(value) > np.nan_to_num(high))
    low = np.where(judged, 0.0, np.nan)
    expected = np.where(judged, expected, np.nan)
    return _Part(one.name, "", days, value, expected, low, high, judged, unusual, known, affected, notes)


def _usual_counts(value: Values) -> tuple[Values, Values, Values]:
    """Of the 28 days before: median, the value that nine in ten do not exceed, and how many there were."""
    expected, high, seen = (np.full(len(value), np.nan), np.full(len(value), np.nan), np.zeros(len(value)))
    for at in range(len(value)):
        before = value[max(0, at - WINDOW) : at]
        before = np.sort(before[~np.isnan(before)])
        seen[at] = len(before)
        if len(before):
            expected[at], high[at] = before[(len(before) - 1) // 2], before[int(_HIGHEST_TENTH * (len(before) - 1))]
    return expected, high, seen


def _rows(part: _Part) -> pa.Table:
    # The clock's own day stands there without rows too: it is the end of the stretch that the checks judge.
    there = np.ones(len(part.days), dtype=np.bool_) if part.signal == "rows" else ~np.isnan(part.value)
    since = np.full(len(part.days), np.datetime64("NaT"), dtype="datetime64[D]")
    begun: np.datetime64 | None = None
    for at in np.flatnonzero(part.judged).tolist():
        begun = (part.days[at] if begun is None else begun) if part.unusual[at] else None
        if begun is not None:
            since[at] = begun

    def numbers(values: Values) -> pa.Array:
        return pa.array(values, pa.float64(), from_pandas=True)

    count = len(part.days)
    table = pa.table(
        [
            pa.array(part.days, pa.date32()), pa.array([part.signal] * count, pa.string()), pa.array([part.column] * count, pa.string()),
            numbers(part.value), numbers(part.expected), numbers(part.low), numbers(part.high), pa.array(part.judged, pa.bool_()),
            pa.array(part.unusual, pa.bool_()), pa.array(since, pa.date32()), pa.array(part.known, pa.date32()),
            pa.array(np.round(np.nan_to_num(part.affected)).astype(np.int64), pa.int64()), pa.array(part.notes, pa.string()),
        ],
        schema=_SCHEMA,
    )  # fmt: skip
    return table.filter(pa.array(there))
