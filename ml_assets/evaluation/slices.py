"""Declared slices of the test rows: each with its metric and interval beside the whole, and called worse only where the
difference would not be expected by chance among all slices judged.

A slice may have a higher loss, or a lower area under the curve, without any fault of the model: outcomes are simply less
certain there. So the verdict rests on what is left when the value that the scores themselves promise (the same metric with
the probability in the place of the label, recalibrated once for all rows) is taken away, against the same difference in the
other rows. The value that is reported is the plain metric.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ml_assets.errors import DeclarationError, UnknownNameError
from ml_assets.evaluation.column_groups import Codes, Column, Floats, columns_of, grouped, known_column
from ml_assets.evaluation.influence import (
    CLASSIFICATION,
    HIGHER_IS_BETTER,
    REGRESSION,
    Influenced,
    checked_rows,
    false_discovery_rates,
    mean_of,
    promised_losses,
    recalibrated,
    root_mean_of,
    t_quantile,
    upper_tail,
)  # fmt: skip

SIGNED = frozenset({"observed_minus_predicted"})
WORSE, NO_WORSE, NOT_JUDGED = "worse", "no worse", "not judged"


@dataclass(frozen=True)
class DeclaredSlice:
    """One or two columns whose values (or bins) make slices; with `values`, of the first column only those."""

    columns: tuple[str, ...]
    values: tuple[Any, ...] | None = None
    bins: int = 4
    edges: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.columns) <= 2 or self.bins < 2:
            raise DeclarationError(
                "a slice that cannot be made", expected="one or two columns and at least two bins",
                got=f"columns {', '.join(self.columns) or 'none'}, {self.bins} bins", remedy="name one column, or a pair",
            )  # fmt: skip


@dataclass(frozen=True)
class MinimumSize:
    """What a group of rows must have before anything is said about it; positives and negatives for binary tasks alone."""

    rows: int = 200
    positives: int = 20
    negatives: int = 20
    clusters: int = 20

    def lacking(self, *, rows: int, positives: int | None, clusters: int) -> str | None:
        """Why a group of this size is not judged; None where it is big enough."""
        found = {"rows": rows, "clusters": clusters}
        if positives is not None:
            found |= {"positives": positives, "negatives": rows - positives}
        short = [
            f"{count} {name} of {getattr(self, name)}" for name, count in found.items() if count < getattr(self, name)
        ]
        return f"too few to judge: {', '.join(short)}" if short else None


class SliceResult(NamedTuple):
    """One row of `evaluation.<model>__slices` (without the version), and by how much the slice is worse than the other rows.

    `effect` is in the metric's unit (of average precision: in that of ROC AUC, by which its ranking is judged) and positive
    where the slice is worse; what the scores promise is taken out of it.
    """

    slice: str
    kind: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    overall: float | None
    rows: int
    positives: int | None
    q_value: float | None
    verdict: str
    reason: str | None
    effect: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None


class _Judged(NamedTuple):
    result: SliceResult
    p_value: float


def declared_slices(
    label: Floats, score: Floats, columns: Mapping[str, Any], cluster: Codes, declared: Sequence[DeclaredSlice], *,
    metric: str = "log_loss", minimum: MinimumSize | None = None, level: float = 0.05,
) -> tuple[SliceResult, ...]:  # fmt: skip
    """Every declared slice, judged together: false discoveries among those called worse are at most `level` on average.

    `label`, `score` and `cluster` (n_rows,), `columns` name → (n_rows,). Metrics: roc_auc, average_precision, log_loss, brier
    (labels 0 and 1, probabilities), mae, mse, rmse. Raises on unknown columns and metrics, and on rows without labels.
    """
    if metric not in CLASSIFICATION and metric not in REGRESSION:
        raise UnknownNameError("metric of slices", metric, [*CLASSIFICATION, *REGRESSION])
    task = "binary" if metric in CLASSIFICATION else "regression"
    label, score, cluster = checked_rows(label, score, cluster, task)
    judge = _Judge(label, score, cluster, metric, minimum or MinimumSize())
    named = columns_of(columns, len(label))
    found = [judge.judged(name, rows) for name, rows in slice_rows(named, declared)]
    rates = iter(false_discovery_rates(np.array([one.p_value for one in found if not math.isnan(one.p_value)])))
    return tuple(
        one.result if math.isnan(one.p_value) else _with_verdict(one.result, float(next(rates)), level) for one in found
    )


def with_interval(name: str, found: Influenced, cluster: Codes, freedom: int) -> tuple[float | None, float | None]:
    """The 95 % interval of a metric; on the log-odds scale where it lies in (0, 1), and None where no row moves it."""
    error = found.standard_error(cluster)
    if not error > 0:
        return None, None
    wide = t_quantile(0.975, freedom)
    if name in HIGHER_IS_BETTER and 0 < found.value < 1:
        odds = math.log(found.value / (1 - found.value))
        reach = wide * error / (found.value * (1 - found.value))
        return 1 / (1 + math.exp(reach - odds)), 1 / (1 + math.exp(-reach - odds))
    least = -math.inf if name in SIGNED else 0.0
    return max(found.value - wide * error, least), found.value + wide * error


def slice_rows(
    named: Mapping[str, Column], declared: Sequence[DeclaredSlice]
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Name and rows (n_rows,) of each declared slice, each name once; named values that do not occur have no rows."""
    seen = set()
    for one in declared:
        columns = [known_column(named, name) for name in one.columns]
        parts = [grouped(column, bins=one.bins, edges=one.edges.get(column.name)) for column in columns]
        groups = parts[0] if len(parts) == 1 else parts[0].crossed(parts[1])
        wanted = None if one.values is None else _wanted(columns[0], one.values)
        for position, name in enumerate(groups.conditions):
            if name not in seen and (wanted is None or name.partition(" and ")[0] in wanted):
                seen.add(name)
                yield name, groups.rows(position)
        for name in (wanted or ()) if len(parts) == 1 else ():
            if name not in seen:
                seen.add(name)
                yield name, np.zeros(len(groups.codes), dtype=np.bool_)


