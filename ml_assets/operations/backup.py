"""Backup of the whole state: warehouse, landing files, training rows, reports, Dagster's instance, the clock."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ml_assets.errors import BackupError
from ml_assets.graph.plan import out_of_date
from ml_assets.operations.backup_manifest import BackedUpFile, BackupManifest, WarehouseFacts, warehouse_facts
from ml_assets.operations.containers import Container, container_at, require_room
from ml_assets.operations.restore import faults_of
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.home import Home

# What is made anew by itself: scratch, and the locks of living processes.
LEFT_OUT = ("scratch", "warehouse.lock", "warehouse.gate")
_UNFINISHED = (".tmp", ".part")
_SQLITE_BESIDE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class BackupReport:
    """What was written. `locked_seconds`: how long a writer could have waited; readers went on all the time."""

    backup: Path
    files: int
    bytes: int
    seconds: float
    locked_seconds: float
    warehouse: WarehouseFacts | None
    changed: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"backup": str(self.backup)}


@dataclass(frozen=True)
class Inventory:
    """The files of a state, relative to its folder: those of the warehouse, Dagster's SQLite files, and all others."""

    warehouse: tuple[str, ...]
    databases: tuple[str, ...]
    others: tuple[str, ...]
    bytes: int


def inventory_of(home: Home) -> Inventory:
    """What a backup of `home` would hold; unfinished files and what belongs to living processes are left out."""
    warehouse, databases, others, size = [], [], [], 0
    for name, count in sorted(_files(home.root)):
        in_dagster = name.startswith("dagster/")
        if in_dagster and name.endswith(_SQLITE_BESIDE):
            continue
        size += count
        if name.startswith(home.warehouse.name):
            warehouse.append(name)
        elif in_dagster and name.endswith(".db"):
            databases.append(name)
        else:
            others.append(name)
    return Inventory(tuple(warehouse), tuple(databases), tuple(others), size)


def _files(root: Path) -> Iterator[tuple[str, int]]:
    """(path relative to the root, bytes). A run may go on meanwhile: what leaves while it is listed is not there."""
    for folder, folders, names in os.walk(root):
        if folder == str(root):
            folders[:] = [name for name in folders if name not in LEFT_OUT]
            names = [name for name in names if name not in LEFT_OUT and not name.startswith("warehouse.new-")]
        for path in (Path(folder, name) for name in names if not name.endswith(_UNFINISHED)):
            with suppress(FileNotFoundError):
                found = path.stat()
                if stat.S_ISREG(found.st_mode):
                    yield path.relative_to(root).as_posix(), found.st_size


def back_up(context: RunContext, assets: Sequence[TableAsset] | None, target: Path) -> BackupReport:
    """Write the whole state to a new folder or `.tar` file, then read it again and compare every hash.

    The warehouse is copied while no commit can happen; readers go on, writers wait for that long. Dagster's databases are
    copied by SQLite itself. `assets` are those of the project, None where its declarations cannot be read. Raises
    `BackupError` when the disk has no room, the target exists, or what was written does not read back.
    """
    started = time.monotonic()
    target = target.absolute()
    if target.is_relative_to(context.home.root.resolve()):
        raise BackupError(
            "a backup inside the state would be part of the next one", place=target, expected="a target outside of it",
            got=context.home.root, remedy="name another folder, best on another disk",
        )  # fmt: skip
    inventory = inventory_of(context.home)
    require_room(target.parent, inventory.bytes, "the backup")
    work = _Work(context, inventory)
    with container_at(target) as container:
        manifest, locked = work.write(container, assets)
    faults = faults_of(target, lambda done: context.progress("verify", done, manifest.bytes))
    if faults:
        target.rename(target.with_name(f"{target.name}.damaged"))
        raise BackupError(
            "what was written does not read back", place=target, expected=f"{len(manifest.files)} files as they were", examples=faults,
            got=f"{len(faults)} faults; it was renamed to {target.name}.damaged", remedy="look at the disk; write to another one",
        )  # fmt: skip
    return BackupReport(
        target, len(manifest.files), manifest.bytes, time.monotonic() - started, locked, manifest.warehouse, manifest.changed
    )  # fmt: skip


class _Work:
    def __init__(self, context: RunContext, inventory: Inventory) -> None:
        self._context, self._inventory = context, inventory
        self._done = 0
        self._files: list[BackedUpFile] = []
        self._changed: list[str] = []

    def write(self, container: Container, assets: Sequence[TableAsset] | None) -> tuple[BackupManifest, float]:
        """Copy everything; the manifest, and how long commits were held off."""
        facts, stale, locked = self._warehouse(container, assets)
        self._databases(container)
        for name in self._inventory.others:
            self._add(container, name, self._context.home.root / name)
        manifest = BackupManifest(
            datetime.now(UTC).isoformat(), self._context.now.isoformat(), self._context.package_version,
            tuple(sorted(self._files, key=lambda file: file.path)), facts, stale, tuple(self._changed),
        )  # fmt: skip
        container.conclude(manifest.to_text())
        return manifest, locked

    def _warehouse(
        self, container: Container, assets: Sequence[TableAsset] | None
    ) -> tuple[WarehouseFacts | None, dict[str, str] | None, float]:
        home = self._context.home
        if not home.warehouse.exists():
            return None, None, 0.0
        with self._context.warehouse.reading() as bench:
            begun = time.monotonic()
            facts = warehouse_facts(bench)
            stale = None if assets is None else reasons(out_of_date(bench, self._context, assets))
            # Named again: what a commit left beside the file may have come or gone since the inventory.
            for path in sorted(home.root.glob(f"{home.warehouse.name}*")):
                self._add(container, path.name, path)
            return facts, stale, time.monotonic() - begun

    def _databases(self, container: Container) -> None:
        with TemporaryDirectory(dir=container.target.parent, prefix=".sqlite-") as folder:
            for number, name in enumerate(self._inventory.databases):
                copy = Path(folder) / str(number)
                source = self._context.home.root / name
                if not source.exists():
                    continue
                with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading, closing(sqlite3.connect(copy)) as writing:  # fmt: skip
                    reading.backup(writing)
                shutil.copystat(source, copy)
                self._add(container, name, copy)

    def _add(self, container: Container, name: str, source: Path) -> None:
        try:
            before = source.stat()
            size, sha256 = container.add(name, source, self._seen)
            after = source.stat()
        except FileNotFoundError:
            # It left while others were copied, as a compute log may; what the manifest names is what was there.
            return
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) and name.startswith("landing/"):
            self._changed.append(name)
        self._files.append(BackedUpFile(name, size, sha256))

    def _seen(self, count: int) -> None:
        self._done += count
        self._context.progress("copy", min(self._done, self._inventory.bytes), self._inventory.bytes)


def reasons(stale: dict[str, dict[str, str]]) -> dict[str, str]:
    """Asset → one line of why a run would make it."""
    return {
        asset: "; ".join(sorted({f"{key}: {why}" if key else why for key, why in keys.items()}))
        for asset, keys in sorted(stale.items())
    }


def default_target(home: Home) -> Path:
    """Beside the state folder: `<state>-backups/<UTC time>`."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    return home.root.parent / f"{home.root.name}-backups" / f"{stamp}-{os.getpid()}"
