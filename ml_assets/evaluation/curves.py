"""Data of an evaluation's pictures: plain points, at most `MOST_POINTS` of each curve.

Curves over thresholds take one step a distinct score, a row being selected at a score of at least the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ml_assets.evaluation.bootstrap import FEWEST_CLUSTERS, Estimate, chunks, drawn_counts, interval, too_few
from ml_assets.evaluation.metrics.binary import Vector, threshold_steps
from ml_assets.evaluation.metrics.inputs import Codes, checked, codes_of
from ml_assets.evaluation.metrics.ranking import query_metrics
from ml_assets.evaluation.metrics.resampled import Clusters

MOST_POINTS = 200


class ThresholdPoint(NamedTuple):
    """What selecting at a threshold gives; recall is null without positives. Lift: precision over the share of positives."""

    threshold: float
    precision: float
    recall: float | None
    selected: float
    lift: float | None


def threshold_curve(label: npt.ArrayLike, score: npt.ArrayLike, most: int = MOST_POINTS) -> list[ThresholdPoint]:
    """Precision, recall, share of rows selected and lift by threshold, highest threshold first.

    Also the precision-recall curve (`recall`, `precision`) and the gain and lift curves (`selected`, `recall` or `lift`).
    Empty without rows. Raises `MetricError` on unfit rows.
    """
    scored = checked("binary", label, score)
    steps = threshold_steps(scored.label, scored.score)
    if not scored.rows:
        return []
    rows, positives, thresholds = steps.rows, steps.positives, np.unique(scored.score)[::-1]
    every = float(positives[-1])
    return [
        ThresholdPoint(
            float(thresholds[at]), float(positives[at] / rows[at]), float(positives[at] / every) if every else None,
            float(rows[at] / scored.rows), float(positives[at] / rows[at] / (every / scored.rows)) if every else None,
        )
        for at in _spread(rows, most)
    ]  # fmt: skip


def _spread(along: Vector, most: int) -> Codes:
    """Places of at most `most` values, evenly spread along a rising vector, both ends included."""
    if len(along) <= most:
        return np.arange(len(along))
    return np.unique(np.searchsorted(along, np.linspace(along[0], along[-1], most)))


@dataclass(frozen=True)
class CostMatrix:
    """What each outcome costs a row, in one unit; a gain is a negative cost."""

    false_positive: float
    false_negative: float
    true_positive: float = 0.0
    true_negative: float = 0.0


@dataclass(frozen=True)
class CostCurve:
    """(threshold, expected cost a row), highest threshold first; the cheapest threshold and its cost, with intervals.

    The first point selects no row: its threshold is the next number above the highest score. Of equally cheap
    thresholds the highest is best. The interval of the cost takes the best threshold as given.
    """

    points: list[tuple[float, float]]
    threshold: Estimate
    cost: Estimate


def cost_curve(
    label: npt.ArrayLike, score: npt.ArrayLike, costs: CostMatrix, *, cluster: npt.ArrayLike | None = None,
    draws: int = 1000, seed: int = 0, level: float = 0.95, most: int = MOST_POINTS,
) -> CostCurve:  # fmt: skip
    """Expected cost a row by threshold, with the bootstrap interval of the best threshold over clusters of rows.

    The best threshold is known slowly (its error falls with the cube root of the rows), and its interval is wide for that.

    Raises `MetricError` on unfit rows.
    """
    scored = checked("binary", label, score)
    if not scored.rows:
        nothing = Estimate(None, None, None, "there are no rows")
        return CostCurve([], nothing, nothing)
    codes = np.arange(scored.rows) if cluster is None else codes_of(cluster, scored.rows, "cluster")
    clusters = Clusters(codes, int(codes.max()) + 1)
    ladder = _CostLadder(scored.label, scored.score, clusters, costs)
    whole = ladder.costs(np.ones(clusters.count))
    best = int(whole.argmin())
    points = [
        (float(ladder.thresholds[at]), float(whole[at])) for at in np.union1d(_spread(ladder.selected, most - 1), best)
    ]
    threshold, cost = float(ladder.thresholds[best]), float(whole[best])
    if clusters.count < FEWEST_CLUSTERS:
        reason = too_few(clusters.count)
        return CostCurve(points, Estimate(threshold, None, None, reason), Estimate(cost, None, None, reason))
    drawn = np.array(
        [
            (ladder.thresholds[found.argmin()], found[best])
            for place, (_, size) in enumerate(chunks(clusters.count, draws))
            for counts in drawn_counts(clusters.count, size, seed, place)
            for found in [ladder.costs(counts)]
        ]
    )
    of_threshold = interval(threshold, drawn[:, 0], clusters.count, level)
    of_cost = interval(cost, drawn[:, 1], clusters.count, level)
    return CostCurve(points, Estimate(threshold, *of_threshold), Estimate(cost, *of_cost))


class _CostLadder:
    """Cost a row at each distinct threshold under counts of clusters, rows sorted once."""

    def __init__(self, label: Vector, score: Vector, clusters: Clusters, costs: CostMatrix) -> None:
        order = np.argsort(-score, kind="stable")
        falling, positive = score[order], label[order] == 1
        self._codes = clusters.codes[order]
        self._ends = np.flatnonzero(np.r_[falling[1:] != falling[:-1], True])
        self._left = np.where(positive, costs.false_negative, costs.true_negative)
        self._change = np.where(positive, costs.true_positive, costs.false_positive) - self._left
        self.thresholds = np.r_[np.nextafter(falling[0], np.inf), falling[self._ends]]
        self.selected = np.r_[0.0, self._ends + 1.0]

    def costs(self, counts: npt.NDArray[np.generic]) -> Vector:
        rows = counts[self._codes].astype(np.float64)
        gained = np.cumsum(rows * self._change)[self._ends]
        found: Vector = (np.r_[0.0, gained] + rows @ self._left) / rows.sum()
        return found


class ResidualBin(NamedTuple):
    """Rows of similar prediction: means of prediction and label, and quantiles of label - prediction."""

    rows: int
    predicted: float
    actual: float
    residual_p10: float
    residual_p50: float
    residual_p90: float


def residual_bins(label: npt.ArrayLike, score: npt.ArrayLike, bins: int = 20) -> list[ResidualBin]:
    """Bins of equally many rows by prediction, lowest first, equal predictions in one order of their labels.

    At most `bins` and `MOST_POINTS`; empty without rows. Raises `MetricError` on unfit rows.
    """
    scored = checked("regression", label, score)
    order = np.lexsort((scored.label, scored.score))
    found = []
    for part in np.array_split(order, min(bins, MOST_POINTS, max(len(order), 1))):
        if len(part):
            residual = np.quantile(scored.label[part] - scored.score[part], [0.1, 0.5, 0.9])
            means = float(scored.score[part].mean()), float(scored.label[part].mean())
            found.append(ResidualBin(len(part), *means, *map(float, residual)))
    return found


@dataclass(frozen=True)
class QuerySpread:
    """How a ranking metric spreads over queries: (share of queries, value at most reached by it), rising; queries judged
    and left out because none of their rows is relevant (for the pairwise error: because all of them or none are)."""

    points: list[tuple[float, float]]
    judged: int
    left_out: int


def query_spread(
    label: npt.ArrayLike, score: npt.ArrayLike, query: npt.ArrayLike, k: int = 10, most: int = MOST_POINTS
) -> dict[str, QuerySpread]:
    """Metric of the ranking task → its spread over the queries. Raises `MetricError` on unfit rows."""
    scored = checked("ranking", label, score, query)
    assert scored.query is not None
    values = query_metrics(scored.label, scored.score, scored.query, k)
    return {
        name: _query_spread(column, most)
        for name, column in zip(("ndcg", "map", "mrr", "pairwise_error"), values.T, strict=True)
    }


def _query_spread(values: Vector, most: int) -> QuerySpread:
    known = np.sort(values[np.isfinite(values)])
    share = np.arange(1, len(known) + 1) / max(len(known), 1)
    points = [(float(share[at]), float(known[at])) for at in _spread(share, most)]
    return QuerySpread(points, len(known), len(values) - len(known))
