"""How one file is written: its kind, encoding, delimiter and header, from its first bytes."""

from __future__ import annotations

import codecs
import csv
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Literal

import duckdb

from ml_assets.errors import UnderstandingError, shortened
from ml_assets.ingest.text import FAULTS, MAX_LINE, is_packed, opened_bytes, records_of
from ml_assets.onboarding.personal import hidden_if_personal
from ml_assets.specs.tables import CsvFormat, FileFormat, JsonLinesFormat, ParquetFormat
from ml_assets.warehouse.names import literal

Encoding = Literal["utf-8", "latin-1", "utf-16"]
KINDS = {
    ".csv": "csv", ".tsv": "csv", ".psv": "csv", ".tab": "csv", ".txt": "csv", ".dat": "csv", ".data": "csv",
    ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".jsonlines": "jsonl", ".json": "jsonl",
}  # fmt: skip
_KNOWN = (
    "CSV (.csv .tsv .psv .tab .txt .dat), JSON lines (.jsonl .ndjson .json), both also .gz, and Parquet (.parquet .pq)"
)
_HEAD = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")
_LOOKED_AT = 200
# What a file really is, by its first bytes, where its name says something else.
_MAGIC = (
    (b"%PDF", "a PDF document", "export the table as CSV"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"SQLite format 3", "a SQLite database", "export the table, or name the database itself"),
    (b"PAR1", "a Parquet file", "name it .parquet"),
    (b"\x1f\x8b", "packed with gzip", "name it .gz"),
    (b"BZh", "packed with bzip2", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it"),
    (b"\xfd7zXZ", "packed with xz", "unpack it"),
    (b"\x89PNG", "a picture", "give the table's file"),
    (b"\xff\xd8\xff", "a picture", "give the table's file"),
    (b"Rar!", "a rar archive", "unpack it"),
    (b"{\\rtf", "a text document", "export the table as CSV"),
)


LIKE_DATA = re.compile(
    r"[+-]?[0-9]+([.,][0-9]+)*([eE][+-]?[0-9]+)?|[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}([ T].*)?|[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"
)


@dataclass(frozen=True)
class Dialect:
    """How a file is written. `header` are its names in order (JSON lines: nothing, keys stand in the rows)."""

    format: FileFormat
    header: tuple[str, ...] = ()


def refusal(
    path: Path, subject: str, expected: object, got: object, remedy: str, line: int | None = None
) -> UnderstandingError:
    """Why a file cannot be understood at all."""
    place = f"{path}:{line}" if line else path
    return UnderstandingError(subject, expected=expected, got=got, remedy=remedy, place=place)


def no_header(path: Path, first: Sequence[str]) -> UnderstandingError:
    """A file that begins with data at once. Its values may be personal, so only their kind is told."""
    looks = ", ".join("(a value)" if "@" in name else shortened(name, 30) for name in first[:6])
    return refusal(
        path, "the first line looks like data, not like names of columns", "a header line", looks,
        "write a line with the columns' names above it", 1,
    )  # fmt: skip


def kind_of(path: Path) -> str:
    """`csv`, `jsonl` or `parquet` by the file's name; raises UnderstandingError for any other."""
    suffix = (path.with_suffix("") if is_packed(path) else path).suffix.lower()
    kind = KINDS.get(suffix)
    if kind is None or (kind == "parquet" and is_packed(path)):
        what = "Excel workbooks are not read: save the sheet as CSV" if suffix in (".xlsx", ".xls", ".xlsm", ".ods") else (
            "give the file the ending of what it is, or export it as one of these"
        )  # fmt: skip
        raise refusal(
            path, "the kind of the file is not known", _KNOWN, "".join(path.suffixes[-2:]) or "no ending", what
        )
    return kind


def dialect_of(path: Path) -> Dialect:
    """How the file is written; raises UnderstandingError for one that cannot be read as what its name says."""
    kind = kind_of(path)
    try:
        if kind == "parquet":
            return Dialect(ParquetFormat(), _parquet_header(path))
        head = _head(path)
        if kind == "jsonl":
            _check_json_lines(path, head)
            return Dialect(JsonLinesFormat())
        return _csv_dialect(path, head)
    except (EOFError, zlib.error) as problem:
        raise broken(path, problem) from problem
    except OSError as problem:
        raise broken(path, problem) from problem


def broken(path: Path, problem: Exception) -> UnderstandingError:
    """A file that cannot be opened, or not be unpacked to its end."""
    said = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    if isinstance(problem, PermissionError | FileNotFoundError) or not is_packed(path):
        return refusal(
            path, "the file cannot be read", "a file that this user may read", said, "correct its permissions"
        )
    return refusal(
        path, "the gz archive cannot be unpacked to its end", "a complete gz file", said, "fetch the file again"
    )


def _head(path: Path) -> bytes:
    """The first bytes, unpacked; refuses what is no text."""
    if path.stat().st_size == 0:
        raise refusal(path, "the file is empty", "a header and rows", "0 bytes", "give a file with rows")
    with opened_bytes(path) as stream:
        head = stream.read(_HEAD)
    if not head.strip(b"\0 \t\r\n"):
        raise refusal(
            path,
            "the file holds nothing but blanks",
            "a header and rows",
            f"{len(head)} blank bytes",
            "give a file with rows",
        )
    for magic, what, remedy in _MAGIC:
        if head.startswith(magic):
            raise refusal(
                path, f"the file is {what}, which its name does not say", "text", f"bytes {head[:4].hex(' ')}", remedy
            )
    start = head[:300].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        raise refusal(
            path, "the file is a web page or XML, not a table", "rows of text", shortened(start[:60].decode("latin-1")),
            "a download may have answered with an error page: fetch the data again",
        )  # fmt: skip
    return head


def _parquet_header(path: Path) -> tuple[str, ...]:
    if path.stat().st_size == 0:
        raise refusal(path, "the file is empty", "a Parquet file", "0 bytes", "give a file with rows")
    with duckdb.connect() as engine:
        try:
            found = engine.execute(
                f"describe select * from read_parquet({literal(str(path))}, binary_as_string = true)"
            ).fetchall()
        except duckdb.Error as problem:
            raise refusal(
                path, "the file is not readable Parquet", "a complete Parquet file", str(problem).splitlines()[0], "write or fetch it again"
            ) from problem  # fmt: skip
    return tuple(row[0] for row in found)


def _check_json_lines(path: Path, head: bytes) -> None:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if start.startswith(b"["):
        raise refusal(
            path, "the file is one JSON array, not JSON lines", "one JSON object a line", shortened(start[:60].decode("utf-8", "replace")),
            f"turn it into lines: jq -c '.[]' {path.name} > {path.name.partition('.')[0]}.jsonl",
        )  # fmt: skip
    first = start.partition(b"\n")[0].strip()
    if not first.startswith(b"{") or (not first.endswith(b"}") and len(first) < _HEAD // 2):
        raise refusal(
            path, "the first line is no JSON object", "one JSON object a line", shortened(first[:80].decode("utf-8", "replace")),
            f"write each object on one line: jq -c . {path.name}",
        )  # fmt: skip


def _csv_dialect(path: Path, head: bytes) -> Dialect:
    encoding = _encoding(path, head)
    text = _decoded(head, encoding)
    delimiter, quote = _delimiter(text)
    form = CsvFormat(delimiter=delimiter, quote=quote, encoding=encoding)
    first = next(records_of(path, form), None)
    if first is None:
        raise refusal(
            path, "the file holds nothing but blank lines", "a header line", "blank lines", "give a file with rows"
        )
    if first.fault:
        raise refusal(
            path, "the header cannot be read", FAULTS[first.fault], shortened(first.text), "correct the first line of the file", first.line
        )  # fmt: skip
    header = tuple(name.strip() for name in first.fields)
    if not any(header):
        raise refusal(
            path,
            "the header has no names",
            "a name for each column",
            first.text or "blanks",
            "write the names",
            first.line,
        )
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if any(LIKE_DATA.fullmatch(name) for name in repeated):
        raise no_header(path, header)
    if repeated:
        raise refusal(
            path, "a column name stands twice in the header", "every name once", f"twice: {', '.join(repeated[:5])}",
            "rename one of them in the file: two columns of one name cannot be told apart", first.line,
        )  # fmt: skip
    return Dialect(form, header)


def _encoding(path: Path, head: bytes) -> Encoding:
    """From the byte-order mark, else whether the head is UTF-8; the rest of the file is looked at when it is loaded."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    looked = head[:4000]
    if looked[1::2].count(0) > len(looked) // 4 or looked[0::2].count(0) > len(looked) // 4:
        raise refusal(
            path, "the file is UTF-16 without its byte-order mark, or no text at all", "text as UTF-8, latin-1, or UTF-16 with its mark",
            f"{looked.count(0)} NUL bytes among the first {len(looked)}", "write it as UTF-8",
        )  # fmt: skip
    return "latin-1" if _stray_bytes(head) else "utf-8"


def _stray_bytes(block: bytes) -> bool:
    """Whether a block, cut anywhere at its end, is not UTF-8 for the greater part of what is not ASCII."""
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(block)
    return is_rather_latin(text)


def is_rather_latin(text: str) -> bool:
    """Of text decoded with surrogates for stray bytes: whether these are more than a few damaged characters."""
    if text.isascii():
        return False
    stray = sum(text.count(chr(code)) for code in range(0xDC80, 0xDD00))
    return stray * 10 > sum(1 for character in text if ord(character) > 0x7F)


def _decoded(head: bytes, encoding: Encoding) -> str:
    """The head's complete lines as text."""
    if encoding == "utf-16":
        text = codecs.getincrementaldecoder("utf-16")("replace").decode(head)
    else:
        text = head.decode("latin-1" if encoding == "latin-1" else "utf-8-sig", "replace")
    return text if len(head) < _HEAD else text[: max(text.rfind("\n"), text.rfind("\r")) + 1]


def _delimiter(text: str) -> tuple[str, str]:
    """Delimiter and quote under which most records have as many fields as the header."""
    csv.field_size_limit(max(MAX_LINE, csv.field_size_limit()))
    quote = "'" if _is_single_quoted(text) else '"'
    tried = {delimiter: _records(text, delimiter, quote) for delimiter in _DELIMITERS}
    several = [delimiter for delimiter, records in tried.items() if records and len(records[0]) > 1]
    if several:
        return max(several, key=lambda delimiter: (*_fit(tried[delimiter]), -_DELIMITERS.index(delimiter))), quote
    return max(_DELIMITERS, key=lambda delimiter: (_fit(tried[delimiter])[0], -_DELIMITERS.index(delimiter))), quote


def _records(text: str, delimiter: str, quote: str) -> list[list[str]]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    try:
        return [record for record in islice(reader, _LOOKED_AT) if record]
    except csv.Error:
        return [line.split(delimiter) for line in text.splitlines()[:_LOOKED_AT] if line]


def _fit(records: Sequence[Sequence[str]]) -> tuple[float, float, int]:
    """Share of records as wide as the header; share of fields that do not begin with a blank; the width."""
    if not records:
        return 0.0, 0.0, 0
    width, body = len(records[0]), records[1:]
    same = sum(len(record) == width for record in body) / len(body) if body else 1.0
    fields = [field for record in records for field in record[1:]]
    plain = sum(not field.startswith(" ") for field in fields) / len(fields) if fields else 1.0
    return round(same, 1), round(plain, 1), width


def _is_single_quoted(text: str) -> bool:
    """Whether fields stand in single quotes, as some databases write them."""
    lines = [f"\n{line}\n" for line in text.splitlines()[:50] if line.strip()]
    opened = sum(line.count(f"{delimiter}'") for line in lines for delimiter in ("\n", *_DELIMITERS))
    closed = sum(line.count(f"'{delimiter}") for line in lines for delimiter in ("\n", *_DELIMITERS))
    return bool(lines) and '"' not in text and opened >= len(lines) * 0.8 and closed >= len(lines) * 0.8


def shown(header: str, value: object) -> str:
    """A value for a message; nothing of a column whose header speaks of a person."""
    return hidden_if_personal(header, shortened(value, 40))
