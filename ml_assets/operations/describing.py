"""What is said of a cause: title, severity, owner, runbook, route, and what is made from the table that it is about."""

from __future__ import annotations

from ml_assets.errors import shortened
from ml_assets.operations.causes import WORDS
from ml_assets.operations.grouping import Group
from ml_assets.operations.incident_book import Affected, IncidentSeverity
from ml_assets.operations.runbooks import has_own_runbook, runbook_of
from ml_assets.operations.signals import Signal
from ml_assets.operations.watch import Watch
from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.monitors import MonitorSpec

_LONGEST_TITLE = 200


def title_of(root: Signal) -> str:
    """Where, what, and the figures, in one line."""
    where = f"{root.subject}.{root.column}" if root.column and root.subject else root.subject or "the machine"
    return shortened(f"{where}: {WORDS[root.cause]}: {root.summary}", _LONGEST_TITLE)


def affected_by(root: Signal, watch: Watch) -> Affected:
    """By lineage; trouble of the machine affects everything."""
    graph = watch.graph
    start = watch.asset(root.subject)
    names = graph.downstream({start.name}) if start is not None else set(graph.assets)
    reached = [asset for asset in graph if asset.name in names and asset.name.schema != "monitoring"]
    # A champion's trouble is told by the model's own table, and what scores with it reads that.
    scores = [asset for asset in reached if isinstance(asset, ScoresAsset | ExampleScoresAsset)]
    models = {asset.spec.name for asset in reached if isinstance(asset.spec, ModelSpec)} | {
        one.model.name for one in scores
    }
    return Affected(
        tuple(sorted(models)), tuple(str(one.name) for one in scores),
        tuple(str(asset.name) for asset in reached if str(asset.name) != root.subject),
    )  # fmt: skip


def severity_of(group: Group, affected: Affected) -> IncidentSeverity:
    """Critical where scores in production are missing, wrong or stale, or are about to be; minor where all only warn, or
    speak of a version that does not serve."""
    errors = [signal for signal in group.signals if signal.severity == "error" and signal.cause != "candidate"]
    if not errors:
        return "minor"
    of_scores = any(signal.subject.startswith("scores.") for signal in errors)
    serves = any(signal.kind in ("champion", "package", "lock", "disk") for signal in errors)
    stops = any(signal.kind == "step" for signal in errors) and bool(affected.scores)
    blocks = any(signal.blocking for signal in errors) and bool(affected.scores)
    return "critical" if of_scores or serves or stops or blocks else "major"


def owner_of(root: Signal, watch: Watch) -> str:
    """Who answers for the table, else for what saw it, else who is on duty; empty where nobody is named."""
    for name in (root.subject, root.asset):
        asset = watch.asset(name)
        if asset is not None and asset.spec.owners:
            return ", ".join(asset.spec.owners)
    return ", ".join(watch.operations.on_duty)


def monitor_of(root: Signal, watch: Watch) -> MonitorSpec | None:
    """The monitor that saw it; None where another check did."""
    asset = watch.asset(root.asset)
    return asset.spec if asset is not None and isinstance(asset.spec, MonitorSpec) else None


def runbook_for(root: Signal, watch: Watch) -> str:
    """By the monitor, by the code of the check where it has a runbook of its own, else by the cause."""
    operations = watch.operations
    by_code = root.code in operations.runbooks or has_own_runbook(root.code)
    return runbook_of(root.code if by_code else root.cause, operations, monitor_of(root, watch))


def route_of(root: Signal, watch: Watch) -> str:
    """The route that the monitor behind it asks for."""
    monitor = monitor_of(root, watch)
    return str(monitor.alert) if monitor is not None and monitor.alert is not None else ""
