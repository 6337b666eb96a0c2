"""The warehouse: one DuckDB file, read in shared blocks, written in short exclusive commits.

A *workbench* is an in-memory DuckDB in which results are computed. The warehouse is attached to it as `wh`, read-only
while reading and writable during a commit, so that what was computed goes straight into the file in one transaction.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from ml_assets.errors import WarehouseError, WarehouseLockedError
from ml_assets.warehouse.engines import EngineKind, lent
from ml_assets.warehouse.lock import WarehouseLock, hold_off_foreign_writers
from ml_assets.warehouse.names import SCHEMAS, TableName, literal, quoted
from ml_assets.warehouse.operations_schema import BOOKS_VERSION, OPERATIONS_DDL
from ml_assets.warehouse.scratch import Scratch

DEFAULT_DEADLINE_SECONDS = 300.0
_NUMBERS = count()
_BOOKS = OPERATIONS_DDL.count("create table")
# Files that this process has seen to hold all books.
_COMPLETE: set[Path] = set()
_FOREIGN_POLL_SECONDS = 0.05
# What DuckDB says when another process, or another engine of this process, has the file open.
_HELD_ELSEWHERE = re.compile(r"Could not set lock on file|Unique file handle conflict")
# What it says when the system lets no more be written.
_NO_ROOM = re.compile(r"No space left|File too large|Disk quota exceeded")


@dataclass(frozen=True)
class EngineSettings:
    """Limits of each workbench. `threads` counts cores, `memory_limit` is in DuckDB's notation."""

    memory_limit: str = field(default_factory=lambda: os.environ.get("ML_ASSETS_MEMORY_LIMIT", "1700MB"))
    threads: int = field(default_factory=lambda: int(os.environ.get("ML_ASSETS_THREADS", os.cpu_count() or 1)))
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS


class Warehouse:
    """The one file that holds all tables; safe among processes."""

    def __init__(self, path: Path, scratch: Path, settings: EngineSettings | None = None) -> None:
        self.path = path
        self.settings = settings or EngineSettings()
        self.lock = WarehouseLock(path, self.settings.deadline_seconds)
        self.scratch = Scratch(scratch)

    @contextmanager
    def workbench(self, threads: int | None = None) -> Iterator[Workbench]:
        """An empty in-memory database with a folder of its own, both gone afterwards."""
        if not self.path.exists():
            self._create()
        elif self.path not in _COMPLETE:
            self._complete()
        with self._engine(threads) as bench:
            yield bench

    @contextmanager
    def _engine(self, threads: int | None = None) -> Iterator[Workbench]:
        kind = EngineKind(self.scratch.root, self.settings.memory_limit, threads or self.settings.threads)
        with lent(kind) as engine:
            database = f"bench_{next(_NUMBERS)}"
            folder = engine.folder / database
            folder.mkdir()
            connection = engine.connection.cursor()
            connection.execute(f"attach ':memory:' as {database}")
            connection.execute(f"use {database}")
            try:
                yield Workbench(self, connection, folder, database)
            finally:
                connection.close()
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def reading(self, threads: int | None = None) -> Iterator[Workbench]:
        """A workbench with the warehouse attached read-only for the whole block."""
        with self.workbench(threads) as bench, bench.reading():
            yield bench

    @contextmanager
    def committing(self) -> Iterator[Workbench]:
        """A workbench inside one write transaction, for small writes that need no computation first."""
        with self.workbench() as bench, bench.committing():
            yield bench

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.lock.exclusive():
            if self.path.exists():
                return
            self._clear_remains()
            # Built beside and renamed, so that a reader never meets a file without its schemas.
            unfinished = self.path.with_suffix(f".new-{os.getpid()}")
            with duckdb.connect(str(unfinished)) as connection:
                for schema in SCHEMAS:
                    connection.execute(f"create schema if not exists {quoted(schema)}")
                connection.execute(OPERATIONS_DDL)
            unfinished.rename(self.path)
        _COMPLETE.add(self.path)

    def _complete(self) -> None:
        """A file that an earlier version made gets the books and columns that it lacks; asked once a process."""
        with self._engine() as bench:
            with bench.reading():
                found = bench.rows(
                    "select count(*), max(comment) filter (where table_name = 'manifest') from duckdb_tables() "
                    "where database_name = 'wh' and schema_name = 'ops'"
                )[0]
            if found[0] < _BOOKS or found[1] != BOOKS_VERSION:
                bench.execute(f"create schema ops; {OPERATIONS_DDL}")
                with bench.committing():
                    bench.execute(OPERATIONS_DDL.replace(" ops.", " wh.ops."))
                    bench.add_missing_columns("ops")
        _COMPLETE.add(self.path)

    def _clear_remains(self) -> None:
        """Beside a file that is not there yet: what a killed creator left, and the log of a file that was moved away."""
        for left in self.path.parent.glob(f"{self.path.stem}.new-*"):
            left.unlink()
        log = self.path.with_name(f"{self.path.name}.wal")
        if log.exists():
            log.rename(log.with_name(f"{log.name}.orphaned"))


