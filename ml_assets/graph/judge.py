"""Judge what is materialised: run an asset's checks and keep the findings in the warehouse."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from ml_assets.errors import shortened
from ml_assets.graph.declared import remember
from ml_assets.graph.origin import columns_of
from ml_assets.warehouse.asset import SNAPSHOT_COLUMN, RunContext, TableAsset
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.manifest import manifest_of
from ml_assets.warehouse.results import CheckFinding, record_findings
from ml_assets.warehouse.store import Workbench


@dataclass(frozen=True)
class Judgement:
    """What an asset's checks said. `broken`: check → what it raised instead of judging; `seconds`: check → duration."""

    findings: tuple[CheckFinding, ...]
    broken: Mapping[str, Exception]
    seconds: Mapping[str, float]


def judge_asset(
    context: RunContext, asset: TableAsset, partitions: Sequence[str], only: Collection[str] | None = None,
    also: Callable[[Workbench, Judgement], None] | None = None,
) -> Judgement:  # fmt: skip
    """One finding for each asked check and partition, stored beside the content it judged.

    A partition that was never made is not applicable, which is neither passed nor failed. A check that raises leaves
    no finding and does not keep the others from theirs. `also` writes more in the commit that stores the findings.
    """
    checks = [check for check in asset.checks if only is None or check.name in only]
    with context.warehouse.workbench() as bench:
        with bench.reading():
            known = manifest_of(bench, asset.name)
            judgement = _judged(bench, context, asset, checks, [key for key in partitions if key in known])
        absent = [
            CheckFinding(check.name, "not_applicable", "not materialised yet", key)
            for check in checks if check.name not in judgement.broken for key in partitions if key not in known
        ]  # fmt: skip
        findings = (*judgement.findings, *absent)
        rules = {check.name: (check.code, check.severity, check.blocking) for check in checks}
        contents = {key: row.content for key, row in known.items()}
        with bench.committing():
            unjudged = _blocking_unjudged(checks, judgement, [key for key in partitions if key in known])
            record_findings(bench, asset.name, rules, contents, (*findings, *unjudged), context.now)
            if any(row.logic == asset.logic for row in known.values()):
                remember(bench, asset)
            judgement = Judgement(findings, judgement.broken, judgement.seconds)
            if also is not None:
                also(bench, judgement)
    return judgement


def _blocking_unjudged(checks: Sequence[Check], judgement: Judgement, partitions: Sequence[str]) -> list[CheckFinding]:
    """What the book says of a blocking check that raised: it does not hold, so that no later run reads past it."""
    return [
        CheckFinding(check.name, "failed", f"could not be judged: {shortened(judgement.broken[check.name], 300)}", key)
        for check in checks
        if check.blocking and check.name in judgement.broken
        for key in partitions
    ]


def _judged(
    bench: Workbench, context: RunContext, asset: TableAsset, checks: Sequence[Check], made: Sequence[str]
) -> Judgement:
    column = SNAPSHOT_COLUMN if asset.snapshots is not None else None
    hidden = asset.personal | {name for name, spec in columns_of(asset).items() if spec.pii}
    scope = CheckScope(bench, asset.name, made, context.now, column, hidden)
    findings: list[CheckFinding] = []
    broken: dict[str, Exception] = {}
    seconds: dict[str, float] = {}
    for check in checks if made else ():
        started = time.monotonic()
        try:
            findings += check.findings(scope)
        except Exception as problem:  # noqa: BLE001 (whatever a check raises, the others are judged and the caller is told)
            broken[check.name] = problem
        seconds[check.name] = time.monotonic() - started
    return Judgement(tuple(findings), broken, seconds)
