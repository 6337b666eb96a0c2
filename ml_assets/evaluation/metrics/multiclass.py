"""Metrics of class probabilities: those of each class, and those of all under many weightings of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml_assets.evaluation.metrics.binary import Vector
from ml_assets.evaluation.metrics.inputs import Codes, checked
from ml_assets.evaluation.metrics.resampled import Clusters, Counts, Draws, RankedRows, ratio, summed


@dataclass(frozen=True)
class ClassMetrics:
    """Confusion (true class, predicted class), and by class precision, recall, F1 (NaN: not defined) and true rows.

    The predicted class is the most probable one, the first of them where several are.
    """

    confusion: npt.NDArray[np.int64]
    precision: Vector
    recall: Vector
    f1: Vector
    rows: npt.NDArray[np.int64]


def class_metrics(label: npt.ArrayLike, score: npt.ArrayLike) -> ClassMetrics:
    """Class by class; label (n_rows,) class positions, score (n_rows, n_classes). Raises `MetricError` on unfit rows."""
    scored = checked("multiclass", label, score)
    classes = scored.score.shape[1]
    pairs = _pairs(scored.label, scored.score)
    confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    hit = np.diag(confusion).astype(np.float64)
    true, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    return ClassMetrics(confusion, ratio(hit, predicted), ratio(hit, true), ratio(2 * hit, true + predicted), true)


def _pairs(label: Vector, score: Vector) -> Codes:
    """One code a (true class, predicted class)."""
    predicted = score.argmax(axis=1) if score.size else np.zeros(len(label), dtype=np.intp)
    found: Codes = label.astype(np.intp) * score.shape[1] + predicted
    return found


class MulticlassMetrics:
    """F1 over the classes that are true or predicted somewhere, as scikit-learn does; the one-against-rest area over all
    classes, not defined while one of them has no row."""

    def __init__(self, label: Vector, score: Vector, clusters: Clusters) -> None:
        self._classes = score.shape[1]
        self._codes, self._pairs = clusters.codes, _pairs(label, score)
        step = float(np.finfo(np.float64).eps)
        happened = np.take_along_axis(score, label.astype(np.intp)[:, None], axis=1).clip(step, 1 - step)
        self._sums = clusters.sums(np.column_stack([np.ones(len(label)), -np.log(happened)]))
        self._ranked = [RankedRows(label == place, score[:, place], clusters) for place in range(self._classes)]

    def values(self, draws: Draws) -> Vector:
        rows, log_loss = (draws.weights @ self._sums).T
        confusion = self._confusion(draws.counts)
        hit = np.einsum("dcc->dc", confusion)
        true, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
        f1 = ratio(2 * hit, true + predicted)
        seen = np.isfinite(f1)
        macro = ratio(np.nan_to_num(f1).sum(axis=1), seen.sum(axis=1))
        weighted = ratio((np.nan_to_num(f1) * true).sum(axis=1), rows)
        areas = np.stack([ranked.values(draws).roc_auc for ranked in self._ranked]).mean(axis=0)
        return np.stack([macro, weighted, ratio(hit.sum(axis=1), rows), ratio(log_loss, rows), areas], axis=1)

    def _confusion(self, counts: Counts) -> Vector:
        cells = self._classes**2
        found = [summed(self._pairs, drawn[self._codes], cells) for drawn in counts]
        return np.stack(found).reshape(len(counts), self._classes, self._classes)
