"""What type each column of a text file has, judged by every value of the sample as the ingest would read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ml_assets.onboarding.dialects import shown
from ml_assets.onboarding.moments import MomentFormat, formats_of
from ml_assets.onboarding.naming import plain_words
from ml_assets.onboarding.reading import Loaded
from ml_assets.onboarding.understanding import Note
from ml_assets.specs.columns import ColumnType, ContractSpec
from ml_assets.specs.tables import CsvFormat
from ml_assets.warehouse.names import literal
from ml_assets.warehouse.store import Workbench

BATCH = 50
_LONG_BATCH = 200
BLANKS = "' \t\u00a0'"
MISSING: tuple[str, ...] = ContractSpec.model_fields["missing"].default
# Spellings that are missing wherever they stand, and such as are only where a number or a date should be.
_ALWAYS_MISSING = ("N/A", "n/a", "#N/A", "<NA>", "?", "(null)", "<null>", "\\N", "#NULL!", "#DIV/0!", "NULL ", "NaT")
_PERHAPS_MISSING = (
    "-", "--", "---", ".", "..", "...", "*", "x", "na", "Na", "nil", "NIL", "none", "NONE", "missing", "Missing", "unknown", "Unknown", "empty",
    "undefined", "k.A.", "k. A.", "n.a.", "N.A.", "Null", "NAN", "Nan", "#VALUE!", "#REF!",
)  # fmt: skip
# A column is of a type if at most this share of its values is not; such values' rows are put into the quarantine.
_MOST_MISFITS = 0.005
_LONG_ID = 15
_FLOAT = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
# Long text is no number and no date, whatever it begins with.
_LONG_TEXT = 60
_DAY_WORDS = {"date", "day", "datum", "tag", "fecha", "data", "jour", "dt", "ymd", "yyyymmdd"}

# Code of a value that the engine does not take for a number → the pattern it matches in full; the first one counts.
# Numbers are i (whole), z (leading zeros), l (long), w (1.0), g (1.234), f (other); missing ones m; true and false b; the rest s.
_CODES = (
    ("a", r"[+-]?[1-9][0-9]{0,2},[0-9]{3}"),
    ("k", r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?"),
    ("c", r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)?,[0-9]+([eE][+-]?[0-9]+)?|[+-]?[0-9]{1,3}(\.[0-9]{3}){2,}"),
    ("d", r"[0-9]{4}([-/])[0-9]{1,2}[-/][0-9]{1,2}"),
    (
        "t",
        r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}[ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(( ?(Z|UTC))|[+-](0[0-9]|1[0-8])(:[0-5][0-9])?)?",
    ),
    (
        "D",
        r"([A-Za-z]{2,9},? )?([0-9]{1,4}[./ -]{1,2}([0-9]{1,2}|[A-Za-z]{3,9})[./ -]{1,2}[0-9]{2,4}|[A-Za-z]{3,9} [0-9]{1,2},? [0-9]{4})([T, -]{1,2}[0-9].*)?",
    ),
    ("p", r"[$€£¥]? ?[+-]?[0-9][0-9.,' ]* ?(%|€|\$|£|EUR|USD|GBP|CHF)?"),
)
_NUMBER_CODES = {".": "iwgfz", ",": "igcaz"}


@dataclass(frozen=True)
class TypedColumn:
    """Type of one column. `misfits` values of the sample are not of it. `whole`: numbers, all without a fraction. `plain`: each
    value is a number as SQL itself writes them, or missing.
    """

    header: str
    type: ColumnType
    format: str | None = None
    misfits: int = 0
    whole: bool = False
    plain: bool = False
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class TypedTable:
    """Types of all columns in order, the file's decimal mark, and spellings of missing values."""

    columns: tuple[TypedColumn, ...]
    decimal: Literal[".", ","] = "."
    missing: tuple[str, ...] = MISSING
    notes: tuple[Note, ...] = ()


