"""Real processes on a scratch state: one that is killed, one whose disk is full, one that holds the lock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb

from ml_assets.errors import DrillError, MlAssetsError
from ml_assets.graph.compile import compile_graph
from ml_assets.graph.locate import find_project
from ml_assets.graph.profile import load_profile
from ml_assets.graph.project import load_project
from ml_assets.graph.run import run_graph
from ml_assets.operations.drills.ground import Track, trains
from ml_assets.operations.surroundings import keep_unbooked, signal_of_problem
from ml_assets.operations.watch import Watch
from ml_assets.sql_files import sql_root
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.store import Warehouse

# Not the command line: that would tell people of what happens here.
_RUN = "import sys; from ml_assets.operations.drills.processes import run_alone; sys.exit(run_alone(*sys.argv[1:]))"
_HOLDER = (
    "import sys, time\n"
    "from pathlib import Path\n"
    "from ml_assets.warehouse.lock import WarehouseLock\n"
    "with WarehouseLock(Path(sys.argv[1]), 60).exclusive():\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)
_POLL_SECONDS, _LONGEST_SECONDS = 0.002, 120.0


def run_alone(project_root: str, state: str, limit: str = "0") -> int:
    """In a process of its own: bring a scratch state up to date, all but new versions; 1 when something failed.

    With a limit no file can grow beyond so many bytes. A machine in trouble is noted beside the warehouse, as by any run.
    """
    import resource

    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    folder = find_project(Path(project_root))
    graph = compile_graph(load_project(folder.defs, sql_root(folder.root), folder.root))
    home, profile = Home(Path(state)), load_profile(folder.root)
    warehouse = Warehouse(home.warehouse, home.scratch, profile.engine)
    context = RunContext(warehouse, home, sql_root(folder.root), home.clock()(), "drill", log=sys.stderr.write)
    try:
        report = run_graph(context, [asset for asset in graph if not trains(asset)])
    except (MlAssetsError, OSError, duckdb.Error) as problem:
        sys.stderr.write(f"{problem}\n")
        note_trouble(Watch(context, graph, profile.spec), problem)
        return 1
    sys.stderr.writelines(f"{message}\n" for message in report.failures.values())
    return 1 if report.failures else 0


def note_trouble(watch: Watch, problem: Exception) -> None:
    """What could not be written into the books, for the next look that reaches the warehouse."""
    signal = signal_of_problem(problem, watch)
    if signal is not None:
        keep_unbooked(watch.context.home, signal)


def killed_in_the_middle(track: Track) -> int:
    """Start a run and kill it with SIGKILL as soon as its first commit has changed the warehouse; its exit code."""
    before = _stamp(track)
    with subprocess.Popen(
        _command(track), env=_environment(track), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + _LONGEST_SECONDS
        while _stamp(track) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        process.send_signal(signal.SIGKILL)
        return process.wait()


def run_with_small_disk(track: Track, limit: int) -> tuple[int, str]:
    """A run in a process that can write no file beyond `limit` bytes; its exit code and what it said."""
    result = subprocess.run(
        [*_command(track), str(limit)], env=_environment(track), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
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


def _command(track: Track) -> list[str]:
    return [sys.executable, "-c", _RUN, str(track.setting.project_root), str(track.home.root)]


def _environment(track: Track) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("ML_ASSETS_NOW", "ML_ASSETS_PROJECT")}
    return kept | {"ML_ASSETS_HOME": str(track.home.root)}


def _stamp(track: Track) -> tuple[int, int]:
    found = track.home.warehouse.stat()
    return found.st_mtime_ns, found.st_size
