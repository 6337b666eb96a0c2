"""What a metric may be computed from: finite labels of the task's kind, finite scores of its shape, a query where needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml_assets.errors import MlAssetsError
from ml_assets.evaluation.catalogue import task_metrics
from ml_assets.evaluation.metrics.binary import Vector

Codes = npt.NDArray[np.intp]
# Probabilities of the classes of a row may miss 1 by rounding in single precision.
_SUM_TOLERANCE = 1e-5


class MetricError(MlAssetsError):
    """Labels or scores from which no honest metric can be computed."""

    code = "MLA420"


@dataclass(frozen=True)
class Scored:
    """Checked rows of one task: label (n_rows,), score (n_rows,) or (n_rows, n_classes), query codes 0.. or none."""

    task: str
    label: Vector
    score: Vector
    query: Codes | None

    @property
    def rows(self) -> int:
        return len(self.label)


def checked(
    task: str, label: npt.ArrayLike, score: npt.ArrayLike, query: npt.ArrayLike | None = None, *, name: str = "score"
) -> Scored:
    """Rows fit for every metric of the task. `name` is what messages call the score.

    Raises `MetricError` with the number of rows where labels or scores are missing, infinite or outside the task's range,
    and `UnknownNameError` for an unknown task.
    """
    task_metrics(task)
    labels = np.ascontiguousarray(label, dtype=np.float64)
    scores = np.ascontiguousarray(score, dtype=np.float64)
    _shapes(task, labels, scores, name)
    _refuse(~np.isfinite(labels), labels, "label is missing or infinite", "a finite label in every row")
    finite = np.isfinite(scores) if scores.ndim == 1 else np.isfinite(scores).all(axis=1)
    _refuse(~finite, scores, f"{name} is missing or infinite", "a finite number in every row")
    if task == "binary":
        _refuse(~np.isin(labels, (0.0, 1.0)), labels, "label is neither 0 nor 1", "labels 0 and 1")
    elif task == "multiclass":
        outside = (labels != np.floor(labels)) | (labels < 0) | (labels >= scores.shape[1])
        _refuse(
            outside,
            labels,
            "label is no class position",
            f"whole numbers from 0 to {scores.shape[1] - 1}, as in {name}",
        )
    elif task == "ranking":
        _refuse(labels < 0, labels, "relevance is negative", "relevance 0 or more")
    _probabilities(task, scores, name)
    return Scored(task, labels, scores, _query_codes(task, query, len(labels)))


def _shapes(task: str, label: Vector, score: Vector, name: str) -> None:
    wanted = 2 if task == "multiclass" else 1
    if label.ndim != 1 or score.ndim != wanted or len(score) != len(label):
        shape = f"({len(label)}, n_classes)" if wanted == 2 else f"({len(label)},)"
        raise MetricError(
            f"{name} does not fit the labels of a {task} task", expected=f"shape {shape}", got=f"shape {score.shape}"
        )


def _probabilities(task: str, score: Vector, name: str) -> None:
    if task not in ("binary", "multiclass"):
        return
    outside = (score < 0) | (score > 1)
    _refuse(
        outside if score.ndim == 1 else outside.any(axis=1), score, f"{name} is no probability", "numbers from 0 to 1"
    )
    if score.ndim == 2:
        total = score.sum(axis=1)
        _refuse(
            abs(total - 1) > _SUM_TOLERANCE, total, f"{name} does not sum to 1 over the classes", "rows that sum to 1"
        )


def _query_codes(task: str, query: npt.ArrayLike | None, rows: int) -> Codes | None:
    if query is None:
        if task == "ranking":
            raise MetricError(
                "ranking without queries",
                expected=f"a query code in each of {rows:,} rows",
                got="none",
                remedy="pass query",
            )
        return None
    return codes_of(query, rows, "query")


def codes_of(values: npt.ArrayLike, rows: int, name: str) -> Codes:
    """Codes 0.. of the distinct values in their order, shape (n_rows,)."""
    found = np.asarray(values)
    if found.shape != (rows,):
        raise MetricError(f"{name} does not fit the labels", expected=f"shape ({rows},)", got=f"shape {found.shape}")
    if found.dtype.kind == "f":
        _refuse(~np.isfinite(found), found, f"{name} is missing or infinite", "a code in every row")
    return np.unique(found, return_inverse=True)[1].astype(np.intp, copy=False)


def _refuse(found: npt.ArrayLike, values: Vector, subject: str, expected: str) -> None:
    bad = np.asarray(found, dtype=np.bool_)
    count = int(bad.sum())
    if count:
        raise MetricError(
            f"{subject} in {count:,} of {len(bad):,} rows", expected=expected, got=values[bad][:5].tolist(),
            remedy="mend the rows or leave them out before measuring",
        )  # fmt: skip
