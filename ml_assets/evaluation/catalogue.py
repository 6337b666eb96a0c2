"""Which metrics a task has, what people call them, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ml_assets.errors import UnknownNameError

Task = Literal["binary", "multiclass", "regression", "ranking"]


@dataclass(frozen=True)
class MetricInfo:
    """A metric by its name in tables, its title for people, and its direction.

    `lower_bound` and `upper_bound`: the least and largest value the metric can have; null where there is no such bound.
    `biased_upward`: noise alone makes the metric larger than the truth, so that its draws lie above its value.
    """

    name: str
    title: str
    higher_is_better: bool
    lower_bound: float | None = 0.0
    upper_bound: float | None = 1.0
    biased_upward: bool = False


@dataclass(frozen=True)
class MetricOptions:
    """What metrics need besides label and score.

    `threshold`: a row is selected at a probability of at least this. `top`: share of rows, highest scores first, of the
    top-k metrics. `bins`: of the calibration errors. `quantile`: of the pinball loss. `k`: rows a query of NDCG and MAP.
    """

    threshold: float = 0.5
    top: float = 0.1
    bins: int = 10
    quantile: float = 0.5
    k: int = 10


TASK_METRICS: Mapping[str, tuple[MetricInfo, ...]] = {
    "binary": (
        MetricInfo("roc_auc", "ROC AUC", True),
        MetricInfo("average_precision", "average precision", True),
        MetricInfo("brier", "Brier score", False),
        MetricInfo("log_loss", "log loss", False, upper_bound=None),
        MetricInfo("calibration_error", "expected calibration error", False, biased_upward=True),
        MetricInfo(
            "calibration_error_mass", "expected calibration error, equally filled bins", False, biased_upward=True
        ),
        MetricInfo("precision", "precision at the threshold", True),
        MetricInfo("recall", "recall at the threshold", True),
        MetricInfo("f1", "F1 at the threshold", True),
        MetricInfo("precision_at_top", "precision of the top rows", True),
        MetricInfo("recall_at_top", "recall of the top rows", True),
        MetricInfo("lift_at_top", "lift of the top rows", True, upper_bound=None),
    ),
    "multiclass": (
        MetricInfo("f1_macro", "macro F1", True),
        MetricInfo("f1_weighted", "weighted F1", True),
        MetricInfo("accuracy", "accuracy", True),
        MetricInfo("log_loss", "log loss", False, upper_bound=None),
        MetricInfo("roc_auc_ovr", "ROC AUC, one class against the rest, mean of classes", True),
    ),
    "regression": (
        MetricInfo("r2", "R²", True, lower_bound=None),
        MetricInfo("rmse", "root mean squared error", False, upper_bound=None),
        MetricInfo("mae", "mean absolute error", False, upper_bound=None),
        MetricInfo("median_absolute_error", "median absolute error", False, upper_bound=None),
        MetricInfo("pinball", "pinball loss", False, upper_bound=None),
        MetricInfo("mape", "mean absolute percentage error", False, upper_bound=None),
    ),
    "ranking": (
        MetricInfo("ndcg", "NDCG at k", True),
        MetricInfo("map", "mean average precision at k", True),
        MetricInfo("mrr", "mean reciprocal rank", True),
        MetricInfo("pairwise_error", "pairs of a query in the wrong order", False),
    ),
}
# What a summary shows of each task, in this order.
HEADLINE: Mapping[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "brier", "log_loss"),
    "multiclass": ("f1_macro", "accuracy", "log_loss", "roc_auc_ovr"),
    "regression": ("r2", "rmse", "mae", "median_absolute_error"),
    "ranking": ("ndcg", "map", "mrr", "pairwise_error"),
}
PRIMARY: Mapping[str, str] = {"binary": "roc_auc", "multiclass": "f1_macro", "regression": "r2", "ranking": "ndcg"}
LOSS: Mapping[str, str] = {
    "binary": "log_loss",
    "multiclass": "log_loss",
    "regression": "rmse",
    "ranking": "pairwise_error",
}


def metric_info(task: str, name: str) -> MetricInfo:
    """The metric of a task by its name; `UnknownNameError` with the nearest names where there is none."""
    known = {info.name: info for info in task_metrics(task)}
    if name not in known:
        raise UnknownNameError(f"metric of task {task}", name, known)
    return known[name]


def task_metrics(task: str) -> tuple[MetricInfo, ...]:
    """All metrics of a task; `UnknownNameError` for a task that does not exist."""
    if task not in TASK_METRICS:
        raise UnknownNameError("task", task, TASK_METRICS)
    return TASK_METRICS[task]
