"""A fair lock between processes: many readers or one writer, with a deadline and a known holder.

DuckDB itself refuses a second process at once. So every access goes through two `flock` files first: `gate` lets a
waiting writer hold back new readers (otherwise steady reading would starve it), `main` is what readers share and a
writer owns. The kernel drops both when a process dies, however it dies.

DuckDB's own lock on the file belongs to the process: one thread that closes the file drops it for the others. So a
reader also holds an open-file lock of its own (`hold_off_foreign_writers`) against clients that do not know `main`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_assets.errors import WarehouseLockedError

_POLL_SECONDS = 0.002
_POLL_LIMIT_SECONDS = 0.05


class _Held(threading.local):
    """What this thread holds, by lock file: two `Warehouse` objects of one file must not wait for each other."""

    def __init__(self) -> None:
        self.readers: dict[Path, int] = {}
        self.writing: set[Path] = set()


_HELD = _Held()


class WarehouseLock:
    """Shared or exclusive access to one warehouse file, among processes and threads; re-entrant for readers."""

    def __init__(self, warehouse: Path, deadline_seconds: float) -> None:
        self._main = warehouse.absolute().with_suffix(".lock")
        self._gate = self._main.with_suffix(".gate")
        self._warehouse = warehouse
        self._deadline_seconds = deadline_seconds

    @property
    def is_writing(self) -> bool:
        """Whether this thread is inside a commit."""
        return self._main in _HELD.writing

    @contextmanager
    def shared(self) -> Iterator[float]:
        """Hold off writers; yields seconds waited. Nested use in one thread takes no second lock.

        A thread that reads must not wait for another thread that still has to begin reading: a writer may stand
        between the two, and all three would wait for the deadline.
        """
        depth = _HELD.readers.get(self._main, 0)
        if depth or self.is_writing:
            _HELD.readers[self._main] = depth + 1
            try:
                yield 0.0
            finally:
                _HELD.readers[self._main] = depth
            return
        with self._locked(fcntl.LOCK_SH) as waited:
            _HELD.readers[self._main] = 1
            try:
                yield waited
            finally:
                _HELD.readers[self._main] = 0

    @contextmanager
    def exclusive(self) -> Iterator[float]:
        """Be alone; yields seconds waited. Asking for it while this thread reads would wait for itself and is refused."""
        if _HELD.readers.get(self._main) or self.is_writing:
            raise RuntimeError("commit inside a reading block or commit of the same thread: leave that block first")
        with self._locked(fcntl.LOCK_EX) as waited:
            _HELD.writing.add(self._main)
            try:
                yield waited
            finally:
                _HELD.writing.discard(self._main)

    @contextmanager
    def _locked(self, mode: int) -> Iterator[float]:
        self._main.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        gate = os.open(self._gate, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        main = os.open(self._main, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._wait_for(gate, mode, started)
            self._wait_for(main, mode, started)
            os.close(gate)
            gate = -1
            yield time.monotonic() - started
        finally:
            if gate >= 0:
                os.close(gate)
            os.close(main)

    def _wait_for(self, descriptor: int, mode: int, started: float) -> None:
        pause = _POLL_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                waited = time.monotonic() - started
                if waited > self._deadline_seconds:
                    raise self._locked_error(waited) from None
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 (jitter)
                pause = min(pause * 1.5, _POLL_LIMIT_SECONDS)

    def _locked_error(self, waited: float) -> WarehouseLockedError:
        holders = flock_holders(self._main) or flock_holders(self._gate)
        who = ", ".join(map(_named, holders)) or "a process that could not be named"
        return WarehouseLockedError(
            f"the warehouse {self._warehouse.name} is held by {who}",
            place=self._warehouse,
            expected=f"the lock within {self._deadline_seconds:g} s",
            got=f"still held after {waited:.1f} s",
            remedy="wait for that process or stop it, then run again; nothing was written",
        )


def _named(pid: int) -> str:
    return f"process {pid}" + (" (this process, in another thread)" if pid == os.getpid() else "")


def hold_off_foreign_writers(warehouse: Path) -> int | None:
    """A descriptor that keeps every other process from opening the file for writing until it is closed.

    Raises `BlockingIOError` when one has it open for writing now. None where the system has no open-file locks.
    """
    if not hasattr(fcntl, "F_OFD_SETLK"):
        return None
    descriptor = os.open(warehouse, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))
    except OSError as problem:
        os.close(descriptor)
        if problem.errno in (errno.EAGAIN, errno.EACCES):
            raise BlockingIOError(problem.errno, "the file is open for writing elsewhere") from problem
        return None  # a file system without such locks; DuckDB's own lock remains
    return descriptor


def flock_holders(path: Path) -> list[int]:
    """Process ids that hold an flock on `path`, as Linux lists them; empty where that list does not exist."""
    table = Path("/proc/locks")
    if not table.exists() or not path.exists():
        return []
    inode = str(path.stat().st_ino)
    holders = []
    for line in table.read_text(encoding="ascii").splitlines():
        fields = line.split()
        if len(fields) >= 6 and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode:
            holders.append(int(fields[4]))
    return sorted({pid for pid in holders if pid > 0})
