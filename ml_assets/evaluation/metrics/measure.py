"""All metrics of one task, and why one of them is not defined."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml_assets.evaluation.catalogue import MetricOptions, task_metrics
from ml_assets.evaluation.metrics.binary import Vector
from ml_assets.evaluation.metrics.inputs import Scored, checked
from ml_assets.evaluation.metrics.multiclass import MulticlassMetrics
from ml_assets.evaluation.metrics.ranking import RankingMetrics, query_metrics
from ml_assets.evaluation.metrics.regression import RegressionMetrics
from ml_assets.evaluation.metrics.resampled import Clusters, Draws, Kernel
from ml_assets.evaluation.metrics.weighted_binary import BinaryMetrics


def measure(
    task: str,
    label: npt.ArrayLike,
    score: npt.ArrayLike,
    query: npt.ArrayLike | None = None,
    options: MetricOptions | None = None,
) -> dict[str, float]:
    """Every metric of `TASK_METRICS[task]`, NaN where it is not defined (`undefined` says why).

    Label (n_rows,): 0 or 1; class position; number; relevance. Score (n_rows,), or (n_rows, n_classes) for multiclass.
    Query (n_rows,): which rows are ranked together. Raises `MetricError` on missing, infinite or impossible values.
    """
    return measured(checked(task, label, score, query), options)


def measured(scored: Scored, options: MetricOptions | None = None) -> dict[str, float]:
    """`measure` of rows that are checked already."""
    clusters = Clusters.of_rows(units(scored))
    values = kernel(scored, clusters, options or MetricOptions()).values(Draws.once(clusters))[0]
    return {info.name: float(value) for info, value in zip(task_metrics(scored.task), values, strict=True)}


def units(scored: Scored) -> int:
    """How many things a metric is a mean over: rows, or the queries of a ranking."""
    if scored.task == "ranking":
        assert scored.query is not None
        return int(scored.query.max()) + 1 if scored.rows else 0
    return scored.rows


def kernel(scored: Scored, clusters: Clusters, options: MetricOptions) -> Kernel:
    """The task's metrics prepared for many weightings of `clusters` of rows (of queries for ranking)."""
    label, score = scored.label, scored.score
    if scored.task == "binary":
        return BinaryMetrics(label, score, clusters, options)
    if scored.task == "multiclass":
        return MulticlassMetrics(label, score, clusters)
    if scored.task == "regression":
        return RegressionMetrics(label, score, clusters, options)
    assert scored.query is not None
    return RankingMetrics(query_metrics(label, score, scored.query, options.k), clusters)


def undefined(
    task: str,
    label: npt.ArrayLike,
    score: npt.ArrayLike,
    query: npt.ArrayLike | None = None,
    options: MetricOptions | None = None,
) -> dict[str, str]:
    """Metric → the reason why it is not defined on these rows; empty when all are."""
    return reasons(checked(task, label, score, query), options)


def reasons(scored: Scored, options: MetricOptions | None = None) -> dict[str, str]:
    """`undefined` of rows that are checked already."""
    values = measured(scored, options)
    return {name: _reason(scored, name) for name, value in values.items() if np.isnan(value)}


def _reason(scored: Scored, name: str) -> str:
    if not scored.rows:
        return "there are no rows"
    if scored.task == "binary":
        return _binary_reason(scored.label, name)
    if scored.task == "multiclass":
        present = np.bincount(scored.label.astype(np.intp), minlength=scored.score.shape[1])
        if (present == scored.rows).any():
            return f"all {scored.rows:,} rows are of one class"
        absent = np.flatnonzero(present == 0)
        return f"no row is of class {', '.join(map(str, absent[:5]))}{' …' if len(absent) > 5 else ''}"
    if scored.task == "regression":
        zeros = int((scored.label == 0).sum())
        return f"{zeros:,} of {scored.rows:,} labels are 0" if name == "mape" else "all labels are equal"
    if not (scored.label > 0).any():
        return f"none of {units(scored):,} queries has a relevant row"
    return "no query has both relevant and other rows"


def _binary_reason(label: Vector, name: str) -> str:
    if not label.any() and name != "precision":
        return f"none of {len(label):,} rows is positive"
    return f"all {len(label):,} rows are positive" if name == "roc_auc" else "no probability reaches the threshold"
