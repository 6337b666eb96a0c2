"""The environment of a project, looked at without writing: clock, folders, disk, lock, warehouse, packages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from ml_assets.errors import MlAssetsError
from ml_assets.operations.alerts.routes import LOG
from ml_assets.operations.causes import Cause
from ml_assets.operations.surroundings import disk_space, unbooked
from ml_assets.operations.watch import Watch
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.warehouse.lock import flock_holders
from ml_assets.warehouse.store import Warehouse

LookCause = Cause | Literal["clock", "environment"]
_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True)
class Look:
    """One thing that was looked at. `held` is None where it could not be judged; the words say why."""

    name: str
    cause: LookCause
    held: bool | None
    said: str
    numbers: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""


def environment(watch: Watch) -> Iterator[Look]:
    """Everything that can be looked at without the warehouse's content, and whether the warehouse opens."""
    yield _clock(watch)
    yield from _routes(watch)
    yield _folder(watch.context.home.root, "state folder")
    yield _folder(watch.context.home.dagster, "Dagster's folder")
    yield _disk(watch)
    yield from _lock(watch)
    waiting = unbooked(watch.context.home)
    if waiting:
        yield Look(
            "trouble that could not be booked", "lock" if waiting[-1].cause == "lock" else "disk", False, waiting[-1].summary,
            {"since": waiting[0].began_at.isoformat()}, "ml-assets incidents update",
        )  # fmt: skip


def _clock(watch: Watch) -> Look:
    home, now = watch.context.home, watch.context.now
    if not home.replays_history:
        return Look("clock", "clock", True, f"runs: {now:%Y-%m-%d %H:%M} UTC")
    by = "ML_ASSETS_NOW" if os.environ.get("ML_ASSETS_NOW") else str(home.replay_file)
    behind = round((datetime.now(UTC) - now) / timedelta(days=1), 1)
    remedy = "unset ML_ASSETS_NOW" if by == "ML_ASSETS_NOW" else f"rm {home.replay_file}"
    # Replaying history is what it is for; what lies after it is told by the tables.
    said = f"stands still at {now:%Y-%m-%d %H:%M} UTC by {by}, {abs(behind):g} days {'behind' if behind >= 0 else 'ahead of'} the machine's"
    return Look("clock", "clock", True, said, {"days_behind": behind}, remedy)


def _routes(watch: Watch) -> Iterator[Look]:
    """Monitors that want a route which this profile does not declare: their incidents go to the log alone."""
    declared = watch.profile.alert_routes
    for declaration in watch.graph.project.declarations:
        spec = declaration.spec
        if isinstance(spec, MonitorSpec) and spec.alert is not None and spec.alert not in (*declared, LOG):
            known = ", ".join(sorted(declared)) or "none"
            yield Look(
                f"alert route of {spec.name}", "environment", False,
                f"{declaration.place_of('alert')}: the profile has no alert route {spec.alert!r} (it has: {known}); its incidents go to the log",
                remedy="ml-assets profile",
            )  # fmt: skip


def _folder(folder: Path, name: str) -> Look:
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if os.access(existing, os.W_OK | os.X_OK):
        return Look(name, "environment", True, f"can be written: {folder}")
    return Look(
        name,
        "environment",
        False,
        f"cannot be written by this user: {existing}",
        remedy=f"give this user the right to write to {existing}",
    )


def _disk(watch: Watch) -> Look:
    total, free = disk_space(_existing(watch.context.home.root))
    share, limit = free / total, watch.operations.free_disk
    said = f"{free / 1e9:.1f} GB of {total / 1e9:.1f} GB free ({share:.1%}, limit {limit:.1%})"
    numbers = {"free_bytes": free, "free_share": round(share, 4), "limit": limit}
    return Look("disk", "disk", share >= limit, said, numbers, f"du -sh {watch.context.home.root}/*")


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _lock(watch: Watch) -> Iterator[Look]:
    path = watch.context.home.warehouse
    if not path.exists():
        yield Look("warehouse", "environment", None, f"there is none yet: {path}", remedy="ml-assets run")
        return
    holders = [pid for pid in flock_holders(path.with_suffix(".lock")) if pid != os.getpid()]
    try:
        with quick(watch).context.warehouse.reading() as bench:
            count = bench.value("select count(*) from wh.ops.manifest")
    except MlAssetsError as problem:
        cause: LookCause = "lock" if problem.transient else "environment"
        who = ", ".join(map(_process, holders)) or "nobody that this system names"
        yield Look(
            "warehouse",
            cause,
            False,
            f"{problem.subject}; held by {who}",
            {"holders": holders},
            str(problem.remedy or ""),
        )
        return
    yield Look("warehouse", "environment", True, f"opens: {path}, {count} partitions in its manifest")
    said = f"held by {', '.join(map(_process, holders))}, and let go when asked for" if holders else "held by nobody"
    yield Look("lock", "lock", True, said, {"holders": holders})


def _process(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline")
    words = command.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:80] if command.exists() else ""
    return f"process {pid}{f' ({words})' if words else ''}"


def quick(watch: Watch) -> Watch:
    """The same project, with little patience for the lock: who asks what is wrong must not wait for what is wrong."""
    warehouse = watch.context.warehouse
    settings = replace(warehouse.settings, deadline_seconds=min(_PATIENCE_SECONDS, warehouse.settings.deadline_seconds))
    impatient = Warehouse(warehouse.path, warehouse.scratch.root, settings)
    return replace(watch, context=replace(watch.context, warehouse=impatient))
