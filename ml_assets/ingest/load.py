"""Load landing files: read a group, judge every row, commit kept rows, quarantine, file book and buckets together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb

from ml_assets.errors import LandingFileError, shortened
from ml_assets.ingest.contract import CompiledContract, raw_name
from ml_assets.ingest.landing import LandedFile
from ml_assets.ingest.readers import Layout, layout_of, read_group, record_lines, unreadable_file
from ml_assets.specs.tables import ParquetFormat, RawTableSpec
from ml_assets.warehouse.manifest import row_hash
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.store import Workbench

PROVENANCE = ("_file", "_row", "_batch")
QUARANTINE_COLUMNS = """
    _file varchar, _row bigint, _line bigint, rule varchar, column_name varchar, value varchar, expected varchar,
    record varchar, _batch bigint, quarantined_at timestamp
"""


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file: `loaded`, `refused` (nothing of it was loaded) or `copy` of a loaded file."""

    landed: LandedFile
    status: str
    rule: str = ""
    reason: str = ""
    rows_read: int = 0
    rows_kept: int = 0
    rows_quarantined: int = 0
    content: int = 0
    header: tuple[str, ...] = ()


@dataclass
class Group:
    """One group of files, judged: `judged` and `quarantined` are tables of the workbench."""

    layout: Layout | None
    outcomes: list[FileOutcome] = field(default_factory=list)


def read_files(bench: Workbench, files: Sequence[LandedFile], spec: RawTableSpec) -> Iterator[Group]:
    """Read files, together where they share a layout; one file's fault never takes its neighbours along.

    Each group with a layout is yielded while its records stand in `incoming`, so use it before asking for the next.
    """
    refused: list[FileOutcome] = []
    layouts: dict[Layout, list[LandedFile]] = {}
    for landed in files:
        try:
            layout = layout_of(bench, landed, spec)
        except LandingFileError as problem:
            refused.append(_refused(landed, problem))
            continue
        layouts.setdefault(_frozen(layout), []).append(landed)
    if refused:
        yield Group(None, refused)
    for layout, members in layouts.items():
        yield from _readable_groups(bench, members, layout, spec)


def _frozen(layout: Layout) -> Layout:
    return Layout(layout.header, _FrozenDict(layout.columns), layout.evolved)


