"""Metrics of the four tasks, and the same metrics under many weightings for resampling."""

from __future__ import annotations

from ml_assets.evaluation.metrics.binary import (
    HIGHER_IS_BETTER,
    METRICS,
    ThresholdSteps,
    Vector,
    average_precision,
    binary_metrics,
    brier,
    calibration_bins,
    log_loss,
    roc_auc,
    roc_points,
    threshold_steps,
)
from ml_assets.evaluation.metrics.inputs import MetricError
from ml_assets.evaluation.metrics.measure import measure, undefined
from ml_assets.evaluation.metrics.multiclass import ClassMetrics, class_metrics
from ml_assets.evaluation.metrics.ranking import queries_without_relevant_rows

__all__ = [
    "HIGHER_IS_BETTER",
    "METRICS",
    "ClassMetrics",
    "MetricError",
    "ThresholdSteps",
    "Vector",
    "average_precision",
    "binary_metrics",
    "brier",
    "calibration_bins",
    "class_metrics",
    "log_loss",
    "measure",
    "queries_without_relevant_rows",
    "roc_auc",
    "roc_points",
    "threshold_steps",
    "undefined",
]
