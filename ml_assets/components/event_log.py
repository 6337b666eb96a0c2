"""Dagster's SQLite event log with connections that are kept open.

Dagster opens and closes a database several times for every event it stores, looks up its tables each time, and runs the
migrations of every new run's database: about 12 ms an event, 0.2 s a run, and a range of 41 snapshots over five assets
makes more than a thousand events. Here a shard keeps one connection, an event is one commit a shard, a burst of events is
one commit altogether (`one_transaction`), and a new run's database is a copy of an empty one. Named in `dagster.yaml`;
the files are the same, either class reads them.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dagster import EventLogEntry, Field, StringSource
from dagster import __version__ as dagster_version
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

from ml_assets.components.setup_lock import alone_in

_BUSY_SECONDS = 60


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """As its parent, with one pooled connection for each shard and process."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Keyed by process, because SQLite connections must not cross a fork.
        self._engines: dict[tuple[int, str], Engine] = {}
        self._burst: _Burst | None = None
        self._seen_tables: set[str] = set()
        with alone_in(Path(base_dir)):
            super().__init__(base_dir, inst_data)
        # Re-entrant, because inside a burst the same thread asks for connections again.
        self._db_lock = threading.RLock()  # type: ignore[assignment]

    @classmethod
    def config_type(cls) -> dict[str, Field]:
        return {"base_dir": Field(StringSource, is_required=False, description="Default: $DAGSTER_HOME/history.")}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledSqliteEventLogStorage:
        """Without a folder in its configuration it stays beside its `dagster.yaml`, wherever that is moved to."""
        return cls(config_value.get("base_dir") or str(Path(os.environ["DAGSTER_HOME"]) / "history"), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                with alone_in(Path(self._base_dir)):
                    self._prepare(shard, engine)
                self._initialized_dbs.add(shard)
            if self._burst is not None:
                yield self._burst.connection(shard, engine)
                return
            with engine.connect() as connection, connection.begin():
                yield connection

    @contextmanager
    def one_transaction(self) -> Iterator[None]:
        """Events stored in this block become visible together, in one commit a shard; other threads wait. Nests."""
        with self._db_lock:
            if self._burst is not None:
                yield
                return
            with _Burst() as self._burst:
                try:
                    yield
                finally:
                    self._burst = None

    def store_event(self, event: EventLogEntry) -> None:
        """As the parent, in one commit a shard instead of up to five."""
        with self.one_transaction():
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """All events in one commit a shard."""
        with self.one_transaction():
            for stored in events:
                super().store_event(stored)

    def has_table(self, table_name: str) -> bool:
        """As the parent, asked once: tables are added by migrations, never taken away."""
        if table_name not in self._seen_tables and super().has_table(table_name):
            self._seen_tables.add(table_name)
        return table_name in self._seen_tables

    def _prepare(self, shard: str, engine: Engine) -> None:
        """A new run's database is a copy of an empty one of this Dagster version; the first one is made by migration."""
        path, empty = Path(self.path_for_shard(shard)), Path(self._base_dir) / f"empty-{dagster_version}.sqlite"
        if shard != INDEX_SHARD_NAME and empty.exists() and not path.exists():
            unfinished = path.with_suffix(f".{os.getpid()}.tmp")
            shutil.copyfile(empty, unfinished)
            unfinished.rename(path)
            return
        is_new = not path.exists()
        self._initdb(engine)
        if is_new and shard != INDEX_SHARD_NAME and not empty.exists():
            unfinished = empty.with_suffix(f".{os.getpid()}.tmp")
            with engine.connect() as connection:
                connection.exec_driver_sql("vacuum into ?", (str(unfinished),))
            unfinished.rename(empty)

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()

    def _engine(self, shard: str) -> Engine:
        key = (os.getpid(), shard)
        if key not in self._engines:
            engine = create_engine(
                self.conn_string_for_shard(shard), poolclass=QueuePool, pool_size=1,
                connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
            )  # fmt: skip
            event.listen(engine, "connect", _relax_sync)
            self._engines[key] = engine
        return self._engines[key]


class _Burst:
    """One open transaction for each shard that is written to; committed together at the end, or rolled back."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._connections: dict[str, Connection] = {}

    def connection(self, shard: str, engine: Engine) -> Connection:
        if shard not in self._connections:
            connection = self._stack.enter_context(engine.connect())
            self._stack.enter_context(connection.begin())
            self._connections[shard] = connection
        return self._connections[shard]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, problem, trace)


def _relax_sync(connection: Any, _record: object) -> None:
    # With write-ahead logging NORMAL cannot corrupt; at worst a power cut loses the last events.
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