class Workbench:
    """An in-memory engine beside the warehouse. Not for use from several threads at once."""

    def __init__(
        self, warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, folder: Path, database: str
    ) -> None:
        self.warehouse = warehouse
        self.connection = connection
        self.folder = folder
        self.database = database
        self.lock_wait_seconds = 0.0
        self._attached = 0
        self._guard: int | None = None

    def session(self) -> duckdb.DuckDBPyConnection:
        """One more connection to the same database, for use in another thread; it has no part in the first one's temporary
        tables."""
        session = self.connection.cursor()
        session.execute(f"use {self.database}")
        return session

    def execute(self, sql: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        return self.connection.execute(sql, parameters) if parameters is not None else self.connection.execute(sql)

    def rows(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        return self.execute(sql, parameters).fetchall()

    def records(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        """Rows as dictionaries, for small results."""
        cursor = self.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def value(self, sql: str, parameters: Any = None) -> Any:
        """The first column of the first row, None without a row."""
        # Fetched to the end: an unfinished result would keep the connection from handing out Arrow tables.
        found = self.rows(sql, parameters)
        return found[0][0] if found else None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Attach the warehouse read-only; writers wait until the block ends. Nests."""
        with self.warehouse.lock.shared():
            if self._attached:
                yield
                return
            if self.warehouse.lock.is_writing:
                raise RuntimeError("reading with a second workbench inside a commit: read before it, or with its own")
            self._attach("READ_ONLY")
            try:
                yield
            finally:
                self._detach()

    @contextmanager
    def committing(self) -> Iterator[None]:
        """One exclusive transaction: all of the block's writes to `wh`, or none."""
        asked = time.monotonic()
        with self.warehouse.lock.exclusive(), self._room():
            self._attach("READ_WRITE")
            self.lock_wait_seconds = time.monotonic() - asked
            try:
                self.execute("begin transaction")
                try:
                    yield
                except BaseException:
                    # A transaction that the engine itself gave up cannot be rolled back; the first error is the one to tell.
                    with suppress(duckdb.Error):
                        self.execute("rollback")
                    raise
                self.execute("commit")
            finally:
                self._detach()

    def has_table(self, name: TableName) -> bool:
        return bool(
            self.value(
                "select count(*) from duckdb_tables() where database_name = 'wh' and schema_name = ? and table_name = ?",
                [name.schema, name.table],
            )
        )

    def columns(self, relation: str) -> dict[str, str]:
        """Column names and DuckDB types of a table, view or `read_…` call."""
        return {row[0]: row[1] for row in self.rows(f"describe select * from {relation}")}

    def add_missing_columns(self, schema: str) -> None:
        """Inside a commit: tables of the warehouse get what their namesakes in this workbench have, null in old rows."""
        for table, column, kind in self.rows(
            "select n.table_name, n.column_name, n.data_type from duckdb_columns() n "
            "where n.database_name = ? and n.schema_name = ? and not exists (select 1 from duckdb_columns() o "
            "where o.database_name = 'wh' and o.schema_name = n.schema_name and o.table_name = n.table_name "
            "and o.column_name = n.column_name) order by n.table_name, n.column_index",
            [self.database, schema],
        ):
            self.execute(f"alter table {TableName(schema, table).quoted} add column {quoted(column)} {kind}")

    def replace_table(self, name: TableName, relation: str) -> None:
        """Inside a commit: the table becomes exactly `relation`."""
        self.execute(f"create or replace table {name.quoted} as select * from {relation}")

    def replace_rows(self, name: TableName, relation: str, column: str, values: Sequence[Any]) -> bool:
        """Inside a commit: rows whose `column` is in `values` give way to `relation`; other rows stay.

        A changed set of columns rewrites the table: the new relation's columns hold, and rows that stay have null in
        new ones and where a value does not fit a column's new type. True says that rows that stay were rewritten so.
        """
        if not self.has_table(name):
            self.replace_table(name, relation)
            return False
        old, new = self.columns(name.quoted), self.columns(relation)
        self.execute(
            f"create or replace temp table replaced as select cast(unnest(?) as {old[column]}) as value", [list(values)]
        )
        gone = f"{quoted(column)} in (select value from replaced)"
        if old == new:
            self.execute(f"delete from {name.quoted} where {gone}")
            self.execute(f"insert into {name.quoted} by name select * from {relation}")
            return False
        kept = ", ".join(
            f"try_cast({quoted(c)} as {kind}) as {quoted(c)}" if c in old else f"cast(null as {kind}) as {quoted(c)}"
            for c, kind in new.items()
        )
        self.execute(
            f"create or replace temp table rewritten as select {kept} from {name.quoted} where not coalesce({gone}, false)"
        )
        self.execute(f"insert into rewritten by name select * from {relation}")
        self.replace_table(name, "rewritten")
        self.execute("drop table rewritten")
        return True

    def _attach(self, mode: str) -> None:
        """Attach as `wh`. A DuckDB client that does not know our lock (a shell, a notebook) is waited for as well."""
        deadline = time.monotonic() + self.warehouse.settings.deadline_seconds
        while True:
            try:
                self.execute(f"attach {literal(str(self.warehouse.path))} as wh ({mode})")
            except duckdb.Error as problem:
                if not _HELD_ELSEWHERE.search(str(problem)):
                    raise self._unusable(problem) from problem
                if time.monotonic() > deadline:
                    raise self._held_by_foreigner(problem) from problem
            else:
                if self._guarded(mode, deadline):
                    self._attached += 1
                    return
            time.sleep(_FOREIGN_POLL_SECONDS)

    def _guarded(self, mode: str, deadline: float) -> bool:
        """Whether no other process writes to the attached file; else it is detached again."""
        if mode != "READ_ONLY":
            return True
        try:
            self._guard = hold_off_foreign_writers(self.warehouse.path)
            return True
        except BlockingIOError as problem:
            self.execute("detach wh")
            if time.monotonic() > deadline:
                raise self._held_by_foreigner(problem) from problem
            return False

    def _unusable(self, problem: Exception) -> WarehouseError:
        return WarehouseError(
            "the warehouse file cannot be opened", place=self.warehouse.path, got=problem,
            expected="a DuckDB 2 database", remedy="restore it from a backup, or move it away to start anew",
        )  # fmt: skip

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Say so in our own words when the disk is full, during the commit or while the log is written into the file after it."""
        try:
            yield
        except duckdb.Error as problem:
            if not _NO_ROOM.search(str(problem)):
                raise
            raise WarehouseError(
                "disk full: the warehouse could not be written", place=self.warehouse.path, got=problem, expected="room on its disk",
                remedy="free some, or move the state; a commit is whole or not there, and the next run goes on from here",
            ) from problem  # fmt: skip

    def _held_by_foreigner(self, problem: Exception) -> WarehouseLockedError:
        pid = re.search(r"PID (\d+)", str(problem))
        holder = f"process {pid.group(1)}, " if pid else ""
        return WarehouseLockedError(
            f"the warehouse {self.warehouse.path.name} is held by {holder}a DuckDB client that does not share our lock",
            place=self.warehouse.path, got=problem,
            expected=f"the lock within {self.warehouse.settings.deadline_seconds:g} s",
            remedy="close that client (or open it read-only) and run again; nothing was written",
        )  # fmt: skip

    def _detach(self) -> None:
        self._attached -= 1
        try:
            self.execute("detach wh")
        finally:
            if self._guard is not None:
                os.close(self._guard)
                self._guard = None
