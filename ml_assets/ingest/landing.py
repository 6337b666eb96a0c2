"""Landing files: which there are, and what has to be done so that each content is in the warehouse exactly once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

# A file this young may still be written to with the same size and time stamp, so its content is read again.
_SETTLED_NS = 2_000_000_000
# The sha256 of what could not be read.
UNREADABLE = ""


@dataclass(frozen=True)
class KnownFile:
    """What the file book remembers of a file.

    `bytes`, `changed_ns` and `status` are those of the last look. `sha256` is the content whose rows are in the table;
    for a file without rows, the content that was last looked at. So a file that was loaded, and whose next content was
    refused, is `refused` and still *holds* the rows of its earlier content. `met_batch` is the load in which a file of this
    name was first met; None where that was before it was kept.
    """

    file: str
    sha256: str
    bytes: int
    changed_ns: int
    status: str
    looked_ns: int
    rows_read: int
    met_batch: int | None

    @property
    def holds(self) -> bool:
        """Whether rows of it may be in the table."""
        return self.status == "loaded" or (self.status == "refused" and self.rows_read > 0)


@dataclass(frozen=True)
class LandedFile:
    """A file in the landing folder; `file` is its path relative to that folder, with forward slashes.

    `changed_ns` is the later of its two time stamps (content, inode): the second one cannot be set back.
    """

    file: str
    path: Path
    bytes: int
    changed_ns: int
    sha256: str

    @property
    def is_as_hashed(self) -> bool:
        """Whether the file looks as it did when its content was hashed."""
        try:
            return _stamp(self.path) == (self.bytes, self.changed_ns)
        except OSError:
            return False


@dataclass(frozen=True)
class LandingPlan:
    """What ingest has to do.

    `load` files are new, `replace` ones changed. `copies` repeat the content of the named file and bring no rows.
    `restored` were refused and have their loaded content again. `withdrawn` were refused and have left the folder.
    `same` counts known and unchanged files. `gone` files have left the folder; what they brought stays.
    `taken_over` names files to replace whose old content another file of the folder has: should their new content be
    refused, their old rows need not be kept.
    """

    load: tuple[LandedFile, ...] = ()
    replace: tuple[LandedFile, ...] = ()
    copies: tuple[tuple[LandedFile, str], ...] = ()
    restored: tuple[LandedFile, ...] = ()
    withdrawn: tuple[str, ...] = ()
    taken_over: frozenset[str] = frozenset()
    same: int = 0
    gone: tuple[str, ...] = ()

    @property
    def work(self) -> tuple[LandedFile, ...]:
        return tuple(sorted((*self.load, *self.replace), key=lambda landed: landed.file))

    @property
    def is_empty(self) -> bool:
        return not (self.load or self.replace or self.copies or self.restored or self.withdrawn)

    @property
    def summary(self) -> str:
        """What there is to do, in words."""
        parts = {
            "new": self.load, "changed": self.replace, "copied": self.copies, "restored": self.restored,
            "withdrawn": self.withdrawn,
        }  # fmt: skip
        said = [f"{len(files)} {word}" for word, files in parts.items() if files]
        return f"{', '.join(said)} files" if said else "no new file"


def known_files(bench: Workbench, name: TableName) -> dict[str, KnownFile]:
    """Files of one raw table that the warehouse has met, by relative path."""
    rows = bench.rows(
        "select file, sha256, bytes, mtime_ns, status, epoch_ns(loaded_at), rows_read, met_batch from wh.ops.files where asset = ?",
        [str(name)],
    )
    return {row[0]: KnownFile(*row) for row in rows}


def landing_paths(folder: Path, pattern: str) -> list[Path]:
    """What matches, in order of name. Hidden and unfinished files (`.tmp`, `.part`) do not count.

    A folder counts only where the pattern asks for an ending and the folder has it (`x.csv/`): it will be refused.
    """
    ending = PurePosixPath(pattern).suffix
    return sorted(
        path for path in folder.glob(pattern)
        if not path.name.startswith(".") and path.suffix not in (".tmp", ".part") and (ending or not path.is_dir())
    )  # fmt: skip


def plan_landing(folder: Path, pattern: str, known: Mapping[str, KnownFile]) -> LandingPlan:
    """Compare folder and memory by content.

    Each content has one owner, whose rows are in the table: the file that brought it and is not to be judged again,
    else the first by name. When an owner changes, the next file with its old content becomes the owner.
    """
    present = {landed.file: landed for landed in landed_files(folder, pattern, known)}
    owners = {
        entry.sha256: file for file, entry in known.items()
        if entry.holds and (file not in present or _stays(entry, present[file]))
    }  # fmt: skip
    load: list[LandedFile] = []
    replace: list[LandedFile] = []
    copies, restored, same = [], [], 0
    for file, landed in present.items():
        before = known.get(file)
        owner = owners.get(landed.sha256, file) if landed.bytes else file
        if before is not None and _is_settled(before, landed, owner):
            same += 1
        elif before is not None and before.holds and before.sha256 == landed.sha256 and owner == file:
            restored.append(landed)
        elif owner != file:
            copies.append((landed, owner))
        else:
            (replace if before is not None and before.holds else load).append(landed)
            if landed.sha256 != UNREADABLE:
                owners[landed.sha256] = file
    contents = {landed.sha256 for landed in present.values()}
    gone = tuple(sorted(file for file in known if file not in present))
    return LandingPlan(
        tuple(load), tuple(replace), tuple(copies), tuple(restored),
        withdrawn=tuple(file for file in gone if known[file].status == "refused"),
        taken_over=frozenset(landed.file for landed in replace if known[landed.file].sha256 in contents),
        same=same, gone=gone,
    )  # fmt: skip


def _stays(before: KnownFile, landed: LandedFile) -> bool:
    """Whether a file keeps the rows it holds without being judged again."""
    if before.sha256 == landed.sha256:
        return True
    return before.status == "refused" and (before.bytes, before.changed_ns) == (landed.bytes, landed.changed_ns)


def _is_settled(before: KnownFile, landed: LandedFile, owner: str) -> bool:
    """Whether the book already says what is to be said about this file."""
    if before.holds and before.status == "refused":
        return before.sha256 != landed.sha256 and _stays(before, landed)
    if before.sha256 != landed.sha256:
        return False
    if before.status == "copy":
        return owner != before.file
    return before.status == "refused" or (before.status == "loaded" and owner == before.file)


def lost_contents(folder: Path, pattern: str, known: Mapping[str, KnownFile]) -> list[str]:
    """Files whose rows are in the table and whose content is no longer in the folder under any name."""
    present = {landed.sha256 for landed in landed_files(folder, pattern, known)}
    return sorted(file for file, entry in known.items() if entry.holds and entry.sha256 not in present)


def landed_files(folder: Path, pattern: str, known: Mapping[str, KnownFile]) -> Iterable[LandedFile]:
    """The folder's files with their content hashes; one that looks untouched is not read again."""
    for path in landing_paths(folder, pattern):
        file = path.relative_to(folder).as_posix()
        before = known.get(file)
        try:
            size, changed_ns = _stamp(path)
        except OSError:
            yield LandedFile(file, path, 0, 0, UNREADABLE)
            continue
        if before is not None and _is_untouched(before, size, changed_ns):
            yield LandedFile(file, path, size, changed_ns, before.sha256)
        else:
            yield LandedFile(file, path, size, changed_ns, content_hash(path))


def _is_untouched(before: KnownFile, size: int, changed_ns: int) -> bool:
    if (before.bytes, before.changed_ns) != (size, changed_ns) or before.sha256 == UNREADABLE:
        return False
    # What a file holds while its newer content is refused is not what stands in the folder.
    return before.looked_ns - changed_ns > _SETTLED_NS and not (before.holds and before.status == "refused")


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, max(status.st_mtime_ns, status.st_ctime_ns)


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes; `UNREADABLE` for what cannot be opened."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return UNREADABLE


def batches(files: Sequence[LandedFile], most_bytes: int) -> Iterable[list[LandedFile]]:
    """Consecutive groups of at most `most_bytes` (a larger file is a group of its own)."""
    group: list[LandedFile] = []
    size = 0
    for landed in files:
        if group and size + landed.bytes > most_bytes:
            yield group
            group, size = [], 0
        group.append(landed)
        size += landed.bytes
    if group:
        yield group


def now_ns() -> int:
    """Real time: file time stamps are compared with it, never with the replayed clock."""
    return time.time_ns()
