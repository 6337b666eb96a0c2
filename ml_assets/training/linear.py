"""The linear baseline: logistic, multinomial or ridge regression, fitted to its optimum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_assets.errors import TrainingError
from ml_assets.training.rows import Matrix, Vector
from ml_assets.training.target import Target

_BINARY = Target()
RIDGE = 10.0
_MOST_STEPS = 100
_SMALL_STEP = 1e-10
# Digits that no machine's order of summation changes, so that equal inputs give equal packages.
_KEPT_DIGITS = 10


@dataclass(frozen=True)
class Linear:
    """A linear model on standardised signed logarithms, missing values at the median with an indicator.

    Categories become one indicator each, except those rarer than a thousandth of the training rows. Two classes: logistic
    regression; several: multinomial logistic regression, one row of `coefficients` a class; numbers and relevance grades:
    ridge regression. `link` is `logistic`, `softmax` or `identity`.
    """

    plan: tuple[Mapping[str, Any], ...]
    coefficients: tuple[Any, ...]
    intercept: Any
    link: str = "logistic"
    kind: str = "linear"

    @classmethod
    def fit(cls, matrix: Matrix, label: Vector, categorical: list[int], target: Target = _BINARY) -> Linear:
        plan = tuple(_column_plan(matrix[:, i], i, i in categorical) for i in range(matrix.shape[1]))
        design = np.column_stack([np.empty((len(matrix), 0)), *_columns(matrix, plan)])
        if target.task == "binary":
            intercept, *coefficients = _kept(fit_logistic(design, label, RIDGE))
            return cls(plan, tuple(coefficients), intercept)
        if target.task == "multiclass":
            weights = fit_multinomial(design, label.astype(np.int64), target.outputs, RIDGE)
            rows = [_kept(row) for row in weights]
            return cls(plan, tuple(tuple(row[1:]) for row in rows), tuple(row[0] for row in rows), "softmax")
        intercept, *coefficients = _kept(fit_ridge(design, label, RIDGE))
        return cls(plan, tuple(coefficients), intercept, "identity")

    def predict(self, matrix: Matrix) -> Vector:
        weights = np.asarray(self.coefficients, dtype=np.float64).T
        raw = np.broadcast_to(np.asarray(self.intercept, dtype=np.float64), (len(matrix), *weights.shape[1:])).copy()
        for weight, column in zip(weights, _columns(matrix, self.plan), strict=True):
            raw += np.multiply.outer(column, weight)
        return _LINKS[self.link](raw)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "plan": [dict(part) for part in self.plan], "coefficients": list(self.coefficients),
            "intercept": self.intercept, "link": self.link,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Linear:
        return cls(tuple(data["plan"]), tuple(data["coefficients"]), data["intercept"], data["link"])


def _kept(weights: Vector) -> list[float]:
    return [float(f"{value:.{_KEPT_DIGITS}g}") for value in weights]


def fit_ridge(design: Matrix, label: Vector, ridge: float) -> Vector:
    """Intercept and coefficients that minimise the summed squared error + ridge · |coefficients|², in closed form."""
    with _one_thread():
        means = design.mean(axis=0)
        centred = design - means
        curvature = centred.T @ centred + ridge * np.eye(design.shape[1])
        coefficients = np.linalg.solve(curvature, centred.T @ (label - label.mean()))
    return np.asarray(np.r_[label.mean() - means @ coefficients, coefficients])


def fit_multinomial(design: Matrix, label: npt.NDArray[np.int64], classes: int, ridge: float) -> Matrix:
    """Intercept and coefficients of each class, shape (n_classes, n_columns + 1), that minimise log loss + ridge penalty.

    The objective of `fit_logistic` with the softmax over all classes (The Elements of Statistical Learning, 4.4), which
    is convex; L-BFGS walks it down. Intercepts are not penalised and sum to zero.
    """
    from scipy.optimize import minimize

    full, hot = np.column_stack([np.ones(len(label)), design]), np.eye(classes)[label]
    penalty = np.r_[0.0, np.full(design.shape[1], ridge)]

    def objective(flat: Vector) -> tuple[float, Vector]:
        weights = flat.reshape(classes, -1)
        raw = full @ weights.T
        top = raw.max(axis=1, keepdims=True)
        logs = raw - top - np.log(np.exp(raw - top).sum(axis=1, keepdims=True))
        loss = -np.sum(hot * logs) + 0.5 * np.sum(penalty * weights**2)
        return float(loss) / len(label), ((np.exp(logs) - hot).T @ full + penalty * weights).ravel() / len(label)

    with _one_thread():
        found = minimize(
            objective, np.zeros(classes * full.shape[1]), jac=True, method="L-BFGS-B",
            options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 30},
        )  # fmt: skip
    weights = np.asarray(found.x, dtype=np.float64).reshape(classes, -1)
    weights[:, 0] -= weights[:, 0].mean()
    return weights


def fit_logistic(design: Matrix, label: Vector, ridge: float) -> Vector:
    """Intercept and coefficients that minimise the summed log loss + ridge / 2 · |coefficients|²; both classes needed.

    Newton's method (Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 4.4.1), each step halved until
    the objective does not rise. scikit-learn's `C` is 1 / ridge.
    """
    if not 0 < label.sum() < len(label):
        raise TrainingError(
            "a linear baseline needs both classes", expected="labels 0 and 1", got=f"{len(label)} equal labels"
        )
    with _one_thread():
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


def _one_thread() -> AbstractContextManager[Any]:
    """One BLAS thread: on matrices this narrow more gain nothing, and where cores are shared they wait for each other."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(1, "blas")  # type: ignore[no-any-return]


def _sigmoid(raw: Vector) -> Vector:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * raw)))


def _softmax(raw: Matrix) -> Matrix:
    weights = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


_LINKS: Mapping[str, Callable[[Vector], Vector]] = {"logistic": _sigmoid, "softmax": _softmax, "identity": np.asarray}


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
