"""What Dagster runs, written into the warehouse's book of steps beside what the command line runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import dagster as dg

from ml_assets.components.instance import listener_of
from ml_assets.errors import MlAssetsError, WarehouseError, WarehouseLockedError
from ml_assets.graph.judge import Judgement
from ml_assets.graph.run import blocked, in_words
from ml_assets.warehouse.asset import AssetReport, RunContext, TableAsset
from ml_assets.warehouse.cpu import METER, CpuUse
from ml_assets.warehouse.steps import StepRecord, StepStatus, next_step, record_step
from ml_assets.warehouse.store import Workbench

COMMAND = "dagster"


@dataclass(frozen=True)
class DagsterStep:
    """One op of a run, while it runs. The instance that runs it needs not be told of it."""

    run: RunContext
    asset: TableAsset
    partitions: tuple[str, ...]
    listener: str
    cpu: CpuUse
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def made(self, report: AssetReport) -> None:
        """Write down what materialising said."""
        self._write("made", "", report)

    def failed(self, problem: Exception) -> None:
        """Write down why it failed; what the warehouse itself refused cannot be written into it."""
        unusable = isinstance(problem, WarehouseLockedError) or type(problem) is WarehouseError
        if not unusable:
            self._write("failed", in_words(self.asset, problem), AssetReport((), {"error": _code(problem)}))

    def judged(self, bench: Workbench, judgement: Judgement) -> None:
        """Inside the commit of the findings: that they were judged, and why consumers are kept out if they are."""
        self._record(bench, "judged", blocked(self.asset, judgement), AssetReport(()))

    def _write(self, status: Literal["made", "failed"], message: str, report: AssetReport) -> None:
        with self.run.warehouse.committing() as bench:
            self._record(bench, status, message, report)

    def _record(self, bench: Workbench, status: StepStatus, message: str, report: AssetReport) -> None:
        record_step(
            bench,
            StepRecord(
                self.run.run_id, next_step(bench, self.run.run_id), COMMAND, self.asset.name, self.partitions, status,
                self.started_at, datetime.now(UTC), message, report.made, report.facts, self.run.now, self.cpu.so_far(),
            ), told_to=self.listener,
        )  # fmt: skip


@contextmanager
def recorded_step(
    instance: dg.DagsterInstance, run: RunContext, asset: TableAsset, partitions: Sequence[str], tries_left: int = 0
) -> Iterator[DagsterStep]:
    """A step whose failure is written down, unless it passes by itself and there will be another try."""
    with METER.step() as cpu:
        step = DagsterStep(run, asset, tuple(partitions), listener_of(instance), cpu)
        try:
            yield step
        except Exception as problem:
            passing = isinstance(problem, MlAssetsError) and problem.transient and tries_left > 0
            if not passing:
                step.failed(problem)
            raise


def _code(problem: Exception) -> str:
    return problem.code if isinstance(problem, MlAssetsError) else type(problem).__name__
