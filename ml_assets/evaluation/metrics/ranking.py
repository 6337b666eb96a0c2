"""Metrics of rankings, each computed query by query and then averaged over the queries.

Equal scores of a query are broken at random and the expected value is reported (McSherry and Najork 2008), so that the
order of rows changes nothing and a constant score gets what chance gets. A query without a relevant row (label above 0)
has no ranking to judge: it is left out of every metric, as in trec_eval, and named by `queries_without_relevant_rows`;
scikit-learn's NDCG would count it as 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml_assets.evaluation.metrics.binary import Vector
from ml_assets.evaluation.metrics.inputs import Codes, checked
from ml_assets.evaluation.metrics.resampled import Clusters, Draws, ratio, summed


def queries_without_relevant_rows(label: npt.ArrayLike, query: npt.ArrayLike) -> list[object]:
    """The queries that no metric can judge because none of their rows is relevant, in order."""
    scored = checked("ranking", label, np.zeros(len(np.asarray(label))), query)
    assert scored.query is not None
    names, relevant = np.unique(np.asarray(query)), np.bincount(scored.query, scored.label > 0)
    return list(names[relevant == 0].tolist()) if len(names) else []


@dataclass(frozen=True)
class _Ranked:
    """Rows in order of query and falling score; all vectors (n_rows,).

    `place`: rows of the query above, from 0. `above`, `size`: rows above the tied group and within it.
    `relevant_above`, `relevant`: relevant rows above the group and within it. `gain`: mean label of the group.
    """

    query: Codes
    place: Codes
    above: Codes
    size: Codes
    relevant_above: Vector
    relevant: Vector
    gain: Vector


def query_metrics(label: Vector, score: Vector, query: Codes, k: int) -> Vector:
    """NDCG@k, AP@k, reciprocal rank and pairwise error of each query, (n_queries, 4); NaN where one is not defined.

    NDCG: gain is the label itself, discount the binary logarithm of the rank + 1, over that of the best order (Järvelin
    and Kekäläinen 2002). AP@k: precision at each relevant row among the first k, over the smaller of k and the relevant
    rows. Reciprocal rank: of the first relevant row. Pairwise error: share of pairs of a relevant and another row that
    are in the wrong order, ties half; not defined where all rows are relevant.
    """
    if not len(label):
        return np.empty((0, 4))
    ranked = _ranked(label, score, query)
    count = int(query.max()) + 1
    rows, relevant = np.bincount(query, minlength=count), summed(query, label > 0, count)
    ideal = label[np.lexsort((-label, query))]
    within = ranked.place < k
    discount = within / np.log2(ranked.place + 2.0)

    def total(values: Vector) -> Vector:
        return summed(ranked.query, values, count)

    found = np.stack(
        [
            ratio(total(ranked.gain * discount), total(ideal * discount)),
            ratio(total(np.where(within, _precision_gained(ranked), 0.0)), np.minimum(relevant, k)),
            ratio(total(_first_relevant(ranked) / (ranked.place + 1)), (relevant > 0).astype(np.float64)),
            ratio(_wrong_pairs(ranked, count), relevant * (rows - relevant)),
        ],
        axis=1,
    )
    found[relevant == 0] = np.nan
    return found


def _ranked(label: Vector, score: Vector, query: Codes) -> _Ranked:
    order = np.lexsort((-score, query))
    query, score, label = query[order], score[order], label[order]
    new_query = np.r_[True, query[1:] != query[:-1]]
    starts = np.flatnonzero(new_query | np.r_[True, score[1:] != score[:-1]])
    size = np.diff(np.r_[starts, len(query)])
    first = np.flatnonzero(new_query)[np.cumsum(new_query) - 1]
    running = np.r_[0.0, np.cumsum(label > 0)]

    def spread(values: Vector) -> Vector:
        return np.repeat(values, size)

    return _Ranked(
        query, np.arange(len(query)) - first, np.repeat(starts, size) - first, np.repeat(size, size),
        spread(running[starts]) - running[first], spread(np.add.reduceat((label > 0).astype(np.float64), starts)),
        spread(np.add.reduceat(label, starts) / size),
    )  # fmt: skip


def _precision_gained(ranked: _Ranked) -> Vector:
    """Expected (relevant here) x (precision here) of each place, over all orders of the tied rows."""
    here = ranked.relevant / ranked.size
    others = np.nan_to_num(ratio(ranked.relevant - 1, ranked.size - 1.0))
    before = ranked.relevant_above + 1 + others * (ranked.place - ranked.above)
    return here * before / (ranked.place + 1)


def _first_relevant(ranked: _Ranked) -> Vector:
    """Probability that the first relevant row of the query stands at each place, over all orders of the tied rows."""
    logarithm = np.r_[0.0, np.cumsum(np.log(np.arange(1, int(ranked.size.max()) + 1)))]
    found = np.zeros(len(ranked.query))
    at = ranked.place - ranked.above
    # Ways to put the other relevant rows below this place, over all ways to put the relevant rows.
    below, relevant = ranked.size - at - 1, ranked.relevant.astype(np.intp)
    chosen = np.flatnonzero((ranked.relevant_above == 0) & (relevant > 0) & (below >= relevant - 1))
    size, below, relevant = ranked.size[chosen], below[chosen], relevant[chosen]
    ways = logarithm[below] - logarithm[relevant - 1] - logarithm[below - relevant + 1]
    all_ways = logarithm[size] - logarithm[relevant] - logarithm[size - relevant]
    found[chosen] = np.exp(ways - all_ways)
    return found


def _wrong_pairs(ranked: _Ranked, count: int) -> Vector:
    """By query: pairs with the other row above the relevant one, tied ones half."""
    other = ranked.size - ranked.relevant
    worse = ranked.relevant / ranked.size * (ranked.above - ranked.relevant_above + other / 2)
    return summed(ranked.query, worse, count)


class RankingMetrics:
    """Means over queries: sums by cluster of the values and of how many queries have one."""

    def __init__(self, values: Vector, clusters: Clusters) -> None:
        self._sums, self._known = (
            clusters.sums(np.nan_to_num(values)),
            clusters.sums(np.isfinite(values).astype(np.float64)),
        )

    def values(self, draws: Draws) -> Vector:
        return ratio(draws.weights @ self._sums, draws.weights @ self._known)
