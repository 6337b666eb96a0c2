"""The threshold of a yes-or-no decision that costs least on rows the model has not learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_assets.specs.estimators import CostSpec
from ml_assets.training.rows import Vector

DEFAULT_THRESHOLD = 0.5
_DRAWS = 1000
# Scores between which the bootstrap looks; finer steps than a fifth of a percent of the rows are noise.
_MOST_STEPS = 500


@dataclass(frozen=True)
class Threshold:
    """Say yes from `value` on. `low` and `high`: 95 % of bootstrap draws over entities; costs are means a row."""

    value: float
    low: float
    high: float
    cost: float
    cost_at_default: float

    def to_json(self) -> dict[str, Any]:
        return {
            "value": self.value, "low": self.low, "high": self.high, "cost": self.cost,
            "cost_at_0.5": self.cost_at_default, "source": "least cost on validation rows",
        }  # fmt: skip


def choose_threshold(
    label: Vector, score: Vector, costs: CostSpec, entity: npt.NDArray[np.int64], seed: int, draws: int = _DRAWS
) -> Threshold:
    """The threshold of least total cost over all rows (n_rows,); among equal ones the lowest."""
    if not len(label):
        raise ValueError("no rows to choose a threshold on")
    # What saying yes rather than no costs; it is negative for the rows that should be said yes to.
    yes = np.where(label == 1, costs.true_positive - costs.false_negative, costs.false_positive - costs.true_negative)
    no = float(np.where(label == 1, costs.false_negative, costs.true_negative).sum())
    values, place = np.unique(score, return_inverse=True)
    value, cost = _least(values, np.bincount(place, weights=yes).astype(np.float64))
    at_default = no + float(yes[score >= DEFAULT_THRESHOLD].sum())
    low, high = _interval(score, yes, entity, seed, draws)
    return Threshold(value, min(low, value), max(high, value), (no + cost) / len(label), at_default / len(label))


def _least(values: Vector, yes: Vector) -> tuple[float, float]:
    """The cheapest threshold between the ascending scores `values`, and what saying yes above it adds."""
    added = np.r_[np.cumsum(yes[::-1])[::-1], 0.0]
    best = int(np.argmin(np.round(added, 9)))
    if best == 0:
        return float(values[0]), float(added[0])
    above = values[best] if best < len(values) else max(1.0, float(values[-1])) + 1e-9
    return float((values[best - 1] + above) / 2), float(added[best])


def _interval(score: Vector, yes: Vector, entity: npt.NDArray[np.int64], seed: int, draws: int) -> tuple[float, float]:
    steps = np.unique(np.quantile(score, np.linspace(0, 1, _MOST_STEPS), method="nearest"))
    place = np.searchsorted(steps, score, side="right") - 1
    _, codes = np.unique(entity, return_inverse=True)
    people, draw = int(codes.max()) + 1, np.random.default_rng(seed)
    found = np.empty(draws)
    for number in range(draws):
        times = np.bincount(draw.integers(0, people, people), minlength=people)
        found[number] = _least(
            steps, np.bincount(place, weights=times[codes] * yes, minlength=len(steps)).astype(np.float64)
        )[0]
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)