def _wanted(column: Column, values: Sequence[Any]) -> list[str]:
    shown = [str(value).lower() if isinstance(value, bool) else value for value in values]
    return [
        f"{column.name} is missing" if value is None else f"{column.name} = {value if isinstance(value, str) else f'{value:.6g}'}"
        for value in shown
    ]  # fmt: skip


class _Judge:
    """One metric over one set of rows, and over any slice of them."""

    def __init__(self, label: Floats, score: Floats, cluster: Codes, metric: str, minimum: MinimumSize) -> None:
        self.label, self.score, self.cluster, self.metric, self.minimum = label, score, cluster, metric, minimum
        self.binary = metric in CLASSIFICATION
        if self.binary:
            self.promised = recalibrated(label, score)
        else:
            self.loss = REGRESSION[metric](label, score)
            self.excess = self.loss - promised_losses(self.loss, score)
        whole = self._plain(np.ones(len(label), dtype=np.bool_)).value
        self.overall = None if math.isnan(whole) else whole

    def judged(self, name: str, rows: npt.NDArray[np.bool_]) -> _Judged:
        inside, clusters = int(rows.sum()), len(np.unique(self.cluster[rows]))
        positives = int(self.label[rows].sum()) if self.binary else None
        head = SliceResult(
            name, "declared", self.metric, None, None, None, self.overall, inside, positives, None, NOT_JUDGED, None
        )
        lacking = self.minimum.lacking(rows=inside, positives=positives, clusters=clusters)
        if lacking is not None:
            return _Judged(head._replace(reason=lacking), math.nan)
        plain = self._plain(rows)
        if math.isnan(plain.value):
            return _Judged(head._replace(reason=f"{self.metric} is not defined here: one class is absent"), math.nan)
        low, high = with_interval(self.metric, plain, self.cluster[rows], clusters - 1)
        head = head._replace(value=plain.value, low=low, high=high)
        lacking = self._rest_lacks(~rows)
        if lacking is not None:
            return _Judged(head._replace(reason=lacking), math.nan)
        difference = self._contrast(rows)
        error = difference.standard_error(self.cluster)
        if not error > 0:
            return _Judged(head._replace(reason="no row differs from another: there is nothing to test"), math.nan)
        reach = t_quantile(0.975, clusters - 1) * error
        head = head._replace(
            effect=difference.value, effect_low=difference.value - reach, effect_high=difference.value + reach
        )
        return _Judged(head, float(upper_tail(difference.value / error, clusters - 1)))

    def _rest_lacks(self, rest: npt.NDArray[np.bool_]) -> str | None:
        """Why there is no complement to compare with."""
        if not rest.any() or (self.metric in HIGHER_IS_BETTER and len(np.unique(self.label[rest])) < 2):
            return "the slice is all there is to judge: no rows, or one class only, are left to compare with"
        return None

    def _plain(self, rows: npt.NDArray[np.bool_]) -> Influenced:
        if self.binary:
            return CLASSIFICATION[self.metric](self.label[rows], self.score[rows])
        return (root_mean_of if self.metric == "rmse" else mean_of)(self.loss[rows])

    def _beyond_promise(self, rows: npt.NDArray[np.bool_]) -> Influenced:
        """How much worse the rows are than promised."""
        if not self.binary:
            return mean_of(self.excess[rows])
        # precision goes with the share of positives: the ranking itself is judged by the area under the ROC curve
        metric = CLASSIFICATION["roc_auc" if self.metric in HIGHER_IS_BETTER else self.metric]
        score = self.score[rows]
        seen, promised = metric(self.label[rows], score), metric(self.promised[rows], score)
        sign = -1.0 if self.metric in HIGHER_IS_BETTER else 1.0
        return Influenced(sign * (seen.value - promised.value), sign * (seen.influence - promised.influence))

    def _contrast(self, rows: npt.NDArray[np.bool_]) -> Influenced:
        inside, outside = self._beyond_promise(rows), self._beyond_promise(~rows)
        influence = np.empty(len(rows))
        influence[rows], influence[~rows] = inside.influence, -outside.influence
        return Influenced(inside.value - outside.value, influence)


def _with_verdict(result: SliceResult, rate: float, level: float) -> SliceResult:
    return result._replace(q_value=rate, verdict=WORSE if rate <= level else NO_WORSE)
