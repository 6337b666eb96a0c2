"""Baselines without fitting to speak of: a constant, and the best single feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml_assets.training.rows import Matrix, Vector
from ml_assets.training.target import Target

_RULE_BINS = 20
# Losses that agree to so many digits are equal but for rounding.
_LOSS_DIGITS = 12

Answer = float | tuple[float, ...]
_BINARY = Target()


@dataclass(frozen=True)
class Constant:
    """The share of positives in training (of each class, the mean, the median) for everybody; 0 where rows are ranked."""

    answer: Answer
    kind: str = "constant"

    @classmethod
    def fit(cls, label: Vector, target: Target = _BINARY, *, median: bool = False) -> Constant:
        """`median` is the best constant where the loss is the absolute error."""
        if target.task == "multiclass":
            return cls(tuple((np.bincount(label.astype(np.int64), minlength=target.outputs) / len(label)).tolist()))
        if target.task == "ranking":
            return cls(0.0)
        return cls(float(np.median(label) if median else label.mean()))

    def predict(self, matrix: Matrix) -> Vector:
        answer = np.asarray(self.answer, dtype=np.float64)
        return np.array(np.broadcast_to(answer, (len(matrix), *answer.shape)))

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "answer": _plain(self.answer)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Constant:
        return cls(_answer(data["answer"]))


@dataclass(frozen=True)
class OneRule:
    """The one feature that predicts best in training: the answer in each of its quantile bins.

    After Holte (1993), "Very simple classification rules perform well on most commonly used datasets". A bin reaches
    up to and includes its edge. Shares are smoothed by one row of each class, means by one row of the overall mean;
    missing values are a bin of their own.
    """

    feature: str
    position: int
    edges: tuple[float, ...]
    answers: tuple[Answer, ...]
    missing: Answer
    kind: str = "one_rule"

    @classmethod
    def fit(cls, matrix: Matrix, label: Vector, features: tuple[str, ...], target: Target = _BINARY) -> OneRule:
        """Choose by the log loss (squared error of numbers and grades) on the training rows; the first of equal features."""
        sums = _summands(label, target)
        candidates = (
            _rule_of(matrix[:, position], sums, feature, position, classifies=target.classifies)
            for position, feature in enumerate(features)
        )
        found = min(candidates, key=lambda found: round(found[0], _LOSS_DIGITS))[1]
        return found.of_positives() if target.task == "binary" else found

    def of_positives(self) -> OneRule:
        """The same rule with the share of the second class as its answer."""
        shares = tuple(answer[1] for answer in self.answers if isinstance(answer, tuple))
        assert isinstance(self.missing, tuple)
        return OneRule(self.feature, self.position, self.edges, shares, self.missing[1])

    def predict(self, matrix: Matrix) -> Vector:
        values = matrix[:, self.position]
        bins = np.searchsorted(np.asarray(self.edges), values, side="left").clip(0, len(self.edges))
        bins[np.isnan(values)] = len(self.answers)
        return np.asarray(np.asarray((*self.answers, self.missing), dtype=np.float64)[bins])

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "feature": self.feature, "position": self.position, "edges": list(self.edges),
            "answers": [_plain(answer) for answer in self.answers], "missing": _plain(self.missing),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OneRule:
        return cls(
            data["feature"], data["position"], tuple(data["edges"]), tuple(map(_answer, data["answers"])), _answer(data["missing"])
        )  # fmt: skip


def _plain(answer: Answer) -> float | list[float]:
    return list(answer) if isinstance(answer, tuple) else answer


def _answer(data: float | list[float]) -> Answer:
    return tuple(data) if isinstance(data, list) else data


def _summands(label: Vector, target: Target) -> Matrix:
    """What is summed in a bin: one indicator a class, shape (n_rows, n_classes), or the label itself, (n_rows, 1)."""
    if target.classifies:
        return np.asarray(np.eye(len(target.class_names))[label.astype(np.int64)], dtype=np.float64)
    return label[:, None]


def _rule_of(
    values: Vector, summands: Matrix, feature: str, position: int, *, classifies: bool
) -> tuple[float, OneRule]:
    """The rule on one feature, and its mean loss on these rows, from counts and sums alone."""
    order = np.argsort(values)
    known = len(values) - int(np.isnan(values).sum())
    ranked = values[order[:known]]
    sums = np.vstack([np.zeros(summands.shape[1]), np.cumsum(summands[order], axis=0)])
    edges = np.unique(np.quantile(ranked, np.linspace(0, 1, _RULE_BINS + 1)[1:-1])) if known else np.array([])
    ends = np.r_[0, np.searchsorted(ranked, edges, side="right"), known, len(values)]
    count, total = np.diff(ends)[:, None], np.diff(sums[ends], axis=0)
    if classifies:
        answers = (total + 1) / (count + total.shape[1])
        loss = -np.sum(total * np.log(answers)) / len(values)
        listed: list[Answer] = [tuple(row) for row in answers.tolist()]
    else:
        mean = summands.mean()
        answers = (total + mean) / (count + 1)
        # The sum of squared errors but for the squares of the labels, which are the same for every feature.
        loss = np.sum(count * answers**2 - 2 * answers * total) / max(float(np.sum((summands - mean) ** 2)), 1e-300)
        listed = answers[:, 0].tolist()
    return float(loss), OneRule(feature, position, tuple(edges.tolist()), tuple(listed[:-1]), listed[-1])
