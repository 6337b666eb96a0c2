"""A fair lock between processes: many readers or one writer, with a deadline and a known holder.

DuckDB itself refuses a second process at once. So every access goes through two `flock` files first: `gate` lets a
waiting writer hold back new readers (otherwise steady reading would starve it), `main` is what readers share and a
writer owns. The kernel drops both when a process dies, however it dies.
"""

from __future__ import annotations

import fcntl
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_assets.errors import WarehouseLockedError

_POLL_SECONDS = 0.002
_POLL_LIMIT_SECONDS = 0.05


class WarehouseLock:
    """Shared or exclusive access to one warehouse file, among processes and threads; re-entrant for readers."""

    def __init__(self, warehouse: Path, deadline_seconds: float) -> None:
        self._main = warehouse.with_suffix(".lock")
        self._gate = warehouse.with_suffix(".gate")
        self._warehouse = warehouse
        self._deadline_seconds = deadline_seconds
        self._held = threading.local()
        self.waited_seconds = 0.0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold off writers. Nested use in one thread takes no second lock, so it cannot wait for itself."""
        depth = getattr(self._held, "readers", 0)
        if depth or getattr(self._held, "writing", False):
            self._held.readers = depth + 1
            try:
                yield
            finally:
                self._held.readers = depth
            return
        with self._locked(fcntl.LOCK_SH):
            self._held.readers = 1
            try:
                yield
            finally:
                self._held.readers = 0

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Be alone. Asking for it while this thread reads would wait for itself and is refused."""
        if getattr(self._held, "readers", 0) or getattr(self._held, "writing", False):
            raise RuntimeError("commit inside a reading block of the same thread: leave the block first")
        with self._locked(fcntl.LOCK_EX):
            self._held.writing = True
            try:
                yield
            finally:
                self._held.writing = False

    @contextmanager
    def _locked(self, mode: int) -> Iterator[None]:
        self._main.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        gate = os.open(self._gate, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        main = os.open(self._main, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._wait_for(gate, mode, started)
            self._wait_for(main, mode, started)
            os.close(gate)
            gate = -1
            self.waited_seconds += time.monotonic() - started
            yield
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
                time.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(pause * 1.5, _POLL_LIMIT_SECONDS)

    def _locked_error(self, waited: float) -> WarehouseLockedError:
        holders = flock_holders(self._main) or flock_holders(self._gate)
        who = ", ".join(f"process {pid}" for pid in holders) or "a process that could not be named"
        return WarehouseLockedError(
            f"the warehouse {self._warehouse.name} is held by {who}",
            place=self._warehouse,
            expected=f"the lock within {self._deadline_seconds:g} s",
            got=f"still held after {waited:.1f} s",
            remedy="wait for that process or stop it, then run again; nothing was written",
        )


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
