"""A table's files in the engine: a sample of raw values, how many rows there are, and what cannot be read."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa

from ml_assets.ingest.layout import ExaminedFile, Layout, scan_paths
from ml_assets.ingest.readers import regular_source
from ml_assets.ingest.text import (
    IRREGULAR,
    encoding_of,
    is_packed,
    records_of,
)
from ml_assets.onboarding.dialects import Dialect, broken, dialect_of, refusal
from ml_assets.onboarding.json_lines import IS_OBJECT, json_values, keys_of
from ml_assets.onboarding.sampling import write_sample
from ml_assets.onboarding.surveys import Survey, landed
from ml_assets.onboarding.understanding import Note
from ml_assets.specs.columns import ColumnSpec, ContractSpec
from ml_assets.specs.tables import FileFormat, JsonLinesFormat, ParquetFormat, RawTableSpec
from ml_assets.warehouse.engines import Engine, EngineKind
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.store import EngineSettings, Warehouse, Workbench

MOST_ROWS = 200_000
_MOST_CELLS = 20_000_000
_LEAST_ROWS = 5_000
# A table of so few values is looked at whole, however many rows they make.
_WHOLE_CELLS = 5_000_000
# Small groups of rows, so that both cores have something to do with a small table.
_ROW_GROUP = 10_240


@dataclass(frozen=True)
class Loaded:
    """Raw values of a table. `sample` has columns `_c0`… in order of `headers`; text, or of Parquet types `natives`.

    `rows` is exact when `counted`. `complete`: the sample is all there is. `everything` is SQL over all rows with the same
    columns (that of the sample where the files are not regular). `unreadable` records of those looked at are broken.
    """

    name: str
    files: tuple[Path, ...]
    format: FileFormat
    headers: tuple[str, ...]
    sample: str
    sampled: int
    rows: int
    counted: bool
    complete: bool
    everything: str
    natives: tuple[str, ...] = ()
    discarded: tuple[str, ...] = ()
    unreadable: int = 0
    notes: tuple[Note, ...] = ()

    @property
    def raws(self) -> tuple[str, ...]:
        return tuple(f"_c{position}" for position in range(len(self.headers)))


@contextmanager
def workbench() -> Iterator[Workbench]:
    """An engine with a folder of its own in the system's place for temporary files, both gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ml_assets_") as folder:
        settings = EngineSettings()
        warehouse = Warehouse(Path(folder) / "none.duckdb", Path(folder) / "scratch", settings)
        engine = Engine(EngineKind(warehouse.scratch.root, settings.memory_limit, settings.threads))
        try:
            yield Workbench(warehouse, engine.connection, engine.folder, "memory")
        finally:
            engine.close()


def load(bench: Workbench, name: str, files: Sequence[Path], number: int) -> Loaded:
    """Read a table's sample into the engine; raises UnderstandingError for files that cannot be one table."""
    dialects = {path: dialect_of(path) for path in files}
    kinds = {dialect.format.kind for dialect in dialects.values()}
    if len(kinds) > 1:
        raise refusal(
            files[0],
            f"table {name} has files of several kinds",
            "one kind",
            ", ".join(sorted(kinds)),
            "give each kind as a table of its own",
        )
    if "parquet" in kinds:
        return _load_parquet(bench, name, dialects, number)
    survey = Survey(name, dialects)
    return _load_text(bench, survey, number)


