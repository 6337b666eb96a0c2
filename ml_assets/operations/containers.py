"""What a backup lies in: a folder or one tar file. Written under another name and renamed when it is whole."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Self

from ml_assets.errors import BackupError
from ml_assets.operations.backup_manifest import NAME, damaged

STATE = "state"
_CHUNK = 1 << 20
_SPARE_BYTES = 4 << 20
Seen = Callable[[int], None]


def hashed_copy(source: IO[bytes], target: IO[bytes] | None, size: int | None, seen: Seen) -> tuple[int, str]:
    """Bytes and SHA-256 of what was copied: all of it, or at most `size` bytes. Without a target it is only read."""
    digest, done = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK if size is None else min(_CHUNK, size - done)):
        digest.update(chunk)
        if target is not None:
            target.write(chunk)
        done += len(chunk)
        seen(len(chunk))
    return done, digest.hexdigest()


class Container(ABC):
    """A backup that is being written. Left by an exception it leaves nothing; left well it has its name."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.unfinished = target.with_name(f".{target.name}.unfinished")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
                if self.target.exists():
                    raise taken(self.target)
                self.unfinished.rename(self.target)
                _sync(self.target.parent)
            else:
                self._remove()
        finally:
            self._stack.close()

    @abstractmethod
    def add(self, path: str, source: Path, seen: Seen) -> tuple[int, str]:
        """Copy a file as `state/<path>`; bytes and SHA-256 of what was read."""

    @abstractmethod
    def conclude(self, manifest: str) -> None:
        """Write the manifest, after all files."""

    @abstractmethod
    def _open(self) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...

    @abstractmethod
    def _remove(self) -> None: ...

    def _own(self, descriptor: int) -> None:
        """Hold the unfinished backup; what a dead process left is taken over, a living one's is refused."""
        self._stack.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise BackupError(
                "another process is writing this backup", place=self.target, expected="a backup of its own for each",
                got=f"{self.unfinished.name} is held", remedy="wait for it, or name another target",
            ) from problem  # fmt: skip


class FolderContainer(Container):
    """`<target>/state/...` and `<target>/manifest.json`."""

    def _open(self) -> None:
        self.unfinished.mkdir(exist_ok=True)
        self._own(os.open(self.unfinished, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        for left in self.unfinished.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def add(self, path: str, source: Path, seen: Seen) -> tuple[int, str]:
        copy = self.unfinished / STATE / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reading, copy.open("wb") as writing:
            found = hashed_copy(reading, writing, os.fstat(reading.fileno()).st_size, seen)
            writing.flush()
            os.fsync(writing.fileno())
        shutil.copystat(source, copy)
        return found

    def conclude(self, manifest: str) -> None:
        with (self.unfinished / NAME).open("w", encoding="utf-8") as writing:
            writing.write(manifest)
            writing.flush()
            os.fsync(writing.fileno())

    def _finish(self) -> None:
        _sync(self.unfinished)

    def _remove(self) -> None:
        shutil.rmtree(self.unfinished, ignore_errors=True)


class TarContainer(Container):
    """One uncompressed tar file with the same members, the manifest last."""

    def _open(self) -> None:
        descriptor = os.open(self.unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._own(descriptor)
        os.ftruncate(descriptor, 0)
        self._file = self._stack.enter_context(os.fdopen(os.dup(descriptor), "wb"))
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 (closed by `_finish`)

    def add(self, path: str, source: Path, seen: Seen) -> tuple[int, str]:
        with source.open("rb") as reading:
            status = os.fstat(reading.fileno())
            member = tarfile.TarInfo(f"{STATE}/{path}")
            member.size, member.mtime = status.st_size, status.st_mtime
            hashing = _Hashing(reading, seen)
            self._tar.addfile(member, hashing)
        return status.st_size, hashing.digest.hexdigest()

    def conclude(self, manifest: str) -> None:
        data = manifest.encode()
        member = tarfile.TarInfo(NAME)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))

    def _finish(self) -> None:
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())

    def _remove(self) -> None:
        self.unfinished.unlink(missing_ok=True)


class _Hashing(io.RawIOBase):
    """Reads through and remembers the hash."""

    def __init__(self, source: IO[bytes], seen: Seen) -> None:
        self._source, self._seen = source, seen
        self.digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        self._seen(len(data))
        return data


def container_at(target: Path) -> Container:
    """A tar file where the name ends in `.tar`, else a folder. What exists is never written over."""
    if target.exists():
        raise taken(target)
    return TarContainer(target) if target.suffix == ".tar" else FolderContainer(target)


def taken(target: Path) -> BackupError:
    """The error that a backup would have to be written over something."""
    return BackupError(
        "there is something of this name already", place=target, expected="a name that is free", got="a file or folder",
        remedy="name another target; backups are never written over",
    )  # fmt: skip


@contextmanager
def members_of(backup: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """(name, content) of every file of a backup, `manifest.json` among them. Raises `BackupError` for what is none."""
    if backup.is_dir():
        yield _of_folder(backup)
        return
    try:
        with tarfile.open(backup, "r:") as tar:
            yield _of_tar(backup, tar)
    except FileNotFoundError as problem:
        raise _no_backup(backup, "nothing") from problem
    except tarfile.ReadError as problem:
        raise damaged(backup, [f"it is not a whole tar file: {problem}"]) from problem


def require_room(folder: Path, wanted: int, what: str) -> None:
    """Raise `BackupError` when the disk below `folder` has less than `wanted` bytes and a little more."""
    standing = folder
    while not standing.exists():
        standing = standing.parent
    free = shutil.disk_usage(standing).free
    if free < wanted + _SPARE_BYTES:
        raise BackupError(
            f"there is no room for {what}", place=folder, expected=f"{wanted + _SPARE_BYTES:,} bytes free", got=f"{free:,}",
            remedy="free some, or name a folder on another disk; nothing was written",
        )  # fmt: skip


def _of_folder(backup: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if not (backup / NAME).is_file():
        raise _no_backup(backup, f"a folder without {NAME}")
    for path in sorted(backup.rglob("*")):
        if path.is_file():
            with path.open("rb") as reading:
                yield path.relative_to(backup).as_posix(), reading


def _of_tar(backup: Path, tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in tar:
        if member.isdir():
            continue
        parts = PurePosixPath(member.name).parts
        reading = tar.extractfile(member) if member.isreg() else None
        if reading is None or ".." in parts or PurePosixPath(member.name).is_absolute():
            raise damaged(backup, [f"{member.name} is no file of a state"])
        yield member.name, reading


def _no_backup(backup: Path, got: str) -> BackupError:
    return BackupError(
        "this is no backup", place=backup, expected="a folder or tar file that `ml-assets backup` wrote", got=got,
        remedy="name the backup itself",
    )  # fmt: skip


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
