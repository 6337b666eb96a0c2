"""Estimators: learnt as their oracles learn, and equal after a round trip through JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import PackageError, TrainingError
from ml_assets.specs.estimators import LightGBMSpec
from ml_assets.training.baselines import Constant, OneRule
from ml_assets.training.boosting import fit_lightgbm
from ml_assets.training.estimators import Boosted, Estimator, estimator_from_json
from ml_assets.training.linear import Linear, fit_logistic
from ml_assets.training.rows import LabelledRows, Matrix
from ml_assets_tests.training.world import model_spec

NAN = float("nan")
FEATURES = ("first", "second", "third")


def rows(count: int = 400, seed: int = 1) -> tuple[Matrix, Matrix]:
    """Three features (the third a category of four codes, holes in all) and labels that follow the first two."""
    draw = np.random.default_rng(seed)
    matrix = np.column_stack([draw.normal(size=count), draw.gamma(1, 100, count), draw.integers(0, 4, count)]).astype(
        float
    )
    label = (draw.random(count) < 1 / (1 + np.exp(-1.5 * matrix[:, 0] - (matrix[:, 1] > 100)))).astype(float)
    matrix[draw.random((count, 3)) < 0.1] = NAN
    return np.asfortranarray(matrix), label


def boosting(**changes: Any) -> LightGBMSpec:
    """The estimator of `model_spec`, changed."""
    return LightGBMSpec.model_validate({**model_spec().estimator.model_dump(), **changes})


def fitted() -> dict[str, Estimator]:
    matrix, label = rows()
    learnt = LabelledRows(matrix, label)
    candidate = fit_lightgbm(learnt, boosting(), [2], searched=(learnt, learnt), place="here").final
    return {
        "constant": Constant.fit(label), "one_rule": OneRule.fit(matrix, label, FEATURES), "linear": Linear.fit(matrix, label, [2]),
        "lightgbm": candidate,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["constant", "one_rule", "linear", "lightgbm"])
def test_estimator_predicts_the_same_after_a_round_trip_through_json(kind: str) -> None:
    estimator, (unseen, _) = fitted()[kind], rows(100, seed=2)
    again = estimator_from_json(json.loads(json.dumps(estimator.to_json())))

    assert again.kind == kind
    assert estimator.predict(unseen).shape == (100,)
    np.testing.assert_array_equal(estimator.predict(unseen), again.predict(unseen))
    np.testing.assert_array_equal(again.predict(unseen[:0]), np.empty(0))


def test_estimator_of_unknown_kind_is_refused() -> None:
    with pytest.raises(PackageError, match="unknown kind 'pickle'"):
        estimator_from_json({"kind": "pickle", "text": "import os"})


def brute_force_rule(matrix: Matrix, label: Matrix) -> tuple[int, dict[float, float]]:
    """Position of the best feature, and value → probability there, counted bin by bin."""
    best: tuple[float, int, dict[float, float]] | None = None
    for position in range(matrix.shape[1]):
        known = sorted(value for value in matrix[:, position] if not np.isnan(value))
        edges = sorted(set(np.quantile(known, [i / 20 for i in range(1, 20)]).tolist())) if known else []
        bins: dict[float, list[float]] = {}
        for value, outcome in zip(matrix[:, position].tolist(), label.tolist(), strict=True):
            bins.setdefault(bin_of(value, edges), []).append(outcome)
        share = {place: (sum(found) + 1) / (len(found) + 2) for place, found in bins.items()}
        chosen = {value: share[bin_of(value, edges)] for value in matrix[:, position].tolist() if not np.isnan(value)}
        loss = -sum(
            np.log(share[bin_of(value, edges)] if outcome else 1 - share[bin_of(value, edges)])
            for value, outcome in zip(matrix[:, position].tolist(), label.tolist(), strict=True)
        )
        if best is None or loss < best[0] - 1e-9:
            best = (float(loss), position, chosen)
    assert best is not None
    return best[1], best[2]


def bin_of(value: float, edges: list[float]) -> float:
    """Number of the bin; -1 holds missing values."""
    return -1 if np.isnan(value) else sum(value > edge for edge in edges)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 1.0, 2.0, 5.0, NAN]), st.floats(-100, 100).map(lambda value: round(value, 1)), st.booleans()),
        min_size=2, max_size=60,
    )
)  # fmt: skip
def test_one_rule_is_what_brute_force_finds(found: list[tuple[float, float, bool]]) -> None:
    matrix = np.array([row[:2] for row in found], dtype=float)
    label = np.array([row[2] for row in found], dtype=float)
    rule = OneRule.fit(matrix, label, ("few", "many"))
    position, shares = brute_force_rule(matrix, label)

    assert rule.position == position
    assert rule.feature == ("few", "many")[position]
    known = ~np.isnan(matrix[:, position])
    np.testing.assert_allclose(
        rule.predict(matrix)[known], [shares[value] for value in matrix[known, position].tolist()], rtol=1e-12
    )
    missing = label[~known]
    np.testing.assert_allclose(rule.predict(matrix)[~known], (missing.sum() + 1) / (len(missing) + 2), rtol=1e-12)


@pytest.mark.parametrize(
    "ridge", [pytest.param(10.0, id="as_used"), pytest.param(0.01, id="weak"), pytest.param(1000.0, id="strong")]
)
def test_logistic_regression_finds_the_optimum_that_scikit_learn_finds(ridge: float) -> None:
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(3)
    design = draw.normal(size=(500, 6)) @ draw.normal(size=(6, 6))
    label = (draw.random(500) < 1 / (1 + np.exp(-design[:, 0] + 0.7))).astype(float)
    intercept, *coefficients = fit_logistic(design, label, ridge)
    oracle = LogisticRegression(C=1 / ridge, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(design, label)

    np.testing.assert_allclose(coefficients, oracle.coef_[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(intercept, oracle.intercept_[0], rtol=1e-6, atol=1e-9)


def test_logistic_regression_ends_on_separable_and_constant_columns() -> None:
    label = np.repeat([0.0, 1.0], 50)
    design = np.column_stack([label, np.ones(100), np.zeros(100), label * 1e3])
    weights = fit_logistic(design, label, 1e-3)

    assert np.isfinite(weights).all()
    assert ((design @ weights[1:] + weights[0] > 0) == (label == 1)).all()


def test_linear_needs_both_classes() -> None:
    with pytest.raises(TrainingError, match="both classes"):
        Linear.fit(rows()[0], np.ones(400), [])


def test_linear_fills_holes_with_the_median_and_marks_them() -> None:
    matrix, label = np.array([[1.0], [2.0], [9.0], [NAN]] * 10), np.array([0.0, 0.0, 1.0, 1.0] * 10)
    linear = Linear.fit(matrix, label, [])

    assert [(part["median"], part["indicator"]) for part in linear.plan] == [(2.0, True)]
    at_median, missing = linear.predict(np.array([[2.0], [NAN]]))
    assert missing > at_median


def test_linear_leaves_out_the_rarest_categories() -> None:
    codes = np.array([0.0] * 2000 + [1.0] * 2000 + [2.0])
    linear = Linear.fit(codes[:, None], np.tile([0.0, 1.0], 2001)[:4001], [0])

    assert linear.plan == ({"position": 0, "codes": [0.0, 1.0]},)


def test_column_that_is_always_missing_changes_nothing() -> None:
    matrix, label = rows()
    wider = np.column_stack([matrix, np.full(len(matrix), NAN)])

    assert OneRule.fit(wider, label, (*FEATURES, "empty")) == OneRule.fit(matrix, label, FEATURES)
    assert np.isfinite(Linear.fit(wider, label, [2]).predict(wider)).all()


@pytest.mark.parametrize("patience", [pytest.param(None, id="fixed_rounds"), pytest.param(3, id="early_stopping")])
@pytest.mark.parametrize("refit", [pytest.param(True, id="refit"), pytest.param(False, id="train_only")])
def test_candidate_learns_from_the_rows_that_were_declared(patience: int | None, refit: bool) -> None:
    train, validation = LabelledRows(*rows(seed=4)), LabelledRows(*rows(200, seed=5))
    everything = LabelledRows(
        np.asfortranarray(np.vstack([train.matrix, validation.matrix])), np.r_[train.label, validation.label]
    )
    spec = boosting(early_stopping_rounds=patience, max_rounds=60)
    learnt = everything if refit else train
    found = fit_lightgbm(learnt, spec, [], searched=(train, validation), place="here")

    fixed = boosting(early_stopping_rounds=None, max_rounds=found.facts["rounds"])
    again = fit_lightgbm(learnt, fixed, [], searched=(learnt, learnt), place="here")
    assert (found.facts["rounds"] < 60) is bool(patience)
    assert tree_text(found.final) == tree_text(again.final)


def tree_text(estimator: Estimator) -> str:
    assert isinstance(estimator, Boosted)
    return trees_of(estimator.text)


def trees_of(text: str) -> str:
    """The model text without the parameters that are written behind the trees."""
    return text.partition("end of trees")[0]
