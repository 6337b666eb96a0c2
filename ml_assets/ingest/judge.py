"""Judge every row of a group of files: which are kept, which go to the quarantine, and whether none was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import duckdb

from ml_assets.errors import LandingFileError, shortened
from ml_assets.ingest.contract import CompiledContract, compile_contract
from ml_assets.ingest.landing import UNREADABLE, LandedFile
from ml_assets.ingest.layout import LAND_AGAIN, ExaminedFile, Layout, examined, refusal, unreadable_file
from ml_assets.ingest.readers import REJECTED_FILES, Source, irregular_source, lines_of, regular_source
from ml_assets.specs.tables import CsvFormat, ParquetFormat, RawTableSpec
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.store import Workbench

QUARANTINE_COLUMNS = """
    _file varchar, _row bigint, _line bigint, rule varchar, column_name varchar, value varchar, expected varchar,
    record varchar, _batch bigint, quarantined_at timestamp
"""
_MOST_VALUE = 1_000
_MOST_RECORD = 65_536
# Refusals that say nothing about the content: it is judged again as soon as it can be read.
_PASSING_RULES = ("vanished", "changed_while_read", "unreadable")


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file: `loaded`, `refused` (nothing of it was loaded) or `copy` of a loaded file.

    `rows_read` is counted on the file, `rows_kept` and `rows_quarantined` on what was judged.
    """

    landed: LandedFile
    status: str
    rule: str = ""
    reason: str = ""
    rows_read: int = 0
    rows_kept: int = 0
    rows_quarantined: int = 0
    content: int = 0
    header: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Outcomes of files that are committed together.

    With a layout, the workbench has `kept_rows` (declared columns, `_e0`… for evolved ones, `_file`, `_row`, `_hash`)
    and `quarantined` until the next group is asked for.
    """

    outcomes: tuple[FileOutcome, ...]
    layout: Layout | None = None

    @property
    def evolved(self) -> tuple[str, ...]:
        return self.layout.evolved if self.layout else ()


@dataclass
class _Reading:
    """Files of one layout that were read, by position, with the rows each has; the temp table `judged` has theirs."""

    layout: Layout
    source: Source
    compiled: CompiledContract
    files: dict[int, ExaminedFile]
    rows: dict[int, int]
    refused: list[FileOutcome] = field(default_factory=list)

    def refuse(self, position: int, problem: LandingFileError) -> None:
        self.refused.append(refused_outcome(self.files.pop(position).landed, problem))


def judged_groups(bench: Workbench, files: Sequence[LandedFile], spec: RawTableSpec, now: datetime) -> Iterator[Group]:
    """Judge files, together where they share a layout; one file's fault never takes its neighbours along."""
    refused: list[FileOutcome] = []
    regular: dict[Layout, list[ExaminedFile]] = {}
    irregular: dict[Layout, list[ExaminedFile]] = {}
    for landed in files:
        try:
            file = examined(bench, landed, spec)
        except LandingFileError as problem:
            refused.append(refused_outcome(landed, problem))
        else:
            (irregular if file.rows is None else regular).setdefault(file.layout, []).append(file)
    for layout, members in regular.items():
        yield from _regular_groups(bench, members, layout, spec, now, irregular)
    for layout, members in irregular.items():
        yield _irregular_group(bench, members, layout, spec, now)
    if refused:
        yield Group(tuple(refused))


def refused_outcome(landed: LandedFile, problem: LandingFileError) -> FileOutcome:
    """A file of which nothing is loaded, and why."""
    if problem.rule in _PASSING_RULES:
        landed = replace(landed, sha256=UNREADABLE)
    return FileOutcome(landed, "refused", problem.rule, str(problem))


def _regular_groups(
    bench: Workbench, files: Sequence[ExaminedFile], layout: Layout, spec: RawTableSpec, now: datetime,
    irregular: dict[Layout, list[ExaminedFile]],
) -> Iterator[Group]:  # fmt: skip
    """One group when the engine can read all files to their ends; else by halves, until the culprit is alone.

    Text in which the engine rejects a record, or finds another number of them than was counted, is added to
    `irregular`: the record reader will say what is wrong with it.
    """
    is_text = not isinstance(spec.format, ParquetFormat)
    try:
        source = regular_source(bench, files, layout, spec)
        compiled = _judge(bench, source, spec)
        doubtful = _doubtful(bench, files)
    except duckdb.Error as problem:
        if len(files) > 1:
            half = len(files) // 2
            yield from _regular_groups(bench, files[:half], layout, spec, now, irregular)
            yield from _regular_groups(bench, files[half:], layout, spec, now, irregular)
        elif is_text:
            irregular.setdefault(layout, []).extend(files)
        else:
            yield Group((refused_outcome(files[0].landed, unreadable_file(files[0].landed, problem)),))
        return
    reading = _Reading(layout, source, compiled, dict(enumerate(files)), {p: f.rows or 0 for p, f in enumerate(files)})
    for position in doubtful:
        if is_text:
            irregular.setdefault(layout, []).append(reading.files.pop(position))
        else:
            reading.refuse(position, unreadable_file(files[position].landed, ValueError("rows are missing")))
    yield _settled(bench, reading, spec, now)


