"""How good the scores of one snapshot are: metric by metric and slice by slice, observed, promised and estimated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml_assets.evaluation.bootstrap import Estimate, bootstrap
from ml_assets.evaluation.catalogue import TASK_METRICS, MetricOptions
from ml_assets.evaluation.column_groups import columns_of
from ml_assets.evaluation.metrics import Vector
from ml_assets.evaluation.scored import codes_of
from ml_assets.evaluation.slices import DeclaredSlice, slice_rows
from ml_assets.monitoring.base_rate import Projection
from ml_assets.monitoring.estimate import ESTIMATED_TASKS, Truth, estimated, estimated_of, moved_about, prepared
from ml_assets.monitoring.performance_promise import Promise, share
from ml_assets.monitoring.performance_words import ALL_ROWS, POSITIVE_RATE
from ml_assets.training.package import CANDIDATE

Mask = npt.NDArray[np.bool_]
PERFORMANCE_COLUMNS = (
    "snapshot timestamp, slice varchar, metric varchar, model_version integer, rows bigint, matured bigint, positives bigint, "
    "observed double, observed_low double, observed_high double, promised double, promised_low double, promised_high double, "
    "promised_spread double, estimated double, estimated_low double, estimated_high double, "
    "adjusted double, adjusted_low double, adjusted_high double, reason varchar"
)
_NONE = Estimate(None, None, None)
# Of very many rows fewer draws do: their metrics hardly vary, and each draw costs a pass over them.
_FEWEST_DRAWS, _MOST_DRAWN = 100, 6_000_000


class PerformanceRow(NamedTuple):
    """One row of the table, without its snapshot."""

    slice: str
    metric: str
    model_version: int
    rows: int
    matured: int
    positives: int | None
    observed: Estimate
    promised: Estimate
    promised_spread: float | None
    estimated: Estimate
    adjusted: Estimate

    @property
    def values(self) -> list[Any]:
        """In the order of the table's columns."""
        return [
            self.slice, self.metric, self.model_version, self.rows, self.matured, self.positives, *_bounds(self.observed),
            *_bounds(self.promised), self.promised_spread, *_bounds(self.estimated), *_bounds(self.adjusted),
            self._reason,
        ]  # fmt: skip

    @property
    def _reason(self) -> str | None:
        """Why values are missing, in the order of the columns."""
        pairs = (
            ("observed", self.observed),
            ("promised", self.promised),
            ("estimated", self.estimated),
            ("adjusted", self.adjusted),
        )
        said = [f"{name}: {found.reason}" for name, found in pairs if found.reason]
        return "; ".join(said) or None


def _bounds(found: Estimate) -> tuple[float | None, float | None, float | None]:
    return found.value, found.low, found.high


@dataclass(frozen=True)
class WatchedRows:
    """Scored rows of one snapshot, as far as known with their outcomes.

    `score` (n_rows,), or (n_rows, n_classes); `label` (n_rows,) as numbers of the task, NaN while it is not known;
    `cluster` and `query` (n_rows,) or none; `columns`: what slices are cut by.
    """

    task: str
    score: Vector
    label: Vector
    cluster: npt.NDArray[np.intp]
    query: npt.NDArray[np.intp] | None
    columns: Mapping[str, pa.ChunkedArray]

    @property
    def known(self) -> Mask:
        found: Mask = np.isfinite(self.label)
        return found

    @classmethod
    def of(cls, task: str, table: pa.Table, slice_columns: Sequence[str]) -> WatchedRows:
        """From columns `_score` (or `_scores`, class → probability), `_label`, `_cluster` and, of a ranking, `_query`."""
        score, classes = _scores(task, table)
        query = codes_of(table["_query"]) if task == "ranking" else None
        columns = {name: table[name] for name in slice_columns}
        return cls(task, score, _labels(table["_label"], classes), codes_of(table["_cluster"]), query, columns)


def _scores(task: str, table: pa.Table) -> tuple[Vector, list[str]]:
    if task != "multiclass":
        return np.asarray(table["_score"].to_numpy(), dtype=np.float64), []
    found = table["_scores"].combine_chunks()
    classes = [found.type.field(place).name for place in range(found.type.num_fields)]
    columns = [found.field(place).to_numpy(zero_copy_only=False) for place in range(len(classes))]
    return np.stack(columns, axis=1).astype(np.float64), classes


