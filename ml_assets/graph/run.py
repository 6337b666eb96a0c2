"""Make what is out of date, without Dagster: stage by stage, each asset made and judged, several side by side.

Every step is written into the book of steps with its findings, so that Dagster can be told later.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from itertools import count
from uuid import uuid4

from ml_assets.errors import MlAssetsError, shortened
from ml_assets.graph.events import Listener, RunBegan, RunEnded, StepEnded, StepTeller, nobody
from ml_assets.graph.judge import Judgement, judge_asset
from ml_assets.graph.plan import StagePlan, stage_plan, stages
from ml_assets.warehouse.asset import AssetReport, RunContext, TableAsset
from ml_assets.warehouse.cpu import METER, CpuUse
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.steps import StepRecord, record_step
from ml_assets.warehouse.store import Workbench

_TRIES, _PAUSE_SECONDS = 4, 5.0
COMMAND = "run"


def default_workers() -> int:
    """How many assets are worked on at once: `$ML_ASSETS_WORKERS`, else two where there are two cores."""
    return int(os.environ.get("ML_ASSETS_WORKERS", min(2, os.cpu_count() or 1)))


@dataclass
class RunReport:
    """What a run did. `written`: asset → how many partitions got other rows, of how many that were asked for; `failures`:
    asset → what it said; `skipped`: asset → why it was not tried."""

    run_id: str
    made: list[str] = field(default_factory=list)
    written: dict[str, tuple[int, int]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """How many assets were worked on."""
        return len(self.made) + len(self.failures)


def run_graph(
    context: RunContext, assets: Sequence[TableAsset], partitions: Sequence[str] | None = None, workers: int | None = None,
    listener: Listener = nobody,
) -> RunReport:  # fmt: skip
    """Bring `assets` up to date, each with all its checks.

    What reads something that failed is skipped, everything else is made. Problems that pass by themselves are tried
    again, up to four times. `listener` is told of every step.
    """
    run = _Run(context, workers or default_workers(), listener)
    began = datetime.now(UTC)
    listener(RunBegan(run.report.run_id, COMMAND, began, len(assets)))
    for position, stage in enumerate(stages(assets)):
        with context.warehouse.reading() as bench:
            plan = stage_plan(bench, context, stage, partitions)
        if position == 0 and plan.assets:
            _import_ahead(assets)
        run.stage(stage, plan)
    report = run.report
    counts = len(report.made), len(report.failures), len(report.skipped)
    listener(RunEnded(report.run_id, COMMAND, began, datetime.now(UTC), *counts))
    return report


def _import_ahead(assets: Sequence[TableAsset]) -> None:
    """Load in another thread what later steps will import: the first stage waits for the engine, not for Python."""
    wanted = sorted({name for asset in assets for name in asset.imports})

    def load() -> None:
        for name in wanted:
            # What is missing is reported by the step that needs it.
            with suppress(ImportError):
                import_module(name)

    threading.Thread(target=load, name="imports", daemon=True).start()


class _Run:
    def __init__(self, context: RunContext, workers: int, listener: Listener) -> None:
        self.report = RunReport(str(uuid4()))
        self._listener = listener
        self._context = context
        self._workers = workers
        self._numbers = count()
        self._lost: dict[TableName, str] = {}

    def stage(self, assets: Sequence[TableAsset], plan: StagePlan) -> None:
        """Work on every asset of a stage as soon as what it reads is done; name those that cannot be made."""
        for asset in assets:
            if asset not in plan.assets:
                self._skips(asset)
        waiting = list(plan.assets)
        running: dict[Future[str], TableAsset] = {}
        with ThreadPoolExecutor(self._workers, thread_name_prefix="step") as pool:
            while waiting or running:
                busy = {asset.name for asset in (*waiting, *running.values())}
                ready = [asset for asset in waiting if not busy.intersection(asset.deps)]
                for asset in ready:
                    waiting.remove(asset)
                    if not self._skips(asset):
                        running[pool.submit(self._step, asset, plan.partitions)] = asset
                for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                    self._take(running.pop(future), future.result())

    def _skips(self, asset: TableAsset) -> bool:
        lost = next((dep for dep in asset.deps if dep in self._lost), None)
        if lost is None or asset.undeterred:
            return False
        self._lost[asset.name] = f"{lost} was not made"
        self.report.skipped[str(asset.name)] = f"reads {lost}: {self._lost[lost]}"
        now = datetime.now(UTC)
        self._listener(
            StepEnded(
                self.report.run_id, COMMAND, asset.name, (), "skipped", now, now, message=f"{lost} was not made well"
            )
        )
        return True

    def _take(self, asset: TableAsset, problem: str) -> None:
        """Main thread: book the outcome of a step, the empty text where it went well."""
        if problem:
            self._lost[asset.name] = problem.splitlines()[0]
            self.report.failures[str(asset.name)] = problem
        else:
            self.report.made.append(str(asset.name))

    def _step(self, asset: TableAsset, partitions: Sequence[str]) -> str:
        """Make and judge one asset; what went wrong in words, or the empty text. A failed blocking check is no good step."""
        with METER.step() as cpu:
            return self._metered(asset, partitions, cpu)

    def _metered(self, asset: TableAsset, partitions: Sequence[str], cpu: CpuUse) -> str:
        number, started = next(self._numbers), datetime.now(UTC)
        teller = StepTeller(self._listener, self.report.run_id, COMMAND, asset, partitions)

        def record(report: AssetReport | None, problem: str, error: str = "") -> StepRecord:
            return StepRecord(
                self.report.run_id, number, COMMAND, asset.name, tuple(partitions),
                "failed" if report is None else "made", started, datetime.now(UTC), problem,
                report.made if report else (), report.facts if report else {"error": error}, self._context.now, cpu.so_far(),
            )  # fmt: skip

        try:
            report = self._made(asset, partitions)
        except MlAssetsError as problem:
            teller.failed(problem)
            return self._failed(record(None, str(problem), problem.code))
        except Exception as problem:  # noqa: BLE001 (a fault of ours in one asset must not lose the others' work; it is told in full)
            traceback.print_exc(file=sys.stderr)
            teller.failed(problem)
            return self._failed(record(None, in_words(asset, problem), type(problem).__name__))
        self.report.written[str(asset.name)] = (sum(made.changed for made in report.made), len(report.made))

        def also(bench: Workbench, judgement: Judgement) -> None:
            record_step(bench, record(report, blocked(asset, judgement)))

        judgement = judge_asset(self._context, asset, partitions, also=also)
        problem_of_consumers = blocked(asset, judgement)
        teller.ended(report, judgement, blocked=bool(problem_of_consumers))
        return problem_of_consumers

    def _made(self, asset: TableAsset, partitions: Sequence[str]) -> AssetReport:
        for attempt in range(_TRIES):
            try:
                return asset.materialize(self._context, partitions)
            except MlAssetsError as problem:
                if not problem.transient or attempt == _TRIES - 1:
                    raise
                self._context.log(f"{asset.name}: {problem.subject}; trying again")
                time.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 (jitter)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _failed(self, record: StepRecord) -> str:
        with self._context.warehouse.committing() as bench:
            record_step(bench, record)
        return record.message


def blocked(asset: TableAsset, judgement: Judgement) -> str:
    """Why consumers must not read what was just made; the empty text when they may."""
    raised = [
        f"{asset.place}: {check} of {asset.name} could not be judged: "
        f"{problem if isinstance(problem, MlAssetsError) else _named(problem)}"
        for check, problem in judgement.broken.items()
    ]
    blocking = {check.name for check in asset.checks if check.blocking and check.severity == "error"}
    failed = [
        f"{finding.check}{f' ({finding.partition})' if finding.partition else ''}: {finding.summary}"
        for finding in judgement.findings
        if finding.status == "failed" and finding.check in blocking
    ]
    found = [*raised, *([f"a blocking check failed: {failed[0]}"] if failed else [])]
    return "\n".join(found)


def in_words(asset: TableAsset, problem: Exception) -> str:
    """Why a step failed; a fault of ours with the place of the declaration and its kind."""
    return str(problem) if isinstance(problem, MlAssetsError) else f"{asset.place}: {_named(problem)}"


def _named(problem: Exception) -> str:
    return f"{type(problem).__name__}: {shortened(problem, 600)}"


def failures_in_words(failures: Mapping[str, str], skipped: Mapping[str, str]) -> list[str]:
    """A line or more for each asset that was not made well, and one for each that was not tried."""
    return [
        *(f"failed {asset}\n{message}" for asset, message in failures.items()),
        *(f"not made {asset}: {reason}" for asset, reason in skipped.items()),
    ]
