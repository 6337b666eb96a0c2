"""Timing real processes: wall seconds and peak memory, each in a fresh interpreter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Timed:
    """Wall seconds and peak resident megabytes of one process."""

    seconds: float
    megabytes: float


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Timed:
    """Run to the end; a failure shows the process's own words and stops the measurement."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "DO_NOT_TRACK": "1", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.stderr.write(output.decode(errors="replace"))
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Timed(seconds, usage.ru_maxrss / 1024)


def ml_assets(*words: str) -> list[str]:
    """The command line of this project, in this interpreter."""
    return [sys.executable, "-m", "ml_assets.cli", "--project", str(ROOT), *words]


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def spread(values: Sequence[float]) -> str:
    """Median with the smallest and largest value."""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


__all__ = ["ROOT", "Timed", "fresh", "ml_assets", "run", "spread"]
