"""How sure a metric is: intervals by resampling clusters of rows, for every estimator and every paired difference.

Method: each draw takes as many clusters as there are, with replacement, and counts all rows of a cluster as often as it
was taken (Davison and Hinkley 1997, 3.8). The interval holds the middle of the draws, widened for few clusters by the
t quantile and the factor n / (n - 1) that the draws' spread lacks (Hesterberg 2015). Metrics that noise alone makes
larger, the calibration errors, get the draws reflected at the value instead: their draws carry that bias twice. Their
intervals still hold the truth less often than they say where calibration is nearly perfect.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from ml_assets.errors import UnknownNameError
from ml_assets.evaluation.catalogue import MetricInfo, MetricOptions, metric_info, task_metrics
from ml_assets.evaluation.metrics.binary import Vector
from ml_assets.evaluation.metrics.inputs import Codes, MetricError, Scored, checked, codes_of
from ml_assets.evaluation.metrics.measure import kernel, reasons, units
from ml_assets.evaluation.metrics.resampled import Clusters, Counts, Draws, Kernel

# Numbers of one chunk of draws: 16 MB as floats, whatever the rows and draws are.
_CHUNK = 1 << 21
_MOST_DRAWS_A_CHUNK = 256
_WORKERS = 2
# With fewer clusters no resampling tells how far another sample would lie.
FEWEST_CLUSTERS = 10
# Draws in which a metric is not defined (no positive was drawn) are left out as long as they are this rare.
_MOST_UNDEFINED = 0.05


@dataclass(frozen=True)
class Estimate:
    """A metric, or a difference of two, with its interval; what is null has its reason."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None = None


@dataclass(frozen=True)
class BootstrapReport:
    """Metrics of all estimators on the same rows and the same draws.

    `estimates`: estimator → metric → estimate. `rows`, `clusters`: what was resampled. `values` (n_metrics,) and
    `sampled` (n_draws, n_metrics): estimator → numbers in the order of the task's metrics, NaN where not defined.
    """

    task: str
    rows: int
    clusters: int
    draws: int
    seed: int
    level: float
    estimates: Mapping[str, Mapping[str, Estimate]]
    values: Mapping[str, Vector]
    sampled: Mapping[str, Vector]

    @property
    def estimators(self) -> tuple[str, ...]:
        return tuple(self.estimates)

    def difference(self, candidate: str, other: str, metric: str) -> Estimate:
        """Candidate minus other as the metric counts, paired draw by draw; `UnknownNameError` for unknown names."""
        for name in (candidate, other):
            if name not in self.estimates:
                raise UnknownNameError("estimator", name, self.estimates)
        info = metric_info(self.task, metric)
        reason = self.estimates[candidate][metric].reason or self.estimates[other][metric].reason
        place = task_metrics(self.task).index(info)
        value = self.values[candidate][place] - self.values[other][place]
        sampled = self.sampled[candidate][:, place] - self.sampled[other][:, place]
        return _estimate(float(value), sampled, self.clusters, self.level, None, reason)

    @property
    def differences(self) -> dict[tuple[str, str], dict[str, Estimate]]:
        """(candidate, other) → metric → `difference`, for every ordered pair of estimators."""
        names = [info.name for info in task_metrics(self.task)]
        return {
            (one, other): {name: self.difference(one, other, name) for name in names}
            for one, other in permutations(self.estimates, 2)
        }


def bootstrap(
    task: str,
    label: npt.ArrayLike,
    scores: Mapping[str, npt.ArrayLike],
    *,
    cluster: npt.ArrayLike | None = None,
    query: npt.ArrayLike | None = None,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    options: MetricOptions | None = None,
) -> BootstrapReport:
    """Every metric of the task for every estimator, with intervals from the same draws; equal input, equal report.

    Label (n_rows,); scores: estimator → (n_rows,) or (n_rows, n_classes). Cluster (n_rows,): rows that belong together,
    such as those of one customer; by default each row (for ranking each query) by itself. Below `FEWEST_CLUSTERS`
    clusters there are values without intervals, with the reason. Raises `MetricError` on unfit rows, on a query that
    lies in two clusters, and on draws or a level that mean nothing.
    """
    if draws < 1 or not 0 < level < 1:
        raise MetricError("bootstrap cannot run", expected="draws from 1, a level between 0 and 1", got=(draws, level))
    chosen = options or MetricOptions()
    scored = {name: checked(task, label, score, query, name=f"score of {name}") for name, score in scores.items()}
    if not scored:
        raise MetricError("bootstrap of no estimator", expected="the scores of at least one", got="none")
    clusters = _clusters(next(iter(scored.values())), cluster)
    kernels = {name: kernel(rows, clusters, chosen) for name, rows in scored.items()}
    values = {name: found.values(Draws.once(clusters))[0] for name, found in kernels.items()}
    sampled = _sampled(kernels, clusters.count, draws, seed)
    estimates = {
        name: _estimates(rows, chosen, values[name], sampled[name], clusters.count, level)
        for name, rows in scored.items()
    }
    rows = next(iter(scored.values())).rows
    return BootstrapReport(task, rows, clusters.count, draws, seed, level, estimates, values, sampled)


