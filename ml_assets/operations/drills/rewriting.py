"""Landing files written anew with a fault, in the format that their table declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml_assets.specs.tables import CsvFormat, ParquetFormat, RawTableSpec
from ml_assets.warehouse.names import literal, quoted


@dataclass(frozen=True)
class Columns:
    """How SQL speaks of the columns of a landing file, which are text except in Parquet."""

    spec: RawTableSpec

    def source(self, column: str) -> str:
        """The quoted header of a column."""
        return quoted(self.spec.contract.columns[column].source or column)

    @property
    def is_text(self) -> bool:
        return not isinstance(self.spec.format, ParquetFormat)

    def number(self, column: str) -> str:
        """The value as a double."""
        name = self.source(column)
        if isinstance(self.spec.format, CsvFormat) and self.spec.format.decimal == ",":
            return f"try_cast(replace(replace({name}, '.', ''), ',', '.') as double)"
        return f"try_cast({name} as double)"

    def written(self, column: str, expression: str) -> str:
        """A double as the file writes numbers of this column."""
        whole = self.spec.contract.columns[column].type == "integer"
        value = f"cast(round({expression}) as bigint)" if whole else f"round({expression}, 4)"
        if not self.is_text:
            return value
        text = f"cast({value} as varchar)"
        comma = isinstance(self.spec.format, CsvFormat) and self.spec.format.decimal == ","
        return f"replace({text}, '.', ',')" if comma else text

    def moment(self, column: str, change: str) -> str:
        """The moment of a column moved by an interval, written as it was."""
        name, written = self.source(column), self.spec.contract.columns[column].format
        if not self.is_text:
            return f"{name} + {change}"
        if written:
            return f"strftime(try_strptime({name}, {literal(written)}) + {change}, {literal(written)})"
        pattern = "%Y-%m-%d" if self.spec.contract.columns[column].type == "date" else "%Y-%m-%d %H:%M:%S"
        return f"strftime(try_cast({name} as timestamp) + {change}, '{pattern}')"


Rewrite = Callable[[Columns], str]


def rewritten(path: Path, spec: RawTableSpec, rewrite: Rewrite, known: str = "") -> None:
    """Replace a landing file by what `rewrite` makes of it: SQL over `arrived`, whose rows carry their number in `_n`.

    `known` names a Parquet file that the SQL may read as the table `known`.
    """
    unfinished = path.with_name(f".{path.name}.tmp")
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.execute(f"create table arrived as select *, row_number() over () as _n from {_reader(path, spec)}")
        if known:
            connection.execute(f"create view known as from {literal(known)}")
        statement = f"select * exclude (_n) from ({rewrite(Columns(spec))}) order by _n"
        connection.execute(f"copy ({statement}) to {literal(str(unfinished))} ({_options(path, spec)})")
    unfinished.replace(path)


def header_alone(path: Path, spec: RawTableSpec, target: Path) -> None:
    """Write a file of the same columns without rows: what takes out the rows that a file has given."""
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (from {_reader(path, spec)} limit 0) to {literal(str(target))} ({_options(path, spec)})"
        )


def _reader(path: Path, spec: RawTableSpec) -> str:
    name, form = literal(str(path)), spec.format
    if isinstance(form, ParquetFormat):
        return f"read_parquet({name})"
    if isinstance(form, CsvFormat):
        return (
            f"read_csv({name}, all_varchar = true, header = true, delim = {literal(form.delimiter)}, quote = {literal(form.quote)}, "
            f"escape = {literal(form.quote)}, encoding = {literal(form.encoding)}, auto_detect = true)"
        )
    return f"read_json({name}, format = 'newline_delimited')"


def _options(path: Path, spec: RawTableSpec) -> str:
    form = spec.format
    packed = ", compression gzip" if path.suffix == ".gz" else ""
    if isinstance(form, ParquetFormat):
        return "format parquet"
    if isinstance(form, CsvFormat):
        return (
            f"format csv, header true, delimiter {literal(form.delimiter)}, quote {literal(form.quote)}, "
            f"escape {literal(form.quote)}{packed}"
        )
    return f"format json{packed}"
