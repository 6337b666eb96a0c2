"""Who listens to a run: the structured log always, traces where the environment asks for them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ml_assets.errors import DeclarationError
from ml_assets.graph.events import Listener, RunEvent
from ml_assets.operations.telemetry.daily_files import DailyFiles
from ml_assets.operations.telemetry.destinations import ENDPOINTS, TRACES, traces_wanted
from ml_assets.operations.telemetry.structured_log import PREFIX, StructuredLog
from ml_assets.warehouse.home import Home

LOG_FORMAT = "ML_ASSETS_LOG"


class Listening:
    """Several listeners as one; `close` hands over what they still hold."""

    def __init__(self, home: Home, environment: Mapping[str, str], *, to_stderr: bool) -> None:
        log = StructuredLog(DailyFiles(home.logs, PREFIX), sys.stderr if to_stderr else None)
        self._listeners: list[Listener] = [log]
        self._closers: list[Callable[[], None]] = []
        if traces_wanted(environment):
            self._trace(home, environment)

    def __call__(self, event: RunEvent) -> None:
        for listener in self._listeners:
            listener(event)

    def close(self) -> None:
        for close in self._closers:
            close()

    def _trace(self, home: Home, environment: Mapping[str, str]) -> None:
        try:
            from ml_assets.operations.telemetry.tracing import RunTracer, processors_of
        except ModuleNotFoundError as problem:
            wanted = [name for name in (TRACES, *ENDPOINTS) if environment.get(name)]
            raise DeclarationError(
                "traces are asked for, and OpenTelemetry is not installed", place=f"${wanted[0]}", expected="the extra `otel`",
                got=problem, remedy="pip install 'ml-assets[otel]', or unset the variable",
            ) from problem  # fmt: skip
        tracer = RunTracer(processors_of(environment, DailyFiles(home.logs, "traces")))
        self._listeners.append(tracer)
        self._closers.append(tracer.close)


@contextmanager
def listening(home: Home, *, to_stderr: bool = False) -> Iterator[Listener]:
    """For one run: a listener as the environment asks for it, closed afterwards; log lines also `to_stderr`."""
    found = Listening(home, os.environ, to_stderr=to_stderr)
    try:
        yield found
    finally:
        found.close()


@cache
def process_listener(root: Path) -> Listening:
    """For steps that Dagster runs: one listener of a state folder for as long as the process lives."""
    return Listening(Home(root), os.environ, to_stderr=os.environ.get(LOG_FORMAT) == "json")
