"""Lines in files that stay bounded: one file a UTC day, cut by size, old ones removed."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path


@dataclass(frozen=True)
class FileLimits:
    """How much is kept: `file_bytes` until a file is cut, `days` until it goes, `total_bytes` of all files together."""

    file_bytes: int = 10_000_000
    days: int = 30
    total_bytes: int = 100_000_000


class DailyFiles:
    """Files `<folder>/<prefix>-<UTC date>.jsonl`, to which several processes may append at once."""

    def __init__(self, folder: Path, prefix: str, limits: FileLimits | None = None) -> None:
        self.folder = folder
        self._prefix = prefix
        self._limits = limits or FileLimits()

    def append(self, text: str, *, tidy: bool = False) -> None:
        """Add whole lines to today's file; with `tidy`, and when a file is cut, remove what is too old or too much.

        Raises OSError where the folder cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        today = datetime.now(UTC).date()
        path = self.folder / f"{self._prefix}-{today}.jsonl"
        with self._alone():
            if path.exists() and path.stat().st_size >= self._limits.file_bytes:
                path.rename(self._part(today))
                tidy = True
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
            if tidy:
                self._tidy(today)

    def paths(self) -> list[Path]:
        """The files, oldest first; of one day the numbered parts before the open file."""

        def age(path: Path) -> tuple[str, str]:
            day, _, part = path.name.removesuffix(".jsonl").partition(".")
            return day, part or "~"

        return sorted(self.folder.glob(f"{self._prefix}-*.jsonl"), key=age)

    def _part(self, day: date) -> Path:
        """Where a full file of this day goes: parts are numbered from the oldest on."""
        taken = [int(path.name.split(".")[1]) for path in self.folder.glob(f"{self._prefix}-{day}.*.jsonl")]
        return self.folder / f"{self._prefix}-{day}.{max(taken, default=0) + 1:03}.jsonl"

    def _tidy(self, today: date) -> None:
        files = self.paths()
        oldest = f"{self._prefix}-{today - timedelta(days=self._limits.days)}"
        total = sum(path.stat().st_size for path in files)
        for path in files[:-1]:
            if path.name >= oldest and total <= self._limits.total_bytes:
                return
            total -= path.stat().st_size
            path.unlink()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder / ".lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
