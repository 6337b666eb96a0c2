"""The verdict on what is materialised: every asked check judged, as plain data for people, CI and Dagster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from ml_assets.errors import MlAssetsError, WarehouseLockedError, shortened
from ml_assets.graph.compile import Graph
from ml_assets.graph.judge import Judgement, judge_asset
from ml_assets.graph.origin import place_of_check
from ml_assets.graph.project import Declaration
from ml_assets.graph.summary import ModelLine
from ml_assets.specs.base import Severity
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.manifest import UNPARTITIONED, manifest_of
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import CheckFinding

Outcome = Literal["passed", "failed", "warned", "not_applicable", "error"]
OUTCOMES: tuple[Outcome, ...] = ("error", "failed", "warned", "passed", "not_applicable")
UNJUDGED = "can_be_judged"


@dataclass(frozen=True)
class CheckOutcome:
    """One check on one partition, and the file and line it comes from. `error`: it could not be judged, `summary` says why."""

    asset: str
    partition: str
    check: str
    code: str
    severity: Severity
    outcome: Outcome
    summary: str
    place: str
    seconds: float = 0.0
    numbers: Mapping[str, float | int | str | None] = field(default_factory=dict)
    evidence: Sequence[Mapping[str, Any]] = ()

    @property
    def at(self) -> str:
        """The asset, with its partition where it has one."""
        return f"{self.asset} {self.partition}" if self.partition else self.asset


@dataclass(frozen=True)
class Verdict:
    """All outcomes, worst first within each asset; the findings behind them; metrics of the models among the assets."""

    now: datetime
    outcomes: tuple[CheckOutcome, ...]
    findings: Mapping[TableName, Sequence[CheckFinding]] = field(default_factory=dict)
    models: tuple[ModelLine, ...] = ()

    @property
    def counts(self) -> dict[Outcome, int]:
        found = Counter(outcome.outcome for outcome in self.outcomes)
        return {outcome: found[outcome] for outcome in OUTCOMES}

    @property
    def exit_code(self) -> int:
        """2 when anything could not be judged, else 1 when an ERROR check failed, else 0."""
        return 2 if self.counts["error"] else 1 if self.counts["failed"] else 0

    def of(self, *wanted: Outcome) -> list[CheckOutcome]:
        """Outcomes of these kinds, in their order and within it as judged."""
        return [outcome for kind in wanted for outcome in self.outcomes if outcome.outcome == kind]

    def to_json(self) -> dict[str, Any]:
        return {
            "now": self.now, "exit_code": self.exit_code, "counts": self.counts,
            "checks": [asdict(outcome) for outcome in self.outcomes], "models": [asdict(model) for model in self.models],
        }  # fmt: skip


def not_carried_out(now: datetime, problem: MlAssetsError) -> Verdict:
    """The verdict when nothing could be judged at all: a declaration is broken, or the warehouse cannot be used."""
    return Verdict(now, (_unjudged("ml_assets", UNJUDGED, problem, str(problem.place or "")),))


@dataclass(frozen=True)
class PartitionChoice:
    """Which snapshots are judged: the newest of each asset, all that were made, or all between two keys."""

    span: tuple[str, str] | None = None
    every: bool = False

    def of(self, asset: TableAsset, made: Sequence[str], now: datetime) -> list[str]:
        """The asked keys of one asset; those of a span that were never made are among them."""
        if asset.snapshots is None or self.every:
            return sorted(made)
        if self.span is None:
            return sorted(made)[-1:]
        first, last = self.span
        return sorted(key for key in {*made, *asset.partitions(now)} if first <= key <= last)


def verdict_on(context: RunContext, graph: Graph, assets: Sequence[TableAsset], choice: PartitionChoice) -> Verdict:
    """Judge every asset, one after the other; what cannot be judged is an outcome, never left out.

    A lock that was not to be had in time is not waited for again.
    """
    outcomes: list[CheckOutcome] = []
    findings: dict[TableName, Sequence[CheckFinding]] = {}
    held: WarehouseLockedError | None = None
    for position, asset in enumerate(assets):
        try:
            if held is not None:
                raise held
            absent, judgement = _judgement(context, asset, choice)
            outcomes += [*absent, *_judged(graph.declared_by[asset.name], asset, judgement)]
            findings[asset.name] = judgement.findings
        except MlAssetsError as problem:
            held = problem if isinstance(problem, WarehouseLockedError) else None
            outcomes.append(_unjudged(str(asset.name), UNJUDGED, problem, asset.place))
        context.progress("checks", position + 1, len(assets))
    return Verdict(context.now, tuple(outcomes), findings=findings)


def _judgement(context: RunContext, asset: TableAsset, choice: PartitionChoice) -> tuple[list[CheckOutcome], Judgement]:
    """What is not there and could be, and the judgement on the rest."""
    with context.warehouse.reading() as bench:
        rows = manifest_of(bench, asset.name)
        made = {key for key, row in rows.items() if row.logic == asset.logic}
        asked = choice.of(asset, sorted(rows), context.now)
        makeable = set(asset.stale(bench, context, [key for key in asked if key not in made]))
    if not rows:
        return [_absent(asset, UNPARTITIONED)], Judgement((), {}, {})
    # Rows of another logic are no fault of the data: judging them by the new one would accuse them of leaking.
    outdated = [_outdated(asset, key) for key in asked if key in rows and key not in made]
    asked = [key for key in asked if key not in rows or key in made]
    absent = [*outdated, *(_absent(asset, key) for key in asked if key in makeable - made)]
    return absent, judge_asset(context, asset, [key for key in asked if key in made or key not in makeable])


def _judged(declaration: Declaration, asset: TableAsset, judgement: Judgement) -> Iterator[CheckOutcome]:
    checks = {check.name: check for check in asset.checks}
    for name, problem in judgement.broken.items():
        yield _unjudged(str(asset.name), name, problem, place_of_check(declaration, asset, checks[name]))
    shares = Counter(finding.check for finding in judgement.findings)
    for finding in sorted(judgement.findings, key=lambda f: (f.status != "failed", f.status != "passed", f.partition)):
        check = checks[finding.check]
        warned = finding.status == "failed" and check.severity == "warn"
        yield CheckOutcome(
            str(asset.name), finding.partition, check.name, check.code, check.severity, "warned" if warned else finding.status,
            finding.summary, place_of_check(declaration, asset, check, finding),
            judgement.seconds.get(check.name, 0.0) / shares[check.name], finding.numbers, finding.evidence,
        )  # fmt: skip


def _absent(asset: TableAsset, partition: str) -> CheckOutcome:
    return CheckOutcome(
        str(asset.name), partition, UNJUDGED, "MLA302", "error", "error",
        f"not materialised: `ml-assets run +{asset.name}` makes it", asset.place,
    )  # fmt: skip


def _outdated(asset: TableAsset, partition: str) -> CheckOutcome:
    return CheckOutcome(
        str(asset.name), partition, UNJUDGED, "MLA302", "error", "error",
        f"out of date, its logic changed: `ml-assets run {asset.name}` makes it anew", asset.place,
    )  # fmt: skip


def _unjudged(asset: str, check: str, problem: Exception, place: str) -> CheckOutcome:
    code = problem.code if isinstance(problem, MlAssetsError) else "MLA000"
    said = (
        str(problem) if isinstance(problem, MlAssetsError) else f"{type(problem).__name__}: {shortened(problem, 600)}"
    )
    return CheckOutcome(asset, UNPARTITIONED, check, code, "error", "error", said, place)
