"""Where the engine finds raw values: a relation for files of one layout, whatever their format.

Three ways in: the engine's own CSV scan (regular text), its Parquet scan, and a table that the record reader has
filled (irregular text). All of them end in a `Source`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_assets.ingest.layout import ExaminedFile, Layout, json_lines_scan, scan_paths
from ml_assets.ingest.text import FAULTS, Record, TextFormat, encoding_of, records_of
from ml_assets.specs.tables import CsvFormat, JsonLinesFormat, ParquetFormat, RawTableSpec
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.rules import RowRule
from ml_assets.warehouse.store import Workbench

_BATCH_ROWS = 20_000
_MOST_TEXT = 65_536
_NO_OBJECT = RowRule("not_json", "", "not _is_object", "one JSON object a line")
# What the engine's scan rejected. Any entry sends its file to the record reader, so few are enough.
REJECTED_FILES = "select distinct r.file_path from reject_errors e join reject_scans r using (scan_id, file_id)"


@dataclass(frozen=True)
class Source:
    """Raw values of some files.

    `relation` is SQL with `_f` (position of the file among those read) and what the other expressions use: `raws` are
    the contract's columns in its order, `evolved` the undeclared ones, `record` the whole record as text. `row` and
    `line` are the record's ordinal and physical line; None where the order of the scan has to tell the ordinal.
    """

    relation: str
    raws: tuple[str, ...]
    evolved: tuple[str, ...]
    record: str
    row: str | None = None
    line: str | None = None
    rules: tuple[RowRule, ...] = ()
    natives: tuple[str, ...] = ()


def regular_source(bench: Workbench, files: Sequence[ExaminedFile], layout: Layout, spec: RawTableSpec) -> Source:
    """The engine's own scan. Text files must be regular."""
    bench.execute("drop table if exists reject_errors; drop table if exists reject_scans")
    landed = [file.landed for file in files]
    if isinstance(spec.format, ParquetFormat):
        return _parquet_source(files, layout)
    if isinstance(spec.format, JsonLinesFormat):
        scan = json_lines_scan(landed)[:-1] + f", {_text_options(layout)})"
        return _json_source(f"(select file_index as _f, line as _text from {scan})", layout, spec)
    text = spec.format
    columns = ", ".join(f"'_c{position}': 'VARCHAR'" for position in range(len(layout.header)))
    scan = (
        # Columns are named by position, so that any header text (spaces, a byte-order mark) is harmless.
        f"read_csv({scan_paths(landed)}, columns = {{{columns}}}, auto_detect = false, header = true, "
        f"delim = {literal(text.delimiter)}, quote = {literal(text.quote)}, escape = {literal(text.quote)}, "
        f"encoding = {literal(text.encoding)}, nullstr = [{_missing(spec)}], {_text_options(layout)})"
    )
    return _csv_source(f"(select *, file_index as _f from {scan})", layout)


def _text_options(layout: Layout) -> str:
    packing = "gzip" if layout.packed else "none"
    return f"store_rejects = true, rejects_limit = 10, strict_mode = true, compression = '{packing}'"


def _missing(spec: RawTableSpec) -> str:
    # The engine wants at least one spelling.
    return ", ".join(literal(spelling) for spelling in spec.contract.missing or ("\x01 no value is spelled so \x01",))


def _csv_source(relation: str, layout: Layout, row: str | None = None, line: str | None = None) -> Source:
    at = {header: f"_c{position}" for position, header in enumerate(layout.header)}
    headers = ", ".join(literal(header) for header in layout.header)
    # A map, since a struct would take names that differ in case for one.
    record = f"cast(to_json(map([{headers}], [{', '.join(at.values())}])) as varchar)"
    if len(at) < len(layout.header):
        record = f"cast(to_json([{', '.join(f'_c{p}' for p in range(len(layout.header)))}]) as varchar)"
    return Source(
        relation,
        tuple(at[header] for header in layout.wanted),
        tuple(at[header] for header in layout.evolved),
        record,
        row,
        line,
    )


def _json_source(
    relation: str, layout: Layout, spec: RawTableSpec, row: str | None = None, line: str | None = None
) -> Source:
    wanted = (*layout.wanted, *layout.evolved)
    paths = ", ".join(literal("/" + header.replace("~", "~0").replace("/", "~1")) for header in wanted)
    # Only an object may be searched; anything else makes the engine give up.
    checked = f"select *, case when json_valid(_text) then json_type(_text) = 'OBJECT' else false end as _is_object from {relation}"
    found = (
        f"(select *, case when _is_object then json_extract_string(_text, [{paths}]) end as _found from ({checked}))"
    )
    values = ", ".join(
        f"case when _found[{p}] in ({_missing(spec)}) then null else _found[{p}] end as _c{p}"
        for p in range(1, len(wanted) + 1)
    )
    names = [f"_c{p}" for p in range(1, len(wanted) + 1)]
    count = len(layout.wanted)
    return Source(
        f"(select *, {values} from {found})",
        tuple(names[:count]),
        tuple(names[count:]),
        "_text",
        row,
        line,
        (_NO_OBJECT,),
    )


