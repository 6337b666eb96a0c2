"""Setting up Dagster's databases, which two processes must not do at once."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class _Held(threading.local):
    """Folders that this thread holds: it would wait for itself."""

    def __init__(self) -> None:
        self.held: set[Path] = set()


_HERE = _Held()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """One thread of one process at a time; nests.

    Two that make the same database would both stamp its version, and break it for ever.
    """
    place = folder.resolve()
    if place in _HERE.held:
        yield
        return
    place.mkdir(parents=True, exist_ok=True)
    with (place / "setup.lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _HERE.held.add(place)
        try:
            yield
        finally:
            _HERE.held.discard(place)
