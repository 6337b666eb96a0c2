"""The machine below: how much of the disk is free, who holds the warehouse, and what could not be written into its books."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from ml_assets.errors import MlAssetsError, shortened
from ml_assets.operations.signals import Signal, cause_of_message
from ml_assets.operations.watch import Watch
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.store import Workbench


def disk_signals(_bench: Workbench, watch: Watch) -> Iterator[Signal]:
    """That less than the declared share of the state folder's disk is free; an error below a tenth of that share."""
    total, free = disk_space(watch.context.home.root)
    share, limit = free / total, watch.operations.free_disk
    if share < limit:
        yield Signal(
            "disk", "disk_has_space", "disk", "error" if share < limit / 10 else "warn", watch.context.now,
            f"{free / 1e9:.1f} GB of {total / 1e9:.1f} GB are free below the state folder ({share:.1%}, limit {limit:.1%})",
            numbers={"free_bytes": free, "total_bytes": total, "free_share": share, "limit": limit},
        )  # fmt: skip


def disk_space(folder: Path) -> tuple[int, int]:
    """Bytes of the disk that holds a folder, and how many of them are free to this user."""
    usage = shutil.disk_usage(folder)
    return usage.used + usage.free, usage.free


def unbooked_file(home: Home) -> Path:
    """Where trouble is kept that could not be written into the warehouse, because the warehouse itself was the trouble."""
    return home.logs / "unbooked.jsonl"


def keep_unbooked(watch_home: Home, signal: Signal) -> bool:
    """Keep a signal for the next look that reaches the warehouse; False where it is kept already."""
    path = unbooked_file(watch_home)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {kept.key for kept in unbooked(watch_home)}
    if signal.key in known:
        return False
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(signal.to_json(), default=str) + "\n")
    return True


def unbooked(home: Home) -> list[Signal]:
    """What is waiting to be booked, oldest first."""
    path = unbooked_file(home)
    if not path.exists():
        return []
    return [Signal.from_json(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]


def signal_of_problem(problem: Exception, watch: Watch) -> Signal | None:
    """The signal of a command that could not be carried out, where the cause is the machine's: a held lock or a full disk."""
    code = problem.code if isinstance(problem, MlAssetsError) else type(problem).__name__
    cause = cause_of_message(code, str(problem))
    if cause not in ("lock", "disk"):
        return None
    said = problem.subject if isinstance(problem, MlAssetsError) else str(problem)
    return Signal(
        "lock", f"warehouse_can_be_used_{cause}", cause, "error", watch.context.now, shortened(said, 300), code=code
    )