def _labels(label: pa.ChunkedArray, classes: Sequence[str]) -> Vector:
    import pyarrow.compute as pc

    if classes:
        label = pc.index_in(pc.cast(label, pa.string()), value_set=pa.array(classes, pa.string()), skip_nulls=True)
    return np.asarray(pc.cast(label, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def performance_rows(
    rows: WatchedRows, promise: Promise, slices: Sequence[DeclaredSlice], *, draws: int, waiting: str,
    projection: Projection | str,
) -> list[PerformanceRow]:  # fmt: skip
    """Every metric of all rows and of each slice. `waiting`: why outcomes are missing where they are; `projection`: where
    the base rate will end, or why that is not known."""
    measure = _Measure(rows, promise, draws, waiting, projection)
    every: Mask = np.ones(len(rows.score), dtype=np.bool_)
    found = list(measure.rows_of(ALL_ROWS, every))
    if slices and rows.task != "ranking":
        for name, chosen in slice_rows(columns_of(rows.columns, len(every)), slices):
            if chosen.any():
                found += measure.rows_of(name, chosen)
    return found


class _Measure:
    def __init__(
        self, rows: WatchedRows, promise: Promise, draws: int, waiting: str, projection: Projection | str
    ) -> None:
        self._rows, self._promise, self._draws, self._waiting = rows, promise, draws, waiting
        self._moved: list[Truth] = []
        self._unmoved = projection if isinstance(projection, str) else ""
        if isinstance(projection, Projection) and len(rows.score):
            self._moved = moved_about(rows.score, projection.centre, projection.spread)

    def rows_of(self, name: str, chosen: Mask) -> Iterator[PerformanceRow]:
        """The metrics of these rows, in the order of the catalogue; of a binary task the rate of positives last."""
        known = chosen & self._rows.known
        observed = self._observed(known)
        plain, adjusted = self._estimates(chosen)
        binary = self._rows.task == "binary"
        positives = int(self._rows.label[known].sum()) if binary else None
        metrics = [info.name for info in TASK_METRICS[self._rows.task]]
        for metric in [*metrics, POSITIVE_RATE] if binary else metrics:
            yield PerformanceRow(
                name, metric, self._promise.version, int(chosen.sum()), int(known.sum()), positives,
                observed.get(metric, Estimate(None, None, None, self._waiting)), self._promise.of(name, metric),
                self._promise.spread.get(metric), plain.get(metric, _NONE), adjusted.get(metric, Estimate(None, None, None, self._unmoved)),
            )  # fmt: skip

    @property
    def _options(self) -> MetricOptions:
        return self._promise.options

    def _observed(self, known: Mask) -> dict[str, Estimate]:
        if not known.any():
            return {}
        rows = self._rows
        label, query = rows.label[known], None if rows.query is None else rows.query[known]
        cluster = None if rows.task == "ranking" else rows.cluster[known]
        report = bootstrap(
            rows.task, label, {CANDIDATE: rows.score[known]}, cluster=cluster, query=query,
            draws=min(self._draws, max(_FEWEST_DRAWS, _MOST_DRAWN // len(label))), options=self._options,
        )  # fmt: skip
        found = dict(report.estimates[CANDIDATE])
        return found | ({POSITIVE_RATE: share(int(label.sum()), len(label))} if rows.task == "binary" else {})

    def _estimates(self, chosen: Mask) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
        """Plain, and adjusted by the projected base rate."""
        task, score = self._rows.task, self._rows.score[chosen]
        if task not in ESTIMATED_TASKS:
            none = Estimate(None, None, None, f"not applicable: the scores of a {task} task are no probabilities")
            return {info.name: none for info in TASK_METRICS[task]}, {}
        if task != "binary":
            return estimated(task, score, options=self._options), {}
        rows = prepared(score, self._options)
        truths = [Truth(truth.chance[chosen], truth.weight) for truth in self._moved]
        return estimated_of(rows, [Truth(rows.score)]), estimated_of(rows, truths) if truths else {}
