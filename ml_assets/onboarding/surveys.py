"""What the text files of one table have in common: dialect, encoding, and how many records they have."""

from __future__ import annotations

import zlib
from pathlib import Path

from ml_assets.ingest.landing import LandedFile
from ml_assets.ingest.text import IRREGULAR, TextFormat, TextShape, opened_bytes, shape_of
from ml_assets.onboarding.dialects import Dialect, broken, is_rather_latin, refusal
from ml_assets.onboarding.understanding import Note
from ml_assets.specs.tables import CsvFormat, JsonLinesFormat, ParquetFormat

# Files beyond this many bytes are not read to their ends; how many rows they have is then estimated.
_MOST_SURVEYED = 8 << 30
_CHUNK = 1 << 20


class Survey:
    """What a table's text files have in common, and the shape of each."""

    def __init__(self, name: str, dialects: dict[Path, Dialect]) -> None:
        self.name = name
        self.files = tuple(dialects)
        self.notes: list[Note] = []
        self.format = self._common(dialects)
        self.bytes = sum(path.stat().st_size for path in self.files)
        self.headers = {path: dialect.header for path, dialect in dialects.items()}
        self.shapes = {path: self._shape(path) for path in self.files}
        if isinstance(self.format, CsvFormat) and self.format.encoding == "utf-8" and self._has_latin():
            self.format = self.format.model_copy(update={"encoding": "latin-1"})
            self.shapes = {path: self._shape(path) for path in self.files}
        self._say_dialect()

    def _common(self, dialects: dict[Path, Dialect]) -> TextFormat:
        forms = [dialect.format for dialect in dialects.values()]
        first = forms[0]
        assert not isinstance(first, ParquetFormat)
        if not isinstance(first, CsvFormat):
            return first
        for word in ("delimiter", "quote", "encoding"):
            found = sorted({str(getattr(form, word)) for form in forms})
            if word == "encoding" and found == ["latin-1", "utf-8"]:
                first = first.model_copy(update={"encoding": "latin-1"})
            elif len(found) > 1:
                raise refusal(
                    self.files[0], f"files of table {self.name} are written differently: {word}", f"one {word} for all files of a table",
                    ", ".join(repr(value) for value in found), "write them alike, or give each as a table of its own",
                )  # fmt: skip
        return first

    def _shape(self, path: Path) -> TextShape:
        if path.stat().st_size > _MOST_SURVEYED:
            return IRREGULAR
        try:
            shape = shape_of(path, self.format)
        except (EOFError, zlib.error, OSError) as problem:
            raise broken(path, problem) from problem
        # The engine takes a blank line of a single column for a missing value; to the ingest it is no record.
        single = len(self.headers[path]) == 1 or isinstance(self.format, JsonLinesFormat)
        return IRREGULAR if shape.blanks and single else shape

    def _has_latin(self) -> bool:
        return any(not shape.regular and _turns_latin(path) for path, shape in self.shapes.items())

    def _say_dialect(self) -> None:
        form = self.format
        if not isinstance(form, CsvFormat):
            return
        mark = {"\t": "tab"}.get(form.delimiter, form.delimiter)
        quote = "" if form.quote == '"' else f", quoted by {form.quote}"
        self.notes.append(
            Note(
                self.name,
                f"CSV in {form.encoding}, delimiter {mark}{quote}",
                "most lines divide by it as the header does",
            )
        )
        if form.encoding == "latin-1":
            self.notes.append(Note(self.name, "read as latin-1", "some bytes are not UTF-8", doubt=True))

    @property
    def irregular(self) -> list[Path]:
        return [path for path in self.files if not self.shapes[path].regular]

    @property
    def regular(self) -> list[Path]:
        return [path for path in self.files if self.shapes[path].regular]

    @property
    def records(self) -> int:
        """Rows of the regular files."""
        header = 1 if isinstance(self.format, CsvFormat) else 0
        return sum(self.shapes[path].records - header for path in self.regular)


def _turns_latin(path: Path) -> bool:
    """Whether some block of a file is rather latin-1 than UTF-8."""
    with opened_bytes(path) as stream:
        while block := stream.read(_CHUNK):
            block += stream.readline(_CHUNK)
            if is_rather_latin(block.decode("utf-8", "surrogateescape")):
                return True
    return False


def landed(path: Path) -> LandedFile:
    """The file as the ingest's readers know files; its content is not hashed."""
    return LandedFile(path.name, path.absolute(), path.stat().st_size, 0, "")