def most_rows(columns: int) -> int:
    """How many rows are looked at: fewer of wide tables."""
    return max(_LEAST_ROWS, min(MOST_ROWS, _MOST_CELLS // max(1, columns)))


@dataclass
class _Filling:
    """The sample while it is filled: Parquet files, since a wide table in memory takes a block for each column."""

    bench: Workbench
    table: str
    headers: tuple[str, ...]
    unreadable: int = 0
    rows: int = 0
    parts: list[Path] = field(default_factory=list)
    scans: list[str] = field(default_factory=list)

    def add(self, query: str) -> int:
        """How many rows a query brought."""
        part = self.bench.folder / f"{self.table}_{len(self.parts)}.parquet"
        added = written(self.bench, query, part)
        self.parts.append(part)
        self.rows += added
        return added

    @property
    def sample(self) -> str:
        """SQL: the rows so far."""
        return stored(*self.parts)


def written(bench: Workbench, query: str, path: Path) -> int:
    """Write the rows of a query as Parquet; how many."""
    return int(bench.value(f"copy ({query}) to {literal(str(path))} (format parquet, row_group_size {_ROW_GROUP})"))


def stored(*paths: Path) -> str:
    """SQL: rows of Parquet files that were written here, in order."""
    return f"read_parquet([{', '.join(literal(str(path)) for path in paths)}])"


def _load_text(bench: Workbench, survey: Survey, number: int) -> Loaded:
    form = survey.format
    headers = next(iter(survey.headers.values()))
    if isinstance(form, JsonLinesFormat):
        headers = keys_of(bench, survey)
    named = tuple(header for header in headers if header)
    filling = _Filling(bench, f"sample_{number}", named)
    most = most_rows(len(named))
    whole = survey.records <= max(most, _WHOLE_CELLS // len(named))
    _fill_regular(filling, survey, most, whole=whole)
    complete, irregular_rows = _fill_irregular(filling, survey, most)
    sampled = filling.rows
    complete = complete and whole
    rows = survey.records + irregular_rows
    notes = [*survey.notes, *_reading_notes(survey, filling, sampled)]
    discarded = tuple(header for header in headers if not header)
    if discarded:
        notes.append(
            Note(
                survey.name,
                f"{len(discarded)} without a name left out",
                "a column is known by its header",
                doubt=True,
            )
        )
    _check_readable(survey, filling, sampled)
    return Loaded(
        survey.name, survey.files, form, named, filling.sample, sampled, max(rows, sampled), complete or (survey.records > 0 and not survey.irregular),
        complete, " union all ".join(filling.scans) if not complete and filling.scans else f"select * from {filling.sample}",
        discarded=discarded, unreadable=filling.unreadable, notes=tuple(notes),
    )  # fmt: skip


def _spec(form: FileFormat) -> RawTableSpec:
    """What the ingest's readers want to know: nothing is a missing value yet."""
    return RawTableSpec(
        name="sample",
        files="*",
        format=form,
        contract=ContractSpec(columns={"c": ColumnSpec(type="string")}, missing=()),
    )


def _examined(path: Path, header: tuple[str, ...], wanted: tuple[str, ...]) -> ExaminedFile:
    return ExaminedFile(landed(path), Layout(header, wanted, packed=is_packed(path)), IRREGULAR, None)


def _scan(filling: _Filling, survey: Survey, paths: Sequence[Path], header: tuple[str, ...]) -> str:
    """SQL: all rows of regular files with one header; the sample's columns."""
    wanted = filling.headers
    files = [_examined(path, header or wanted, wanted) for path in paths]
    source = regular_source(filling.bench, files, files[0].layout, _spec(survey.format))
    listed = ", ".join(f"{raw} as _c{position}" for position, raw in enumerate(source.raws))
    rules = " and ".join(f"not ({rule.bad})" for rule in source.rules)
    return f"select {listed} from {source.relation}" + (f" where {rules}" if rules else "")


def _fill_regular(filling: _Filling, survey: Survey, most: int, *, whole: bool) -> None:
    by_header: dict[tuple[tuple[str, ...], bool], list[Path]] = {}
    for path in survey.regular:
        by_header.setdefault((survey.headers[path], is_packed(path)), []).append(path)
    for (header, _), paths in by_header.items():
        everything = _scan(filling, survey, paths, header)
        filling.scans.append(everything)
        if whole:
            expected = sum(survey.shapes[path].records for path in paths) - (len(paths) if header else 0)
            _read(filling, survey, paths, everything, expected)
            continue
        share = most / max(1, survey.records)
        if all(survey.shapes[path].plain for path in paths):
            blocks = write_sample(
                paths, filling.bench.folder / f"{filling.table}_{len(filling.scans)}.txt", share, header=bool(header)
            )
            _read(filling, survey, paths, _scan(filling, survey, [blocks.path], header), blocks.records)
        else:
            _read(filling, survey, paths, f"{everything} using sample reservoir({most} rows) repeatable (7)", 0)


def _read(filling: _Filling, survey: Survey, paths: Sequence[Path], query: str, expected: int) -> None:
    """Files that the engine gives up on are left to the record reader, as the ingest leaves them."""
    try:
        added = filling.add(query)
    except duckdb.Error:
        survey.shapes |= dict.fromkeys(paths, IRREGULAR)
        filling.scans.pop()
        return
    filling.unreadable += max(0, expected - added)


def _fill_irregular(filling: _Filling, survey: Survey, most: int) -> tuple[bool, int]:
    """Whether these files were read to their ends, and how many records they have (or seem to have)."""
    complete, rows = True, 0
    paths = survey.irregular
    for path in paths:
        limit = max(1_000, most // len(paths))
        try:
            read, ended = _record_rows(filling, survey, path, limit)
        except (EOFError, zlib.error, OSError) as problem:
            raise broken(path, problem) from problem
        except UnicodeDecodeError as problem:
            raise refusal(
                path,
                "the file is not in one encoding",
                f"text in {encoding_of(survey.format)}",
                problem.reason,
                "write it as UTF-8",
            ) from problem
        complete = complete and ended
        rows += read
    return complete, rows


def _record_rows(filling: _Filling, survey: Survey, path: Path, limit: int) -> tuple[int, bool]:
    """Records by the ingest's own record reader: those of the file's head. Keeps the file's own order of columns."""
    header, form = survey.headers[path], survey.format
    at = [header.index(name) for name in filling.headers] if header else [0]
    good: list[list[str]] = []
    bad = 0
    records = islice(records_of(path, form), 1 if header else 0, None)
    taken = 0
    for record in islice(records, limit):
        taken += 1
        if record.fault:
            bad += 1
        else:
            good.append([record.fields[position] for position in at])
    ended = next(records, None) is None
    filling.unreadable += bad
    if good:
        arriving = pa.table(
            {f"_c{position}": pa.array(column, pa.string()) for position, column in enumerate(zip(*good, strict=True))}
        )
        filling.bench.connection.register("arriving", arriving)
        filling.add(
            "select * from arriving"
            if header
            else f"select {json_values(filling.headers)} from arriving where {IS_OBJECT.format(text='_c0')}"
        )
        filling.bench.connection.unregister("arriving")
    size = sum(len(field) + 1 for row in good for field in row)
    guessed = taken if ended else int(taken * max(1.0, path.stat().st_size / max(1, size)))
    return guessed, ended


def _check_readable(survey: Survey, filling: _Filling, sampled: int) -> None:
    if sampled == 0 and filling.unreadable == 0:
        raise refusal(
            survey.files[0], "there is a header and no row", "at least one row", "0 rows", "give files with rows"
        )
    if filling.unreadable <= sampled:
        return
    faults, line = _first_fault(survey)
    raise refusal(
        survey.files[0], f"most rows of table {survey.name} cannot be read", f"rows of {len(filling.headers)} fields, as the header has",
        faults, "correct the header or the rows; a name may be missing in the header, or the delimiter be another", line,
    )  # fmt: skip


def _first_fault(survey: Survey) -> tuple[str, int | None]:
    for path in survey.files:
        for record in islice(records_of(path, survey.format), 10_000):
            if record.fault in ("too_few_fields", "too_many_fields"):
                return f"{len(record.fields)} fields: {record.text[:80]}", record.line
            if record.fault:
                return record.fault.replace("_", " "), record.line
    return "rows that are no JSON objects", None


def _reading_notes(survey: Survey, filling: _Filling, sampled: int) -> list[Note]:
    notes = []
    if filling.unreadable:
        share = filling.unreadable / max(1, sampled + filling.unreadable)
        said, line = _first_fault(survey)
        where = f" (line {line})" if line else ""
        notes.append(
            Note(survey.name, f"{filling.unreadable:,} records ({share:.1%}) cannot be read; they will stand in the quarantine",
                 f"for example {said.partition(':')[0]}{where}", doubt=True)
        )  # fmt: skip
    return notes


def _load_parquet(bench: Workbench, name: str, dialects: dict[Path, Dialect], number: int) -> Loaded:
    files = tuple(dialects)
    paths = scan_paths([landed(path) for path in files])
    scan = f"read_parquet({paths}, binary_as_string = true, union_by_name = true)"
    try:
        types = bench.columns(scan)
        rows = int(bench.value(f"select sum(num_rows)::bigint from parquet_file_metadata({paths})"))
    except duckdb.Error as problem:
        raise refusal(
            files[0],
            f"the Parquet files of table {name} are not alike",
            "the same columns and types",
            str(problem).splitlines()[0],
            "write them alike",
        ) from problem
    if rows == 0:
        raise refusal(files[0], "there are columns and no row", "at least one row", "0 rows", "give files with rows")
    most = most_rows(len(types))
    listed = ", ".join(f"{quoted(header)} as _c{position}" for position, header in enumerate(types))
    everything = f"select {listed} from {scan}"
    sampled = f" using sample reservoir({most} rows) repeatable (7)" if rows > most else ""
    part = bench.folder / f"sample_{number}.parquet"
    looked_at = written(bench, f"{everything}{sampled}", part)
    return Loaded(
        name, files, ParquetFormat(), tuple(types), stored(part), looked_at, rows, counted=True, complete=rows <= most,
        everything=everything, natives=tuple(types.values()), notes=(Note(name, "Parquet; types are the file's own"),),
    )  # fmt: skip