def _parquet_source(files: Sequence[ExaminedFile], layout: Layout) -> Source:
    at = {header: f"_c{position}" for position, header in enumerate(layout.header)}
    renamed = ", ".join(f"{quoted(header)} as {name}" for header, name in at.items())
    relation = (
        f"(select {renamed}, file_index as _f, file_row_number + 1 as _row from "
        f"read_parquet({scan_paths([file.landed for file in files])}, binary_as_string = true, file_row_number = true))"
    )
    native = dict(zip(layout.header, layout.native, strict=True))
    texts = ", ".join(f"cast({name} as varchar)" for name in at.values())
    headers = ", ".join(literal(header) for header in layout.header)
    return Source(
        relation, tuple(at[header] for header in layout.wanted),
        tuple(f"cast({at[header]} as varchar)" for header in layout.evolved),
        f"cast(to_json(map([{headers}], [{texts}])) as varchar)", "_row", "cast(null as bigint)",
        natives=tuple(native[header] for header in layout.wanted),
    )  # fmt: skip


def irregular_source(
    bench: Workbench, files: Mapping[int, ExaminedFile], layout: Layout, spec: RawTableSpec
) -> tuple[Source, dict[int, int | Exception]]:
    """Records that the record reader found, in the table `records`; broken ones in `unreadable`.

    And for each file how many there are, or what kept it from being read to its end.
    """
    text = spec.format
    assert not isinstance(text, ParquetFormat)
    width = len(layout.header) if isinstance(text, CsvFormat) else 1
    columns = ", ".join(f"_c{position} varchar" for position in range(width))
    bench.execute(f"create or replace temp table records (_f bigint, _row bigint, _line bigint, {columns})")
    bench.execute(
        "create or replace temp table unreadable "
        "(_f bigint, _row bigint, _line bigint, rule varchar, value varchar, expected varchar, record varchar)"
    )
    writer = _RecordWriter(bench)
    counts: dict[int, int | Exception] = {}
    for position, file in files.items():
        try:
            counts[position] = _write_records(writer, position, file, text, width)
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as problem:
            counts[position] = problem
    writer.flush()
    if isinstance(text, JsonLinesFormat):
        relation = "(select * rename (_c0 as _text) from records)"
        return _json_source(relation, layout, spec, "_row", "_line"), counts
    missing = ", ".join(
        f"case when _c{p} in ({_missing(spec)}) then null else _c{p} end as _c{p}" for p in range(width)
    )
    return _csv_source(f"(select * replace ({missing}) from records)", layout, "_row", "_line"), counts


class _RecordWriter:
    """Collects rows of `records` and `unreadable` and inserts them by the batch."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._waiting: dict[str, list[tuple[object, ...]]] = {"records": [], "unreadable": []}

    def add(self, table: str, row: tuple[object, ...]) -> None:
        rows = self._waiting[table]
        rows.append(row)
        if len(rows) >= _BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        import pyarrow as pa

        for table, rows in self._waiting.items():
            if rows:
                columns = zip(*rows, strict=True)
                arriving = pa.table({f"c{position}": list(column) for position, column in enumerate(columns)})
                self._bench.connection.register("arriving", arriving)
                self._bench.execute(f"insert into {table} select * from arriving")
                self._bench.connection.unregister("arriving")
                rows.clear()


def _write_records(writer: _RecordWriter, position: int, file: ExaminedFile, text: TextFormat, width: int) -> int:
    """How many records the file has, good and bad."""
    row = -1 if isinstance(text, CsvFormat) else 0
    for record in records_of(file.landed.path, text):
        row += 1
        if row == 0:
            continue
        if record.fault:
            writer.add("unreadable", (position, row, record.line, record.fault, *_evidence(record, text, width)))
        else:
            writer.add("records", (position, row, record.line, *record.fields))
    return max(row, 0)


def _evidence(record: Record, text: TextFormat, width: int) -> tuple[str, str, str]:
    value, expected = record.text[:200], FAULTS[record.fault]
    if record.fault in ("too_few_fields", "too_many_fields"):
        value, expected = f"{len(record.fields)} fields: {value}", f"{width} fields"
    elif record.fault == "encoding":
        expected = f"{expected} ({encoding_of(text)})"
    return value, expected, record.text[:_MOST_TEXT]


def lines_of(file: ExaminedFile, rows: set[int], text: TextFormat) -> dict[int, int]:
    """Record ordinal → physical line of a file with quoted line breaks or blank lines; reads the file once more."""
    header = 1 if isinstance(text, CsvFormat) else 0
    found: dict[int, int] = {}
    for ordinal, record in enumerate(records_of(file.landed.path, text), 1 - header):
        if ordinal in rows:
            found[ordinal] = record.line
            if len(found) == len(rows):
                break
    return found
