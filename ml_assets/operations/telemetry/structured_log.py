"""A listener that writes what a run does as structured log lines."""

from __future__ import annotations

import sys
import threading
from typing import TextIO

from ml_assets.graph.events import RunBegan, RunEvent
from ml_assets.operations.telemetry.daily_files import DailyFiles
from ml_assets.operations.telemetry.log_lines import lines_of

PREFIX = "run"


class StructuredLog:
    """Writes each event's lines to files, and to a stream if one is given.

    A log that cannot be written stops no run: that is said once, on standard error.
    """

    def __init__(self, files: DailyFiles, stream: TextIO | None = None) -> None:
        self._files = files
        self._stream = stream
        self._mutex = threading.Lock()
        self._lost = False

    def __call__(self, event: RunEvent) -> None:
        text = "".join(lines_of(event))
        with self._mutex:
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
            try:
                self._files.append(text, tidy=isinstance(event, RunBegan))
            except OSError as problem:
                if not self._lost:
                    self._lost = True
                    why = problem.strerror or problem
                    sys.stderr.write(f"{self._files.folder}: structured logs are not written: {why}\n")
