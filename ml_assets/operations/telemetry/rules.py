"""Alert rules that follow from the graph: for each asset and kind of trouble who is told, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from ml_assets.graph.compile import Graph
from ml_assets.graph.events import model_of
from ml_assets.monitoring.production import ProductionAsset
from ml_assets.operations.coverage import production_assets
from ml_assets.operations.freshness import CODE
from ml_assets.operations.incident_book import IncidentSeverity
from ml_assets.operations.runbooks import runbook_of
from ml_assets.operations.telemetry.alert_rule import AlertRule
from ml_assets.operations.telemetry.catalogue import CATALOGUE
from ml_assets.operations.watch import subject_of
from ml_assets.specs import MonitorSpec, OperationsSpec
from ml_assets.specs.monitors import RetrainSpec
from ml_assets.specs.times import span_length
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.names import TableName

JOB = "ml_assets"
# Kind of trouble and name of the alert, by the first letters of a monitor's codes.
_OF_MONITORS = {
    "DR": ("drift", "MlAssetsDrift"),
    "PF": ("performance", "MlAssetsPerformanceBelowPromise"),
    "DD": ("unusual_day", "MlAssetsUnusualDay"),
    "RT": ("retrain_due", "MlAssetsRetrainDue"),
    "OP": ("operations", "MlAssetsOperationsTarget"),
}


def alert_rules(graph: Graph, runbooks_at: str = "") -> list[AlertRule]:
    """Every rule, in the order of the graph's assets, those about the whole project last.

    `runbooks_at` is put before runbooks that are files, such as the address of the repository's main branch.
    """
    makers = _Rules(graph, runbooks_at)
    found = [rule for asset in graph for rule in makers.of_asset(asset)]
    return [*found, *makers.of_project()]


class _Rules:
    def __init__(self, graph: Graph, runbooks_at: str) -> None:
        self._graph, self._base = graph, runbooks_at
        self._operations: OperationsSpec | None = graph.operations
        self._production: dict[TableName, ProductionAsset] = {one.name: one for one in production_assets(graph)}

    def of_asset(self, asset: TableAsset) -> Iterator[AlertRule]:
        watching = self._graph.declared_by[asset.name].spec
        yield self._failed_step(asset)
        yield self._overdue(asset)
        if any(check.code == CODE for check in asset.checks):
            yield self._stale_data(asset)
        monitors = isinstance(watching, MonitorSpec | OperationsSpec)
        told = [check for check in asset.checks if monitors and _kind_of(check.code) is not None]
        yield from self._failed_checks(asset, [check for check in asset.checks if check not in told])
        if isinstance(watching, MonitorSpec | OperationsSpec):
            yield from self._failed_monitor(asset, watching, told)
        produced = self._production.get(asset.name)
        if produced is not None and produced.role == "champion":
            yield self._champion_age(asset, produced)

    def of_project(self) -> Iterator[AlertRule]:
        waits, free, size = (_series(name) for name in ("lock_wait_seconds", "disk_free_bytes", "disk_size_bytes"))
        yield self._project_rule(
            "lock_wait", "MlAssetsLockWait", f"histogram_quantile(0.95, sum by (le) (rate({waits}_bucket[1h]))) > 30", "minor",
            "Commits wait long for the warehouse",
            "One commit in twenty of the last hour waited {{ $value | humanizeDuration }} or longer for the warehouse's lock.",
            "lock", "10m",
        )  # fmt: skip
        limit = (self._operations or OperationsSpec(name="operations")).free_disk
        yield self._project_rule(
            "disk", "MlAssetsDiskFilling", f"{free} / {size} < {limit:g}", "major", "The disk is filling up",
            "{{ $value | humanizePercentage }} of the disk with the state folder is free; a run needs room for its results.",
            "disk", "10m",
        )  # fmt: skip
        yield self._project_rule(
            "disk", "MlAssetsDiskFull", f"{free} / {size} < {limit / 10:g}", "critical", "The disk is full",
            "{{ $value | humanizePercentage }} of the disk with the state folder is free: nothing can be committed.", "disk", "",
        )  # fmt: skip
        yield self._project_rule(
            "alerts_unsent", "MlAssetsAlertsNotSent", f"sum({_series('alerts_waiting')}) > 0", "major",
            "Alerts do not reach anybody",
            "For an hour alerts of incidents have waited to be sent: the receiver of a route does not answer, or nothing runs.",
            "sensor", "1h",
        )  # fmt: skip
        yield self._project_rule(
            "exporter_down", "MlAssetsExporterDown", f'up{{job="{JOB}"}} == 0 or absent(up{{job="{JOB}"}})', "major",
            "Nobody sees how the pipeline is",
            "`ml-assets metrics --serve` has not answered for five minutes: no other rule of this file can fire.",
            "sensor", "5m",
        )  # fmt: skip
        yield self._project_rule(
            "warehouse_unreadable", "MlAssetsWarehouseUnreadable", f"{_series('exporter_warehouse_readable')} == 0", "major",
            "The warehouse has not been readable for a quarter of an hour",
            "The exporter gives its last values. Its /health says why: a holder that never ends, or a file that cannot be opened.",
            "lock", "15m",
        )  # fmt: skip

    def _failed_step(self, asset: TableAsset) -> AlertRule:
        return self._asset_rule(
            asset, "failed_step", "MlAssetsStepFailed", f"{_of('step_last_failed', asset)} == 1", self._weight(asset),
            f"{asset.name} could not be made", f"The last step of {asset.name} failed or was blocked by a check. {_declared(asset)}",
            runbook_of("failed_run", self._operations, None),
        )  # fmt: skip

    def _overdue(self, asset: TableAsset) -> AlertRule:
        late = f"{_of('asset_age_seconds', asset)} > {_of('asset_age_limit_seconds', asset)}"
        return self._asset_rule(
            asset, "overdue", "MlAssetsAssetOverdue", f"{late} and {_of('asset_out_of_date', asset)} == 1", self._weight(asset),
            f"{asset.name} is overdue",
            f"A run would make {asset.name}, and what there is was made {{{{ $value | humanizeDuration }}}} ago. {_declared(asset)}",
            runbook_of("stale", self._operations, None), "15m",
        )  # fmt: skip

    def _stale_data(self, asset: TableAsset) -> AlertRule:
        return self._asset_rule(
            asset, "stale_data", "MlAssetsDataStale",
            f"{_of('data_age_seconds', asset)} > {_of('data_age_limit_seconds', asset)}", self._weight(asset),
            f"No new data has come into {asset.name}",
            f"The newest event of {asset.name} is {{{{ $value | humanizeDuration }}}} old, closed days left out. {_declared(asset)}",
            runbook_of(CODE, self._operations, None),
        )  # fmt: skip

    def _failed_checks(self, asset: TableAsset, checks: Sequence[Check]) -> Iterator[AlertRule]:
        """One rule for the ERROR checks of each runbook; freshness has its own, which does not wait for a run."""
        errors = [check for check in checks if check.severity == "error" and check.code != CODE]
        for runbook, codes in self._by_runbook(errors, None):
            failed = _of("check_failed", asset, f'code=~"{"|".join(codes)}",severity="error"')
            yield self._asset_rule(
                asset, "failed_check", "MlAssetsCheckFailed", f"{failed} == 1", self._weight(asset),
                f"An ERROR check of {asset.name} fails", "{{ $labels.check }} ({{ $labels.code }}) does not hold. " + _declared(asset),
                runbook,
            )  # fmt: skip

    def _failed_monitor(
        self, asset: TableAsset, spec: MonitorSpec | OperationsSpec, checks: Sequence[Check]
    ) -> Iterator[AlertRule]:
        """Checks of a monitor are told of whatever their severity: to be told is what a monitor is declared for."""
        monitor = spec if isinstance(spec, MonitorSpec) else None
        watched = str(subject_of(asset))
        for runbook, codes in self._by_runbook(checks, monitor):
            for found, same in groupby(codes, key=_kind_of):
                assert found is not None
                kind, alert = found
                yield self._asset_rule(
                    asset, kind, alert, f'{_of("check_failed", asset, f"code=~{_alternatives(list(same))}")} == 1',
                    "major" if monitor and monitor.severity == "error" else "minor",
                    f"{watched}: {kind.replace('_', ' ')}",
                    f"{{{{ $labels.check }}}} ({{{{ $labels.code }}}}) of {asset.name} does not hold. {_declared(asset)}",
                    runbook, watched=watched,
                )  # fmt: skip

    def _champion_age(self, asset: TableAsset, produced: ProductionAsset) -> AlertRule:
        monitors = [
            declared.spec for declared in self._graph.project.declarations if isinstance(declared.spec, MonitorSpec)
        ]
        watching = next((one for one in monitors if one.name in produced.watched_by), None)
        limit = (watching.retrain if watching is not None else RetrainSpec()).max_age
        age = f'{_series("model_champion_trained_age_seconds")}{{model="{produced.model}"}}'
        return self._asset_rule(
            asset, "champion_age", "MlAssetsChampionOld", f"{age} > {span_length(limit).total_seconds():.0f}", "minor",
            f"The champion of {produced.model} was trained long ago",
            f"It was trained {{{{ $value | humanizeDuration }}}} ago; {limit} is the limit. {_declared(asset)}",
            runbook_of("RT001", self._operations, watching),
        )  # fmt: skip

    def _by_runbook(self, checks: Sequence[Check], monitor: MonitorSpec | None) -> list[tuple[str, list[str]]]:
        """Runbook → codes, in order."""
        placed = sorted({(runbook_of(check.code, self._operations, monitor), check.code) for check in checks})
        return [(runbook, [code for _, code in same]) for runbook, same in groupby(placed, key=lambda pair: pair[0])]

    def _weight(self, asset: TableAsset) -> IncidentSeverity:
        produced = self._production.get(asset.name)
        if produced is None:
            return "minor"
        return "critical" if produced.role == "scores" else "major"

    def _asset_rule(
        self, asset: TableAsset, kind: str, alert: str, expr: str, severity: IncidentSeverity, summary: str, description: str,
        runbook: str, wait: str = "", watched: str | None = None,
    ) -> AlertRule:  # fmt: skip
        return AlertRule(
            kind=kind, alert=alert, expr=expr, severity=severity, owner=self._owner(asset.spec.owners), summary=summary,
            description=description.strip(), runbook=self._at(runbook), group=str(asset.name), asset=watched or str(asset.name),
            model=model_of(asset), wait=wait,
        )  # fmt: skip

    def _project_rule(
        self, kind: str, alert: str, expr: str, severity: IncidentSeverity, summary: str, description: str, cause: str, wait: str
    ) -> AlertRule:  # fmt: skip
        return AlertRule(
            kind=kind, alert=alert, expr=expr, severity=severity, owner=self._owner(()), summary=summary,
            description=description, runbook=self._at(runbook_of(cause, self._operations, None)), wait=wait,
        )  # fmt: skip

    def _owner(self, owners: tuple[str, ...]) -> str:
        on_duty = self._operations.on_duty if self._operations is not None else ()
        return ", ".join(owners or on_duty) or "nobody"

    def _at(self, runbook: str) -> str:
        return runbook if "://" in runbook or not self._base else f"{self._base.rstrip('/')}/{runbook}"


def _series(name: str) -> str:
    return CATALOGUE[name].series


def _of(name: str, asset: TableAsset, more: str = "") -> str:
    """The series of a metric that are about one asset."""
    return f'{_series(name)}{{asset="{asset.name}"{f",{more}" if more else ""}}}'


def _kind_of(code: str) -> tuple[str, str] | None:
    """The kind of trouble and the alert of a monitor's code; None for codes that tables of all kinds have."""
    return _OF_MONITORS.get(code.rstrip("0123456789"))


def _alternatives(codes: list[str]) -> str:
    return f'"{"|".join(codes)}"'


def _declared(asset: TableAsset) -> str:
    # Without the line: a comment in the file is no other rule.
    return f"Declared in {asset.place.rpartition(':')[0] or asset.place}."
