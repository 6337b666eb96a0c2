"""A raw table's landing files day by day: their columns, delay, quarantine, refusals, and rows out of their time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from ml_assets.monitoring.days_calendar import TradingDays
from ml_assets.monitoring.days_expected import Values
from ml_assets.monitoring.days_measures import Days, Watched
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.store import Workbench

# Loads of more days than this fill a table, or load it anew after a change of its contract: nothing was late, and whole
# files from after the clock are a history that is replayed.
_MOST_DAYS_OF_A_LOAD = 10
_CLOCKS_DIFFER = "interval 1 hour"


@dataclass(frozen=True)
class FileDay:
    """What the files of one day brought. A file belongs to the day that most of its rows are of, one without rows to the
    day of its arrival; `known` is the day on which the warehouse met the last of them, `arrived` is None for a first fill."""

    day: date
    known: date
    arrived: date | None
    read: int
    quarantined: int
    quarantined_by: str
    refused: int
    refused_by: str
    copies: int
    future: int
    span: int | None
    header: list[str] | None


@dataclass(frozen=True)
class Counted:
    """A figure that is usually the same number each day, with its own days: judged against the highest tenth of those
    before, plus `slack`, from `least` of them on. `absent` is the value of the days that are not listed."""

    name: str
    days: Days
    value: Values
    affected: Values
    known: Days
    notes: tuple[str, ...]
    slack: float = 0.0
    least: int = 20
    absent: float = float("nan")


def future_rows(bench: Workbench, watched: Watched, now: datetime) -> Counted:
    """Inside a reading block: rows of a computed table that are dated after the clock, on the clock's day; none where they
    are those of a history that is replayed."""
    event = f"{quoted(watched.event_time)}::timestamp"
    replayed = f"count(distinct {watched.day}) > {_MOST_DAYS_OF_A_LOAD}"
    later = f"select case when {replayed} then 0 else count(*) end from {watched.name.quoted} where {event} > ?::timestamp + {_CLOCKS_DIFFER}"
    ((count,),) = bench.rows(later, [naive_utc(now)])
    day = np.array([naive_utc(now).date()], dtype="datetime64[D]")
    value = np.array([float(count)])
    return Counted("future_rows", day, value, value, day, ("",), absent=0.0)


def file_days(bench: Workbench, watched: Watched) -> list[FileDay]:
    """Inside a reading block: the days of a raw table's landing files, oldest first."""
    event = f"{quoted(watched.event_time)}::timestamp"
    rows_of_files = (
        f"select _file, quantile_disc({watched.day}, 0.5) filter (where {event} <= seen) as main, "
        f"date_diff('day', min({watched.day}) filter (where {event} <= seen), max({watched.day}) filter (where {event} <= seen)) as span, "
        f"count(*) filter (where {event} > seen) as future from (select t._file, {quoted(watched.event_time)}, "
        f"b.clock_time + {_CLOCKS_DIFFER} as seen from {watched.name.quoted} t join wh.ops.batches b on b.batch = t._batch) group by 1"
    )
    rules = f"select _file, mode(concat_ws('.', column_name, rule)) as main_rule from {watched.name.sibling('quarantine').quoted} group by 1"
    found = bench.rows(
        "with filed as (select f.*, b.clock_time::date as loaded, m.clock_time::date as first_met, r.main, r.span, r.future, "
        "q.main_rule, coalesce(least(r.main, b.clock_time::date), b.clock_time::date) as day from wh.ops.files f "
        "join wh.ops.batches b on b.batch = f.batch left join wh.ops.batches m on m.batch = f.met_batch "
        f"left join ({rows_of_files}) r on r._file = f.file left join ({rules}) q on q._file = f.file "
        "where f.asset = ? and f.status <> 'withdrawn'), "
        # A corrected file came when it was first met; one that is written over with a later day's rows came with those.
        "came as (select *, first_met >= day as again, case when again then first_met else loaded end as met, "
        "case when again then met_batch else batch end as came_in from filed), "
        f"fills as (select came_in from came group by 1 having count(distinct day) > {_MOST_DAYS_OF_A_LOAD}) "
        "select day, max(case when n.came_in is null then greatest(day, met) else day end), max(case when n.came_in is null then met end), "
        "sum(rows_read)::bigint, sum(rows_quarantined)::bigint, coalesce(mode(main_rule), ''), "
        "count(*) filter (where status = 'refused'), coalesce(mode(rule) filter (where status = 'refused'), ''), "
        "count(*) filter (where status = 'copy'), coalesce(sum(future) filter (where n.came_in is null or main is not null), 0)::bigint, max(span), "
        "list_sort(list_distinct(flatten(list(header) filter (where len(header) > 0 and status = 'loaded')))) "
        "from came left join fills n using (came_in) group by 1 order by 1",
        [str(watched.name)],
    )
    return [FileDay(*row) for row in found]


def file_figures(files: Sequence[FileDay], trading: TradingDays) -> list[Counted]:
    """What is judged of the files of each day. Days on which nothing of the kind happened count as zero."""
    changes = _changes(files)

    def figure(
        name: str, value: Callable[[FileDay], float | None], note: Callable[[FileDay], str] = lambda _day: "", *,
        affected: Callable[[FileDay], float] | None = None, slack: float = 0.0, least: int = 20, absent: float = float("nan"),
    ) -> Counted:  # fmt: skip
        values = [value(day) for day in files]
        return Counted(
            name, np.array([day.day for day in files], dtype="datetime64[D]"),
            np.array([np.nan if one is None else one for one in values], dtype=np.float64),
            np.array([affected(day) if affected else one or 0 for day, one in zip(files, values, strict=True)], dtype=np.float64),
            np.array([day.known for day in files], dtype="datetime64[D]"), tuple(note(day) for day in files), slack, least, absent,
        )  # fmt: skip

    return [
        figure("changed_columns", lambda day: changes[day.day][0], lambda day: changes[day.day][1], affected=lambda day: day.read),
        figure("refused_files", lambda day: day.refused, lambda day: day.refused_by, absent=0.0),
        figure("repeated_files", lambda day: day.copies, absent=0.0),
        figure("future_rows", lambda day: day.future),
        figure("days_in_a_file", lambda day: None if day.span is None else day.span + 1, affected=lambda day: day.read, slack=1),
        figure(
            "days_late", lambda day: None if day.arrived is None else trading.between(day.day, day.arrived),
            affected=lambda day: day.read, slack=1, least=5,
        ),
    ]  # fmt: skip


def _changes(files: Sequence[FileDay]) -> dict[date, tuple[float | None, str]]:
    """Day → how many columns its files have more or fewer than those of the day before, and which."""
    found: dict[date, tuple[float | None, str]] = {}
    before: set[str] | None = None
    for day in files:
        if day.header is None or before is None:
            found[day.day] = (None, "")
        else:
            more, fewer = sorted(set(day.header) - before), sorted(before - set(day.header))
            found[day.day] = (
                len(more) + len(fewer),
                ", ".join([f"+{name}" for name in more] + [f"-{name}" for name in fewer]),
            )
        before = before if day.header is None else set(day.header)
    return found
