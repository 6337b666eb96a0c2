"""What columns a landing file has, judged against the contract before any row is read."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from ml_assets.errors import LandingFileError, shortened
from ml_assets.ingest.landing import UNREADABLE, LandedFile
from ml_assets.ingest.text import FAULTS, IRREGULAR, TextShape, is_packed, opened_bytes, records_of, shape_of
from ml_assets.specs.columns import ContractSpec
from ml_assets.specs.tables import CsvFormat, JsonLinesFormat, ParquetFormat, RawTableSpec
from ml_assets.warehouse.names import literal
from ml_assets.warehouse.store import Workbench

PROVENANCE = ("_file", "_row", "_batch")
LAND_AGAIN = "land the complete file again"
_MOST_KEYS = 10_000


@dataclass(frozen=True)
class Layout:
    """Files with an equal layout are read together.

    `header` are the file's names, `wanted` the headers of the contract's columns in its order, `evolved` undeclared
    headers that become columns. `native` are the Parquet types beside `header`, empty for text.
    """

    header: tuple[str, ...]
    wanted: tuple[str, ...]
    evolved: tuple[str, ...] = ()
    native: tuple[str, ...] = ()
    packed: bool = False


@dataclass(frozen=True)
class ExaminedFile:
    """A file that may be read. `rows` is how many it has, counted without parsing; None: only reading will tell."""

    landed: LandedFile
    layout: Layout
    shape: TextShape
    rows: int | None


def examined(bench: Workbench, landed: LandedFile, spec: RawTableSpec) -> ExaminedFile:
    """Header, shape and row count of a file; raises `LandingFileError` for one that is refused as a whole."""
    _check_is_file(landed)
    try:
        if isinstance(spec.format, ParquetFormat):
            return _examined_parquet(bench, landed, spec)
        if isinstance(spec.format, CsvFormat):
            return _examined_csv(landed, spec, spec.format)
        return _examined_json_lines(bench, landed, spec, spec.format)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, duckdb.Error) as problem:
        raise unreadable_file(landed, problem) from problem


def _check_is_file(landed: LandedFile) -> None:
    if landed.path.exists() and not landed.path.is_file():
        raise refusal(
            landed, "not_a_file", "a folder (or a device) has the name of a landing file", "a file",
            "a folder" if landed.path.is_dir() else "a special file", "move it away, or let `files` match what is in it, as 'x.csv/*'",
        )  # fmt: skip
    if landed.sha256 == UNREADABLE:
        try:
            with landed.path.open("rb"):
                pass
        except OSError as problem:
            raise unreadable_file(landed, problem) from problem
    elif landed.bytes == 0:
        raise refusal(landed, "empty_file", "the file is empty", "a header and rows", "0 bytes", LAND_AGAIN)


def _examined_csv(landed: LandedFile, spec: RawTableSpec, text: CsvFormat) -> ExaminedFile:
    header = _csv_header(landed, text)
    layout = _layout(landed, header, spec, packed=is_packed(landed.path))
    shape = shape_of(landed.path, text)
    # The engine takes a blank line of a single column for a missing value; to the contract it is no record.
    if len(header) == 1 and shape.blanks:
        shape = IRREGULAR
    return ExaminedFile(landed, layout, shape, shape.records - 1 if shape.regular else None)


def _csv_header(landed: LandedFile, text: CsvFormat) -> list[str]:
    _check_is_text(landed, text)
    first = next(records_of(landed.path, text), None)
    if first is None or not any(field.strip() for field in first.fields or [first.text]):
        raise refusal(
            landed,
            "no_header",
            "the file has no header",
            "a header line",
            "blank lines",
            "add the header line and land it again",
        )
    if first.fault:
        remedy = "declare the file's encoding under format, or write the file in the declared one"
        raise refusal(
            landed, first.fault if first.fault in ("encoding", "nul_byte") else "broken_header", "the header cannot be read",
            FAULTS[first.fault] + (f" ({text.encoding})" if first.fault == "encoding" else ""), shortened(first.text),
            remedy if first.fault in ("encoding", "nul_byte") else LAND_AGAIN,
        )  # fmt: skip
    return [name.strip() for name in first.fields]


def _check_is_text(landed: LandedFile, text: CsvFormat) -> None:
    """Name the two mix-ups that a first glance at the bytes gives away."""
    with opened_bytes(landed.path) as stream:
        head = stream.read(4)
    packed = "gz" if head[:2] == b"\x1f\x8b" else "zip" if head == b"PK\x03\x04" else ""
    if packed:
        raise refusal(
            landed, "packed", f"the file is {packed}-packed, which its name does not say", "text",
            f"bytes {head[:2].hex(' ')}", "name it .gz if it is gz, else unpack it, and land it again",
        )  # fmt: skip
    if text.encoding != "utf-16" and head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise refusal(
            landed, "encoding", "the file is not in the declared encoding", text.encoding,
            f"byte {head[0]:#04x} at position 0: the byte-order mark of UTF-16", "set format.encoding to utf-16, or write the file in the declared one",
        )  # fmt: skip


def _examined_json_lines(
    bench: Workbench, landed: LandedFile, spec: RawTableSpec, text: JsonLinesFormat
) -> ExaminedFile:
    shape = shape_of(landed.path, text)
    if shape.blanks:
        shape = IRREGULAR
    declared = [spec.contract.header_of(name) for name in spec.contract.columns]
    found: set[str] = set()
    if spec.contract.extra_columns != "discard":
        found = _regular_keys(bench, landed) if shape.regular else _irregular_keys(landed, text)
    # A key may be absent from an object (its value is missing then), so declared keys always count as there.
    layout = _layout(landed, declared + sorted(found - set(declared)), spec, packed=is_packed(landed.path))
    return ExaminedFile(landed, layout, shape, shape.records if shape.regular else None)


def _regular_keys(bench: Workbench, landed: LandedFile) -> set[str]:
    rows = bench.rows(
        f"select distinct unnest(json_keys(line)) from {json_lines_scan([landed])} "
        f"where case when json_valid(line) then json_type(line) = 'OBJECT' else false end limit {_MOST_KEYS}"
    )
    return {row[0] for row in rows}


def _irregular_keys(landed: LandedFile, text: JsonLinesFormat) -> set[str]:
    found: set[str] = set()
    for record in records_of(landed.path, text):
        try:
            value = None if record.fault else json.loads(record.fields[0])
        except ValueError:
            continue
        if isinstance(value, dict):
            found.update(value)
    return found


def json_lines_scan(files: Iterable[LandedFile]) -> str:
    """SQL: one text column `line` of regular files."""
    # \x01 stands in no regular file, so that each line is one field.
    return (
        f"read_csv({scan_paths(files)}, columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false, "
        "delim = '\x01', quote = '', escape = '')"
    )


def scan_paths(files: Iterable[LandedFile]) -> str:
    """SQL: a list of paths, in which nothing is taken for a wildcard."""
    marked = str.maketrans({character: f"[{character}]" for character in "[*?"})
    return "[" + ", ".join(literal(str(landed.path).translate(marked)) for landed in files) + "]"


def _examined_parquet(bench: Workbench, landed: LandedFile, spec: RawTableSpec) -> ExaminedFile:
    try:
        types = bench.columns(f"read_parquet({scan_paths([landed])}, binary_as_string = true)")
        rows = bench.value(f"select sum(num_rows)::bigint from parquet_file_metadata({scan_paths([landed])})")
    except duckdb.Error as problem:
        raise refusal(
            landed,
            "not_parquet",
            "the file is not readable Parquet",
            "a complete Parquet file",
            str(problem).splitlines()[0],
            LAND_AGAIN,
        ) from problem
    return ExaminedFile(landed, _layout(landed, list(types), spec, tuple(types.values())), IRREGULAR, int(rows))


def _layout(
    landed: LandedFile, header: Sequence[str], spec: RawTableSpec, native: tuple[str, ...] = (), *, packed: bool = False
) -> Layout:
    contract = spec.contract
    wanted = tuple(contract.header_of(name) for name in contract.columns)
    extra = [name for name in header if name not in wanted]
    _check_names(landed, header, set(wanted), extra, contract)
    evolved = tuple(extra) if contract.extra_columns == "evolve" else ()
    if evolved:
        _check_evolved(landed, evolved, contract)
    return Layout(tuple(header), wanted, evolved, native, packed)


def _check_names(
    landed: LandedFile, header: Sequence[str], wanted: set[str], extra: Sequence[str], contract: ContractSpec
) -> None:
    """Refuse a header that repeats or lacks names, or brings undeclared ones into a frozen contract."""
    repeated = sorted(
        {
            name
            for name in header
            if list(header).count(name) > 1 and (name in wanted or contract.extra_columns != "discard")
        }
    )
    got = ", ".join(name or "(no name)" for name in header)[:300]
    missing = sorted(wanted - set(header))
    if missing:
        hint = "undeclared: " + ", ".join(extra) if extra else "none undeclared"
        if len(header) == 1 and len(wanted) > 1:
            hint = "the delimiter may be another"
        raise refusal(
            landed, "missing_column", f"declared columns are missing: {', '.join(missing)}", ", ".join(sorted(wanted)),
            f"{got} ({hint[:200]})", "correct the file, or the contract's columns, source names or delimiter",
        )  # fmt: skip
    if repeated:
        raise refusal(
            landed,
            "repeated_header",
            "a column name stands twice",
            "every name once",
            f"twice: {repeated}",
            "rename one of them at the source",
        )
    if extra and contract.extra_columns == "freeze":
        raise refusal(
            landed, "extra_column", f"undeclared columns: {', '.join(name or '(no name)' for name in extra)}"[:300], ", ".join(sorted(wanted)), got,
            "declare them, or set extra_columns to evolve or discard",
        )  # fmt: skip


def _check_evolved(landed: LandedFile, evolved: Sequence[str], contract: ContractSpec) -> None:
    """Refuse undeclared names that cannot be added as columns: the engine tells no upper from lower case."""
    taken = {name.casefold() for name in (*contract.columns, *PROVENANCE)}
    for name in evolved:
        if not name or name.casefold() in taken:
            raise refusal(
                landed, "extra_column", f"undeclared column {name or '(no name)'} cannot be added", "a name of its own, in any case",
                "no name" if not name else "the name of another column", "rename it at the source, declare it, or set extra_columns to discard",
            )  # fmt: skip
        taken.add(name.casefold())


def unreadable_file(landed: LandedFile, problem: Exception) -> LandingFileError:
    """A file that cannot be opened or read to its end."""
    said = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    if isinstance(problem, UnicodeDecodeError):
        return refusal(
            landed, "encoding", "the file is not in the declared encoding", problem.encoding, said,
            "declare the file's encoding under format, or write the file in the declared one",
        )  # fmt: skip
    if isinstance(problem, (EOFError, zlib.error, gzip.BadGzipFile)):
        return refusal(
            landed,
            "broken_archive",
            "the gz archive cannot be unpacked to its end",
            "a complete gz file",
            said,
            LAND_AGAIN,
        )
    if isinstance(problem, FileNotFoundError) and not landed.path.is_symlink():
        return refusal(
            landed,
            "vanished",
            "the file left the folder while it was being read",
            "a file that stays",
            said,
            "land it again",
        )
    if isinstance(problem, OSError):
        return refusal(
            landed,
            "unreadable",
            "the file cannot be opened",
            "a file that this user may read",
            said,
            "correct its permissions (or the link) and run again",
        )
    return refusal(
        landed,
        "broken_file",
        "the file cannot be read to its end",
        "a complete file in the declared format",
        said,
        LAND_AGAIN,
    )


def refusal(
    landed: LandedFile, rule: str, subject: str, expected: object, got: object, remedy: str, line: int = 1
) -> LandingFileError:
    """The reason why a file is refused as a whole."""
    return LandingFileError(rule, subject, place=f"{landed.file}:{line}", expected=expected, got=got, remedy=remedy)
