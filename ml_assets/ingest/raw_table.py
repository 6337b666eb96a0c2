"""Raw tables: `raw.<name>` holds kept rows with their file, row and batch; bad rows go to `raw.<name>__quarantine`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ml_assets.errors import DeclarationError
from ml_assets.ingest.checks import raw_checks
from ml_assets.ingest.contract import compile_contract
from ml_assets.ingest.landing import LandedFile, LandingPlan, batches, known_files, plan_landing
from ml_assets.ingest.load import (
    PROVENANCE,
    QUARANTINE_COLUMNS,
    FileOutcome,
    Group,
    file_row,
    judge_rows,
    number_lines,
    read_files,
)
from ml_assets.specs.tables import RawTableSpec
from ml_assets.warehouse.asset import AssetReport, Made, RunContext, Staged, TableAsset
from ml_assets.warehouse.buckets import bucket_query
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.manifest import (
    UNPARTITIONED,
    ManifestRow,
    begin_batch,
    content_of,
    fingerprint,
    manifest_of,
    record,
)
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

BATCH_BYTES = 128 << 20


class RawTableAsset(TableAsset):
    """`raw.<name>`, loaded exactly once by content: a changed file replaces its own earlier rows."""

    def __init__(self, spec: RawTableSpec, place: str, use_case: str) -> None:
        super().__init__(TableName("raw", spec.name), spec, place, use_case=use_case)
        self.spec: RawTableSpec = spec
        self.quarantine = self.name.sibling("quarantine")
        self.compiled = compile_contract(spec.contract, spec.format)
        self.kinds = ("duckdb", spec.format.kind)

    @property
    def deps(self) -> tuple[TableName, ...]:
        return ()

    @property
    def logic(self) -> str:
        contract = self.spec.contract.model_dump(mode="json", exclude={"max_quarantine_share"})
        for column in contract["columns"].values():
            for words in ("description", "unit", "pii", "max_null_share"):
                column.pop(words)
        return fingerprint("raw/1", self.spec.format.model_dump(mode="json"), contract, self.spec.event_time, self.spec.available_at)

    @property
    def checks(self) -> tuple[Check, ...]:
        return raw_checks(self.spec, self.name, self.quarantine)

    def landing_plan(self, bench: Workbench, context: RunContext) -> LandingPlan:
        """Inside a reading block: what there is to load."""
        before = manifest_of(bench, self.name).get(UNPARTITIONED)
        reload = before is not None and before.logic != self.logic
        folder = context.home.landing(self.use_case)
        plan = plan_landing(folder, self.spec.files, known_files(bench, self.name), reload=reload)
        if reload and plan.gone:
            raise DeclarationError(
                f"the contract of {self.name} changed, but {len(plan.gone)} loaded files are no longer in the landing folder",
                place=self.place, expected="every loaded file, to judge it again", got=f"gone: {', '.join(plan.gone[:5])}",
                remedy=f"put them back into {folder.name}/, or take the change of the contract back; nothing was changed",
            )  # fmt: skip
        return plan

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        plan = self.landing_plan(bench, context)
        before = manifest_of(bench, self.name).get(UNPARTITIONED)
        if plan.is_empty and before is not None:
            return {UNPARTITIONED: dict(before.inputs)}
        return {UNPARTITIONED: {f"file {landed.file}": landed.sha256 for landed in plan.work[:20]} | {"files": str(len(plan.work))}}

    def stale(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, str]:
        plan = self.landing_plan(bench, context)
        before = manifest_of(bench, self.name).get(UNPARTITIONED)
        if before is not None and before.logic != self.logic:
            return {UNPARTITIONED: "its contract changed"}
        if plan.is_empty and before is not None:
            return {}
        return {UNPARTITIONED: f"{len(plan.load)} new and {len(plan.replace)} changed files" if not plan.is_empty else "never made"}

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        raise NotImplementedError("raw tables commit batch by batch; see materialize")

    def materialize(self, context: RunContext, partitions: Sequence[str]) -> AssetReport:
        """Load what is new or changed, in batches of files that each commit as a whole."""
        started = time.monotonic()
        with context.warehouse.workbench() as bench:
            with bench.reading():
                reasons = self.stale(bench, context, partitions)
                plan = self.landing_plan(bench, context)
                before = manifest_of(bench, self.name).get(UNPARTITIONED)
            if not reasons and before is not None:
                note = f"no new file; unchanged since batch {before.batch}"
                return AssetReport((Made(UNPARTITIONED, before.rows, before.content, False, note),), _facts([], plan))
            outcomes = [FileOutcome(landed, "copy", "copy", f"same content as {first}") for landed, first in plan.copies]
            self._commit(bench, context, Group(None, outcomes), started, reasons)
            total = sum(landed.bytes for landed in plan.work)
            done = 0
            for files in batches(plan.work, BATCH_BYTES):
                outcomes += self._load(bench, context, files, started, reasons)
                done += sum(landed.bytes for landed in files)
                context.progress(str(self.name), done, total)
            with bench.reading():
                after = manifest_of(bench, self.name)[UNPARTITIONED]
        for refused in [outcome for outcome in outcomes if outcome.status == "refused"]:
            context.log(f"refused {refused.reason}")
        return AssetReport((Made(UNPARTITIONED, after.rows, after.content, True, reasons[UNPARTITIONED]),), _facts(outcomes, plan))

    def _load(
        self, bench: Workbench, context: RunContext, files: list[LandedFile], started: float, reasons: dict[str, str]
    ) -> list[FileOutcome]:
        outcomes: list[FileOutcome] = []
        for group in read_files(bench, files, self.spec):
            if group.layout is not None:
                members = {outcome.landed.file: outcome.landed for outcome in group.outcomes}
                group = judge_rows(bench, group, self.spec, self.compiled, context.now)
                number_lines(bench, members, self.spec)
            self._commit(bench, context, group, started, reasons)
            outcomes += group.outcomes
        return outcomes

    def _commit(
        self, bench: Workbench, context: RunContext, group: Group, started: float, reasons: dict[str, str]
    ) -> None:
        with bench.committing():
            self._create_tables(bench, group)
            files = [outcome.landed.file for outcome in group.outcomes]
            rows = sum(outcome.rows_kept for outcome in group.outcomes)
            batch = begin_batch(
                bench, self.name, partitions=len(files), rows=rows, run_id=context.run_id, clock_time=context.now,
                version=context.package_version,
            )  # fmt: skip
            self._replace_rows(bench, group, files, batch)
            marks = ", ".join("?" * 15)
            if files:
                bench.connection.executemany(
                    f"insert or replace into wh.ops.files values ({marks})",
                    [file_row(str(self.name), outcome, batch) for outcome in group.outcomes],
                )
            self._record(bench, context, batch, time.monotonic() - started, reasons)

    def _create_tables(self, bench: Workbench, group: Group) -> None:
        columns = ", ".join(f"{quoted(name)} {spec.duckdb_type}" for name, spec in self.spec.contract.columns.items())
        before = manifest_of(bench, self.name).get(UNPARTITIONED)
        if before is not None and before.logic != self.logic:
            bench.execute(f"drop table if exists {self.name.quoted}; drop table if exists {self.quarantine.quoted}")
            bench.execute("delete from wh.ops.files where asset = ?", [str(self.name)])
            bench.execute("delete from wh.ops.buckets where asset = ?", [str(self.name)])
        bench.execute(
            f"create table if not exists {self.name.quoted} ({columns}, _file varchar, _row bigint, _batch bigint)"
        )
        bench.execute(f"create table if not exists {self.quarantine.quoted} ({QUARANTINE_COLUMNS})")
        for name in group.layout.evolved if group.layout else ():
            bench.execute(f"alter table {self.name.quoted} add column if not exists {quoted(name)} varchar")

    def _replace_rows(self, bench: Workbench, group: Group, files: list[str], batch: int) -> None:
        for table in (self.name.quoted, self.quarantine.quoted):
            bench.execute(f"delete from {table} where list_contains(?, _file)", [files])
        bench.execute("delete from wh.ops.buckets where asset = ? and list_contains(?, part)", [str(self.name), files])
        if group.layout is None:
            return
        names = [*self.spec.contract.columns, *group.layout.evolved]
        listed = ", ".join(quoted(name) for name in names)
        kept = f"(select {listed}, _file, _row from judged where _broken = 0)"
        bench.execute(f"insert into {self.name.quoted} by name select *, {batch} as _batch from {kept}")
        bench.execute(f"insert into {self.quarantine.quoted} by name select * replace ({batch} as _batch) from quarantined")
        if self.spec.event_time is not None:
            declared = list(self.spec.contract.columns)
            query = bucket_query(self.name, "_file", kept, declared, self.spec.event_time, self.spec.available_at)
            bench.execute(f"insert into wh.ops.buckets by name {query}")

    def _record(
        self, bench: Workbench, context: RunContext, batch: int, seconds: float, reasons: dict[str, str]
    ) -> None:
        rows, content = bench.rows(
            "select coalesce(sum(rows_kept), 0)::bigint, coalesce(sum(content), 0) from wh.ops.files "
            "where asset = ? and status = 'loaded'",
            [str(self.name)],
        )[0]
        files = bench.value("select count(*) from wh.ops.files where asset = ?", [str(self.name)])
        row = ManifestRow(
            str(self.name), UNPARTITIONED, {"landing files": str(files)}, self.logic, rows, content_of(rows, content),
            batch, context.now, seconds, reasons.get(UNPARTITIONED, ""),
        )  # fmt: skip
        record(bench, [row])


def _facts(outcomes: Sequence[FileOutcome], plan: LandingPlan) -> dict[str, object]:
    return {
        "files_loaded": sum(outcome.status == "loaded" for outcome in outcomes),
        "files_refused": sum(outcome.status == "refused" for outcome in outcomes),
        "files_that_are_copies": len(plan.copies),
        "files_unchanged": plan.same,
        "files_gone": len(plan.gone),
        "rows_read": sum(outcome.rows_read for outcome in outcomes),
        "rows_kept": sum(outcome.rows_kept for outcome in outcomes),
        "rows_quarantined": sum(outcome.rows_quarantined for outcome in outcomes),
    }


__all__ = ["PROVENANCE", "RawTableAsset"]
