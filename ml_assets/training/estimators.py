"""The candidate and the three baselines it has to stand beside, all kept as text that runs no code when loaded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ml_assets.errors import PackageError
from ml_assets.specs.models import LightGBMSpec
from ml_assets.training.baselines import Constant, OneRule
from ml_assets.training.lightgbm_library import Trees, refuse_parameters, train_trees
from ml_assets.training.linear import Linear
from ml_assets.training.matrix import Matrix

Vector = npt.NDArray[np.float64]
Rows = tuple[Matrix, Vector]

# Bit-equal models on every run: no feature bundling by sampled conflicts, rows in fixed order.
_DETERMINISTIC = {"deterministic": True, "force_row_wise": True, "verbosity": -1, "num_threads": 0}
_RESERVED = (
    "objective", "metric", "seed", "num_iterations", "early_stopping_round", "categorical_feature", "data", "valid", "task",
    *_DETERMINISTIC,
)  # fmt: skip


class Estimator(Protocol):
    """Anything that gives the probability of the positive class for each row of a matrix."""

    @property
    def kind(self) -> str:
        """Which class reads it back."""

    def predict(self, matrix: Matrix) -> Vector:
        """Probabilities, shape (n_rows,)."""

    def to_json(self) -> dict[str, Any]:
        """Plain data from which `estimator_from_json` makes an equal estimator."""


class Boosted:
    """LightGBM trees, kept as their model text."""

    kind = "lightgbm"

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def trees(self) -> Trees:
        return Trees(self.text)

    def predict(self, matrix: Matrix) -> Vector:
        return self.trees.probabilities(matrix)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "text": self.text}


def fit_lightgbm(
    learnt: Rows, spec: LightGBMSpec, categorical: list[int], *, searched: tuple[Rows, Rows] | None, place: str
) -> tuple[Boosted, dict[str, int]]:
    """Train on `learnt`; where `searched` (train, validation) is given, with the number of rounds found on validation."""
    refuse_parameters(spec.parameters, _RESERVED, place)
    parameters = {
        "objective": "binary",
        "metric": "binary_logloss",
        **spec.parameters,
        **_DETERMINISTIC,
        "seed": spec.seed,
    }
    rounds = spec.max_rounds
    if searched is not None:
        train, validation = searched
        patience = spec.early_stopping_rounds or rounds
        found = train_trees(
            train, parameters, rounds, categorical=categorical, validation=validation, patience=patience
        )
        if train is learnt:
            return Boosted(found.text), {"rounds": found.rounds}
        rounds = found.rounds
    trees = train_trees(learnt, parameters, rounds, categorical=categorical)
    return Boosted(trees.text), {"rounds": trees.rounds}


def estimator_from_json(data: Mapping[str, Any]) -> Estimator:
    """The estimator that `to_json` described. Nothing of the data is executed."""
    kind = data["kind"]
    if kind == "constant":
        return Constant(data["share"])
    if kind == "one_rule":
        return OneRule(
            data["feature"], data["position"], tuple(data["edges"]), tuple(data["shares"]), data["missing_share"]
        )
    if kind == "linear":
        return Linear(tuple(data["plan"]), tuple(data["coefficients"]), data["intercept"])
    if kind == "lightgbm":
        return Boosted(data["text"])
    raise PackageError(
        f"the package holds an estimator of unknown kind {kind!r}", expected="constant, one_rule, linear or lightgbm", got=kind,
        remedy="load it with the version of ml_assets that trained it",
    )  # fmt: skip
