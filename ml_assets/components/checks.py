"""One adapter from the graph's checks to Dagster asset checks: one op an asset, a result a check and partition."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import dagster as dg

from ml_assets.components.assets import dagster_failure
from ml_assets.components.event_log import PooledSqliteEventLogStorage
from ml_assets.components.keys import asset_key, partitions_of
from ml_assets.components.metadata import markdown_table
from ml_assets.errors import MlAssetsError, shortened
from ml_assets.graph.judge import judge_asset
from ml_assets.resources import MlAssetsResource
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.manifest import UNPARTITIONED
from ml_assets.warehouse.results import CheckFinding

_SEVERITIES = {"error": dg.AssetCheckSeverity.ERROR, "warn": dg.AssetCheckSeverity.WARN}


def dagster_checks(asset: TableAsset, resource: MlAssetsResource) -> dg.AssetChecksDefinition:
    """All checks of an asset in one op. A check that could not be judged yields nothing: it is not shown as passed."""
    key = asset_key(asset.name)
    grid = partitions_of(asset.snapshots, resource.state)
    checks = {check.name: check for check in asset.checks}
    specs = [
        dg.AssetCheckSpec(
            check.name, asset=key, description=f"{check.description} ({check.code})", blocking=check.blocking,
            metadata={"code": check.code, "severity": check.severity}, partitions_def=grid,
        )
        for check in checks.values()
    ]  # fmt: skip

    @dg.multi_asset_check(name=f"checks_of_{asset.name.schema}__{asset.name.table}", specs=specs, can_subset=True)
    def judged(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        asked = {selected.name for selected in context.selected_asset_check_keys}
        keys = list(context.partition_keys) if grid is not None else [UNPARTITIONED]
        run = resource.context(context.log, context.run.run_id)
        judgement = judge_asset(run, asset, keys, asked)
        if len(keys) > 1:
            record_evaluations(context.instance, asset, judgement.findings)
        for name in sorted(asked - judgement.broken.keys()):
            found = [finding for finding in judgement.findings if finding.check == name]
            if findings := [finding for finding in found if finding.status != "not_applicable"]:
                yield check_result(key, checks[name], findings)
            else:
                context.log.info(f"{name}: not applicable: {found[0].summary}")
        for name, problem in judgement.broken.items():
            raise _unjudged(asset, name, problem) from problem

    return judged


def _unjudged(asset: TableAsset, check: str, problem: Exception) -> Exception:
    if isinstance(problem, MlAssetsError):
        return dagster_failure(problem)
    return dg.Failure(f"{asset.place}: {check} of {asset.name} could not be judged\n  got:      {shortened(problem, 600)}")


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
        metadata["evidence"] = dg.MetadataValue.md(markdown_table(names, [list(row.values()) for row in shown[0].evidence]))
    return dg.AssetCheckResult(
        asset_key=key, check_name=check.name, passed=not failed, severity=_SEVERITIES[check.severity], description=summary,
        metadata=metadata,
    )  # fmt: skip


def _number(value: float | int | str) -> float | int | str:
    return value if isinstance(value, str | int) else float(value)


def record_evaluations(instance: dg.DagsterInstance, asset: TableAsset, findings: Sequence[CheckFinding]) -> None:
    """A result for each check and partition, outside of any run's own results.

    A run over a range would leave only one that names no partition, and a judgement from the command line none at all.
    """
    checks = {check.name: check for check in asset.checks}
    storage = instance.event_log_storage
    judged = [finding for finding in findings if finding.status != "not_applicable"]
    with storage.one_transaction() if isinstance(storage, PooledSqliteEventLogStorage) else nullcontext():
        for finding in judged:
            instance.report_runless_asset_event(_evaluation(asset_key(asset.name), checks[finding.check], finding))


def _evaluation(key: dg.AssetKey, check: Check, finding: CheckFinding) -> dg.AssetCheckEvaluation:
    result = check_result(key, check, [finding])
    return dg.AssetCheckEvaluation(
        asset_key=key, check_name=check.name, passed=finding.status == "passed", metadata=dict(result.metadata or {}),
        severity=_SEVERITIES[check.severity], description=finding.summary, partition=finding.partition or None,
        blocking=check.blocking,
    )  # fmt: skip
