"""Run one statement for many snapshots, side by side, into one relation with a `snapshot` column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from queue import SimpleQueue

import duckdb

from ml_assets.errors import SqlError
from ml_assets.features.asof import TimeColumns, Window, create_views, window_settings
from ml_assets.features.cut import one_thread
from ml_assets.features.statement import Statement
from ml_assets.warehouse.asset import Progress
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

_LINES_BEFORE = 1  # the statement begins on the second line of `snapshot_select`
_OFFERED = ("Candidate bindings", "Candidate tables", "Did you mean")
_MISSING = re.compile(
    r'(?i)column "[^"]*" (?:not found|does not exist|in \w+ list not found)|does not have a column named'
)


def snapshot_select(statement: Statement) -> str:
    """The statement's rows with the snapshot in front; parameter `$snapshot` is always used."""
    return f"select $snapshot::timestamp as snapshot, made.* from (\n{statement.body}\n) made"


def run_snapshots(
    bench: Workbench, statement: Statement, times: Mapping[TableName, TimeColumns], snapshots: Sequence[datetime],
    window: Callable[[datetime], Window], *, into: str, progress: Progress, label: str,
) -> None:  # fmt: skip
    """Create table `into` in the workbench with the statement's rows for every snapshot.

    Each query runs on one thread; several snapshots run at the same time instead.
    """
    create_views(bench, times)
    select = snapshot_select(statement)
    sessions: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
    first = bench.connection

    def make(snapshot: datetime) -> None:
        session = sessions.get()
        try:
            _enter(session, window(snapshot))
            session.execute(f"insert into {quoted(into)} {select}", {"snapshot": naive_utc(snapshot)})
        finally:
            sessions.put(session)

    try:
        with one_thread(bench) as workers, ThreadPoolExecutor(workers) as pool:
            _enter(first, window(snapshots[0]))
            first.execute(
                f"create or replace table {quoted(into)} as {select} limit 0", {"snapshot": naive_utc(snapshots[0])}
            )
            for _ in range(workers):
                sessions.put(bench.session())
            for done, _ in enumerate(pool.map(make, snapshots), 1):
                progress(label, done, len(snapshots))
    except duckdb.Error as problem:
        raise engine_error(statement, problem) from problem


def _enter(session: duckdb.DuckDBPyConnection, window: Window) -> None:
    for setting in window_settings(window):
        session.execute(setting)


def engine_error(statement: Statement, problem: Exception) -> SqlError:
    """What the engine said about a statement that was wrapped in one line, at the line of the file it speaks of.

    Columns that begin with an underscore are the warehouse's own and not offered.
    """
    said, _, rest = str(problem).partition("\n\nLINE ")
    number = rest.partition(":")[0]
    line = max(1, int(number) - _LINES_BEFORE) if number.isdigit() else 1
    first, *further = [text.strip() for text in said.splitlines() if text.strip()]
    offered = next((text for text in further if text.startswith(_OFFERED)), "")
    names = [name for name in re.findall(r'"([^"]+)"', offered) if not name.rpartition(".")[2].startswith("_")]
    missing = _MISSING.search(first) is not None
    return SqlError(
        "the engine refuses this statement", place=f"{statement.shown}:{line}",
        expected=_wanted(names) if missing else "a SELECT over declared tables and columns", got=first,
        remedy=_remedy(names, further, missing=missing),
    )  # fmt: skip


def _wanted(names: Sequence[str]) -> str:
    return "a column that is there" + (f", such as {', '.join(names)}" if names else "")


def _remedy(names: Sequence[str], further: Sequence[str], *, missing: bool) -> str:
    if missing:
        meant = f"did you mean {names[0]}? Else " if names else ""
        return f"{meant}correct the column's name, or add the column to the table that is read"
    if names:
        return f"did you mean {' or '.join(names)}?"
    hint = next((text for text in further if text.startswith("Either ")), "correct the statement")
    return f"{hint.rstrip('.')}; `ml-assets status` lists the tables there are"
