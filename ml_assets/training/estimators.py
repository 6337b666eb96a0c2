"""The candidate and the baselines it has to stand beside, all kept as text that runs no code when loaded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

from ml_assets.errors import PackageError
from ml_assets.training.baselines import Constant, OneRule
from ml_assets.training.lightgbm_library import Trees
from ml_assets.training.linear import Linear
from ml_assets.training.rows import Matrix, Vector
from ml_assets.training.sklearn_package import ScikitLearn

__all__ = ["Boosted", "Estimator", "Vector", "estimator_from_json"]


class Estimator(Protocol):
    """Anything that gives a prediction for each row of a matrix."""

    @property
    def kind(self) -> str:
        """Which class reads it back."""

    def predict(self, matrix: Matrix) -> Vector:
        """Probability of the positive class, number or ranking score, shape (n_rows,); of several classes (n_rows, n_classes)."""

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
        return self.trees.predicted(matrix)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "text": self.text}


def estimator_from_json(data: Mapping[str, Any]) -> Estimator:
    """The estimator that `to_json` described. Nothing of the data is executed."""
    kind = data["kind"]
    if kind == "constant":
        return Constant.from_json(data)
    if kind == "one_rule":
        return OneRule.from_json(data)
    if kind == "linear":
        return Linear.from_json(data)
    if kind == "lightgbm":
        return Boosted(data["text"])
    if kind == "sklearn":
        return ScikitLearn(data["skops"])
    raise PackageError(
        f"the package holds an estimator of unknown kind {kind!r}", expected="constant, one_rule, linear, lightgbm or sklearn", got=kind,
        remedy="load it with the version of ml_assets that trained it",
    )  # fmt: skip
