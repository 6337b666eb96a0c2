"""Which assets of performance a monitor of scores yields, by the kind of model behind them."""

from __future__ import annotations

from ml_assets.features.labels import LabelAsset
from ml_assets.monitoring.early_outcomes import EarlyOutcomesAsset
from ml_assets.monitoring.performance import PerformanceAsset
from ml_assets.monitoring.performance_examples import ExamplePerformanceAsset
from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.warehouse.asset import TableAsset


def performance_assets(
    spec: MonitorSpec, scores: ScoresAsset, labels: LabelAsset | None, place: str, use_case: str
) -> list[TableAsset]:
    """Performance, and before it the early outcomes of a binary label that has an outcome window."""
    if isinstance(scores, ExampleScoresAsset):
        return [ExamplePerformanceAsset(spec, scores, place, use_case)]
    assert labels is not None
    early = EarlyOutcomesAsset(spec, labels, place, use_case) if scores.model.task == "binary" else None
    return [*((early,) if early is not None else ()), PerformanceAsset(spec, scores, labels, early, place, use_case)]
