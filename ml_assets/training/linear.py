"""The linear baseline: ridge logistic regression, fitted to its optimum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ml_assets.errors import TrainingError
from ml_assets.training.matrix import Matrix

Vector = npt.NDArray[np.float64]

RIDGE = 10.0
_MOST_STEPS = 100
_SMALL_STEP = 1e-10
# Digits that no machine's order of summation changes, so that equal inputs give equal packages.
_KEPT_DIGITS = 10


@dataclass(frozen=True)
class Linear:
    """Logistic regression on standardised signed logarithms, missing values at the median with an indicator.

    Categories become one indicator each, except those rarer than a thousandth of the training rows.
    """

    plan: tuple[Mapping[str, Any], ...]
    coefficients: tuple[float, ...]
    intercept: float
    kind: str = "linear"

    @classmethod
    def fit(cls, matrix: Matrix, label: Vector, categorical: list[int]) -> Linear:
        plan = tuple(_column_plan(matrix[:, i], i, i in categorical) for i in range(matrix.shape[1]))
        found = fit_logistic(np.column_stack(list(_columns(matrix, plan))), label, RIDGE)
        intercept, *coefficients = (float(f"{value:.{_KEPT_DIGITS}g}") for value in found)
        return cls(plan, tuple(coefficients), intercept)

    def predict(self, matrix: Matrix) -> Vector:
        raw = np.full(len(matrix), self.intercept)
        for coefficient, column in zip(self.coefficients, _columns(matrix, self.plan), strict=True):
            raw += coefficient * column
        return _sigmoid(raw)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "plan": [dict(part) for part in self.plan], "coefficients": list(self.coefficients),
            "intercept": self.intercept,
        }  # fmt: skip


def fit_logistic(design: Matrix, label: Vector, ridge: float) -> Vector:
    """Intercept and coefficients that minimise the summed log loss + ridge / 2 · |coefficients|²; both classes needed.

    Newton's method (Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 4.4.1), each step halved until
    the objective does not rise. scikit-learn's `C` is 1 / ridge.
    """
    if not 0 < label.sum() < len(label):
        raise TrainingError(
            "a linear baseline needs both classes", expected="labels 0 and 1", got=f"{len(label)} equal labels"
        )
    # One thread: on matrices this narrow more of them gain nothing, and where cores are shared they wait for each other.
    with threadpool_limits(1, "blas"):
        return _newton(
            np.column_stack([np.ones(len(label)), design]), label, np.r_[0.0, np.full(design.shape[1], ridge)]
        )


def _newton(full: Matrix, label: Vector, penalty: Vector) -> Vector:
    weights = np.zeros(full.shape[1])
    weights[0] = np.log(label.mean() / (1 - label.mean()))
    loss = _objective(full @ weights, label, weights, penalty)
    for _ in range(_MOST_STEPS):
        probability = _sigmoid(full @ weights)
        slope = full.T @ (probability - label) + penalty * weights
        curvature = full.T @ (full * (probability * (1 - probability))[:, None])
        step = np.linalg.solve(curvature + np.diag(penalty), slope)
        while (
            next_loss := _objective(full @ (weights - step), label, weights - step, penalty)
        ) > loss + _SMALL_STEP * abs(loss):
            step /= 2
        weights, loss = weights - step, next_loss
        if np.abs(step).max() < _SMALL_STEP:
            break
    return weights


def _objective(raw: Vector, label: Vector, weights: Vector, penalty: Vector) -> float:
    return float(np.sum(np.logaddexp(0, raw) - label * raw) + 0.5 * np.sum(penalty * weights**2))


def _sigmoid(raw: Vector) -> Vector:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * raw)))


def _column_plan(values: Vector, position: int, categorical: bool) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    if categorical:
        codes, counts = np.unique(known, return_counts=True)
        return {"position": position, "codes": codes[counts >= len(values) / 1000].tolist()}
    logs = _signed_log(known)
    spread = float(logs.std()) if len(logs) else 0.0
    return {
        "position": position, "median": float(np.median(known)) if len(known) else 0.0,
        "mean": float(logs.mean()) if len(logs) else 0.0, "spread": spread or 1.0,
        "indicator": bool(len(known) < len(values)),
    }  # fmt: skip


def _columns(matrix: Matrix, plan: tuple[Mapping[str, Any], ...]) -> Iterator[Vector]:
    """The columns of the design, each of shape (n_rows,)."""
    for part in plan:
        values = matrix[:, part["position"]]
        if "codes" in part:
            for code in part["codes"]:
                yield (values == code).astype(np.float64)
            continue
        absent = np.isnan(values)
        filled = np.where(absent, part["median"], values) if absent.any() else values
        yield (_signed_log(filled) - part["mean"]) / part["spread"]
        if part["indicator"]:
            yield absent.astype(np.float64)


def _signed_log(values: Vector) -> Vector:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))
