"""What the evaluation of a version promised on its test rows, and which slices that promise was about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ml_assets.evaluation.assessment import options_of
from ml_assets.evaluation.bootstrap import Estimate
from ml_assets.evaluation.catalogue import MetricOptions
from ml_assets.evaluation.column_groups import named_cuts
from ml_assets.evaluation.influence import t_quantile
from ml_assets.evaluation.slices import DeclaredSlice
from ml_assets.monitoring.performance_words import ALL_ROWS, POSITIVE_RATE
from ml_assets.specs.evaluation import SliceSpec
from ml_assets.specs.models import ModelSpec
from ml_assets.training.package import CANDIDATE
from ml_assets.training.versions import stored_version
from ml_assets.warehouse.manifest import fingerprint
from ml_assets.warehouse.names import TableName, literal
from ml_assets.warehouse.store import Workbench

# Fewer test snapshots do not show how far one of them is from the next.
_FEWEST_SNAPSHOTS = 3
_NORMAL = 1.959964


@dataclass(frozen=True)
class Promise:
    """Of one version. `metrics`: (slice, metric) → value with interval on the test rows; `spread`: metric → standard
    deviation of one test snapshot against the next beyond what their rows explain; `conditions`: names of its slices."""

    version: int
    options: MetricOptions
    metrics: Mapping[tuple[str, str], Estimate]
    spread: Mapping[str, float]
    conditions: tuple[str, ...] = field(default=())

    def of(self, name: str, metric: str) -> Estimate:
        """What was promised of a slice; nothing, with the reason, where the evaluation has no such slice."""
        known = self.metrics.get((name, metric))
        if known is not None:
            return known
        what = f"slice {name}" if name != ALL_ROWS else "version"
        return Estimate(None, None, None, f"the evaluation of version {self.version} has no {metric} of this {what}")

    def fixed(self, declared: Sequence[SliceSpec]) -> list[DeclaredSlice]:
        """Slices that mean the same at every snapshot: equally filled bins are cut where the evaluation has cut them."""
        found = []
        for part in declared:
            edges: dict[str, Sequence[float]] = {}
            for column in part.columns:
                cuts = named_cuts(column, self.conditions)
                if cuts:
                    edges[column] = cuts
            if part.edges is not None:
                edges[part.columns[0]] = part.edges
            found.append(DeclaredSlice(part.columns, part.values, part.bins, edges))
        return found


def read_promise(bench: Workbench, spec: ModelSpec, version: int) -> Promise:
    """Inside a reading block: what is on record about a version; empty where it was never evaluated."""
    stored = stored_version(bench, spec.name, version)
    table = TableName("evaluation", spec.name)
    metrics: dict[tuple[str, str], Estimate] = {}
    if bench.has_table(table):
        rows = bench.rows(
            f"select metric, value, low, high, rows, positives from {table.quoted} where version = ? and estimator = ? "
            "and part = 'test' and snapshot is null",
            [version, CANDIDATE],
        )
        metrics |= {(ALL_ROWS, row[0]): Estimate(*row[1:4]) for row in rows}
        if rows and rows[0][5] is not None:
            metrics[ALL_ROWS, POSITIVE_RATE] = share(int(rows[0][5]), int(rows[0][4]))
    sliced = _slices(bench, table, version)
    metrics |= {(name, metric): Estimate(value, low, high) for name, metric, value, low, high in sliced}
    names = tuple(dict.fromkeys(row[0] for row in sliced))
    return Promise(version, options_of(spec, stored), metrics, _spreads(bench, table, version, metrics), names)


def promise_contents(bench: Workbench, spec: ModelSpec) -> dict[int, str]:
    """Inside a reading block: version → content of what `read_promise` reads of it."""
    table = TableName("evaluation", spec.name)
    found: dict[int, list[object]] = {}
    for name, chosen in (
        (table, f"estimator = {literal(CANDIDATE)} and part = 'test'"),
        (table.sibling("slices"), "true"),
    ):
        if bench.has_table(name):
            for version, rows, content in bench.rows(
                f"select version, count(*), sum(hash(t))::varchar from {name.quoted} t where {chosen} group by 1 order by 1"
            ):
                found.setdefault(int(version), []).append([str(name), rows, content])
    return {version: fingerprint(parts) for version, parts in found.items()}


def _slices(bench: Workbench, table: TableName, version: int) -> list[tuple[str, str, float, float, float]]:
    name = table.sibling("slices")
    if not bench.has_table(name):
        return []
    return [
        (row[0], row[1], row[2], row[3], row[4])
        for row in bench.rows(
            f"select slice, metric, value, low, high from {name.quoted} where version = ? and kind = 'declared' order by all",
            [version],
        )
    ]


def _spreads(
    bench: Workbench, table: TableName, version: int, metrics: Mapping[tuple[str, str], Estimate]
) -> dict[str, float]:
    """Metric → what is left of the variance between test snapshots when that of their rows is taken away, as a root."""
    if not bench.has_table(table):
        return {}
    rows = bench.rows(
        f"select metric, count(value), var_samp(value), avg(1.0 / rows), sum(rows) from {table.quoted} where version = ? "
        "and estimator = ? and part = 'test' and snapshot is not null group by 1 having count(value) >= ?",
        [version, CANDIDATE, _FEWEST_SNAPSHOTS],
    )
    found = {}
    for metric, _, variance, inverse, total in rows:
        error = standard_error(metrics.get((ALL_ROWS, metric)))
        if error is not None:
            found[metric] = math.sqrt(max(0.0, float(variance) - error**2 * float(inverse) * float(total)))
    return found


def standard_error(estimate: Estimate | None) -> float | None:
    """Of an estimate, by the width of its 95 % interval; None where it has none."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    return (estimate.high - estimate.low) / (2 * _NORMAL)


def share(count: int, rows: int) -> Estimate:
    """A share with its 95 % interval (Wilson 1927); nothing without rows."""
    if rows == 0:
        return Estimate(None, None, None, "no rows")
    z2 = t_quantile(0.975, 10**6) ** 2
    value = count / rows
    middle = (value + z2 / (2 * rows)) / (1 + z2 / rows)
    reach = math.sqrt(z2 * (value * (1 - value) / rows + z2 / (4 * rows**2))) / (1 + z2 / rows)
    return Estimate(value, middle - reach, middle + reach)