def _irregular_group(
    bench: Workbench, files: Sequence[ExaminedFile], layout: Layout, spec: RawTableSpec, now: datetime
) -> Group:
    members = dict(enumerate(files))
    source, counts = irregular_source(bench, members, layout, spec)
    compiled = _judge(bench, source, spec)
    rows = {position: count for position, count in counts.items() if isinstance(count, int)}
    reading = _Reading(layout, source, compiled, members, rows)
    for position, problem in counts.items():
        if isinstance(problem, Exception):
            reading.refuse(position, unreadable_file(files[position].landed, problem))
    return _settled(bench, reading, spec, now)


def _judge(bench: Workbench, source: Source, spec: RawTableSpec) -> CompiledContract:
    """Fill `judged` in one pass: typed values, the first broken rule, the row's hash, raw values of bad rows only."""
    compiled = compile_contract(spec.contract, spec.format, source.raws, source.natives, source.rules)
    values = ", ".join(f"cast({raw} as varchar)" for raw in source.raws)
    evolved = "".join(f", {raw} as _e{position}" for position, raw in enumerate(source.evolved))
    hashed = ", ".join([*(quoted(name) for name in compiled.columns), *source.evolved])
    place = "".join(f", {sql} as {name}" for name, sql in (("_row", source.row), ("_line", source.line)) if sql)
    columns = ", ".join(quoted(name) for name in compiled.columns)
    judged = compiled.judged(source.relation)
    bench.execute(
        f"create or replace temp table judged as select {columns}{evolved}, _f{place}, _broken, hash({hashed}) as _hash, "
        f"case when _broken > 0 then [{values}] end as _values, "
        f"case when _broken > 0 then left({source.record}, {_MOST_RECORD}) end as _record from ({judged})"
    )
    bench.execute(
        "create or replace temp table measured as select _f, min(rowid) as first, count(*) as rows, "
        "count(*) filter (where _broken = 0) as kept, coalesce(sum(_hash) filter (where _broken = 0), 0) as content "
        "from judged group by _f"
    )
    return compiled


def _doubtful(bench: Workbench, files: Sequence[ExaminedFile]) -> list[int]:
    """Positions of files of which the engine did not find exactly the rows that were counted."""
    found = dict(bench.rows("select _f, rows from measured"))
    doubtful = {position for position, file in enumerate(files) if found.get(position, 0) != file.rows}
    if bench.value("select count(*) from duckdb_tables() where table_name = 'reject_errors'"):
        at = {str(file.landed.path): position for position, file in enumerate(files)}
        doubtful |= {at[row[0]] for row in bench.rows(REJECTED_FILES)}
    return sorted(doubtful)


def _settled(bench: Workbench, reading: _Reading, spec: RawTableSpec, now: datetime) -> Group:
    """Outcomes of a reading; its files' rows stand in `kept_rows` and `quarantined`."""
    _place(bench, reading)
    _fill_quarantine(bench, reading, spec, now)
    _number_lines(bench, reading, spec)
    if spec.contract.bad_rows == "freeze":
        _refuse_bad_rows(bench, reading, spec)
    outcomes = _counted(bench, reading)
    remaining = [file.landed.file for file in reading.files.values()]
    bench.execute("delete from members where not list_contains(?, _file)", [remaining])
    bench.execute("delete from quarantined where not list_contains(?, _file)", [remaining])
    return Group((*outcomes, *reading.refused), reading.layout)


def _place(bench: Workbench, reading: _Reading) -> None:
    """`members` (the files) and `kept_rows`. The engine keeps the order of a file's rows, so row ids count them."""
    positions = list(reading.files)
    bench.execute(
        "create or replace temp table members as select n._f, n._file, m.first from "
        "(select unnest(?::bigint[]) as _f, unnest(?::varchar[]) as _file) n left join measured m using (_f)",
        [positions, [reading.files[position].landed.file for position in positions]],
    )
    row = "j._row" if reading.source.row else "j.rowid - m.first + 1"
    columns = [
        *(quoted(name) for name in reading.compiled.columns),
        *(f"_e{p}" for p in range(len(reading.layout.evolved))),
    ]
    bench.execute(
        f"create or replace temp view kept_rows as select {', '.join(columns)}, m._file, {row} as _row, j._hash "
        "from judged j join members m using (_f) where j._broken = 0"
    )