def _clusters(scored: Scored, cluster: npt.ArrayLike | None) -> Clusters:
    """Clusters of what the metric is a mean over: of rows, or of queries."""
    count = units(scored)
    if cluster is None:
        return Clusters.of_rows(count)
    codes = codes_of(cluster, scored.rows, "cluster")
    if scored.task == "ranking":
        codes = _of_queries(scored, codes, count)
    return Clusters(codes, int(codes.max()) + 1 if len(codes) else 0)


def _of_queries(scored: Scored, codes: Codes, count: int) -> Codes:
    found = np.zeros(count, dtype=np.intp)
    found[scored.query] = codes
    torn = np.unique(scored.query[found[scored.query] != codes]) if scored.query is not None else ()
    if len(torn):
        raise MetricError(
            f"{len(torn):,} of {count:,} queries lie in more than one cluster", expected="one cluster a query",
            got=f"queries in positions {list(map(int, torn[:5]))}", remedy="resample by query, or by what holds whole queries",
        )  # fmt: skip
    return found


def drawn_counts(clusters: int, draws: int, seed: int, chunk: int) -> Counts:
    """How often each cluster is taken in each draw of one chunk: (n_draws, n_clusters), rows that sum to n_clusters."""
    random = np.random.default_rng([seed, chunk])
    taken = random.integers(0, clusters, (draws, clusters), dtype=np.int32).astype(np.intp)
    taken += np.arange(draws, dtype=np.intp)[:, None] * clusters
    return np.bincount(taken.ravel(), minlength=draws * clusters).reshape(draws, clusters).astype(np.int32)


def chunks(clusters: int, draws: int) -> list[tuple[int, int]]:
    """(first draw, draws) of each chunk; they depend on nothing but the arguments, so that draws repeat."""
    size = max(1, min(_MOST_DRAWS_A_CHUNK, _CHUNK // max(clusters, 1)))
    return [(start, min(size, draws - start)) for start in range(0, draws, size)]


def _sampled(kernels: Mapping[str, Kernel], clusters: int, draws: int, seed: int) -> dict[str, Vector]:
    """Estimator → (n_draws, n_metrics); none are drawn where there are too few clusters to say anything."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    planned = chunks(clusters, draws if clusters >= FEWEST_CLUSTERS else 0)

    def chunk(place: int) -> list[Vector]:
        found = Draws.of(drawn_counts(clusters, planned[place][1], seed, place))
        return [each.values(found) for each in kernels.values()]

    # One BLAS thread, so that sums do not depend on the machine's cores; numpy leaves the interpreter to the other thread.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1)) as pool:
        found = list(pool.map(chunk, range(len(planned))))
    if not found:
        return {
            name: np.empty((0, len(each.values(Draws.of(np.ones((1, clusters), np.int32)))[0])))
            for name, each in kernels.items()
        }
    return {name: np.concatenate([part[place] for part in found]) for place, name in enumerate(kernels)}


def _estimates(
    scored: Scored, options: MetricOptions, values: Vector, sampled: Vector, clusters: int, level: float
) -> dict[str, Estimate]:
    why = reasons(scored, options) if np.isnan(values).any() else {}
    return {
        info.name: _estimate(float(values[place]), sampled[:, place], clusters, level, info, why.get(info.name))
        for place, info in enumerate(task_metrics(scored.task))
    }


def _estimate(
    value: float, sampled: Vector, clusters: int, level: float, info: MetricInfo | None, reason: str | None
) -> Estimate:
    if math.isnan(value):
        return Estimate(None, None, None, reason or "not defined")
    if clusters < FEWEST_CLUSTERS:
        return Estimate(value, None, None, too_few(clusters))
    known = sampled[np.isfinite(sampled)]
    if len(known) < len(sampled) * (1 - _MOST_UNDEFINED):
        return Estimate(value, None, None, f"not defined in {len(sampled) - len(known):,} of {len(sampled):,} draws")
    low, high = interval(value, known, clusters, level, reflected=info is not None and info.biased_upward)
    if info is not None:
        low = low if info.lower_bound is None else max(low, info.lower_bound)
        high = high if info.upper_bound is None else min(high, info.upper_bound)
    return Estimate(value, low, high)


def too_few(clusters: int) -> str:
    """Why there is no interval below `FEWEST_CLUSTERS`."""
    return f"{clusters} independent clusters are too few for an interval: {FEWEST_CLUSTERS} are needed"


def interval(
    value: float, sampled: Vector, clusters: int, level: float, *, reflected: bool = False
) -> tuple[float, float]:
    """(low, high) of the level from draws (n_draws,) of a statistic of this value over so many clusters."""
    low, high = np.quantile(sampled, [_tail(clusters, level), 1 - _tail(clusters, level)])
    return (2 * value - float(high), 2 * value - float(low)) if reflected else (float(low), float(high))


def _tail(clusters: int, level: float) -> float:
    """Share of draws outside the interval on each side: half of 1 - level, less for few clusters."""
    from scipy.special import ndtr, stdtrit

    wider = math.sqrt(clusters / (clusters - 1)) * stdtrit(clusters - 1, (1 + level) / 2)
    return float(ndtr(-wider))
