"""Readings for a scrape: taken when something may have changed, kept for when the warehouse cannot be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ml_assets import __version__
from ml_assets.errors import MlAssetsError
from ml_assets.graph.compile import Graph
from ml_assets.operations.telemetry.books import read_books
from ml_assets.operations.telemetry.present import read_present, read_surroundings
from ml_assets.operations.telemetry.readings import Reading
from ml_assets.warehouse.asset import RunContext

_CLOCK_STEP = timedelta(seconds=60)
_PRESENT_SECONDS = 60.0


@dataclass(frozen=True)
class _Kept:
    """The last readings: of which state of the file, and at which hours of both clocks."""

    stamp: tuple[int, int]
    books: Reading
    clock: datetime
    at: float
    present: Reading


class Collector:
    """Gives a reading at any time, within the warehouse's deadline at worst.

    `context` makes a context with the present clock. Books are read again when the file has changed, what changes with
    time alone once a minute. Where it cannot be read (locked, damaged, not there yet), the last values are given and
    `exporter_warehouse_readable` is 0.
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
        kept = self._kept
        return found if kept is None else kept.books.including(kept.present).including(found)

    def _read_if_needed(self, context: RunContext) -> None:
        path = context.warehouse.path
        if not path.exists():
            self.problem = f"{path}: there is no warehouse yet"
            return
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        kept = self._kept
        recent = (
            kept is not None and abs(context.now - kept.clock) < _CLOCK_STEP
            and time.monotonic() - kept.at < _PRESENT_SECONDS
        )  # fmt: skip
        if kept is None or not recent or kept.stamp != stamp:
            try:
                self._kept = self._read(context, stamp, kept if recent else None)
            except MlAssetsError as problem:
                self.problem = str(problem)
                return
        self.problem = ""

    def _read(self, context: RunContext, stamp: tuple[int, int], recent: _Kept | None) -> _Kept:
        began = time.monotonic()
        with context.warehouse.reading() as bench:
            books = read_books(bench, context, self._graph)
            present = recent.present if recent else read_present(bench, context, self._graph, self._fresh_for)
        books.put("exporter_read_duration_seconds", time.monotonic() - began)
        books.put("exporter_last_read_timestamp_seconds", datetime.now(UTC).timestamp())
        if recent is not None:
            return replace(recent, stamp=stamp, books=books)
        return _Kept(stamp, books, context.now, time.monotonic(), present)
