"""Text files: how they are opened, what shape their bytes have, and a reader that survives whatever a line holds.

Two readers share the work. A *regular* file (see `TextShape`) is read by the engine at full speed, and its record count
is known beforehand from its bytes alone. Every other file is read here, record by record, as Python's csv module
reads it in strict mode; a record that breaks the format is named with its line and costs none of its neighbours.
"""

from __future__ import annotations

import csv
import gzip
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from ml_assets.specs.tables import CsvFormat, JsonLinesFormat

if TYPE_CHECKING:
    import numpy as np

# The engine refuses lines of more bytes than this; so do we, for every file alike.
MAX_LINE = 2_000_000
_REGULAR_LINE = MAX_LINE // 2
_CHUNK = 1 << 20
_NEWLINE, _SPACE, _TAB = 10, 32, 9
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

TextFormat = CsvFormat | JsonLinesFormat


class Record(NamedTuple):
    """One record. `fault` names what makes it unreadable (then `fields` is empty), the empty text a good one.

    `line` is the physical line it begins on, 1-based; `text` is its text as it stands in the file.
    """

    line: int
    fields: list[str]
    text: str
    fault: str = ""


FAULTS = {
    "too_few_fields": "as many fields as the header has",
    "too_many_fields": "as many fields as the header has",
    "unclosed_quote": "a quoted field that is closed again",
    "stray_quote": "quotes inside a quoted field doubled",
    "encoding": "text in the declared encoding",
    "nul_byte": "text without NUL bytes",
    "line_too_long": f"at most {MAX_LINE:,} characters a line",
}


@dataclass(frozen=True)
class TextShape:
    """What the bytes of a text file say before anything is parsed.

    `regular`: one kind of line end, valid encoding, no NUL, no overlong line, quotes that both readers understand
    alike. Only then are `records` (the header is one) and `plain` (each record is one line, no line is blank) known.
    """

    regular: bool
    records: int = 0
    plain: bool = False
    blanks: int = 0


IRREGULAR = TextShape(regular=False)


def encoding_of(text: TextFormat) -> str:
    """The encoding a text format declares."""
    return text.encoding if isinstance(text, CsvFormat) else "utf-8"


def is_packed(path: Path) -> bool:
    """Whether the name says that the file is gz-compressed."""
    return path.suffix.lower() == ".gz"


