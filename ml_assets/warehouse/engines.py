"""DuckDB engines that are lent out one user at a time: opening one costs 15 ms, and its memory is warm the next time."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml_assets.warehouse.scratch import Scratch


@dataclass(frozen=True)
class EngineKind:
    """What tells engines apart: their limits, and the scratch folder they spill to."""

    scratch: Path
    memory_limit: str
    threads: int


class Engine:
    """One in-memory DuckDB with a scratch folder of its own."""

    def __init__(self, kind: EngineKind) -> None:
        self._stack = ExitStack()
        self.folder = self._stack.enter_context(Scratch(kind.scratch).folder())
        self.connection = duckdb.connect(
            config={
                "memory_limit": kind.memory_limit,
                "threads": kind.threads,
                "temp_directory": str(self.folder),
                "autoinstall_known_extensions": False,
                "TimeZone": "UTC",
            }
        )
        self._stack.callback(self.connection.close)

    def clear(self) -> None:
        """Let go of every database that was attached to it."""
        for (name,) in self.connection.execute(
            "select database_name from duckdb_databases() where not internal and database_name <> 'memory'"
        ).fetchall():
            self.connection.execute(f'detach "{name}"')

    def close(self) -> None:
        self._stack.close()


class _Idle:
    """Engines that nobody uses now, of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engines: dict[tuple[int, EngineKind], list[Engine]] = {}
        atexit.register(self.close)

    def take(self, kind: EngineKind) -> Engine | None:
        with self._lock:
            found = self._engines.get((os.getpid(), kind))
            return found.pop() if found else None

    def give(self, kind: EngineKind, engine: Engine) -> None:
        with self._lock:
            self._engines.setdefault((os.getpid(), kind), []).append(engine)

    def close(self) -> None:
        with self._lock:
            for (pid, _), engines in self._engines.items():
                # A forked child must leave its parent's files alone.
                for engine in engines if pid == os.getpid() else ():
                    engine.close()
            self._engines.clear()


_IDLE = _Idle()


@contextmanager
def lent(kind: EngineKind) -> Iterator[Engine]:
    """An engine for one user. One that was used without trouble is kept for the next; any other is closed."""
    engine = _IDLE.take(kind)
    if engine is not None and not engine.folder.is_dir():
        # The scratch folder was taken away, as when a state folder is removed and made anew.
        engine.close()
        engine = None
    if engine is None:
        engine = Engine(kind)
    try:
        yield engine
        engine.clear()
    except BaseException:
        with suppress(duckdb.Error):
            engine.close()
        raise
    _IDLE.give(kind, engine)
