"""Which assets of performance and retraining a monitor of scores yields, by the kind of model behind them."""

from __future__ import annotations

from ml_assets.features.labels import LabelAsset
from ml_assets.monitoring.early_outcomes import EarlyOutcomesAsset
from ml_assets.monitoring.performance import PerformanceAsset
from ml_assets.monitoring.performance_examples import ExamplePerformanceAsset
from ml_assets.monitoring.retraining import RetrainingAsset
from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.warehouse.asset import TableAsset


def performance_assets(
    spec: MonitorSpec, scores: ScoresAsset, labels: LabelAsset | None, place: str, use_case: str
) -> list[TableAsset]:
    """Performance, before it the early outcomes of a binary label that has an outcome window, and retraining after it."""
    retraining = RetrainingAsset(spec, scores, labels, place, use_case)
    if isinstance(scores, ExampleScoresAsset):
        return [ExamplePerformanceAsset(spec, scores, place, use_case), retraining]
    assert labels is not None
    early = EarlyOutcomesAsset(spec, labels, place, use_case) if scores.model.task == "binary" else None
    performance = PerformanceAsset(spec, scores, labels, early, place, use_case)
    return [*((early,) if early is not None else ()), performance, retraining]
