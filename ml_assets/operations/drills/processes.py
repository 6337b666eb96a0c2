"""Real processes on a scratch state: one that is killed, one whose disk is full, one that holds the lock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from ml_assets.errors import DrillError
from ml_assets.operations.drills.ground import Track

_LIMITED = (
    "import resource, sys\n"
    "limit = int(sys.argv.pop(1))\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
    "from ml_assets.cli import main\n"
    "main()\n"
)
_HOLDER = (
    "import sys, time\n"
    "from pathlib import Path\n"
    "from ml_assets.warehouse.lock import WarehouseLock\n"
    "with WarehouseLock(Path(sys.argv[1]), 60).exclusive():\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)
_POLL_SECONDS, _LONGEST_SECONDS = 0.002, 120.0


def selection_of(track: Track) -> list[str]:
    """What runs of a drill make, in the words of the command line: everything but new versions."""
    schemas = {asset.name.schema for asset in track.setting.graph}
    return [f"{schema}.*" for schema in ("raw", "staging", "features", "labels", "scores") if schema in schemas]


def killed_in_the_middle(track: Track) -> int:
    """Start a run and kill it with SIGKILL as soon as its first commit has changed the warehouse; its exit code."""
    before = _stamp(track)
    with subprocess.Popen(
        _command(track, [sys.executable, "-m", "ml_assets.cli"]), env=_environment(track), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + _LONGEST_SECONDS
        while _stamp(track) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        process.send_signal(signal.SIGKILL)
        return process.wait()


def run_with_small_disk(track: Track, limit: int) -> tuple[int, str]:
    """A run in a process that can write no file beyond `limit` bytes; its exit code and what it said."""
    command = _command(track, [sys.executable, "-c", _LIMITED, str(limit)])
    result = subprocess.run(
        command, env=_environment(track), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=_LONGEST_SECONDS,
    )  # fmt: skip
    return result.returncode, result.stdout


def lock_holder(track: Track) -> subprocess.Popen[str]:
    """A living process that holds the warehouse's lock until its input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(track.home.warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=_environment(track),
    )  # fmt: skip
    assert process.stdout is not None
    if process.stdout.readline().strip() != "held":
        process.kill()
        raise DrillError(
            "the process that should hold the lock did not get it", place=track.home.warehouse, expected="the lock", got="none",
            remedy="hold the drill again",
        )  # fmt: skip
    return process


def _command(track: Track, program: Sequence[str]) -> list[str]:
    return [*program, "--project", str(track.setting.project_root), "run", *selection_of(track)]


def _environment(track: Track) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("ML_ASSETS_NOW", "ML_ASSETS_PROJECT")}
    return kept | {"ML_ASSETS_HOME": str(track.home.root)}


def _stamp(track: Track) -> tuple[int, int]:
    found = track.home.warehouse.stat()
    return found.st_mtime_ns, found.st_size
