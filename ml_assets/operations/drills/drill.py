"""A whole drill on the project at hand: copies, baseline, faults, report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

from ml_assets.graph.compile import Graph
from ml_assets.operations.drills.conduct import Conduct
from ml_assets.operations.drills.faults import Fault
from ml_assets.operations.drills.ground import Setting
from ml_assets.operations.drills.prepare import prepare, room_for
from ml_assets.operations.drills.report import DrillReport, FaultReport
from ml_assets.operations.drills.special import SensorAsks
from ml_assets.operations.drills.subject import subject_of
from ml_assets.specs.profiles import ProfileSpec
from ml_assets.warehouse.asset import RunContext


@dataclass(frozen=True)
class Wishes:
    """What is asked of a drill. `told` gets every report as it is made."""

    faults: Sequence[Fault]
    keep: bool = False
    sensor: SensorAsks | None = None
    profile: ProfileSpec = field(default_factory=ProfileSpec)
    told: Callable[[FaultReport], None] = lambda _report: None


def drill_faults(context: RunContext, graph: Graph, project_root: Path, wishes: Wishes) -> DrillReport:
    """Hold these faults on copies of the state beside it. The state itself is only read.

    Raises `BackupError` when the disk has no room, `DrillError` when the project has nothing to hold a drill on.
    """
    started = time.monotonic()
    room_for(context.home)
    work = Path(mkdtemp(prefix=f".{context.home.root.name}-drill-", dir=context.home.root.parent))
    try:
        with context.warehouse.reading() as bench:
            subject = subject_of(bench, graph)
        shutil.copytree(context.home.root / "landing", work / "originals")
        setting = Setting(
            project_root, graph, context.sql_root, context.warehouse.settings, context.package_version, subject, work / "originals",
            str(work / "known.parquet"), wishes.profile, context.progress,
        )  # fmt: skip
        prepared = prepare(setting, work, weeks=any(fault.cadence == "week" for fault in wishes.faults))
        reports = []
        conduct = Conduct(prepared, work, wishes.sensor, wishes.keep)
        for number, report in enumerate(conduct.hold(wishes.faults)):
            reports.append(report)
            wishes.told(report)
            context.progress("faults", number + 1, len(wishes.faults))
        begin = prepared.week or prepared.day
        return DrillReport(
            tuple(reports), str(subject.table.name), prepared.baseline_rows, begin.base.clock, prepared.day.steps[-1].clock,
            time.monotonic() - started, datetime.now(UTC), {"kept": str(work)} if wishes.keep else {},
        )  # fmt: skip
    finally:
        if not wishes.keep:
            shutil.rmtree(work, ignore_errors=True)
