"""Landing files: which there are, which are new or changed, and whether their header can be read at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_assets.errors import LandingFileError
from ml_assets.specs.tables import CsvFormat, RawTableSpec
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

_HEADER_BYTES = 1 << 20
# A file this young may still be written to with the same size and time stamp, so its content is read again.
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True)
class KnownFile:
    """What the warehouse remembers of a file it has met."""

    file: str
    sha256: str
    bytes: int
    mtime_ns: int
    status: str
    loaded_ns: int


@dataclass(frozen=True)
class LandedFile:
    """A file in the landing folder; `file` is its path relative to that folder, with forward slashes."""

    file: str
    path: Path
    bytes: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class LandingPlan:
    """What ingest has to do. `same` files are known and unchanged; `copies` repeat another file's content."""

    load: tuple[LandedFile, ...]
    replace: tuple[LandedFile, ...]
    copies: tuple[tuple[LandedFile, str], ...]
    same: int
    gone: tuple[str, ...]

    @property
    def work(self) -> tuple[LandedFile, ...]:
        return tuple(sorted((*self.load, *self.replace), key=lambda landed: landed.file))

    @property
    def is_empty(self) -> bool:
        return not self.load and not self.replace and not self.copies


def known_files(bench: Workbench, name: TableName) -> dict[str, KnownFile]:
    """Files of one raw table that the warehouse has met, by relative path."""
    rows = bench.rows(
        "select file, sha256, bytes, mtime_ns, status, epoch_ns(loaded_at) from wh.ops.files where asset = ?", [str(name)]
    )
    return {row[0]: KnownFile(*row) for row in rows}


def landing_paths(folder: Path, pattern: str) -> list[Path]:
    """Files that match, in order of name. Hidden and unfinished ones (`.tmp`, `.part`) do not count."""
    return sorted(
        path for path in folder.glob(pattern)
        if path.is_file() and not path.name.startswith(".") and path.suffix not in (".tmp", ".part")
    )  # fmt: skip


def plan_landing(folder: Path, pattern: str, known: Mapping[str, KnownFile], *, reload: bool = False) -> LandingPlan:
    """Compare folder and memory by content. `reload` loads everything again (the contract changed)."""
    load, replace, copies, same = [], [], [], 0
    contents = {entry.sha256: entry.file for entry in known.values() if entry.status == "loaded"}
    paths = {path.relative_to(folder).as_posix(): path for path in landing_paths(folder, pattern)}
    for file, path in paths.items():
        before = known.get(file)
        status = path.stat()
        if before is not None and not reload and _untouched(before, status.st_size, status.st_mtime_ns):
            same += 1
            continue
        landed = LandedFile(file, path, status.st_size, status.st_mtime_ns, content_hash(path))
        if before is not None and before.sha256 == landed.sha256 and not reload:
            same += 1
        elif before is not None and before.status != "copy":
            replace.append(landed)
        elif contents.get(landed.sha256, file) != file and landed.bytes > 0:
            copies.append((landed, contents[landed.sha256]))
        else:
            load.append(landed)
            contents[landed.sha256] = file
    gone = tuple(sorted(file for file in known if file not in paths))
    return LandingPlan(tuple(load), tuple(replace), tuple(copies), same, gone)


def _untouched(before: KnownFile, size: int, mtime_ns: int) -> bool:
    return (before.bytes, before.mtime_ns) == (size, mtime_ns) and before.loaded_ns - mtime_ns > _SETTLED_NS


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def batches(files: Sequence[LandedFile], most_bytes: int) -> Iterable[list[LandedFile]]:
    """Consecutive groups of at most `most_bytes` (a larger file is a group of its own)."""
    group: list[LandedFile] = []
    for landed in files:
        if group and sum(f.bytes for f in group) + landed.bytes > most_bytes:
            yield group
            group = []
        group.append(landed)
    if group:
        yield group


def now_ns() -> int:
    """Real time: file time stamps are compared with it, never with the replayed clock."""
    return time.time_ns()


def csv_header(landed: LandedFile, text_format: CsvFormat) -> list[str]:
    """The header's names, or a `LandingFileError` for a file that cannot be one of this table's."""
    text = _first_text(landed, text_format)
    first, _, _ = text.partition("\n")
    if not first.strip():
        raise _refusal(
            landed, "no_header", "the first line is empty", "a header line", repr(first), "add the header line and land it again"
        )
    return [_unquoted(name, text_format.quote) for name in _split(first.rstrip("\r"), text_format)]


def _first_text(landed: LandedFile, text_format: CsvFormat) -> str:
    if landed.bytes == 0:
        raise _refusal(landed, "empty_file", "the file is empty", "a header and rows", "0 bytes", "land the complete file again")
    try:
        with _opened(landed.path) as stream:
            head = stream.read(_HEADER_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise _refusal(
            landed, "broken_archive", "the gz archive cannot be unpacked", "a complete gz file", str(problem), "land the complete file again"
        ) from problem
    line = head.partition(b"\n")[0] if text_format.encoding != "utf-16" else head
    try:
        encoding = "utf-8-sig" if text_format.encoding == "utf-8" else text_format.encoding
        return line.decode(encoding)
    except UnicodeDecodeError as problem:
        raise _refusal(
            landed, "encoding", "the header is not in the declared encoding", text_format.encoding,
            f"byte {problem.object[problem.start]:#04x} at position {problem.start}",
            "declare the file's encoding under format, or write the file in the declared one",
        ) from problem  # fmt: skip


def _opened(path: Path) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _split(line: str, text_format: CsvFormat) -> list[str]:
    fields, field, inside = [], "", False
    for character in line:
        if character == text_format.quote:
            inside = not inside
        if character == text_format.delimiter and not inside:
            fields.append(field)
            field = ""
        else:
            field += character
    return [*fields, field]


def _unquoted(name: str, quote: str) -> str:
    name = name.strip()
    if len(name) >= 2 and name[0] == name[-1] == quote:
        name = name[1:-1].replace(quote * 2, quote)
    return name.strip()


def check_header(landed: LandedFile, header: Sequence[str], spec: RawTableSpec) -> None:
    """Refuse a header that repeats or lacks names, or brings undeclared ones into a frozen contract."""
    wanted = {column.source or name for name, column in spec.contract.columns.items()}
    repeated = sorted({name for name in header if list(header).count(name) > 1})
    if repeated:
        raise _refusal(landed, "repeated_header", "a column name stands twice", "every name once", f"twice: {repeated}", "rename one of them at the source")
    missing, extra = sorted(wanted - set(header)), sorted(set(header) - wanted)
    if missing:
        hint = "the delimiter may be another" if len(header) == 1 and len(wanted) > 1 else f"undeclared: {extra}" if extra else "none undeclared"
        raise _refusal(
            landed, "missing_column", f"declared columns are missing: {', '.join(missing)}", ", ".join(sorted(wanted)),
            f"{', '.join(header)[:300]} ({hint})", "correct the file, or the contract's columns, source names or delimiter",
        )  # fmt: skip
    if extra and spec.contract.extra_columns == "freeze":
        raise _refusal(
            landed, "extra_column", f"undeclared columns: {', '.join(extra)}", ", ".join(sorted(wanted)), ", ".join(header)[:300],
            "declare them, or set extra_columns to evolve or discard",
        )  # fmt: skip


def _refusal(landed: LandedFile, rule: str, subject: str, expected: object, got: object, remedy: str) -> LandingFileError:
    return LandingFileError(rule, subject, place=f"{landed.file}:1", expected=expected, got=got, remedy=remedy)