@dataclass
class _Counts:
    """How many values of a column have which code; `perhaps` are spellings in it that may stand for a missing value."""

    header: str
    codes: dict[str, int]
    perhaps: list[str] = field(default_factory=list)
    always: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Values, leaving out what may be a missing one."""
        return sum(count for code, count in self.codes.items() if code != "m")

    def of(self, codes: Iterable[str]) -> int:
        return sum(self.codes.get(code, 0) for code in codes)

    def mostly(self, codes: Iterable[str]) -> bool:
        """Whether nearly all values have these codes. In few rows, all."""
        return self.total > 0 and self.total - self.of(codes) <= self.total * _MOST_MISFITS


def typed_text(bench: Workbench, loaded: Loaded) -> TypedTable:
    """Types of a text table's columns, with what is to be said about them."""
    counts = _counted(bench, loaded)
    decimal, notes = _decimal_of(loaded, counts)
    moments = _moments(
        bench,
        loaded,
        counts,
        day_first=decimal == "," or (isinstance(loaded.format, CsvFormat) and loaded.format.delimiter == ";"),
    )
    columns = [_typed(count, decimal, moments.get(raw)) for raw, count in zip(loaded.raws, counts, strict=True)]
    columns = _with_examples(bench, loaded, columns, counts)
    missing = _missing_of(counts, columns)
    if missing != MISSING:
        said = ", ".join(repr(spelling) for spelling in missing[len(MISSING) :])
        notes.append(
            Note(
                loaded.name,
                f"{said} read as missing values",
                "they stand where values of another kind should",
                doubt=True,
            )
        )
    return TypedTable(tuple(columns), decimal, missing, tuple(notes))


def typed_parquet(bench: Workbench, loaded: Loaded) -> TypedTable:
    """Types of a Parquet table's columns: the file's own, and for text a date or time where all of it is one."""
    texts = [position for position, native in enumerate(loaded.natives) if native == "VARCHAR"]
    counts = {position: count for position, count in enumerate(_counted(bench, loaded)) if position in texts}
    columns = []
    for position, (header, native) in enumerate(zip(loaded.headers, loaded.natives, strict=True)):
        if position in counts:
            columns.append(_parquet_text(header, counts[position]))
        else:
            columns.append(_native(header, native))
    return TypedTable(tuple(columns), missing=MISSING)


def _parquet_text(header: str, counts: _Counts) -> TypedColumn:
    # Text in Parquet was meant as text; only moments are worth more as what they are.
    if counts.total and counts.of("dt") == counts.total and not counts.of("m"):
        return TypedColumn(header, "timestamp" if counts.of("t") else "date")
    return TypedColumn(header, "string")


def _native(header: str, native: str) -> TypedColumn:
    kind = native.partition("(")[0]
    if kind in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"):
        return TypedColumn(header, "integer")
    if kind in ("FLOAT", "DOUBLE"):
        return TypedColumn(header, "float", whole=True)
    if kind == "DECIMAL" and "[" not in native:
        precision, scale = (int(part) for part in re.findall(r"\d+", native)[:2])
        return TypedColumn(header, "decimal" if scale <= 4 and precision - scale <= 14 else "float")
    if kind == "BOOLEAN":
        return TypedColumn(header, "boolean")
    if kind == "DATE":
        return TypedColumn(header, "date")
    if kind.startswith("TIMESTAMP") and "[" not in native:
        return TypedColumn(header, "timestamp")
    notes = (
        ()
        if kind in ("VARCHAR", "UUID", "ENUM")
        else (Note(header, f"{native[:60]} is read as text", "a column holds one value a row", doubt=True),)
    )
    return TypedColumn(header, "string", notes=notes)


def _code_sql(text: str) -> str:
    """SQL: the code of a trimmed value. Most are settled by what the engine does quickest: casts before expressions."""
    missing = _full(text, "|".join(re.escape(spelling) for spelling in MISSING))
    vague = _full(text, "|".join(re.escape(spelling) for spelling in (*_ALWAYS_MISSING, *_PERHAPS_MISSING)))
    branches = " ".join(f"when {_full(text, pattern)} then '{code}'" for code, pattern in _CODES)
    whole = f"case when {_full(text, '[+-]?0[0-9]+')} then 'z' when {_full(text, f'[+-]?[0-9]{{{_LONG_ID + 1},}}')} then 'l' else 'i' end"
    broken = f"case when {_full(text, r'[+-]?[0-9]+[.]0*')} then 'w' when {_full(text, '[+-]?[1-9][0-9]{0,2}[.][0-9]{3}')} then 'g' when {_full(text, _FLOAT)} then 'f' else 's' end"
    number = f"case when {_full(text, '[+-]?[0-9]+')} then {whole} else {broken} end"
    return (
        f"case when {text} is null then null when try_cast({text} as double) is not null and {text}[-1] <= '9' then {number} "
        f"when {missing} then null when length({text}) > {_LONG_TEXT} then 's' when {vague} then 'm' "
        f"when not regexp_matches({text}, '[0-9]') then case when lower({text}) in ('true', 'false') then 'b' else 's' end "
        f"{branches} else 's' end"
    )


