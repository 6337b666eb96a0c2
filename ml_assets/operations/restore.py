"""Restoring a backup: checked file by file while it is copied, put in place as a whole, and proved afterwards."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from ml_assets.errors import BackupError
from ml_assets.operations.backup_manifest import NAME, BackupManifest, damaged, warehouse_facts
from ml_assets.operations.containers import STATE, Seen, hashed_copy, members_of, require_room
from ml_assets.warehouse.asset import Progress
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.lock import WarehouseLock
from ml_assets.warehouse.store import Warehouse

_LOCKS = ("warehouse.lock", "warehouse.gate")


@dataclass(frozen=True)
class RestoreReport:
    """What stands at `home` now. `moved_aside`: where the state that was there is; `manifest`: what it was restored from."""

    home: Path
    backup: Path
    manifest: BackupManifest
    seconds: float
    moved_aside: Path | None

    def to_json(self) -> dict[str, Any]:
        facts = asdict(self.manifest)
        files = facts.pop("files")
        return {
            "home": str(self.home), "backup": str(self.backup), "seconds": round(self.seconds, 3),
            "moved_aside": str(self.moved_aside) if self.moved_aside else None,
            "files": len(files), "bytes": self.manifest.bytes, "manifest": facts,
        }  # fmt: skip


def faults_of(backup: Path, progress: Callable[[int], None] = lambda _done: None) -> list[str]:
    """What of a backup is not as its manifest says, in words; empty for a good one. `progress` gets the bytes read."""
    return _Reading(backup, progress).faults(into=None)[1]


def manifest_of_backup(backup: Path) -> BackupManifest:
    """What a backup says it holds, not verified."""
    with members_of(backup) as members:
        for name, content in members:
            if name == NAME:
                return BackupManifest.from_text(content.read().decode(errors="replace"), str(backup))
    raise damaged(backup, [f"{NAME} is missing"])


def restore(backup: Path, home: Home, *, replace: bool, progress: Progress) -> RestoreReport:
    """Put a backup where `home` is. A state that is there is refused, or with `replace` moved aside; nothing is removed.

    Every file is hashed while it is copied beside the target; only a whole and unharmed state takes the place. Raises
    `BackupError` that names what is damaged, and when the disk has no room.
    """
    started = time.monotonic()
    occupied = home.root.exists() and any(home.root.iterdir())
    if occupied and not replace:
        raise BackupError(
            "there is a state already", place=home.root, expected="an empty folder, or none", got="files",
            remedy="restore elsewhere with --to, or give --replace: what is there is moved aside, not removed",
        )  # fmt: skip
    size = manifest_of_backup(backup).bytes
    require_room(home.root.parent, size, "the restored state")
    with _beside(home.root) as arriving:
        manifest, faults = _Reading(backup, lambda done: progress("restore", done, size)).faults(into=arriving)
        if faults:
            raise damaged(backup, faults)
        moved = _put_in_place(arriving, home, occupied=occupied)
    return RestoreReport(home.root, backup, manifest, time.monotonic() - started, moved)


def differences(warehouse: Warehouse, manifest: BackupManifest) -> list[str]:
    """What a restored warehouse says otherwise than it did when it was backed up, in words; empty when nothing."""
    if manifest.warehouse is None:
        return []
    with warehouse.reading() as bench:
        now = warehouse_facts(bench)
    before = manifest.warehouse
    tables = [
        f"{table}: {before.tables.get(table, 0):,} rows then, {now.tables.get(table, 0):,} now"
        for table in sorted({*before.tables, *now.tables})
        if before.tables.get(table, 0) != now.tables.get(table, 0)
    ]
    return [*(["the manifest of the warehouse differs"] if now.manifest != before.manifest else []), *tables]


def newly_out_of_date(now: Mapping[str, str], manifest: BackupManifest) -> dict[str, str]:
    """Asset → why a run would make it, as far as it would not have done so when the backup was made."""
    before = manifest.out_of_date or {}
    return {asset: why for asset, why in now.items() if before.get(asset) != why}


class _Reading:
    """One pass over a backup: hashes every file, and copies it where asked."""

    def __init__(self, backup: Path, progress: Callable[[int], None]) -> None:
        self._backup, self._progress = backup, progress
        self._done = 0
        self._found: dict[str, tuple[int, str]] = {}
        self._manifest: BackupManifest | None = None

    def faults(self, into: Path | None) -> tuple[BackupManifest, list[str]]:
        with members_of(self._backup) as members:
            for name, content in members:
                if name == NAME:
                    self._manifest = BackupManifest.from_text(
                        content.read().decode(errors="replace"), str(self._backup)
                    )
                elif name.startswith(f"{STATE}/"):
                    path = name.removeprefix(f"{STATE}/")
                    self._found[path] = _taken(content, into / path if into else None, self._seen)
        if self._manifest is None:
            raise damaged(self._backup, [f"{NAME} is missing: it was not written to its end"])
        return self._manifest, list(self._compared(self._manifest))

    def _compared(self, manifest: BackupManifest) -> Iterator[str]:
        for file in manifest.files:
            found = self._found.pop(file.path, None)
            if found is None:
                yield f"{file.path} is missing"
            elif found[0] != file.bytes:
                yield f"{file.path} has {found[0]:,} bytes instead of {file.bytes:,}"
            elif found[1] != file.sha256:
                yield f"{file.path} has another content"
        yield from (f"{path} is not in the manifest" for path in self._found)

    def _seen(self, count: int) -> None:
        self._done += count
        self._progress(self._done)


def _taken(content: IO[bytes], target: Path | None, seen: Seen) -> tuple[int, str]:
    if target is None:
        return hashed_copy(content, None, None, seen)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as writing:
        found = hashed_copy(content, writing, None, seen)
        writing.flush()
        os.fsync(writing.fileno())
    return found


@contextmanager
def _beside(root: Path) -> Iterator[Path]:
    """A folder on the same disk, gone afterwards unless it was put in place."""
    arriving = root.with_name(f".{root.name}.arriving-{os.getpid()}")
    arriving.mkdir(parents=True)
    try:
        yield arriving
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def _put_in_place(arriving: Path, home: Home, *, occupied: bool) -> Path | None:
    """Rename; what stood there gets another name. Nobody writes or reads meanwhile."""
    if not occupied:
        if home.root.exists():
            home.root.rmdir()
        arriving.rename(home.root)
        return None
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    aside = home.root.with_name(f"{home.root.name}.before-restore-{stamp}-{os.getpid()}")
    with WarehouseLock(home.warehouse, deadline_seconds=60).exclusive():
        # The same lock files in both: who waits for the lock now, and who asks for it later, meet at one inode.
        for name in _LOCKS:
            os.link(home.root / name, arriving / name)
        home.root.rename(aside)
        arriving.rename(home.root)
    return aside
