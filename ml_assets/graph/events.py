"""What a run tells whoever listens: that it began, what became of each asset, that it ended.

A listener is called from the threads that do the work, several at once, and must not raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ml_assets.errors import MlAssetsError, shortened
from ml_assets.graph.judge import Judgement
from ml_assets.specs import ModelSpec, ScoredOutputSpec
from ml_assets.warehouse.asset import AssetReport, TableAsset
from ml_assets.warehouse.names import TableName

StepOutcome = Literal["made", "unchanged", "judged", "blocked", "failed", "skipped"]


@dataclass(frozen=True)
class RunBegan:
    """A run of `assets` assets at most began at `at` (UTC, by the real clock, as all times here)."""

    run_id: str
    command: str
    at: datetime
    assets: int


@dataclass(frozen=True)
class StepBegan:
    """Work on one asset began."""

    run_id: str
    command: str
    asset: TableName
    partitions: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class FailedCheck:
    """A check that did not hold on one partition, or, with the summary saying so, could not be judged."""

    check: str
    code: str
    severity: str
    partition: str
    summary: str


@dataclass(frozen=True)
class StepEnded:
    """What became of one asset. `rows`: rows written, None where nothing was made.

    `blocked`: it was made, and its consumers must not read it. `message` says why it is not as it should be, without
    values of the data.
    """

    run_id: str
    command: str
    asset: TableName
    partitions: tuple[str, ...]
    outcome: StepOutcome
    began_at: datetime
    ended_at: datetime
    rows: int | None = None
    model: str | None = None
    model_version: int | None = None
    error: str = ""
    message: str = ""
    failed_checks: tuple[FailedCheck, ...] = ()


@dataclass(frozen=True)
class RunEnded:
    """A run ended: how many assets were worked on well, how many were not, how many were not tried."""

    run_id: str
    command: str
    began_at: datetime
    ended_at: datetime
    made: int
    failed: int
    skipped: int


RunEvent = RunBegan | StepBegan | StepEnded | RunEnded
Listener = Callable[[RunEvent], None]


def nobody(_event: RunEvent) -> None:
    """A listener that does not listen."""


class StepTeller:
    """Tells a listener of one step: at once that it begins, later how it ended."""

    def __init__(
        self, listener: Listener, run_id: str, command: str, asset: TableAsset, partitions: Sequence[str]
    ) -> None:
        self._listener = listener
        self._run_id, self._command, self._asset = run_id, command, asset
        self._partitions = tuple(partitions)
        self._began = datetime.now(UTC)
        listener(StepBegan(run_id, command, asset.name, self._partitions, self._began))

    def failed(self, problem: Exception) -> None:
        """The asset was not made. What others raise may quote the data, so of those only the kind is told."""
        ours = isinstance(problem, MlAssetsError)
        message = str(problem).splitlines()[0] if ours else f"{self._asset.place}: {type(problem).__name__}"
        error = problem.code if isinstance(problem, MlAssetsError) else type(problem).__name__
        self._tell("failed", error=error, message=shortened(message, 300))

    def ended(self, report: AssetReport | None, judgement: Judgement | None = None, *, blocked: bool = False) -> None:
        """The asset was made (with a report) or only judged (without)."""
        changed = [made for made in report.made if made.changed] if report is not None else []
        outcome: StepOutcome = "made" if changed else "judged" if report is None else "unchanged"
        failed = () if judgement is None else failed_checks(self._asset, judgement)
        self._tell(
            "blocked" if blocked else outcome, rows=sum(made.rows for made in changed) if changed else None,
            version=None if report is None else _version(report), failed=failed,
            message=f"{failed[0].check}: {failed[0].summary}" if blocked and failed else "",
        )  # fmt: skip

    def _tell(
        self, outcome: StepOutcome, *, rows: int | None = None, version: int | None = None, error: str = "", message: str = "",
        failed: tuple[FailedCheck, ...] = (),
    ) -> None:  # fmt: skip
        self._listener(
            StepEnded(
                self._run_id, self._command, self._asset.name, self._partitions, outcome, self._began, datetime.now(UTC),
                rows, model_of(self._asset), version, error, message, failed,
            )
        )  # fmt: skip


def failed_checks(asset: TableAsset, judgement: Judgement) -> tuple[FailedCheck, ...]:
    """What did not hold, ERROR and blocking checks first, and what could not be judged."""
    known = {check.name: check for check in asset.checks}
    found = [
        FailedCheck(finding.check, known[finding.check].code, known[finding.check].severity, finding.partition,
                    shortened(finding.summary, 300))
        for finding in judgement.findings
        if finding.status == "failed" and finding.check in known
    ]  # fmt: skip
    found += [
        FailedCheck(name, known[name].code, known[name].severity, "", f"could not be judged: {type(problem).__name__}")
        for name, problem in judgement.broken.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.severity != "error", not known[one.check].blocking)))


def model_of(asset: TableAsset) -> str | None:
    """The model that an asset is about; None for tables and features."""
    if isinstance(asset.spec, ScoredOutputSpec):
        return asset.spec.model
    return asset.spec.name if isinstance(asset.spec, ModelSpec) else None


def _version(report: AssetReport) -> int | None:
    """The version that scored, or that was trained or judged; None where none was."""
    found = report.facts.get("model_version", report.facts.get("version"))
    return found if isinstance(found, int) else None
