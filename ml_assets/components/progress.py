"""Progress of a step: a line in Dagster's log every few seconds."""

from __future__ import annotations

import time

import dagster as dg

from ml_assets.warehouse.asset import Progress

_SECONDS_BETWEEN_LINES = 5.0


def step_progress(log: dg.DagsterLogManager) -> Progress:
    """Tell the log when enough time has passed since its last line."""
    last = time.monotonic()

    def report(label: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            log.info("%s: %s of %s", label, f"{done:,}", f"{total:,}")

    return report
