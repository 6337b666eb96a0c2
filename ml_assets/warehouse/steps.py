"""The book of steps: what runs outside of Dagster made and judged, until Dagster has been told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from ml_assets.warehouse.asset import AssetReport, Made
from ml_assets.warehouse.manifest import insert_rows, naive_utc
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

StepStatus = Literal["made", "judged", "failed"]


@dataclass(frozen=True)
class StepRecord:
    """One asset in one run: the partitions it was asked for, what came of it, and when by the real clock (UTC).

    `judged`: only its checks ran. `message` says why a step failed.
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

    @property
    def report(self) -> AssetReport:
        """What materialising said."""
        return AssetReport(self.made, self.facts)


def record_step(bench: Workbench, record: StepRecord) -> None:
    """Inside a commit: write a step down as one that nobody has been told of."""
    insert_rows(
        bench, "ops.steps",
        [[record.run_id, record.step, record.command, str(record.asset), list(record.partitions), record.status,
          record.message, json.dumps(dict(record.facts), default=str), json.dumps([asdict(made) for made in record.made]),
          naive_utc(record.started_at), naive_utc(record.ended_at), None]],
    )  # fmt: skip


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