def opened_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked."""
    return gzip.open(path, "rb") if is_packed(path) else path.open("rb")  # type: ignore[return-value]


def shape_of(path: Path, text: TextFormat) -> TextShape:
    """Survey a file in one pass. Raises what opening and unpacking raise."""
    if encoding_of(text) == "utf-16":
        return IRREGULAR
    survey = _Survey(text)
    with opened_bytes(path) as stream:
        rest = stream.read(_CHUNK).removeprefix(_BYTE_ORDER_MARK if encoding_of(text) == "utf-8" else b"")
        if rest[:1] in (b"\n", b"\r"):
            return IRREGULAR
        while rest:
            chunk = stream.read(_CHUNK)
            end = rest.rfind(b"\n") + 1 if chunk else len(rest)
            if not survey.accepts(rest[:end]) or len(rest) - end > _REGULAR_LINE:
                return IRREGULAR
            rest = rest[end:] + chunk
    return survey.shape()


class _Survey:
    """Counts records over blocks that end at line ends; refuses what makes a file irregular."""

    def __init__(self, text: TextFormat) -> None:
        self._utf8 = encoding_of(text) == "utf-8"
        self._quote = text.quote.encode() if isinstance(text, CsvFormat) else b""
        self._inside = False
        self._crlf: bool | None = None
        self._ends = self._lines = self._blanks = 0

    def accepts(self, block: bytes) -> bool:
        """Count the block in, or say that the file is irregular."""
        import numpy as np

        if not block:
            return True
        if b"\0" in block or (not self._quote and b"\x01" in block) or not self._keeps_line_ends(block):
            return False
        if self._utf8 and not block.isascii() and not _is_utf8(block):
            return False
        codes = np.frombuffer(block, dtype=np.uint8)
        ends = np.flatnonzero(codes == _NEWLINE)
        if self._inside or (self._quote and self._quote in block):
            quotes = np.flatnonzero(codes == self._quote[0])
            opening, closing = (quotes[0::2], quotes[1::2]) if not self._inside else (quotes[1::2], quotes[0::2])
            # The engine drops blanks around a quoted field, the csv module keeps them.
            if _any_blank(codes, opening - 1) or _any_blank(codes, closing + 1):
                return False
            ends = ends[(np.searchsorted(quotes, ends) + self._inside) % 2 == 0]
            self._inside = bool((len(quotes) + self._inside) % 2)
        return self._count(ends, len(block))

    def _keeps_line_ends(self, block: bytes) -> bool:
        lines, returns = block.count(b"\n"), block.count(b"\r")
        if returns != block.count(b"\r\n") or returns not in (0, lines):
            return False
        if lines:
            crlf = returns > 0
            if self._crlf not in (None, crlf):
                return False
            self._crlf = crlf
        self._lines += lines
        return True

    def _count(self, ends: np.ndarray[tuple[int], np.dtype[np.intp]], size: int) -> bool:
        import numpy as np

        lengths = np.diff(ends, prepend=-1)
        self._ends += len(ends)
        self._blanks += int(np.count_nonzero(lengths == (2 if self._crlf else 1)))
        last = int(ends[-1]) if len(ends) else -1
        if last + 1 < size and not self._inside:
            self._ends += 1  # a last record without a line end
            self._lines += 1
        return size - 1 - last <= _REGULAR_LINE and (not len(lengths) or int(lengths.max()) <= _REGULAR_LINE)

    def shape(self) -> TextShape:
        if self._inside:
            return IRREGULAR
        plain = self._blanks == 0 and self._lines == self._ends
        return TextShape(True, self._ends - self._blanks, plain, self._blanks)


def _any_blank(
    codes: np.ndarray[tuple[int], np.dtype[np.uint8]], positions: np.ndarray[tuple[int], np.dtype[np.intp]]
) -> bool:
    inside = codes[positions[(positions >= 0) & (positions < len(codes))]]
    return bool(((inside == _SPACE) | (inside == _TAB)).any())


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_text(line: str) -> bool:
    """Whether no character stands for a byte that could not be decoded."""
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def records_of(path: Path, text: TextFormat) -> Iterator[Record]:
    """Every record of a file, good and bad, in order; blank lines are none. The header of a CSV file is the first.

    A quoted field that is never closed, or closed in the wrong place, spoils the line it begins on and no more:
    reading resumes on the next line. Raises UnicodeDecodeError for UTF-16 that is none, and what unpacking raises.
    """
    encoding = "utf-8-sig" if encoding_of(text) == "utf-8" else encoding_of(text)
    errors = "surrogateescape" if encoding == "utf-8-sig" else "strict"
    with opened_bytes(path) as raw, TextIOWrapper(raw, encoding=encoding, errors=errors, newline="") as stream:
        lines = _Lines(stream)
        yield from _csv_records(lines, text) if isinstance(text, CsvFormat) else _line_records(lines)


def _csv_records(lines: _Lines, text: CsvFormat) -> Iterator[Record]:
    csv.field_size_limit(max(MAX_LINE, csv.field_size_limit()))
    reader = csv.reader(lines, delimiter=text.delimiter, quotechar=text.quote, doublequote=True, strict=True)
    width = 0
    while True:
        line = lines.begin_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (_OverlongLineError, csv.Error) as problem:
            fault = lines.fault or ("stray_quote" if "expected after" in str(problem) else "unclosed_quote")
            if isinstance(problem, _OverlongLineError) and len(lines.taken) == 1:
                fault = "line_too_long"
            lines.give_back_all_but_first()
            yield Record(line, [], lines.text(), fault)
            continue
        if not fields:
            continue
        fault = lines.fault
        if width and len(fields) != width:
            fault = fault or ("too_few_fields" if len(fields) < width else "too_many_fields")
        width = width or len(fields)
        yield Record(line, fields, lines.text() if fault else "", fault)


def _line_records(lines: _Lines) -> Iterator[Record]:
    while True:
        line = lines.begin_record()
        try:
            text = next(lines).rstrip("\r\n")
        except StopIteration:
            return
        except _OverlongLineError:
            yield Record(line, [], lines.text(), "line_too_long")
            continue
        if text:
            yield Record(line, [text], lines.text() if lines.fault else "", lines.fault)


class _OverlongLineError(Exception):
    """The line just taken has more than `MAX_LINE` characters."""


class _Overlong(str):
    """The beginning of a line that is too long to be held."""

    __slots__ = ()


class _Lines:
    """Physical lines for a record reader, with a memory of the current record's lines, which can be given back."""

    def __init__(self, stream: TextIOWrapper) -> None:
        self._stream = stream
        self._back: deque[str] = deque()
        self._number = 0
        self.taken: list[str] = []
        self.fault = ""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._read()
        if not line:
            raise StopIteration
        self._number += 1
        self.taken.append(line)
        if isinstance(line, _Overlong):
            raise _OverlongLineError
        if not line.isascii() and not _is_text(line):
            self.fault = "encoding"
        elif "\0" in line:
            self.fault = "nul_byte"
        return line

    def _read(self) -> str:
        line = self._stream.readline(MAX_LINE + 2)
        if len(line) < MAX_LINE + 2 or line[-1] in "\r\n":
            return line
        while True:
            more = self._stream.readline(_CHUNK)
            if not more or more[-1] in "\r\n":
                return _Overlong(line)

    def begin_record(self) -> int:
        """Forget the record before; the number of the line that comes next."""
        self.taken.clear()
        self.fault = ""
        return self._number + 1

    def give_back_all_but_first(self) -> None:
        """The record broke: its later lines will be read again as lines of their own."""
        self._back.extendleft(reversed(self.taken[1:]))
        self._number -= len(self.taken) - 1
        del self.taken[1:]

    def text(self) -> str:
        """The current record as text that can be shown: undecodable bytes as `\\xe9`, NUL as `\\0`."""
        text = "".join(self.taken).rstrip("\r\n").replace("\0", "\\0")
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