def _fill_quarantine(bench: Workbench, reading: _Reading, spec: RawTableSpec, now: datetime) -> None:
    rules, source = reading.compiled.rules, reading.source
    at = {name: position for position, name in enumerate(reading.compiled.columns, 1)}
    moment = naive_utc(now)
    bench.execute(f"create or replace temp table quarantined ({QUARANTINE_COLUMNS})")
    bench.execute(
        "create or replace temp table rules as select unnest(?::varchar[]) as rule, unnest(?::varchar[]) as column_name, "
        "unnest(?::varchar[]) as expected, unnest(?::integer[]) as _at, unnest(?::integer[]) as _number",
        [[r.name for r in rules], [r.column or None for r in rules], [r.expected for r in rules],
         [at.get(r.column) for r in rules], list(range(1, len(rules) + 1))],
    )  # fmt: skip
    row = "j._row" if source.row else "j.rowid - m.first + 1"
    line = "j._line" if source.line else f"{row} + {1 if isinstance(spec.format, CsvFormat) else 0}"
    bench.execute(
        f"insert into quarantined select m._file, {row}, {line}, r.rule, r.column_name, "
        f"left(case when r._at is null then j._record else j._values[r._at] end, {_MOST_VALUE}), r.expected, j._record, null, ? "
        "from judged j join members m using (_f) join rules r on r._number = j._broken",
        [moment],
    )
    if source.line and not isinstance(spec.format, ParquetFormat):
        bench.execute(
            "insert into quarantined select m._file, u._row, u._line, u.rule, null, u.value, u.expected, u.record, null, ? "
            "from unreadable u join members m using (_f)",
            [moment],
        )


def _number_lines(bench: Workbench, reading: _Reading, spec: RawTableSpec) -> None:
    """Correct `_line` for files that the engine read and in which records and lines are not one to one."""
    if reading.source.line or isinstance(spec.format, ParquetFormat):
        return
    winding = {file.landed.file: file for file in reading.files.values() if not file.shape.plain}
    bad = bench.rows(
        "select _file, list(_row) from quarantined where list_contains(?, _file) group by 1", [list(winding)]
    )
    for file, rows in bad:
        lines = lines_of(winding[file], set(rows), spec.format)
        bench.execute(
            "update quarantined set _line = n.line from (select unnest(?::bigint[]) as row, unnest(?::bigint[]) as line) n "
            "where quarantined._file = ? and quarantined._row = n.row",
            [list(lines), list(lines.values()), file],
        )


def _refuse_bad_rows(bench: Workbench, reading: _Reading, spec: RawTableSpec) -> None:
    """With `bad_rows: freeze` a file with a bad row is refused as a whole."""
    worst = {
        row[0]: row[1:] for row in bench.rows(
            "select _file, count(*), arg_min((rule, column_name, expected, value, coalesce(_line, _row)), _row) from quarantined group by 1")
    }  # fmt: skip
    for position, file in list(reading.files.items()):
        if file.landed.file not in worst:
            continue
        count, (rule, column, expected, value, line) = worst[file.landed.file]
        hidden = column is None or spec.contract.columns[column].pii
        if hidden and any(declared.pii for declared in spec.contract.columns.values()):
            value = "(personal data)"
        said = f"{column}: {expected}" if column else expected
        subject = (
            f"{count} {'row breaks' if count == 1 else 'rows break'} the contract ({rule}), and bad_rows is freeze"
        )
        remedy = "correct the file, or set bad_rows to quarantine"
        reading.refuse(position, refusal(file.landed, str(rule), subject, said, shortened(value), remedy, line))


def _counted(bench: Workbench, reading: _Reading) -> list[FileOutcome]:
    """Loaded files with their counts. A file that changed meanwhile, or of which a row is missing, is refused."""
    kept = {row[0]: row[1:] for row in bench.rows("select _f, kept, content from measured")}
    bad = dict(bench.rows("select _file, count(*) from quarantined group by 1"))
    outcomes = []
    for position, file in list(reading.files.items()):
        landed, read = file.landed, reading.rows[position]
        (good, content), wrong = kept.get(position, (0, 0)), bad.get(file.landed.file, 0)
        if not landed.is_as_hashed:
            gone = not landed.path.exists()
            reading.refuse(position, refusal(
                landed, "vanished" if gone else "changed_while_read", "the file left the folder while it was being read"
                if gone else "the file changed while it was being read", "a file that is complete when it lands", "gone" if gone else "other content",
                "land it under a name that does not match (as .part), and rename it when it is complete; the next run looks again",
            ))  # fmt: skip
        elif good + wrong != read:
            reading.refuse(position, refusal(
                landed, "miscounted", "rows were lost while reading", f"{read} rows, as counted on the file", f"{good} kept + {wrong} bad", LAND_AGAIN
            ))  # fmt: skip
        else:
            reason = "" if read else "no rows"
            outcomes.append(
                FileOutcome(landed, "loaded", "", reason, read, good, wrong, int(content), reading.layout.header)
            )
    return outcomes
