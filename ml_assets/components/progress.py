"""Progress of a step: a line in Dagster's log every few seconds, and every report to whoever listens in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from ml_assets.warehouse.asset import Progress

_SECONDS_BETWEEN_LINES = 5.0
_listeners: list[Progress] = []


@contextmanager
def listening(listener: Progress) -> Iterator[None]:
    """Call `listener(label, done, total)` for all progress of in-process runs inside the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def step_progress(log: dg.DagsterLogManager) -> Progress:
    """Tell listeners at once, and the log when enough time has passed since its last line."""
    last = time.monotonic()

    def report(label: str, done: int, total: int) -> None:
        nonlocal last
        for listener in _listeners:
            listener(label, done, total)
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            log.info("%s: %s of %s", label, f"{done:,}", f"{total:,}")

    return report
