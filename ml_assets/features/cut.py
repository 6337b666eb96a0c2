"""Cut sources: physical copies of a statement's tables that hold the rows of one window and nothing else.

The proofs run on these and not on the as-of views, so that a fault of the views cannot prove itself right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from types import TracebackType

import duckdb

from ml_assets.features.asof import TimeColumns, Window
from ml_assets.features.statement import Statement
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

_NUMBERS = count()
_NOTHING = Window(datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), None)


class CutSources:
    """A session with a database of its own, in which the statement's names are copies of the tables inside a window.

    Columns that the statement cannot see are left out. `whole` tables have no event time and are there in full. Windows
    are best visited in order of time: what two of them share is not copied twice.
    """

    def __init__(
        self,
        bench: Workbench,
        statement: Statement,
        times: Mapping[TableName, TimeColumns],
        whole: tuple[TableName, ...] = (),
    ) -> None:
        self.session: duckdb.DuckDBPyConnection = bench.session()
        self._times = times
        self._columns = {table: self._listed(statement, table, columns) for table, columns in times.items()}
        self._window = _NOTHING
        self._database = f"cut_{next(_NUMBERS)}"
        self.session.execute(f"attach ':memory:' as {self._database}")
        self.session.execute(f"use {self._database}")
        for table in (*times, *whole):
            self.session.execute(f"create schema if not exists {quoted(table.schema)}")
        for table in times:
            self.session.execute(
                f"create table {_own(table)} as select {self._columns[table]} from {table.quoted} limit 0"
            )
        for table in whole:
            self.session.execute(f"create view {_own(table)} as select * from {table.quoted}")

    def _listed(self, statement: Statement, table: TableName, times: TimeColumns) -> str:
        """SQL: the columns to copy, those that bound the window among them."""
        known = [row[0] for row in self.session.execute(f"describe select * from {table.quoted}").fetchall()]
        wanted = {*statement.columns_in_use(known), times.event, times.available}
        return ", ".join(quoted(name) for name in known if name in wanted)

    def __enter__(self) -> CutSources:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.execute("use memory")
        self.session.execute(f"detach {self._database}")
        self.session.close()

    def move_to(self, window: Window) -> None:
        """The copies hold exactly the rows inside `window`."""
        for table, times in self._times.items():
            wanted, held = window.condition(times), self._window.condition(times)
            self.session.execute(f"delete from {_own(table)} where not coalesce({wanted}, false)")
            self.session.execute(
                f"insert into {_own(table)} select {self._columns[table]} from {table.quoted} "
                f"where {wanted} and not coalesce({held}, false)"
            )
        self._window = window


def _own(table: TableName) -> str:
    return f"{quoted(table.schema)}.{quoted(table.table)}"


@contextmanager
def one_thread(bench: Workbench) -> Iterator[int]:
    """Queries run on one thread each, because sums of floats depend on the order of addition; yields how many may
    run at the same time instead."""
    threads = int(bench.value("select current_setting('threads')"))
    bench.execute("set threads = 1")
    try:
        yield threads
    finally:
        bench.execute(f"set threads = {threads}")
