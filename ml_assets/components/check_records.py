"""Findings as Dagster's check results, and as evaluations in its event log: one for each check and partition."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from ml_assets.components.event_log import PooledSqliteEventLogStorage
from ml_assets.components.keys import asset_key
from ml_assets.components.metadata import markdown_table
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.results import CheckFinding

_SEVERITIES = {"error": dg.AssetCheckSeverity.ERROR, "warn": dg.AssetCheckSeverity.WARN}


@dataclass(frozen=True)
class RunStep:
    """What an event belongs to, and when it happened (None: now).

    Events without a run would be unique for ever: the second on a partition is refused.
    """

    run_id: str
    job_name: str
    step_key: str | None = None
    at: datetime | None = None


def check_result(key: dg.AssetKey, check: Check, findings: Sequence[CheckFinding]) -> dg.AssetCheckResult:
    """One result for the findings of one check: failed when any partition failed, with the first failures shown."""
    failed = [finding for finding in findings if finding.status == "failed"]
    shown = failed or list(findings)[-1:]
    summary = "; ".join(f"{f.partition}: {f.summary}" if f.partition else f.summary for f in shown[:3])
    metadata: dict[str, Any] = {"code": check.code}
    if len(findings) > 1:
        metadata["partitions_failed"] = len(failed)
        metadata["partitions_judged"] = len(findings)
    metadata |= {name: _number(value) for name, value in shown[0].numbers.items() if value is not None}
    if shown[0].evidence:
        names = list(shown[0].evidence[0])
        metadata["evidence"] = dg.MetadataValue.md(
            markdown_table(names, [list(row.values()) for row in shown[0].evidence])
        )
    return dg.AssetCheckResult(
        asset_key=key, check_name=check.name, passed=not failed, severity=_SEVERITIES[check.severity], description=summary,
        metadata=metadata,
    )  # fmt: skip


def _number(value: float | int | str) -> float | int | str:
    return value if isinstance(value, str | int) else float(value)


def record_evaluations(
    instance: dg.DagsterInstance, asset: TableAsset, findings: Sequence[CheckFinding], step: RunStep
) -> None:
    """One evaluation for each check and partition: Dagster itself keeps one of a whole range, which names no partition."""
    checks = {check.name: check for check in asset.checks}
    with one_transaction(instance):
        for finding in findings:
            if finding.status != "not_applicable":
                evaluation = _evaluation(asset, checks[finding.check], finding)
                report_event(instance, dg.DagsterEventType.ASSET_CHECK_EVALUATION, step, evaluation)


def report_event(instance: dg.DagsterInstance, kind: dg.DagsterEventType, step: RunStep, facts: Any = None) -> None:
    """Store one event of a run."""
    event = dg.DagsterEvent(kind.value, step.job_name, step_key=step.step_key, event_specific_data=facts)
    instance.report_dagster_event(event, step.run_id, timestamp=step.at.timestamp() if step.at else None)


def one_transaction(instance: dg.DagsterInstance) -> Any:
    """A block whose events become visible together, where the event log can do that."""
    storage = instance.event_log_storage
    return storage.one_transaction() if isinstance(storage, PooledSqliteEventLogStorage) else nullcontext()


def _evaluation(asset: TableAsset, check: Check, finding: CheckFinding) -> dg.AssetCheckEvaluation:
    key = asset_key(asset.name)
    return dg.AssetCheckEvaluation(
        asset_key=key, check_name=check.name, passed=finding.status == "passed",
        metadata=dict(check_result(key, check, [finding]).metadata or {}), severity=_SEVERITIES[check.severity], description=finding.summary,
        partition=finding.partition or None, blocking=check.blocking,
    )  # fmt: skip