class _FrozenDict(dict[str, str]):
    """A mapping that may be part of a dictionary key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


def _readable_groups(
    bench: Workbench, members: Sequence[LandedFile], layout: Layout, spec: RawTableSpec
) -> Iterator[Group]:
    """The group as a whole when it can be read to its end; else by halves, until the broken file stands alone."""
    try:
        read_group(bench, members, layout, spec)
    except duckdb.Error as problem:
        if len(members) == 1:
            yield Group(None, [_refused(members[0], unreadable_file(members[0], problem))])
            return
        half = len(members) // 2
        yield from _readable_groups(bench, members[:half], layout, spec)
        yield from _readable_groups(bench, members[half:], layout, spec)
        return
    yield Group(layout, [FileOutcome(landed, "pending", header=layout.header) for landed in members])


def _refused(landed: LandedFile, problem: LandingFileError) -> FileOutcome:
    return FileOutcome(landed, "refused", problem.rule, str(problem))


def judge_rows(bench: Workbench, group: Group, spec: RawTableSpec, compiled: CompiledContract, now: datetime) -> Group:
    """Tables `judged` (typed columns, provenance, `_broken`) and `quarantined` from `incoming` and `unreadable`."""
    assert group.layout is not None
    names = list(spec.contract.columns)
    raws = ", ".join(f"{quoted(name)} as {quoted(raw_name(name))}" for name in names)
    typed = ", ".join(f"{sql} as {quoted(name)}" for name, sql in compiled.typed.items())
    kept_raw = ", ".join(quoted(raw_name(name)) for name in names)
    evolved = "".join(f", {quoted(name)}" for name in group.layout.evolved)
    bench.execute(
        f"create or replace temp table judged as select *, {compiled.broken} as _broken from "
        f"(select {typed}{evolved}, {kept_raw}, _file, _row from (select {raws}{evolved}, _file, _row from incoming))"
    )
    bench.execute("drop table incoming")
    _collect_quarantine(bench, spec, compiled, now)
    _refuse_frozen(bench, group, spec)
    return _counted(bench, group, names)


def _collect_quarantine(bench: Workbench, spec: RawTableSpec, compiled: CompiledContract, now: datetime) -> None:
    bench.execute(f"create or replace temp table quarantined ({QUARANTINE_COLUMNS})")
    bench.execute(
        "insert into quarantined select _file, _row, null, rule, column_name, value, expected, record, null, ? from unreadable",
        [now.replace(tzinfo=None)],
    )
    numbers = [row[0] for row in bench.rows("select distinct _broken from judged where _broken > 0 order by 1")]
    record = "to_json({" + ", ".join(f"{literal(n)}: {quoted(raw_name(n))}" for n in spec.contract.columns) + "})"
    for number in numbers:
        rule = compiled.rules[number - 1]
        bench.execute(
            f"insert into quarantined select _file, _row, null, {literal(rule.name)}, {literal(rule.column)}, "
            f"left(cast({quoted(raw_name(rule.column))} as varchar), 1000), {literal(rule.expected)}, "
            f"{record}, null, ? from judged where _broken = {number}",
            [now.replace(tzinfo=None)],
        )


def _refuse_frozen(bench: Workbench, group: Group, spec: RawTableSpec) -> None:
    """With `bad_rows: freeze` a file with a bad row is refused as a whole."""
    if spec.contract.bad_rows != "freeze":
        return
    worst = {row[0]: row[1:] for row in bench.rows(
        "select _file, count(*), min_by(rule, _row), min_by(column_name, _row), min_by(expected, _row), min_by(value, _row), min(_row) "
        "from quarantined group by 1")}  # fmt: skip
    for position, outcome in enumerate(group.outcomes):
        if outcome.landed.file in worst:
            count, rule, column, expected, value, row = worst[outcome.landed.file]
            line = lines_of(outcome.landed, [row], spec).get(row)
            problem = LandingFileError(
                str(rule), f"{count} rows break the contract, and bad_rows is freeze",
                place=f"{outcome.landed.file}:{line or row}", expected=f"{column}: {expected}", got=value,
                remedy="correct the file, or set bad_rows to quarantine",
            )  # fmt: skip
            group.outcomes[position] = _refused(outcome.landed, problem)
    bench.execute("delete from judged where _file in (select _file from quarantined)")
    bench.execute("delete from quarantined")


def _counted(bench: Workbench, group: Group, names: Sequence[str]) -> Group:
    kept = {
        file: (rows, content) for file, rows, content in bench.rows(
            f"select _file, count(*), sum({row_hash(names)}) from judged where _broken = 0 group by 1")
    }  # fmt: skip
    bad = dict(bench.rows("select _file, count(*) from quarantined group by 1"))
    outcomes = []
    for outcome in group.outcomes:
        if outcome.status == "refused":
            outcomes.append(outcome)
            continue
        file = outcome.landed.file
        rows, content = kept.get(file, (0, 0))
        wrong = bad.get(file, 0)
        outcomes.append(
            FileOutcome(outcome.landed, "loaded", "", "" if rows + wrong else "header without rows", rows + wrong, rows, wrong,
                        int(content), outcome.header)
        )  # fmt: skip
    return Group(group.layout, outcomes)


def number_lines(bench: Workbench, files: Mapping[str, LandedFile], spec: RawTableSpec) -> None:
    """Fill `_line` of quarantined rows: the physical line for text files, nothing for Parquet."""
    if isinstance(spec.format, ParquetFormat):
        return
    for file, rows in bench.rows("select _file, list(_row) from quarantined group by 1"):
        lines = lines_of(files[file], rows, spec)
        bench.execute("create or replace temp table numbered (_row bigint, line bigint)")
        if lines:
            bench.execute(
                "insert into numbered select unnest(?), unnest(?)", [list(lines.keys()), list(lines.values())]
            )
        bench.execute(
            "update quarantined set _line = numbered.line from numbered where quarantined._file = ? "
            "and quarantined._row = numbered._row",
            [file],
        )


def lines_of(landed: LandedFile, rows: Sequence[int], spec: RawTableSpec) -> dict[int, int]:
    """Record ordinal → physical line of one text file."""
    if isinstance(spec.format, ParquetFormat):
        return {}
    return record_lines(landed.path, rows, spec.format)


def file_row(asset: str, outcome: FileOutcome, batch: int) -> list[object]:
    """A row of `ops.files`."""
    landed = outcome.landed
    return [
        asset, landed.file, landed.sha256, landed.bytes, landed.mtime_ns, outcome.status, outcome.rule,
        shortened(outcome.reason, 2000), outcome.rows_read, outcome.rows_kept, outcome.rows_quarantined, outcome.content,
        list(outcome.header), batch, datetime.now(UTC).replace(tzinfo=None),
    ]  # fmt: skip
