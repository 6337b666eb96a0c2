"""Write judged groups: kept rows, quarantine, file book, buckets and manifest together, in one commit a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ml_assets.errors import OvertakenError, shortened
from ml_assets.ingest.judge import QUARANTINE_COLUMNS, FileOutcome, Group
from ml_assets.ingest.landing import KnownFile, LandingPlan
from ml_assets.specs.tables import RawTableSpec
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.buckets import bucket_query
from ml_assets.warehouse.manifest import (
    UNPARTITIONED,
    ManifestRow,
    begin_batch,
    content_of,
    insert_rows,
    manifest_of,
    naive_utc,
    record,
)
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

_MOST_REASON = 2_000


@dataclass(frozen=True)
class Errand:
    """What the commits of one materialisation share: the plan, what was known before it, and why it is done."""

    context: RunContext
    plan: LandingPlan
    known: Mapping[str, KnownFile]
    reason: str
    started: datetime

    def keeps_rows(self, outcome: FileOutcome) -> bool:
        """Whether a refused file keeps the rows of its earlier content: the folder has them nowhere else."""
        before = self.known.get(outcome.landed.file)
        held = before is not None and before.holds and before.rows_read > 0
        return outcome.status == "refused" and held and outcome.landed.file not in self.plan.taken_over

    def met(self, outcome: FileOutcome) -> int | None:
        """The load in which a file of this name was met before."""
        before = self.known.get(outcome.landed.file)
        return None if before is None else before.met_batch


class Shelf:
    """Where one raw table's rows are put: its two tables and its pages of the books.

    A table whose contract changed is filled anew on a shelf of another name, which takes the place of the old one in
    one commit. `batch` is the newest commit this run knows of; a commit by somebody else is not built upon.
    """

    def __init__(self, name: TableName, spec: RawTableSpec, logic: str, batch: int | None) -> None:
        self.name = name
        self.quarantine = name.sibling("quarantine")
        self.batch = batch
        self._spec = spec
        self._logic = logic

    def commit(self, bench: Workbench, errand: Errand, group: Group) -> None:
        """The group's files are now as their outcomes say: all of it, or nothing."""
        keeping = [outcome for outcome in group.outcomes if errand.keeps_rows(outcome)]
        written = [outcome for outcome in group.outcomes if not errand.keeps_rows(outcome)]
        with bench.committing():
            batch = self._begin(bench, errand, group.outcomes)
            self._create_tables(bench, group.evolved)
            self._replace_rows(bench, group, [outcome.landed.file for outcome in written], batch)
            self._note_last_looks(bench, keeping, errand)
            insert_rows(
                bench,
                "ops.files",
                [[*_file_row(self.name, outcome, batch), errand.met(outcome) or batch] for outcome in written],
            )
            self._record(bench, errand, batch)
        self.batch = batch

    def commit_looks(self, bench: Workbench, errand: Errand) -> None:
        """Files that have their loaded content again, and refused ones that left the folder. No row changes."""
        with bench.committing():
            batch = self._begin(bench, errand, ())
            for landed in errand.plan.restored:
                bench.execute(
                    "update wh.ops.files set status = 'loaded', rule = '', reason = '', bytes = ?, mtime_ns = ?, loaded_at = ? "
                    "where asset = ? and file = ?",
                    [landed.bytes, landed.changed_ns, _now(), str(self.name), landed.file],
                )
            bench.execute(
                "update wh.ops.files set status = case when rows_read > 0 then 'loaded' else 'withdrawn' end "
                "where asset = ? and list_contains(?::varchar[], file)",
                [str(self.name), list(errand.plan.withdrawn)],
            )
            self._record(bench, errand, batch)
        self.batch = batch

    def clear(self, bench: Workbench) -> None:
        """Remove what a killed run may have left on this shelf."""
        with bench.committing():
            bench.execute(f"drop table if exists {self.name.quoted}; drop table if exists {self.quarantine.quoted}")
            for book in ("files", "buckets", "manifest"):
                bench.execute(f"delete from wh.ops.{book} where asset = ?", [str(self.name)])
        self.batch = None

    def take_place_of(self, bench: Workbench, old: Shelf) -> None:
        """In one commit: the old shelf's tables and pages are gone, and this one bears its name."""
        names = [str(old.name), str(self.name)]
        with bench.committing():
            old.refuse_if_overtaken(bench)
            for mine, theirs in ((self.name, old.name), (self.quarantine, old.quarantine)):
                bench.execute(f"drop table if exists {theirs.quoted}")
                bench.execute(f"alter table {mine.quoted} rename to {quoted(theirs.table)}")
            for book in ("files", "manifest"):
                bench.execute(
                    f"create or replace temp table moved as select * replace (?::varchar as asset) from wh.ops.{book} where asset = ?",
                    names,
                )
                bench.execute(f"delete from wh.ops.{book} where asset = ?", [names[1]])
                bench.execute(f"insert or replace into wh.ops.{book} select * from moved")
            bench.execute("delete from wh.ops.files where asset = ? and batch <= ?", [names[0], old.batch])
            bench.execute("delete from wh.ops.buckets where asset = ?", [names[0]])
            for book in ("buckets", "batches"):
                bench.execute(f"update wh.ops.{book} set asset = ? where asset = ?", names)

    def refuse_if_overtaken(self, bench: Workbench) -> None:
        """Inside a commit: raise when somebody else committed to this table since the plan was made."""
        found = manifest_of(bench, self.name).get(UNPARTITIONED)
        if (found.batch if found else None) != self.batch:
            raise OvertakenError(
                f"another run loaded {self.name} at the same time", expected=f"batch {self.batch}", got=f"batch {found.batch if found else None}",
                remedy="run again; nothing of this step was written",
            )  # fmt: skip

    def _begin(self, bench: Workbench, errand: Errand, outcomes: Sequence[FileOutcome]) -> int:
        self.refuse_if_overtaken(bench)
        return begin_batch(
            bench, self.name, partitions=len(outcomes), rows=sum(outcome.rows_kept for outcome in outcomes),
            run_id=errand.context.run_id, clock_time=errand.context.now, version=errand.context.package_version,
        )  # fmt: skip

    def _create_tables(self, bench: Workbench, evolved: Sequence[str]) -> None:
        columns = ", ".join(
            f"{quoted(name)} {column.duckdb_type}" for name, column in self._spec.contract.columns.items()
        )
        bench.execute(
            f"create table if not exists {self.name.quoted} ({columns}, _file varchar, _row bigint, _batch bigint)"
        )
        bench.execute(f"create table if not exists {self.quarantine.quoted} ({QUARANTINE_COLUMNS})")
        for name in evolved:
            bench.execute(f"alter table {self.name.quoted} add column if not exists {quoted(name)} varchar")

    def _replace_rows(self, bench: Workbench, group: Group, files: list[str], batch: int) -> None:
        if self.batch is not None:
            for table in (self.name.quoted, self.quarantine.quoted):
                bench.execute(f"delete from {table} where list_contains(?::varchar[], _file)", [files])
            bench.execute(
                "delete from wh.ops.buckets where asset = ? and list_contains(?::varchar[], part)",
                [str(self.name), files],
            )
        if group.layout is None:
            return
        declared = ", ".join(quoted(name) for name in self._spec.contract.columns)
        evolved = "".join(f", _e{position} as {quoted(name)}" for position, name in enumerate(group.evolved))
        bench.execute(
            f"insert into {self.name.quoted} by name select {declared}{evolved}, _file, _row, {batch} as _batch from kept_rows"
        )
        bench.execute(
            f"insert into {self.quarantine.quoted} by name select * replace ({batch} as _batch) from quarantined"
        )
        if self._spec.event_time is not None:
            query = bucket_query(
                self.name, "_file", "kept_rows", ["_hash"], self._spec.event_time, self._spec.available_at
            )
            bench.execute(f"insert into wh.ops.buckets by name {query}")

    def _note_last_looks(self, bench: Workbench, keeping: Sequence[FileOutcome], errand: Errand) -> None:
        for outcome in keeping:
            landed, before = outcome.landed, errand.known[outcome.landed.file]
            reason = (
                f"{shortened(outcome.reason, _MOST_REASON)}\n  kept:     {before.rows_read} rows of its earlier content"
            )
            bench.execute(
                "update wh.ops.files set bytes = ?, mtime_ns = ?, status = 'refused', rule = ?, reason = ?, loaded_at = ? "
                "where asset = ? and file = ?",
                [landed.bytes, landed.changed_ns, outcome.rule, reason, _now(), str(self.name), landed.file],
            )

    def _record(self, bench: Workbench, errand: Errand, batch: int) -> None:
        rows, content, files = bench.rows(
            "select coalesce(sum(rows_kept), 0)::bigint, coalesce(sum(content), 0), count(*) from wh.ops.files where asset = ?",
            [str(self.name)],
        )[0]
        row = ManifestRow(
            str(self.name), UNPARTITIONED, {"landing files": str(files)}, self._logic, rows, content_of(rows, content),
            batch, errand.context.now, (datetime.now(UTC) - errand.started).total_seconds(), errand.reason,
        )  # fmt: skip
        record(bench, [row])


def _now() -> datetime:
    """Real time: file time stamps are compared with it, never with the replayed clock."""
    return naive_utc(datetime.now(UTC))


def _file_row(name: TableName, outcome: FileOutcome, batch: int) -> list[object]:
    """A row of `ops.files`, all but the load in which the file was first met."""
    landed = outcome.landed
    return [
        str(name), landed.file, landed.sha256, landed.bytes, landed.changed_ns, outcome.status, outcome.rule,
        outcome.reason[:_MOST_REASON], outcome.rows_read, outcome.rows_kept, outcome.rows_quarantined, str(outcome.content),
        list(outcome.header), batch, _now(),
    ]  # fmt: skip
