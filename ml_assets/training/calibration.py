"""Probabilities set right on rows that the model has not learnt from: Platt's sigmoid, isotonic regression, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_assets.errors import TrainingError
from ml_assets.training.linear import fit_logistic
from ml_assets.training.rows import Vector

_FOLDS = 5
# One-sided 97.5 %: an improvement that chance alone shows in one case of forty.
_EVIDENCE = 1.959964
_LEAST = 1e-12
_KEPT_DIGITS = 10


@dataclass(frozen=True)
class Curve:
    """One non-decreasing function from a score to a probability.

    `platt`: 1 / (1 + exp(-(x[0] · logit(score) + y[0]))), x[0] >= 0. `isotonic`: linear between the points (x, y), flat
    outside them.
    """

    kind: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    def apply(self, score: Vector) -> Vector:
        if self.kind == "platt":
            return np.asarray(0.5 * (1.0 + np.tanh(0.5 * (self.x[0] * _logit(score) + self.y[0]))))
        return np.interp(score, self.x, self.y)


@dataclass(frozen=True)
class Calibration:
    """One curve for a binary score; one a class, normalised to sum to 1, for several."""

    curves: tuple[Curve, ...]

    def apply(self, score: Vector) -> Vector:
        """Calibrated probabilities, shaped as `score`: (n_rows,) or (n_rows, n_classes)."""
        if score.ndim == 1:
            return self.curves[0].apply(score)
        found = np.column_stack([curve.apply(score[:, place]) for place, curve in enumerate(self.curves)])
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def to_json(self) -> dict[str, Any]:
        return {"curves": [{"kind": c.kind, "x": list(c.x), "y": list(c.y)} for c in self.curves]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        return cls(tuple(Curve(c["kind"], tuple(c["x"]), tuple(c["y"])) for c in data["curves"]))


def fit_calibration(kind: str, score: Vector, label: Vector) -> Calibration:
    """Curves of `kind` on held-out scores (n_rows,) or (n_rows, n_classes) and labels (0 and 1, or class positions)."""
    fit = {"platt": _platt, "isotonic": _isotonic}[kind]
    if score.ndim == 1:
        return Calibration((fit(score, label),))
    return Calibration(
        tuple(fit(score[:, place], (label == place).astype(np.float64)) for place in range(score.shape[1]))
    )


def choose_calibration(
    kind: str, score: Vector, label: Vector, entity: npt.NDArray[np.int64], seed: int, place: str = ""
) -> tuple[Calibration | None, dict[str, Any]]:
    """The declared calibration, or of `auto` the one that evidence supports; and facts about the choice.

    `auto`: Platt and isotonic are fitted on all folds but one and judged on that one, entities kept whole. The better of
    them is taken when its gain in log loss over none is above zero by more than chance (entities as units).
    """
    if kind == "none":
        return None, {"kind": "none"}
    classes = 2 if score.ndim == 1 else score.shape[1]
    held = np.bincount(label.astype(np.int64), minlength=classes)
    if (held == 0).any():
        raise TrainingError(
            "the validation rows cannot calibrate: a class is absent", place=place, expected=f"rows of all {classes} classes",
            got=f"rows of each class: {held.tolist()}", remedy="take more validation rows, or calibration: none",
        )  # fmt: skip
    if kind != "auto":
        return fit_calibration(kind, score, label), {"kind": kind, "rows": len(label)}
    gains = _cross_validated_gains(score, label, entity, seed)
    facts: dict[str, Any] = {"rows": len(label), "gain": {name: mean for name, (mean, _) in gains.items()}}
    best = max(gains, key=lambda name: gains[name][0], default=None)
    if best is None:
        return None, {"kind": "none", "reason": f"fewer than {_FOLDS} folds with all classes", **facts}
    mean, error = gains[best]
    if not mean - _EVIDENCE * error > 0:
        return None, {
            "kind": "none",
            "reason": f"no gain in log loss beyond chance ({best}: {mean:.2g} ± {_EVIDENCE * error:.2g})",
            **facts,
        }
    return fit_calibration(best, score, label), {
        "kind": best,
        "reason": f"gains {mean:.2g} ± {_EVIDENCE * error:.2g} log loss",
        **facts,
    }


def _cross_validated_gains(
    score: Vector, label: Vector, entity: npt.NDArray[np.int64], seed: int
) -> dict[str, tuple[float, float]]:
    """Kind → mean gain in log loss over the score as it is, and its standard error over entities; empty when folds lack classes."""
    _, codes = np.unique(entity, return_inverse=True)
    folds = np.random.default_rng(seed).permutation(codes.max() + 1)[codes] % _FOLDS
    classes = 2 if score.ndim == 1 else score.shape[1]
    for fold in range(_FOLDS):
        if (np.bincount(label[folds != fold].astype(np.int64), minlength=classes) == 0).any() or not (
            folds == fold
        ).any():
            return {}
    found = {}
    for kind in ("platt", "isotonic"):
        gain = _loss(score, label)
        for fold in range(_FOLDS):
            out = folds == fold
            curve = fit_calibration(kind, score[~out], label[~out])
            gain[out] -= _loss(curve.apply(score[out]), label[out])
        mean = float(gain.mean())
        sums = np.bincount(codes, weights=gain - mean)
        found[kind] = (mean, float(np.sqrt(np.sum(sums**2)) / len(gain)))
    return found


def _loss(score: Vector, label: Vector) -> Vector:
    """Log loss of each row, shape (n_rows,)."""
    if score.ndim == 2:
        chance = score[np.arange(len(score)), label.astype(np.int64)]
    else:
        chance = np.where(label == 1, score, 1 - score)
    return np.asarray(-np.log(np.clip(chance, _LEAST, 1.0)))


def _platt(score: Vector, label: Vector) -> Curve:
    """Platt (1999), "Probabilistic outputs for support vector machines": a logistic fit on the log odds.

    A negative slope would turn the ranking round; it is then 0, and everybody gets the share of positives.
    """
    intercept, slope = fit_logistic(_logit(score)[:, None], label, _PLATT_RIDGE)
    if slope < 0:
        share = label.mean()
        intercept, slope = float(np.log(share / (1 - share))), 0.0
    return Curve("platt", (_rounded(slope),), (_rounded(intercept),))


_PLATT_RIDGE = 1e-3


def _isotonic(score: Vector, label: Vector) -> Curve:
    """Isotonic regression (Zadrozny and Elkan, 2002); probabilities stay one row of the other class away from 0 and 1."""
    from sklearn.isotonic import isotonic_regression

    values, place = np.unique(score, return_inverse=True)
    count = np.bincount(place)
    fitted = np.asarray(isotonic_regression(np.bincount(place, weights=label) / count, sample_weight=count))
    least = 1 / (len(label) + 2)
    fitted = np.clip(fitted, least, 1 - least)
    # Of every flat stretch the two ends say all there is to say.
    ends = np.r_[True, (fitted[1:-1] != fitted[:-2]) | (fitted[1:-1] != fitted[2:]), True][: len(fitted)]
    return Curve("isotonic", tuple(values[ends].tolist()), tuple(fitted[ends].tolist()))


def _logit(score: Vector) -> Vector:
    inside = np.clip(score, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _rounded(value: float) -> float:
    return float(f"{value:.{_KEPT_DIGITS}g}")
