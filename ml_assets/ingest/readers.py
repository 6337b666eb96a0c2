"""How each file format is read: a relation of raw values with file and row number, and rows that are no rows at all.

Every reader leaves a table `incoming` with the declared columns as raw values (text for CSV and JSON lines, native
types for Parquet), `_file` and `_row` (ordinal of the record in its file, 1-based, unreadable ones counted), and a
table `unreadable` (`_file`, `_row`, rule, column_name, value, expected, record) of records that have no columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml_assets.errors import LandingFileError
from ml_assets.ingest.landing import LandedFile, check_header, csv_header
from ml_assets.specs.tables import CsvFormat, JsonLinesFormat, ParquetFormat, RawTableSpec
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.store import Workbench

_REJECT_RULES = {
    "MISSING COLUMNS": "too_few_fields",
    "TOO MANY COLUMNS": "too_many_fields",
    "UNQUOTED VALUE": "unclosed_quote",
    "INVALID ENCODING": "encoding",
    "INVALID STATE": "unclosed_quote",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
}
# A control character that no text file of records holds: JSON lines are read as one field a line.
_NEVER = "\x01"


@dataclass(frozen=True)
class Layout:
    """Columns of a group of files that are read together: warehouse name → header, and undeclared headers kept."""

    header: tuple[str, ...]
    columns: Mapping[str, str]
    evolved: tuple[str, ...]


def layout_of(bench: Workbench, landed: LandedFile, spec: RawTableSpec) -> Layout:
    """The file's columns, checked against the contract; raises `LandingFileError`."""
    if isinstance(spec.format, CsvFormat):
        header = csv_header(landed, spec.format)
    elif isinstance(spec.format, ParquetFormat):
        header = _parquet_columns(bench, landed)
    else:
        header = _json_keys(bench, landed, spec)
    check_header(landed, header, spec)
    declared = {column.source or name: name for name, column in spec.contract.columns.items()}
    extra = [name for name in header if name not in declared]
    evolved = tuple(extra) if spec.contract.extra_columns == "evolve" else ()
    return Layout(tuple(header), {name: header for header, name in declared.items()}, evolved)


def read_group(bench: Workbench, files: Sequence[LandedFile], layout: Layout, spec: RawTableSpec) -> None:
    """Fill `incoming` and `unreadable` with the records of files that share a layout."""
    bench.execute("drop table if exists incoming; drop table if exists unreadable")
    bench.execute(
        "create temp table unreadable (_file varchar, _row bigint, rule varchar, column_name varchar, "
        "value varchar, expected varchar, record varchar)"
    )
    bench.execute("create or replace temp table file_names (path varchar, _file varchar)")
    bench.connection.executemany("insert into file_names values (?, ?)", [[str(f.path), f.file] for f in files])
    if isinstance(spec.format, CsvFormat):
        _read_csv(bench, files, layout, spec.format, spec)
    elif isinstance(spec.format, ParquetFormat):
        _read_parquet(bench, files, layout)
    else:
        _read_json_lines(bench, files, layout, spec)


def _paths(files: Sequence[LandedFile]) -> str:
    return "[" + ", ".join(literal(str(landed.path)) for landed in files) + "]"


def _scan_text(bench: Workbench, files: Sequence[LandedFile], columns: Sequence[str], options: str) -> None:
    """Scan delimited text into `scanned` with running numbers, rejects into DuckDB's own tables."""
    struct = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    bench.execute("drop table if exists reject_errors; drop table if exists reject_scans; drop table if exists scanned")
    bench.execute(
        f"create temp table scanned as select *, row_number() over () as _ordinal from read_csv({_paths(files)}, "
        f"columns = {{{struct}}}, auto_detect = false, filename = '_path', store_rejects = true, rejects_limit = 0, "
        f"strict_mode = true, {options})"
    )


def _number_rows(bench: Workbench, selected: str, header_lines: int) -> None:
    """`incoming` from `scanned`: ordinals within each file, shifted past rejected records."""
    bench.execute(
        "create or replace temp table first_rows as select _path, min(_ordinal) as first from scanned group by 1"
    )
    bench.execute(
        f"create temp table incoming as select {selected}, n._file, s._ordinal - f.first + 1 as _row "
        "from scanned s join first_rows f using (_path) join file_names n on n.path = s._path"
    )
    bench.execute("drop table scanned")
    rejected = bench.rows(
        f"select n._file, e.line - {header_lines} as _row, any_value(e.error_type), any_value(e.column_name), "
        "any_value(e.csv_line), any_value(e.error_message) from reject_errors e join reject_scans r "
        "using (scan_id, file_id) join file_names n on n.path = r.file_path group by 1, 2 order by 1, 2"
    )
    if not rejected:
        return
    bench.connection.executemany(
        "insert into unreadable values (?, ?, ?, ?, ?, ?, ?)",
        [
            [file, row, _REJECT_RULES.get(str(kind), "unreadable"), column, None, message, record]
            for file, row, kind, column, record, message in rejected
        ],
    )
    for file in sorted({row[0] for row in rejected}):
        for number in sorted(row[1] for row in rejected if row[0] == file):
            bench.execute("update incoming set _row = _row + 1 where _file = ? and _row >= ?", [file, number])


