"""Tables that are computed: a result is made from inputs beside the warehouse, then committed with its manifest row."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_assets.errors import BlockedError, OvertakenError
from ml_assets.warehouse.asset import SNAPSHOT_COLUMN, AssetReport, Made, RunContext, TableAsset
from ml_assets.warehouse.manifest import (
    UNPARTITIONED,
    ManifestRow,
    begin_batch,
    content_of,
    correct_contents,
    manifest_of,
    partition_contents,
    record,
    relation_content,
)
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import blocking_failures
from ml_assets.warehouse.store import Workbench

_ATTEMPTS = 3


@dataclass(frozen=True)
class Staged:
    """A computed result, not yet committed: any relation of the workbench, and facts about how it was made."""

    relation: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class ComputedTable(TableAsset):
    """A table whose partitions follow from the content of others: made anew when inputs or logic differ, else never."""

    @abstractmethod
    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        """Inside a reading block: partition → {input name: content hash}. Left out: a partition that cannot be made yet."""

    def stale(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, str]:
        """Inside a reading block: partition → why it has to be made; partitions that are current are left out."""
        return self._reasons(manifest_of(bench, self.name), self.inputs(bench, context, partitions))

    def _reasons(self, known: Mapping[str, ManifestRow], needed: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        found = {key: why_stale(known.get(key), inputs, self.logic) for key, inputs in needed.items()}
        return {key: reason for key, reason in found.items() if reason}

    @abstractmethod
    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        """Inside a reading block: make the rows of these partitions, without writing to the warehouse."""

    def after_write(self, bench: Workbench, context: RunContext, staged: Staged) -> None:
        """Inside the commit, after the table was written: keep further books in the same transaction."""

    def materialize(self, context: RunContext, partitions: Sequence[str]) -> AssetReport:
        """Make what is stale of `partitions` in one commit; leave alone, and say so, what is current.

        Another process may have made the same partition while this one computed. Its work is not overwritten: the
        question is asked again, and usually answered by "unchanged".
        """
        for _ in range(_ATTEMPTS):
            report = self._attempt(context, partitions)
            if report is not None:
                return report
        raise OvertakenError(
            f"{self.name} was made by other processes each time it was about to be written", place=self.place,
            expected=f"one writer within {_ATTEMPTS} attempts", got="a newer batch each time",
            remedy="run again when the other runs have ended; nothing was lost",
        )  # fmt: skip

    def _attempt(self, context: RunContext, partitions: Sequence[str]) -> AssetReport | None:
        """One try: None when another process was faster."""
        started = time.monotonic()
        with context.warehouse.workbench() as bench:
            with bench.reading():
                self.refuse_blocked_inputs(bench, partitions)
                needed = self.inputs(bench, context, partitions)
                known = manifest_of(bench, self.name)
                reasons = self._reasons(known, needed)
                if reasons:
                    staged = self.compute(bench, context, list(reasons))
                    contents = self._contents(bench, staged, list(reasons))
            if not reasons:
                return AssetReport(self._unchanged(partitions, known, needed))
            with bench.committing():
                now = manifest_of(bench, self.name)
                if any(now.get(key) != known.get(key) for key in reasons):
                    return None
                batch = self._write(bench, context, staged, contents)
                self._record(bench, context, batch, started, needed, reasons, contents)
        done = tuple(Made(key, *contents[key], True, reason) for key, reason in reasons.items())
        rest = [key for key in partitions if key not in reasons]
        return AssetReport(done + self._unchanged(rest, known, needed), staged.facts)

    def _record(
        self, bench: Workbench, context: RunContext, batch: int, started: float, needed: Mapping[str, Mapping[str, str]],
        reasons: Mapping[str, str], contents: Mapping[str, tuple[int, str]],
    ) -> None:  # fmt: skip
        seconds = time.monotonic() - started
        record(
            bench,
            [
                ManifestRow(
                    str(self.name), key, needed[key], self.logic, *contents[key], batch, context.now, seconds, reason
                )
                for key, reason in reasons.items()
            ],
        )

    def refuse_blocked_inputs(self, bench: Workbench, partitions: Sequence[str]) -> None:
        """Raise when an input holds a failed blocking check, in whichever run it was found."""
        for asset, partition, check, summary in blocking_failures(bench, self.deps):
            if partition == UNPARTITIONED or partition in partitions:
                at = f" ({partition})" if partition else ""
                raise BlockedError(
                    f"{self.name} refuses to read {asset}{at}", place=self.place, expected=f"check {check} holds",
                    got=summary, remedy=f"repair {asset} and materialise it again; its check result lifts the block",
                )  # fmt: skip

    def _unchanged(
        self, partitions: Sequence[str], known: Mapping[str, ManifestRow], needed: Mapping[str, object]
    ) -> tuple[Made, ...]:
        made = []
        for key in partitions:
            row = known.get(key)
            if row is not None and key in needed:
                made.append(Made(key, row.rows, row.content, False, f"unchanged since batch {row.batch}"))
            elif row is not None:
                made.append(Made(key, row.rows, row.content, False, "kept: cannot be made again now"))
            else:
                made.append(Made(key, 0, "", False, "cannot be made yet"))
        return tuple(made)

    def _contents(self, bench: Workbench, staged: Staged, partitions: Sequence[str]) -> dict[str, tuple[int, str]]:
        if self.snapshots is None:
            return {UNPARTITIONED: relation_content(bench, staged.relation)}
        found = partition_contents(bench, staged.relation, SNAPSHOT_COLUMN)
        return {key: found.get(key, (0, content_of(0, 0))) for key in partitions}

    def _write(
        self, bench: Workbench, context: RunContext, staged: Staged, contents: Mapping[str, tuple[int, str]]
    ) -> int:
        batch = begin_batch(
            bench, self.name, partitions=len(contents), rows=sum(rows for rows, _ in contents.values()),
            run_id=context.run_id, clock_time=context.now, version=context.package_version,
        )  # fmt: skip
        if self.snapshots is None:
            bench.replace_table(self.name, staged.relation)
        elif bench.replace_rows(self.name, staged.relation, SNAPSHOT_COLUMN, list(contents)):
            rewritten = partition_contents(bench, self.name.quoted, SNAPSHOT_COLUMN)
            correct_contents(bench, self.name, {key: found for key, found in rewritten.items() if key not in contents})
        self.after_write(bench, context, staged)
        return batch


def why_stale(row: ManifestRow | None, inputs: Mapping[str, str], logic: str) -> str:
    """Why a partition has to be made, in words; the empty text when it is current."""
    if row is None:
        return "never made"
    if row.logic != logic:
        return "its logic changed"
    changed = sorted(name for name in {*inputs, *row.inputs} if inputs.get(name) != row.inputs.get(name))
    return f"changed: {', '.join(changed)}" if changed else ""


def whole_inputs(bench: Workbench, deps: Sequence[TableName]) -> dict[str, dict[str, str]]:
    """Inputs of an unpartitioned table that reads unpartitioned ones as they are; nothing while one was never made."""
    rows = {table: manifest_of(bench, table).get(UNPARTITIONED) for table in deps}
    if any(row is None for row in rows.values()):
        return {}
    return {UNPARTITIONED: {str(table): row.content for table, row in rows.items() if row is not None}}
