"""Baselines without fitting to speak of: a constant, and the best single feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_assets.training.matrix import Matrix

Vector = npt.NDArray[np.float64]

_RULE_BINS = 20
# Losses that agree to so many digits are equal but for rounding.
_LOSS_DIGITS = 12


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

    After Holte (1993), "Very simple classification rules perform well on most commonly used datasets". A bin reaches
    up to and includes its edge. Shares are smoothed by one positive and one negative; missing values are a bin of
    their own.
    """

    feature: str
    position: int
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing_share: float
    kind: str = "one_rule"

    @classmethod
    def fit(cls, matrix: Matrix, label: Vector, features: tuple[str, ...]) -> OneRule:
        """Choose by the log loss of the binned shares on the training rows; the first of equal features."""
        candidates = (
            _rule_of(matrix[:, position], label, feature, position) for position, feature in enumerate(features)
        )
        return min(candidates, key=lambda found: round(found[0], _LOSS_DIGITS))[1]

    def predict(self, matrix: Matrix) -> Vector:
        values = matrix[:, self.position]
        found = np.asarray(self.shares)[
            np.searchsorted(np.asarray(self.edges), values, side="left").clip(0, len(self.edges))
        ]
        return np.where(np.isnan(values), self.missing_share, found)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "feature": self.feature, "position": self.position, "edges": list(self.edges),
            "shares": list(self.shares), "missing_share": self.missing_share,
        }  # fmt: skip


def _rule_of(values: Vector, label: Vector, feature: str, position: int) -> tuple[float, OneRule]:
    """The rule on one feature, and its log loss on these rows, from counts alone."""
    order = np.argsort(values)
    known = len(values) - int(np.isnan(values).sum())
    ranked, positives = values[order[:known]], np.r_[0.0, np.cumsum(label[order])]
    edges = np.unique(np.quantile(ranked, np.linspace(0, 1, _RULE_BINS + 1)[1:-1])) if known else np.array([])
    ends = np.r_[0, np.searchsorted(ranked, edges, side="right"), known, len(values)]
    count, positive = np.diff(ends), np.diff(positives[ends])
    shares = (positive + 1) / (count + 2)
    loss = -np.sum(positive * np.log(shares) + (count - positive) * np.log1p(-shares)) / len(values)
    return float(loss), OneRule(
        feature, position, tuple(edges.tolist()), tuple(shares[:-1].tolist()), float(shares[-1])
    )
