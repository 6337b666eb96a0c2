"""The threshold that costs least, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.specs.estimators import CostSpec
from ml_assets.training.thresholds import choose_threshold
from ml_assets_tests.training.tables import fitted, task_spec, training_rows


def cost_at(threshold: float, rows: list[tuple[float, bool]], costs: CostSpec) -> float:
    """Mean cost a row, one row after the other."""
    total = 0.0
    for score, label in rows:
        said = score >= threshold
        total += {
            (True, True): costs.true_positive, (True, False): costs.false_positive,
            (False, True): costs.false_negative, (False, False): costs.true_negative,
        }[said, label]  # fmt: skip
    return total / len(rows)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.8, 1.0]), st.booleans()), min_size=1, max_size=30),
    st.floats(0.1, 10), st.floats(0.1, 10), st.floats(-5, 0), st.floats(-5, 0),
)  # fmt: skip
def test_no_threshold_costs_less(
    rows: list[tuple[float, bool]], positive: float, negative: float, hit: float, rest: float
) -> None:
    costs = CostSpec(false_positive=positive, false_negative=negative, true_positive=hit, true_negative=rest)
    score, label = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=float)
    found = choose_threshold(label, score, costs, np.arange(len(rows)), seed=1, draws=20)

    assert found.cost == pytest.approx(cost_at(found.value, rows, costs), abs=1e-9)
    assert found.cost == pytest.approx(min(cost_at(t, rows, costs) for t in [*score.tolist(), 1.1]), abs=1e-6)
    assert found.cost_at_default == pytest.approx(cost_at(0.5, rows, costs), abs=1e-9)
    assert found.low <= found.value <= found.high


def test_threshold_of_true_probabilities_is_where_both_errors_cost_the_same() -> None:
    draw = np.random.default_rng(1)
    score = draw.random(50_000)
    label = (draw.random(50_000) < score).astype(float)
    found = choose_threshold(
        label, score, CostSpec(false_positive=1, false_negative=4), draw.integers(0, 5000, 50_000), seed=2
    )

    assert found.low <= 0.2 <= found.high
    assert found.value == pytest.approx(0.2, abs=0.03)
    assert found.high - found.low < 0.1
    assert found.cost < found.cost_at_default


def test_interval_is_wider_where_rows_come_in_few_entities() -> None:
    draw = np.random.default_rng(3)
    mood = np.repeat(draw.normal(size=20), 100)
    score = 1 / (1 + np.exp(-draw.normal(size=2000)))
    label = (draw.random(2000) < 1 / (1 + np.exp(-2 * mood - np.log(score / (1 - score))))).astype(float)
    costs = CostSpec(false_positive=1, false_negative=2)
    few = choose_threshold(label, score, costs, np.repeat(np.arange(20), 100), seed=1)
    many = choose_threshold(label, score, costs, np.arange(2000), seed=1)

    assert few.value == many.value
    assert few.high - few.low > many.high - many.low


def test_facts_state_the_threshold_and_where_it_comes_from() -> None:
    costs = {"false_positive": 1, "false_negative": 5}
    _, chosen = fitted(training_rows(), task_spec(costs=costs))
    _, default = fitted(training_rows(), task_spec())
    _, none = fitted(training_rows("regression"), task_spec("regression"))

    assert chosen["threshold"]["value"] < 0.5
    assert chosen["threshold"]["cost"] < chosen["threshold"]["cost_at_0.5"]
    assert default["threshold"] == {"value": 0.5, "source": "default: no costs are declared"}
    assert "threshold" not in none