def _full(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {literal(pattern)})"


def _counted(bench: Workbench, loaded: Loaded) -> list[_Counts]:
    """Values of all columns below each other, so that each pattern is compiled once and not for every column."""
    found = [_Counts(header, {}) for header in loaded.headers]
    for start in range(0, len(loaded.headers), _LONG_BATCH):
        raws = loaded.raws[start : start + _LONG_BATCH]
        values = ", ".join(f"cast({raw} as varchar)" for raw in raws)
        numbers = ", ".join(str(start + position) for position in range(len(raws)))
        below = f"select unnest([{numbers}]) as c, unnest([{values}]) as v from {loaded.sample}"
        trimmed = f"select c, trim(v, {BLANKS}) as t from ({below})"
        rows = bench.rows(
            f"select c, code, count(*), list(distinct t) filter (code = 'm') from (select c, t, {_code_sql('t')} as code from ({trimmed})) group by 1, 2"
        )
        for number, code, count, spellings in rows:
            if code is None:
                continue
            found[number].codes[code] = count
            if spellings:
                found[number].perhaps = sorted(spelling for spelling in spellings if spelling not in _ALWAYS_MISSING)
                found[number].always = sorted(spelling for spelling in spellings if spelling in _ALWAYS_MISSING)
    return found


def _decimal_of(loaded: Loaded, counts: Sequence[_Counts]) -> tuple[Literal[".", ","], list[Note]]:
    """The decimal mark of a CSV file: that of the columns which can only be read with it."""
    if not isinstance(loaded.format, CsvFormat):
        return ".", []
    commas = [count for count in counts if count.of("c") and count.mostly("icagz") and not count.of("k")]
    points = [count for count in counts if count.of("fw") and count.mostly("iwgfz")]
    if not commas and loaded.format.delimiter != ",":
        commas = [count for count in counts if count.of("a") and count.mostly("ia") and not points]
    if len(commas) <= len(points):
        return ".", _of_other_mark(loaded.name, commas, "comma")
    note = Note(loaded.name, "decimal comma", f"{', '.join(comma.header for comma in commas[:5])} can be read so only")
    return ",", [note, *_of_other_mark(loaded.name, points, "point")]


def _of_other_mark(table: str, columns: Sequence[_Counts], mark: str) -> list[Note]:
    if not columns:
        return []
    names = ", ".join(column.header for column in columns[:5])
    return [
        Note(
            table,
            f"{names} written with a decimal {mark} are read as text",
            "other columns of the file are written with the other mark",
            doubt=True,
        )
    ]


def _moments(
    bench: Workbench, loaded: Loaded, counts: Sequence[_Counts], *, day_first: bool
) -> dict[str, MomentFormat]:
    """Formats of columns that look like dates, some of them written as eight digits."""

    def seems(count: _Counts) -> bool:
        digits = bool(set(plain_words(count.header)) & _DAY_WORDS) and count.mostly("i")
        return count.total > 0 and (
            count.of("D") >= 0.5 * count.total or (count.of("Ddt") >= 0.9 * count.total and count.of("D") > 0) or digits
        )

    columns = [raw for raw, count in zip(loaded.raws, counts, strict=True) if seems(count)]
    return formats_of(
        bench, loaded.sample, columns, ("", *MISSING, *_ALWAYS_MISSING, *_PERHAPS_MISSING), day_first=day_first
    )


def _typed(count: _Counts, decimal: Literal[".", ","], moment: MomentFormat | None) -> TypedColumn:
    header = count.header
    if moment is not None and moment.format is not None:
        return _of_moment(header, moment)
    for codes, kind in (("b", "boolean"), ("d", "date"), ("dt", "timestamp")):
        if count.mostly(codes):
            return TypedColumn(header, kind, misfits=count.total - count.of(codes))  # type: ignore[arg-type]
    if moment is not None and moment.several:
        formats = ", ".join(moment.several[:4])
        note = Note(
            header,
            "text, though it looks like dates",
            f"no one format reads it: {formats} and others each read some",
            doubt=True,
            answered_by="",
        )
        return TypedColumn(header, "string", notes=(note,))
    return _of_number(count, decimal)


