"""One adapter from the graph's checks to Dagster asset checks: one op an asset, a result a check and partition."""

from collections.abc import Iterator

import dagster as dg

from ml_assets.components.assets import dagster_failure
from ml_assets.components.check_records import RunStep, check_result, record_evaluations
from ml_assets.components.keys import asset_key, partitions_of
from ml_assets.components.step_book import recorded_step
from ml_assets.errors import MlAssetsError, shortened
from ml_assets.graph.events import StepTeller
from ml_assets.graph.judge import judge_asset
from ml_assets.graph.run import blocked
from ml_assets.operations.telemetry.listening import process_listener
from ml_assets.resources import MlAssetsResource
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.manifest import UNPARTITIONED


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
        teller = StepTeller(process_listener(run.home.root), run.run_id, "dagster", asset, keys)
        try:
            with recorded_step(context.instance, run, asset, keys) as book:
                judgement = judge_asset(run, asset, keys, asked, also=book.judged)
        except Exception as raised:
            teller.failed(raised)
            raise
        teller.ended(None, judgement, blocked=bool(blocked(asset, judgement)))
        if grid is not None and "dagster/partition" not in context.run.tags:
            step = RunStep(context.run.run_id, context.run.job_name, context.get_step_execution_context().step.key)
            record_evaluations(context.instance, asset, judgement.findings, step)
        for name in sorted(asked - judgement.broken.keys()):
            found = [finding for finding in judgement.findings if finding.check == name]
            if findings := [finding for finding in found if finding.status != "not_applicable"]:
                yield check_result(key, checks[name], findings)
            else:
                context.log.info("%s: not applicable: %s", name, found[0].summary)
        for name, problem in judgement.broken.items():
            raise _unjudged(asset, name, problem) from problem

    return judged


def _unjudged(asset: TableAsset, check: str, problem: Exception) -> Exception:
    if isinstance(problem, MlAssetsError):
        return dagster_failure(problem)
    return dg.Failure(
        f"{asset.place}: {check} of {asset.name} could not be judged\n  got:      {shortened(problem, 600)}"
    )
