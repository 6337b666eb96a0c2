"""The candidate and the three baselines it has to stand beside, all kept as text that runs no code when loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ml_assets.specs.models import LightGBMSpec
from ml_assets.training.matrix import Matrix

Vector = npt.NDArray[np.float64]

# Bit-equal models on every run: no feature bundling by sampled conflicts, rows in fixed order.
_DETERMINISTIC = {"deterministic": True, "force_row_wise": True, "verbosity": -1, "num_threads": 0}
_RULE_BINS = 20


class Estimator(Protocol):
    """Anything that gives the probability of the positive class for each row of a matrix."""

    kind: str

    def predict(self, matrix: Matrix) -> Vector:
        """Probabilities, shape (n_rows,)."""

    def to_json(self) -> dict[str, Any]:
        """Plain data from which `estimator_from_json` makes an equal estimator."""


@dataclass(frozen=True)
class Constant:
    """The share of positives in training, for everybody."""

    share: float
    kind: str = "constant"

    @classmethod
    def fit(cls, label: Vector) -> Constant:
        return cls(float(label.mean()))

    def predict(self, matrix: Matrix) -> Vector:
        return np.full(len(matrix), self.share)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "share": self.share}


@dataclass(frozen=True)
class OneRule:
    """The one feature that ranks best in training: the positive share in each of its quantile bins.

    After Holte (1993), "Very simple classification rules perform well on most commonly used datasets". Shares are
    smoothed by one positive and one negative; missing values are a bin of their own.
    """

    feature: str
    position: int
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing_share: float
    kind: str = "one_rule"

    @classmethod
    def fit(cls, matrix: Matrix, label: Vector, features: tuple[str, ...]) -> OneRule:
        """Choose by the log loss of the binned shares on the training rows."""
        best: tuple[float, OneRule] | None = None
        for position, feature in enumerate(features):
            rule = cls._of_feature(matrix[:, position], label, feature, position)
            loss = _log_loss(label, rule.predict(matrix))
            if best is None or loss < best[0]:
                best = (loss, rule)
        assert best is not None
        return best[1]

    @classmethod
    def _of_feature(cls, values: Vector, label: Vector, feature: str, position: int) -> OneRule:
        known = ~np.isnan(values)
        edges = np.unique(np.quantile(values[known], np.linspace(0, 1, _RULE_BINS + 1)[1:-1])) if known.any() else np.array([])
        bins = np.searchsorted(edges, values[known], side="left")
        count = np.bincount(bins, minlength=len(edges) + 1)
        positive = np.bincount(bins, weights=label[known], minlength=len(edges) + 1)
        shares = (positive + 1) / (count + 2)
        missing = (label[~known].sum() + 1) / ((~known).sum() + 2)
        return cls(feature, position, tuple(edges.tolist()), tuple(shares.tolist()), float(missing))

    def predict(self, matrix: Matrix) -> Vector:
        values = matrix[:, self.position]
        found = np.asarray(self.shares)[np.searchsorted(np.asarray(self.edges), values, side="left").clip(0, len(self.edges))]
        return np.where(np.isnan(values), self.missing_share, found)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "feature": self.feature, "position": self.position, "edges": list(self.edges),
            "shares": list(self.shares), "missing_share": self.missing_share,
        }  # fmt: skip


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
    def fit(cls, matrix: Matrix, label: Vector, categorical: list[int], seed: int) -> Linear:
        from sklearn.linear_model import LogisticRegression

        plan = tuple(_column_plan(matrix[:, i], i, i in categorical) for i in range(matrix.shape[1]))
        model = LogisticRegression(C=0.1, max_iter=400, random_state=seed)
        model.fit(_design(matrix, plan), label)
        return cls(plan, tuple(model.coef_[0].tolist()), float(model.intercept_[0]))

    def predict(self, matrix: Matrix) -> Vector:
        raw = _design(matrix, self.plan) @ np.asarray(self.coefficients) + self.intercept
        return np.asarray(1.0 / (1.0 + np.exp(-raw)))

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "plan": [dict(part) for part in self.plan], "coefficients": list(self.coefficients),
            "intercept": self.intercept,
        }  # fmt: skip


def _column_plan(values: Vector, position: int, categorical: bool) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    if categorical:
        codes, counts = np.unique(known, return_counts=True)
        return {"position": position, "codes": codes[counts >= len(values) / 1000].tolist()}
    logs = np.sign(known) * np.log1p(np.abs(known))
    spread = float(logs.std()) if len(logs) else 0.0
    return {
        "position": position, "median": float(np.median(known)) if len(known) else 0.0,
        "mean": float(logs.mean()) if len(logs) else 0.0, "spread": spread or 1.0,
        "indicator": bool(len(known) < len(values)),
    }  # fmt: skip


def _design(matrix: Matrix, plan: tuple[Mapping[str, Any], ...]) -> Matrix:
    columns = []
    for part in plan:
        values = matrix[:, part["position"]]
        if "codes" in part:
            columns += [(values == code).astype(np.float64) for code in part["codes"]]
            continue
        absent = np.isnan(values)
        filled = np.where(absent, part["median"], values)
        columns.append((np.sign(filled) * np.log1p(np.abs(filled)) - part["mean"]) / part["spread"])
        if part["indicator"]:
            columns.append(absent.astype(np.float64))
    return np.column_stack(columns)


class Boosted:
    """A LightGBM booster, kept as its model text."""

    kind = "lightgbm"

    def __init__(self, text: str) -> None:
        import lightgbm

        self.text = text
        self._booster = lightgbm.Booster(model_str=text)

    def predict(self, matrix: Matrix) -> Vector:
        return np.asarray(self._booster.predict(matrix), dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "text": self.text}


Rows = tuple[Matrix, Vector]


def fit_lightgbm(
    train: Rows, validation: Rows, refit: Rows | None, features: Sequence[str], categorical: list[int], spec: LightGBMSpec
) -> tuple[Boosted, dict[str, int]]:
    """Find the number of rounds on validation (unless it is fixed), then train on the `refit` rows where given."""
    rounds = spec.max_rounds
    booster = None
    if spec.early_stopping_rounds is not None:
        booster = _booster(train, spec, features, categorical, rounds, validation)
        rounds = booster.best_iteration or booster.current_iteration()
    if refit is not None or booster is None:
        booster = _booster(refit or train, spec, features, categorical, rounds)
    return Boosted(booster.model_to_string(num_iteration=rounds)), {"rounds": rounds}


def _booster(
    rows: Rows, spec: LightGBMSpec, features: Sequence[str], categorical: list[int], rounds: int, validation: Rows | None = None
) -> Any:
    import lightgbm

    # Positions as names: LightGBM refuses some characters that a column may have; the encoder keeps the real names.
    names = [f"f{position}" for position in range(len(features))]
    data = lightgbm.Dataset(rows[0], rows[1], feature_name=names, categorical_feature=categorical)
    parameters = {"objective": "binary", "metric": "binary_logloss", **spec.parameters, **_DETERMINISTIC, "seed": spec.seed}
    if validation is None:
        return lightgbm.train(parameters, data, rounds)
    watched = lightgbm.Dataset(validation[0], validation[1], reference=data)
    stop = lightgbm.early_stopping(spec.early_stopping_rounds or rounds, verbose=False)
    return lightgbm.train(parameters, data, rounds, valid_sets=[watched], callbacks=[stop])


def estimator_from_json(data: Mapping[str, Any]) -> Estimator:
    """The estimator that `to_json` described. Nothing of the data is executed."""
    kind = data["kind"]
    if kind == "constant":
        return Constant(data["share"])
    if kind == "one_rule":
        return OneRule(data["feature"], data["position"], tuple(data["edges"]), tuple(data["shares"]), data["missing_share"])
    if kind == "linear":
        return Linear(tuple(data["plan"]), tuple(data["coefficients"]), data["intercept"])
    return Boosted(data["text"])


def _log_loss(label: Vector, probability: Vector) -> float:
    clipped = probability.clip(1e-15, 1 - 1e-15)
    return float(-np.mean(label * np.log(clipped) + (1 - label) * np.log1p(-clipped)))
