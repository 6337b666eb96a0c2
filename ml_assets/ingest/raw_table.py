"""Raw tables: `raw.<name>` holds kept rows with their file, row and batch; bad rows go to `raw.<name>__quarantine`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import duckdb

from ml_assets.errors import DeclarationError, OvertakenError
from ml_assets.ingest.checks import raw_checks
from ml_assets.ingest.contract import evaluability
from ml_assets.ingest.judge import FileOutcome, Group, judged_groups
from ml_assets.ingest.landing import (
    KnownFile,
    LandedFile,
    LandingPlan,
    batches,
    known_files,
    lost_contents,
    plan_landing,
)
from ml_assets.ingest.load import Errand, Shelf
from ml_assets.specs.tables import RawTableSpec
from ml_assets.warehouse.asset import AssetReport, Made, RunContext, TableAsset
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.manifest import UNPARTITIONED, ManifestRow, fingerprint, manifest_of
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

BATCH_BYTES = 128 << 20
_ATTEMPTS = 3


class RawTableAsset(TableAsset):
    """`raw.<name>`, loaded exactly once by content: a changed file replaces its own earlier rows.

    A file that is refused brings no rows. If it was loaded before, the rows of its earlier content stay until it is
    corrected, and the book says so. A file that leaves the folder leaves its rows behind.
    """

    def __init__(self, spec: RawTableSpec, place: str, use_case: str) -> None:
        super().__init__(TableName("raw", spec.name), spec, place, use_case=use_case)
        self.spec: RawTableSpec = spec
        self.quarantine = self.name.sibling("quarantine")
        self.kinds = ("duckdb", spec.format.kind)

    @property
    def deps(self) -> tuple[TableName, ...]:
        return ()

    @property
    def logic(self) -> str:
        contract = self.spec.contract.model_dump(mode="json", exclude={"max_quarantine_share", "alike"})
        for column in contract["columns"].values():
            for words in ("description", "unit", "pii", "max_null_share"):
                column.pop(words)
        return fingerprint(
            "raw/2", self.spec.format.model_dump(mode="json"), contract, self.spec.event_time, self.spec.available_at
        )

    @property
    def checks(self) -> tuple[Check, ...]:
        return raw_checks(self.spec, self.name, self.quarantine)

    def landing_plan(self, bench: Workbench, context: RunContext) -> LandingPlan:
        """Inside a reading block: what there is to load."""
        return self._plan(context, manifest_of(bench, self.name).get(UNPARTITIONED), known_files(bench, self.name))

    def _plan(self, context: RunContext, before: ManifestRow | None, known: Mapping[str, KnownFile]) -> LandingPlan:
        folder = context.home.landing(self.use_case)
        if not self._is_outdated(before):
            return plan_landing(folder, self.spec.files, known)
        lost = lost_contents(folder, self.spec.files, known)
        if lost:
            raise DeclarationError(
                f"the contract of {self.name} changed, but the content of {len(lost)} loaded files is no longer in the landing folder",
                place=self.place, expected="every loaded file, to judge it again", got=f"gone: {', '.join(lost[:5])}",
                remedy=f"put them back into {folder.name}/, or take the change of the contract back; nothing was changed",
            )  # fmt: skip
        return plan_landing(folder, self.spec.files, {})

    def _is_outdated(self, before: ManifestRow | None) -> bool:
        return before is not None and before.logic != self.logic

    def stale(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, str]:
        before = manifest_of(bench, self.name).get(UNPARTITIONED)
        reason = self._reason(before, self.landing_plan(bench, context))
        return {UNPARTITIONED: reason} if reason else {}

    def _reason(self, before: ManifestRow | None, plan: LandingPlan) -> str:
        """Why something has to be done, in words; the empty text when nothing has."""
        if self._is_outdated(before):
            return "its contract changed"
        if plan.is_empty:
            return "" if before is not None else "never made"
        return plan.summary

    def materialize(self, context: RunContext, partitions: Sequence[str]) -> AssetReport:
        """Load what is new or changed, in batches of files that each commit as a whole."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._load_landing(context)
            except OvertakenError as problem:
                context.log(f"{problem.subject}; planning again")
        return self._load_landing(context)

    def _load_landing(self, context: RunContext) -> AssetReport:
        started = datetime.now(UTC)
        with context.warehouse.workbench() as bench:
            with bench.reading():
                before = manifest_of(bench, self.name).get(UNPARTITIONED)
                known = known_files(bench, self.name)
            plan = self._plan(context, before, known)
            reason = self._reason(before, plan)
            if not reason and before is not None:
                note = f"no new file; unchanged since batch {before.batch}"
                return AssetReport((Made(UNPARTITIONED, before.rows, before.content, False, note),), _facts([], plan))
            self._check_contract(bench)
            shelf = Shelf(self.name, self.spec, self.logic, before.batch if before else None)
            if self._is_outdated(before):
                anew = Shelf(self.name.sibling("reload"), self.spec, self.logic, None)
                anew.clear(bench)
                outcomes = self._carry_out(bench, Errand(context, plan, {}, reason, started), anew)
                anew.take_place_of(bench, shelf)
            else:
                outcomes = self._carry_out(bench, Errand(context, plan, known, reason, started), shelf)
            with bench.reading():
                after = manifest_of(bench, self.name)[UNPARTITIONED]
        for refused in [outcome for outcome in outcomes if outcome.status == "refused"]:
            context.log(f"refused {refused.reason}")
        return AssetReport((Made(UNPARTITIONED, after.rows, after.content, True, reason),), _facts(outcomes, plan))

    def _check_contract(self, bench: Workbench) -> None:
        """Raise, before any file is read, for a contract that the engine cannot evaluate."""
        try:
            bench.execute(evaluability(self.spec.contract, self.spec.format))
        except duckdb.Error as problem:
            raise DeclarationError(
                f"the contract of {self.name} cannot be evaluated", place=self.place, got=str(problem).splitlines()[0],
                expected="patterns in RE2 syntax, formats of strptime, bounds of the column's type", remedy="correct the contract; nothing was read",
            ) from problem  # fmt: skip

    def _carry_out(self, bench: Workbench, errand: Errand, shelf: Shelf) -> list[FileOutcome]:
        plan, outcomes, done = errand.plan, [], 0
        total = sum(landed.bytes for landed in plan.work)
        for files in batches(plan.work, BATCH_BYTES):
            outcomes += self._load(bench, errand, shelf, files)
            done += sum(landed.bytes for landed in files)
            errand.context.progress(str(self.name), done, total)
        copies = self._copies(bench, errand, shelf, outcomes)
        if copies or shelf.batch is None:
            shelf.commit(bench, errand, Group(tuple(copies)))
        if plan.restored or plan.withdrawn:
            shelf.commit_looks(bench, errand)
        return [*outcomes, *copies]

    def _load(self, bench: Workbench, errand: Errand, shelf: Shelf, files: Sequence[LandedFile]) -> list[FileOutcome]:
        outcomes: list[FileOutcome] = []
        for group in judged_groups(bench, files, self.spec, errand.context.now):
            if group.outcomes:
                shelf.commit(bench, errand, group)
                outcomes += group.outcomes
        return outcomes

    def _copies(self, bench: Workbench, errand: Errand, shelf: Shelf, outcomes: list[FileOutcome]) -> list[FileOutcome]:
        """Outcomes of files that repeat another one's content; where that one was refused, they stand in for it."""
        owners = {outcome.landed.file: outcome.landed.file for outcome in outcomes if outcome.status == "refused"}
        copies = []
        for landed, first in errand.plan.copies:
            owner = owners.get(first, first)
            if owner == first and first in owners:
                [tried] = self._load(bench, errand, shelf, [landed])
                outcomes.append(tried)
                if tried.status == "loaded":
                    owners[first] = landed.file
            else:
                copies.append(FileOutcome(landed, "copy", "copy", f"same content as {owner}"))
        return copies


def _facts(outcomes: Sequence[FileOutcome], plan: LandingPlan) -> dict[str, object]:
    return {
        "files_loaded": sum(outcome.status == "loaded" for outcome in outcomes),
        "files_refused": sum(outcome.status == "refused" for outcome in outcomes),
        "files_that_are_copies": sum(outcome.status == "copy" for outcome in outcomes),
        "files_unchanged": plan.same,
        "files_gone": len(plan.gone),
        "rows_read": sum(outcome.rows_read for outcome in outcomes),
        "rows_kept": sum(outcome.rows_kept for outcome in outcomes),
        "rows_quarantined": sum(outcome.rows_quarantined for outcome in outcomes),
    }
