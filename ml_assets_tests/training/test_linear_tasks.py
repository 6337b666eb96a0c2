"""The baselines of several classes and of numbers against scikit-learn and brute force."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ml_assets.training.baselines import Constant, OneRule
from ml_assets.training.estimators import estimator_from_json
from ml_assets.training.linear import Linear, fit_multinomial, fit_ridge
from ml_assets.training.target import Target

NAN = float("nan")


@pytest.mark.parametrize("ridge", [0.1, 10.0, 1000.0])
def test_multinomial_regression_finds_the_optimum_that_scikit_learn_finds(ridge: float) -> None:
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(3)
    design = draw.normal(size=(600, 5)) @ draw.normal(size=(5, 5))
    label = (design[:, :3] + draw.normal(size=(600, 3))).argmax(axis=1)
    weights = fit_multinomial(design, label, 3, ridge)
    oracle = LogisticRegression(C=1 / ridge, tol=1e-10, max_iter=5000).fit(design, label)

    np.testing.assert_allclose(weights[:, 1:], oracle.coef_, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(weights[:, 0], oracle.intercept_ - oracle.intercept_.mean(), rtol=1e-3, atol=1e-4)


def test_ridge_regression_is_what_scikit_learn_fits() -> None:
    from sklearn.linear_model import Ridge

    draw = np.random.default_rng(4)
    design = draw.normal(size=(300, 4)) + 5
    label = design @ draw.normal(size=4) + draw.normal(size=300)
    intercept, *coefficients = fit_ridge(design, label, 10.0)
    oracle = Ridge(alpha=10.0).fit(design, label)

    np.testing.assert_allclose(coefficients, oracle.coef_, rtol=1e-9)
    assert intercept == pytest.approx(oracle.intercept_, rel=1e-9)


def test_one_rule_of_numbers_is_the_shrunk_mean_of_each_value_of_the_best_feature() -> None:
    draw = np.random.default_rng(5)
    matrix = np.column_stack([draw.normal(size=400), draw.integers(0, 3, 400), draw.normal(size=400)]).astype(float)
    label = np.array([0.0, 10.0, -4.0])[matrix[:, 1].astype(int)] + draw.normal(size=400)
    matrix[::10, 1] = NAN
    rule = OneRule.fit(matrix, label, ("noise", "level", "more"), Target("regression"))

    assert rule.feature == "level"
    for value in (0.0, 1.0, 2.0, NAN):
        chosen = np.isnan(matrix[:, 1]) if np.isnan(value) else matrix[:, 1] == value
        wanted = (label[chosen].sum() + label.mean()) / (chosen.sum() + 1)
        assert rule.predict(np.array([[0.0, value, 0.0]]))[0] == pytest.approx(wanted, rel=1e-12)


def test_one_rule_of_classes_gives_smoothed_shares() -> None:
    matrix = np.repeat([[0.0], [1.0], [NAN]], [30, 20, 10], axis=0)
    label = np.r_[np.zeros(30), np.ones(20), np.full(10, 2.0)]
    rule = OneRule.fit(matrix, label, ("only",), Target("multiclass", ("a", "b", "c")))

    np.testing.assert_allclose(
        rule.predict(np.array([[0.0], [1.0], [NAN]])),
        [[31 / 33, 1 / 33, 1 / 33], [1 / 23, 21 / 23, 1 / 23], [1 / 13, 1 / 13, 11 / 13]],
    )


@pytest.mark.parametrize(
    ("task", "label", "wanted"),
    [
        pytest.param("multiclass", [0, 0, 1, 2], [0.5, 0.25, 0.25], id="shares"),
        pytest.param("regression", [1, 2, 6, 7], 4.0, id="mean"),
        pytest.param("ranking", [1, 2, 3, 3], 0.0, id="nothing"),
    ],
)
def test_constant_is_that_of_its_task_and_comes_back_from_json(task: str, label: list[float], wanted: object) -> None:
    target = Target(task, ("a", "b", "c") if task == "multiclass" else ())
    constant = Constant.fit(np.array(label, dtype=float), target)

    np.testing.assert_array_equal(constant.predict(np.zeros((1, 1)))[0], wanted)
    assert estimator_from_json(json.loads(json.dumps(constant.to_json()))) == constant


def test_linear_of_classes_comes_back_from_json_with_equal_answers() -> None:
    draw = np.random.default_rng(6)
    matrix = np.column_stack([draw.normal(size=200), draw.integers(0, 3, 200)]).astype(float)
    label = np.digitize(matrix[:, 0] + draw.normal(size=200), [-0.5, 0.5]).astype(float)
    linear = Linear.fit(matrix, label, [1], Target("multiclass", ("a", "b", "c")))
    again = estimator_from_json(json.loads(json.dumps(linear.to_json())))

    np.testing.assert_array_equal(again.predict(matrix), linear.predict(matrix))
    np.testing.assert_allclose(linear.predict(matrix).sum(axis=1), 1)