def _of_moment(header: str, moment: MomentFormat) -> TypedColumn:
    kind: ColumnType = "date" if moment.is_date else "timestamp"
    if moment.twin is not None:
        reason = f"{moment.because}; " if moment.because else ""
        note = Note(
            header, f"{kind} written {moment.format}", f"{reason}every value would fit {moment.twin} as well: correct `format` in the declaration if that is meant", doubt=True
        )  # fmt: skip
    else:
        note = Note(header, f"{kind} written {moment.format}", moment.because or "this format reads its values")
    return TypedColumn(header, kind, moment.format, notes=(note,))


def _of_number(count: _Counts, decimal: Literal[".", ","]) -> TypedColumn:
    header, codes = count.header, _NUMBER_CODES[decimal]
    if count.of("zl") and count.mostly("izl"):
        why = "leading zeros would be lost" if count.of("z") else f"more than {_LONG_ID} digits are no quantity"
        return TypedColumn(header, "string", notes=(Note(header, "text, though it is digits", why),))
    if count.mostly("i"):
        misfits = count.total - count.of("i")
        return TypedColumn(header, "integer", misfits=misfits, plain=misfits + count.of("m") == 0)
    if count.mostly(codes):
        misfits = count.total - count.of(codes)
        whole = count.of("iw") == count.of(codes)
        plain = decimal == "." and misfits + count.of("m") == 0
        return TypedColumn(header, "float", misfits=misfits, whole=whole, plain=plain, notes=_of_groups(count, decimal))
    return TypedColumn(header, "string", notes=_of_text(count))


def _of_groups(count: _Counts, decimal: str) -> tuple[Note, ...]:
    if decimal == "." and count.of("g") == count.of("gfw") and count.of("g"):
        return (
            Note(
                count.header,
                "read with a decimal point",
                "all have three places: should the points group thousands, the values are 1,000 times as large",
                doubt=True,
            ),
        )
    return ()


def _of_text(count: _Counts) -> tuple[Note, ...]:
    """Why text is text, where it looks like something else."""
    said = _text_because(count) if count.total else None
    return () if said is None else (Note(count.header, *said, doubt=True),)


def _text_because(count: _Counts) -> tuple[str, str] | None:
    """What is said of a text column, and why; None of one that is plainly text."""
    numeric, mixed = "text, though it looks like numbers", "text, because its values are of several kinds"
    if count.of("ak") and count.of("akifw") >= 0.99 * count.total:
        return numeric, "commas group its thousands, which cannot be read: write the numbers without them"
    if count.of("p") and count.of("pakifwgcz") >= 0.9 * count.total:
        return numeric, "they carry a unit, a sign of percent or marks of thousands: write plain numbers"
    for kinds, said in (("iwgfzc", "are numbers, the others are not"), ("Ddt", "look like dates, the others do not")):
        share = count.of(kinds) / count.total
        if share >= 0.5:
            return mixed, f"{share:.1%} {said}"
    return None


def _with_examples(
    bench: Workbench, loaded: Loaded, columns: Sequence[TypedColumn], counts: Sequence[_Counts]
) -> list[TypedColumn]:
    """Columns with values that are not of their type say which."""
    found = []
    for raw, column, count in zip(loaded.raws, columns, counts, strict=True):
        if column.misfits:
            codes = {"integer": "i", "float": "iwgfzca", "boolean": "b", "date": "d", "timestamp": "dt"}[column.type]
            listed = ", ".join(literal(code) for code in (*codes, "m"))
            rows = bench.rows(
                f"select distinct {raw} from (select {raw}, {_code_sql(raw)} as code from (select trim({raw}, {BLANKS}) as {raw} from {loaded.sample})) "
                f"where code is not null and code not in ({listed}) order by 1 limit 3"
            )
            values = ", ".join(shown(column.header, row[0]) for row in rows)
            said = f"{column.misfits:,} of {count.total:,} values are no {column.type}: {values}"
            note = Note(
                column.header, said, "so few are taken for faults: their rows will stand in the quarantine", doubt=True
            )
            column = replace(column, notes=(*column.notes, note))
        found.append(column)
    return found


def _missing_of(counts: Sequence[_Counts], columns: Sequence[TypedColumn]) -> tuple[str, ...]:
    found: set[str] = set()
    for count, column in zip(counts, columns, strict=True):
        found.update(count.always)
        if column.type != "string":
            found.update(count.perhaps)
    return (*MISSING, *sorted(found - set(MISSING)))