def _read_csv(
    bench: Workbench, files: Sequence[LandedFile], layout: Layout, text: CsvFormat, spec: RawTableSpec
) -> None:
    missing = ", ".join(literal(spelling) for spelling in spec.contract.missing)
    options = (
        f"header = true, delim = {literal(text.delimiter)}, quote = {literal(text.quote)}, "
        f"escape = {literal(text.quote)}, encoding = {literal(text.encoding)}, nullstr = [{missing}]"
    )
    # Columns are named by position, so that any header text (spaces, a byte-order mark) is harmless.
    names = [f"c{position}" for position in range(len(layout.header))]
    _scan_text(bench, files, names, options)
    at = {header: names[position] for position, header in enumerate(layout.header)}
    selected = [f"s.{at[header]} as {quoted(name)}" for name, header in layout.columns.items()]
    selected += [f"s.{at[header]} as {quoted(header)}" for header in layout.evolved]
    _number_rows(bench, ", ".join(selected), header_lines=1)


def _read_parquet(bench: Workbench, files: Sequence[LandedFile], layout: Layout) -> None:
    selected = [f"s.{quoted(header)} as {quoted(name)}" for name, header in layout.columns.items()]
    selected += [f"cast(s.{quoted(header)} as varchar) as {quoted(header)}" for header in layout.evolved]
    bench.execute(
        f"create temp table incoming as select {', '.join(selected)}, n._file, s.file_row_number + 1 as _row "
        f"from read_parquet({_paths(files)}, filename = '_path', file_row_number = true) s "
        "join file_names n on n.path = s._path"
    )


def _read_json_lines(bench: Workbench, files: Sequence[LandedFile], layout: Layout, spec: RawTableSpec) -> None:
    _scan_text(bench, files, ["line"], f"header = false, delim = {literal(_NEVER)}, quote = '', escape = ''")
    _number_rows(bench, "s.line", header_lines=0)
    bench.execute("alter table incoming rename to lines")
    bench.execute(
        "insert into unreadable select _file, _row, 'not_json', null, left(line, 200), 'one JSON object a line', line "
        "from lines where line is not null and not coalesce(json_valid(line) and json_type(line) = 'OBJECT', false)"
    )
    bench.execute("delete from lines where not coalesce(json_valid(line) and json_type(line) = 'OBJECT', false)")
    missing = ", ".join(literal(spelling) for spelling in spec.contract.missing) or "null"
    wanted = [*layout.columns.items(), *((header, header) for header in layout.evolved)]
    selected = []
    for name, header in wanted:
        path = literal('$."' + header.replace('"', '\\"') + '"')
        text = f"json_extract_string(line, {path})"
        selected.append(f"case when {text} in ({missing}) then null else {text} end as {quoted(name)}")
    bench.execute(f"create temp table incoming as select {', '.join(selected)}, _file, _row from lines")
    bench.execute("drop table lines")


def _parquet_columns(bench: Workbench, landed: LandedFile) -> list[str]:
    try:
        return list(bench.columns(f"read_parquet({literal(str(landed.path))})"))
    except duckdb.Error as problem:
        raise LandingFileError(
            "not_parquet", "the file is not readable Parquet", place=landed.file, expected="a complete Parquet file",
            got=str(problem).splitlines()[0], remedy="land the complete file again",
        ) from problem  # fmt: skip


def _json_keys(bench: Workbench, landed: LandedFile, spec: RawTableSpec) -> list[str]:
    if landed.bytes == 0:
        raise LandingFileError(
            "empty_file", "the file is empty", place=f"{landed.file}:1", expected="one JSON object a line", got="0 bytes",
            remedy="land the complete file again",
        )  # fmt: skip
    declared = [spec.contract.header_of(name) for name in spec.contract.columns]
    try:
        rows = bench.rows(
            f"select distinct unnest(json_keys(line)) from read_csv({literal(str(landed.path))}, header = false, "
            f"columns = {{'line': 'VARCHAR'}}, auto_detect = false, delim = {literal(_NEVER)}, quote = '', escape = '', "
            "ignore_errors = true) where json_valid(line) and json_type(line) = 'OBJECT'"
        )
    except duckdb.Error as problem:
        raise unreadable_file(landed, problem) from problem
    # A key may be absent from an object (its value is missing then), so declared keys always count as there.
    return declared + sorted({row[0] for row in rows} - set(declared))


def unreadable_file(landed: LandedFile, problem: Exception) -> LandingFileError:
    """A file on which the engine's reader gives up as a whole."""
    said = str(problem).splitlines()[0]
    rule, remedy = "unreadable", "land the complete file again"
    if "GZIP" in said.upper():
        rule = "broken_archive"
    elif "state machine" in said:
        rule, remedy = "broken_text", "write one kind of line ending, and double every quote inside a quoted field"
        said = "line endings or quotes that contradict each other"
    return LandingFileError(
        rule, "the file cannot be read to its end", place=landed.file, expected="a complete file in the declared format",
        got=said, remedy=remedy,
    )  # fmt: skip


def record_lines(path: Path, ordinals: Sequence[int], text: CsvFormat | JsonLinesFormat) -> dict[int, int]:
    """Record ordinal → first physical line (1-based). Quoted line breaks make the two differ.

    Reads the file once more in Python, so it is called for files with bad rows only.
    """
    import gzip

    header, quote = (1, text.quote) if isinstance(text, CsvFormat) else (0, "")
    encoding = text.encoding if isinstance(text, CsvFormat) else "utf-8"
    wanted, found, record, inside = set(ordinals), {}, -header, False
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding=encoding, errors="replace", newline="\n") as stream:
        for number, line in enumerate(stream, 1):
            if not inside and line.strip("\r\n"):
                record += 1
                if record in wanted:
                    found[record] = number
            if quote and line.count(quote) % 2:
                inside = not inside
    return found
