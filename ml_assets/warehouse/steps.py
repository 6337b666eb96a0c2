"""The book of steps: what runs made and judged, inside of Dagster and outside, and whether Dagster knows.

What a step cost stands beside it in `ops.step_costs`, because warehouses are older than that book.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from ml_assets.warehouse.asset import AssetReport, Made
from ml_assets.warehouse.cpu import CpuTime
from ml_assets.warehouse.manifest import insert_rows, naive_utc
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

StepStatus = Literal["made", "judged", "failed"]


@dataclass(frozen=True)
class StepRecord:
    """One asset in one run: the partitions it was asked for, what came of it, and when by the real clock (UTC).

    `judged`: only its checks ran. `message` says why a step failed. `clock_time`: when by the (possibly replayed) clock.
    """

    run_id: str
    step: int
    command: str
    asset: TableName
    partitions: tuple[str, ...]
    status: StepStatus
    started_at: datetime
    ended_at: datetime
    message: str = ""
    made: tuple[Made, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    clock_time: datetime | None = None
    cpu: CpuTime | None = None

    @property
    def report(self) -> AssetReport:
        """What materialising said."""
        return AssetReport(self.made, self.facts)


def record_step(bench: Workbench, record: StepRecord, told_to: str | None = None) -> None:
    """Inside a commit: write a step down, as one that nobody has been told of unless a listener knows it."""
    insert_rows(
        bench, "ops.steps",
        [[record.run_id, record.step, record.command, str(record.asset), list(record.partitions), record.status,
          record.message, json.dumps(dict(record.facts), default=str), json.dumps([asdict(made) for made in record.made]),
          naive_utc(record.started_at), naive_utc(record.ended_at), told_to]],
    )  # fmt: skip
    clock_time = None if record.clock_time is None else naive_utc(record.clock_time)
    seconds, error = record.cpu or (None, None)
    insert_rows(bench, "ops.step_costs", [[record.run_id, record.step, clock_time, seconds, error]])


def next_step(bench: Workbench, run_id: str) -> int:
    """Inside a commit: the number of a run's next step, for runs whose steps come from several processes."""
    return int(bench.value("select coalesce(max(step), -1) + 1 from wh.ops.steps where run_id = ?", [run_id]))


def untold_steps(bench: Workbench, listener: str) -> list[StepRecord]:
    """Inside a reading block: steps that this listener (the id of a Dagster instance) has not heard of, oldest first."""
    rows = bench.rows(
        "select run_id, step, command, asset, partitions, status, started_at, ended_at, message, made, facts "
        "from wh.ops.steps where told_to is distinct from ? order by started_at, run_id, step",
        [listener],
    )
    return [
        StepRecord(
            run_id, step, command, TableName.parse(asset), tuple(partitions), status, started.replace(tzinfo=UTC),
            ended.replace(tzinfo=UTC), message, tuple(Made(**made) for made in json.loads(made)), json.loads(facts),
        )
        for run_id, step, command, asset, partitions, status, started, ended, message, made, facts in rows
    ]  # fmt: skip


def mark_told(bench: Workbench, steps: Sequence[StepRecord], listener: str) -> None:
    """Inside a commit: this listener knows these steps."""
    bench.execute(
        "update wh.ops.steps set told_to = ? from (select unnest(?) as run_id, unnest(?) as step) t "
        "where steps.run_id = t.run_id and steps.step = t.step",
        [listener, [step.run_id for step in steps], [step.step for step in steps]],
    )
