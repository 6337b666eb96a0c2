"""The contract compiled to SQL: typed values, and for each row the first rule it breaks.

A value is never bent to fit. In text files, blanks around anything but text are ignored, and then
- an integer is digits with an optional sign, or such a number with only zeros after its point (17850.0, as spreadsheets
  write whole numbers beside missing ones): 17850.5, 1e3, 0x10 and 1_000 are none, and 64 bits are kept exactly;
- a float is a decimal number with an optional exponent; infinity and NaN are read, and broken by the rule `finite`;
- a decimal has at most four places that are not zero and no exponent, and is exact. (A JSON number of more than
  fifteen digits has lost some before we see it: write such decimals as JSON strings.)
- a boolean is true/false, t/f, yes/no, y/n or 1/0, in any case;
- a date is ISO 8601, year first; a time of day is allowed if it is midnight;
- a timestamp is ISO 8601, a blank for the T allowed, seconds optional, fractions cut to microseconds; an offset is
  turned into UTC, no offset means UTC. Years 1 to 9999;
- with a declared `format`, a date or timestamp is what that format reads; %z offsets are turned into UTC.
Parquet values are cast only where nothing is lost; text in Parquet is read as in text files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.specs.columns import ColumnSpec, ContractSpec
from ml_assets.specs.tables import CsvFormat, FileFormat, ParquetFormat
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.rules import RowRule, column_rules

_BLANKS = "' \t\u00a0'"
_INTEGER = r"[+-]?[0-9]+(\.0*)?"
_FLOAT = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(?i:inf|infinity|nan)"
_DECIMAL = r"[+-]?([0-9]+(\.[0-9]{0,4}0*)?|\.[0-9]{1,4}0*)"
# With a decimal comma, points may only group digits by three: 1.5 would otherwise be read as 15.
_COMMA_NUMBER = r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)?(,[0-9]*)?([eE][+-]?[0-9]+)?"
_DATE = "[0-9]{4}([-/])[0-9]{1,2}[-/][0-9]{1,2}"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
_MOMENT = rf"{_DATE}([ T]{_CLOCK})?"
_TIMESTAMP = rf"{_DATE}([ T]{_CLOCK}( ?(Z|UTC)|[+-](0[0-9]|1[0-8])(:[0-5][0-9])?)?)?"
_WHOLE_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)


@dataclass(frozen=True)
class CompiledContract:
    """`casts[i]` is SQL over the raw value of column i, `typed[i]` SQL over that cast under the name `_t<i>`.

    Rule i is broken ⇔ `broken` gives i + 1.
    """

    columns: tuple[str, ...]
    casts: tuple[str, ...]
    typed: tuple[str, ...]
    rules: tuple[RowRule, ...]

    @property
    def broken(self) -> str:
        """SQL over typed and raw values: number of the first broken rule, 0 for a good row."""
        if not self.rules:
            return "0"
        branches = " ".join(f"when {rule.bad} then {number}" for number, rule in enumerate(self.rules, 1))
        return f"case {branches} else 0 end"

    def judged(self, relation: str, more: str = "") -> str:
        """SQL: `relation` with typed columns and `_broken`. `more` are further expressions over typed and raw values."""
        casts = ", ".join(f"{sql} as _t{position}" for position, sql in enumerate(self.casts))
        typed = ", ".join(f"{sql} as {quoted(name)}" for name, sql in zip(self.columns, self.typed, strict=True))
        return f"select *{more} from (select *, {self.broken} as _broken from (select {typed}, * from (select *, {casts} from {relation})))"


def compile_contract(
    contract: ContractSpec, file_format: FileFormat, raws: Sequence[str], natives: Sequence[str] = (),
    before: Sequence[RowRule] = (),
) -> CompiledContract:  # fmt: skip
    """SQL for one contract over raw values. Rules of severity `warn` are left to the checks; they keep no row out.

    `raws[i]` is SQL of column i's raw value: text, or of Parquet type `natives[i]`. `before` are the reader's rules.
    """
    casts, typed, types = [], [], []
    for position, (name, column) in enumerate(contract.columns.items()):
        raw = raws[position]
        is_text = not natives or natives[position] == "VARCHAR"
        casts.append(_from_text(raw, column, file_format) if is_text else _from_native(raw, column, natives[position]))
        typed.append(_settled(f"_t{position}", column))
        if column.type != "string":
            missing = "" if natives else f" and not {_matches(raw, missing_pattern(contract.missing))}"
            bad = f"{quoted(name)} is null and {raw} is not null{missing}"
            types.append(RowRule("type", name, bad, expected_words(column, file_format)))
    declared = [rule for rule in column_rules(contract.columns) if rule.severity == "error"]
    return CompiledContract(tuple(contract.columns), tuple(casts), tuple(typed), (*before, *types, *declared))


def missing_pattern(spellings: Sequence[str]) -> str:
    """Regular expression of a missing value, blanks around it included. (In a list of hundreds of columns the engine takes
    a thousand times as long for `in` with constants.)
    """
    blanks = "[ \t\u00a0]*"
    return f"{blanks}({'|'.join(re.escape(spelling) for spelling in spellings)})?{blanks}"


def expected_words(column: ColumnSpec, file_format: FileFormat) -> str:
    """What a value of this column should have looked like."""
    if column.format:
        return f"a {column.type} written {column.format}"
    comma = " with a decimal comma" if isinstance(file_format, CsvFormat) and file_format.decimal == "," else ""
    return {
        "integer": "an integer", "float": f"a float{comma}", "decimal": f"a decimal{comma} of at most four places",
        "boolean": "a boolean", "date": "a date such as 2011-01-31",
        "timestamp": "a timestamp such as 2011-01-31 08:26:00, or with an offset 2011-01-31T08:26:00+01:00",
    }.get(column.type, f"a {column.type}")  # fmt: skip


def _from_text(raw: str, column: ColumnSpec, file_format: FileFormat) -> str:
    if column.type == "string":
        return raw
    text = f"trim({raw}, {_BLANKS})"
    if column.format is not None:
        moment = f"cast(try_strptime({text}, {literal(column.format)}) as timestamp)"
        return f"date_trunc('day', {moment})" if column.type == "date" else moment
    if column.type == "boolean":
        return f"try_cast({text} as boolean)"
    # The most frequent spelling is tried first, since blanks and zones cost time.
    if column.type in ("date", "timestamp"):
        zoned = f"when {_matches(text, _TIMESTAMP)} then cast(try_cast({text} as timestamptz) as timestamp)"
        return f"case when {_matches(raw, _MOMENT)} then try_cast({raw} as timestamp) {zoned} end"
    if isinstance(file_format, CsvFormat) and file_format.decimal == ",":
        raw = text = f"case when {_matches(text, _COMMA_NUMBER)} then replace(replace({text}, '.', ''), ',', '.') end"
    pattern = {"integer": _INTEGER, "float": _FLOAT, "decimal": _DECIMAL}[column.type]
    branches = " ".join(
        f"when {_matches(said, pattern)} then try_cast({said} as {column.duckdb_type})"
        for said in dict.fromkeys((raw, text))
    )
    return f"case {branches} end"


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {literal(pattern)})"


def _from_native(raw: str, column: ColumnSpec, native: str) -> str:
    kind = native.partition("(")[0]
    if column.type == "string":
        return f"cast({raw} as varchar)"
    if column.type in ("date", "timestamp"):
        is_moment = kind == "DATE" or kind.startswith("TIMESTAMP")
        return f"try_cast({raw} as timestamp)" if is_moment else "cast(null as timestamp)"
    if column.type == "boolean":
        whole = (
            f"case {raw} when 1 then true when 0 then false end" if kind in _WHOLE_NUMBERS else "cast(null as boolean)"
        )
        return raw if kind == "BOOLEAN" else whole
    if kind not in (*_WHOLE_NUMBERS, "FLOAT", "DOUBLE", "DECIMAL"):
        return f"cast(null as {column.duckdb_type})"
    value = f"try_cast({raw} as {column.duckdb_type})"
    if column.type == "float" or (column.type == "integer" and kind in _WHOLE_NUMBERS):
        return value
    return f"case when try_cast({value} as {native}) = {raw} then {value} end"


def _settled(cast: str, column: ColumnSpec) -> str:
    """The value of a cast. A moment outside the years that every consumer can hold (or infinity) is none."""
    if column.type not in ("date", "timestamp"):
        return cast
    inside = f"{cast} between '0001-01-01'::timestamp and '9999-12-31 23:59:59.999999'::timestamp"
    if column.type == "timestamp":
        return f"case when {inside} then {cast} end"
    return f"case when {inside} and {cast} = date_trunc('day', {cast}) then cast({cast} as date) end"


def evaluability(contract: ContractSpec, file_format: FileFormat) -> str:
    """SQL that fails where the engine refuses a contract: a pattern it cannot run, a bound that is no value."""
    names = [f"_c{position}" for position in range(len(contract.columns))]
    natives = ("VARCHAR",) * len(names) if isinstance(file_format, ParquetFormat) else ()
    raws = ", ".join(f"'' as {name}" for name in names)
    return compile_contract(contract, file_format, names, natives).judged(f"(select {raws} where false)")
