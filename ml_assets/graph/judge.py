"""Judge what is materialised: run an asset's checks and keep the findings in the warehouse."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ml_assets.warehouse.asset import SNAPSHOT_COLUMN, RunContext, TableAsset
from ml_assets.warehouse.check import CheckScope
from ml_assets.warehouse.manifest import manifest_of
from ml_assets.warehouse.results import CheckFinding, record_findings


def judge_asset(
    context: RunContext, asset: TableAsset, partitions: Sequence[str], only: Collection[str] | None = None
) -> list[CheckFinding]:
    """One finding for each asked check and partition, stored beside the content it judged.

    A partition that was never made is not applicable, which is neither passed nor failed.
    """
    checks = [check for check in asset.checks if only is None or check.name in only]
    findings: list[CheckFinding] = []
    with context.warehouse.workbench() as bench:
        with bench.reading():
            known = manifest_of(bench, asset.name)
            made = [key for key in partitions if key in known]
            scope = CheckScope(
                bench, asset.name, made, context.now, SNAPSHOT_COLUMN if asset.snapshots is not None else None, hidden_columns(asset)
            )
            for check in checks:
                if made:
                    findings += check.findings(scope)
                findings += [
                    CheckFinding(check.name, "not_applicable", "not materialised yet", key) for key in partitions if key not in known
                ]
        rules = {check.name: (check.code, check.severity, check.blocking) for check in checks}
        contents = {key: row.content for key, row in known.items()}
        with bench.committing():
            record_findings(bench, asset.name, rules, contents, findings, context.now)
    return findings


def hidden_columns(asset: TableAsset) -> frozenset[str]:
    """Columns with personal data, never shown as evidence."""
    spec = asset.spec
    contract = getattr(spec, "contract", None)
    columns = contract.columns if contract is not None else getattr(spec, "columns", {})
    return frozenset(name for name, column in columns.items() if column.pii)
