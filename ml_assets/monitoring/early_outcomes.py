"""Outcomes before their window has passed: how many of a snapshot's population are positive at each whole age."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ml_assets.features.asof import Window
from ml_assets.features.label_checks import labelled
from ml_assets.features.labels import LabelAsset
from ml_assets.features.snapshots import run_snapshots
from ml_assets.monitoring.base_rate import age_step, ages
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.specs.times import SnapshotSpec, snapshot_time
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.buckets import BucketIndex
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.manifest import fingerprint, manifest_of
from ml_assets.warehouse.names import TableName, literal
from ml_assets.warehouse.rules import unique_check
from ml_assets.warehouse.store import Workbench

_COLUMNS = "snapshot timestamp, age_days double, rows bigint, positives bigint"
AGE = "age"


class EarlyOutcomesAsset(ComputedTable):
    """`monitoring.<monitor>__early_outcomes`: grain (snapshot, age), of binary labels.

    The model's own label statement sees the rows of [snapshot, snapshot + age) that were available at its end, and none
    later than the clock, nor later than rows that are overdue. A snapshot is made again when one more whole age has passed, and stays as it is thereafter.
    """

    def __init__(self, spec: MonitorSpec, labels: LabelAsset, place: str, use_case: str) -> None:
        super().__init__(TableName("monitoring", f"{spec.name}__early_outcomes"), spec, place, use_case=use_case)
        self.spec: MonitorSpec = spec
        self.labels = labels

    @property
    def description(self) -> str:
        return f"Positives of {self.labels.name} at whole ages of the outcome window, before and after it has passed."

    @property
    def snapshots(self) -> SnapshotSpec:
        return self.labels.snapshots

    @property
    def deps(self) -> tuple[TableName, ...]:
        return self.labels.deps

    @property
    def logic(self) -> str:
        return fingerprint("early_outcomes/1", self.labels.logic, str(age_step(self.labels.horizon)))

    def window(self, snapshot: datetime, age: timedelta) -> Window:
        """What the label statement may see of the part of the window that has passed."""
        return Window(snapshot, snapshot + age, snapshot + age)

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        people = manifest_of(bench, self.labels.population)
        indexes = {table: BucketIndex(bench, table) for table in self.labels.statement.tables}
        found, known = {}, self.labels.known_until(bench, context.now)
        for key in partitions:
            start = snapshot_time(key)
            passed = ages(self.labels.horizon, known - start)
            if key in people and passed:
                window = self.window(start, passed[-1])
                found[key] = {str(t): index.within(start, window.end, window.end) for t, index in indexes.items()}
                found[key] |= {
                    str(self.labels.population): people[key].content, AGE: f"{passed[-1].total_seconds() / 86400:g} days",
                }  # fmt: skip
        return found

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        bench.execute(f"create or replace temp table early ({_COLUMNS})")
        known = self.labels.known_until(bench, context.now)
        for age in ages(self.labels.horizon, self.labels.horizon):
            reached = [key for key in partitions if snapshot_time(key) + age <= known]
            if reached:
                self._count(bench, context, reached, age)
        return Staged("(select * from early order by snapshot, age_days)")

    def _count(self, bench: Workbench, context: RunContext, partitions: Sequence[str], age: timedelta) -> None:
        labels = self.labels
        run_snapshots(
            bench, labels.statement, labels.times, [snapshot_time(key) for key in partitions],
            lambda snapshot: self.window(snapshot, age), into="elapsed", progress=context.progress, label=str(self.name),
        )  # fmt: skip
        moments = ", ".join(f"timestamp {literal(key)}" for key in partitions)
        people = f"(select * from {labels.population.quoted} where snapshot in ({moments}))"
        bench.execute(
            f"insert into early select snapshot, {age.total_seconds() / 86400}, count(label), coalesce(sum(label), 0) "
            f"from ({labelled(people, 'elapsed', labels.spec)}) group by snapshot"
        )

    @property
    def checks(self) -> tuple[Check, ...]:
        return (unique_check(("age_days",), code="DQ002"),)
