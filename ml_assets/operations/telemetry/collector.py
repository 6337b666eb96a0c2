"""Readings for a scrape: taken when something may have changed, kept for when the warehouse cannot be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ml_assets import __version__
from ml_assets.errors import MlAssetsError
from ml_assets.graph.compile import Graph
from ml_assets.operations.telemetry.books import read_books
from ml_assets.operations.telemetry.present import read_present, read_surroundings
from ml_assets.operations.telemetry.readings import Reading
from ml_assets.warehouse.asset import RunContext

_CLOCK_STEP = timedelta(seconds=60)
_MOST_SECONDS_FOR_PRESENT = 60.0


@dataclass(frozen=True)
class _Kept:
    """The last reading of the warehouse, and of which state of the file and hour of the clock it is."""

    stamp: tuple[int, int]
    clock: datetime
    at: float
    reading: Reading


class Collector:
    """Gives a reading at any time, within the warehouse's deadline at worst.

    `context` makes a context with the present clock. An unchanged file is not opened again for a minute. Where it cannot
    be read (locked, damaged, not there yet), the last values are given and `exporter_warehouse_readable` is 0.
    """

    def __init__(self, context: Callable[[], RunContext], graph: Graph, fresh_for: str) -> None:
        self._context, self._graph, self._fresh_for = context, graph, fresh_for
        self._kept: _Kept | None = None
        self._mutex = threading.Lock()
        self.problem = ""

    def reading(self) -> Reading:
        """What is known now."""
        context = self._context()
        # Of several scrapes at once one reads; the others are not to queue behind it.
        if self._mutex.acquire(blocking=self._kept is None):
            try:
                self._read_if_needed(context)
            finally:
                self._mutex.release()
        found = read_surroundings(context.home.root, context.warehouse.path)
        found.put("build", 1, __version__)
        found.put("clock_timestamp_seconds", context.now.timestamp())
        found.put("exporter_warehouse_readable", int(not self.problem))
        return found if self._kept is None else self._kept.reading.including(found)

    def _read_if_needed(self, context: RunContext) -> None:
        path = context.warehouse.path
        if not path.exists():
            self.problem = f"{path}: there is no warehouse yet"
            return
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        kept = self._kept
        fresh = kept is not None and kept.stamp == stamp and abs(context.now - kept.clock) < _CLOCK_STEP
        if kept is not None and fresh and time.monotonic() - kept.at < _MOST_SECONDS_FOR_PRESENT:
            self.problem = ""
            return
        try:
            self._kept = _Kept(stamp, context.now, time.monotonic(), self._read(context))
            self.problem = ""
        except MlAssetsError as problem:
            self.problem = str(problem)

    def _read(self, context: RunContext) -> Reading:
        began = time.monotonic()
        with context.warehouse.reading() as bench:
            books = read_books(bench, context, self._graph)
            reading = books.including(read_present(bench, context, self._graph, self._fresh_for))
        reading.put("exporter_read_duration_seconds", time.monotonic() - began)
        reading.put("exporter_last_read_timestamp_seconds", datetime.now(UTC).timestamp())
        return reading
