"""Progress on a terminal: one line an asset. Without a terminal, nothing but the summary is printed."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self


class Terminal:
    """Shows `progress(label, done, total)` as bars; silent when quiet or not on a terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._bars = None
        self._tasks: dict[str, int] = {}
        if quiet or not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description:<42}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn(),
            console=Console(stderr=True), transient=False,
        )  # fmt: skip

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def progress(self, label: str, done: int, total: int) -> None:
        """A step has done `done` of `total` pieces of work."""
        if self._bars is None:
            return
        from rich.progress import TaskID

        if label not in self._tasks:
            self._tasks[label] = int(self._bars.add_task(label, total=total))
        self._bars.update(TaskID(self._tasks[label]), completed=done, total=total)
