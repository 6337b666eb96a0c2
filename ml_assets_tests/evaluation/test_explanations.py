"""Contributions against LightGBM and against the definition of Shapley values; reasons, dependence, permutation importance."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from ml_assets.errors import MlAssetsError
from ml_assets.evaluation.column_groups import Floats
from ml_assets.evaluation.explanations import (
    Contributions,
    dependence,
    global_importance,
    permutation_importance,
    reason_codes,
    tree_contributions,
)  # fmt: skip
from ml_assets.evaluation.tree_paths import PathTables
from ml_assets.training.lightgbm_library import train_trees

NAMES = ("spend", "kind", "age", "visits", "rare", "zero")


def matrix(rows: int, seed: int = 0) -> Floats:
    """Numbers, categories, missing values, infinities and many zeros."""
    random = np.random.default_rng(seed)
    found = random.normal(size=(rows, len(NAMES)))
    found[:, 1] = random.integers(0, 40, rows)
    found[:, 5] = np.where(random.random(rows) < 0.6, 0.0, found[:, 5])
    found[random.random((rows, len(NAMES))) < 0.1] = np.nan
    found[0, 0], found[1, 0] = np.inf, -np.inf
    return found


def label_of(values: Floats, seed: int = 0) -> Floats:
    known = np.nan_to_num(values, posinf=3, neginf=-3)
    odds = known[:, 0] * known[:, 2] + (known[:, 1] % 3) - 1 + known[:, 5]
    return (np.random.default_rng(seed).random(len(values)) < 1 / (1 + np.exp(-odds))).astype(float)


def model(rounds: int = 30, *, rows: int = 3000, **parameters: Any) -> str:
    values = matrix(rows)
    chosen = {
        "objective": "binary",
        "metric": "binary_logloss",
        "num_leaves": 12,
        "verbosity": -1,
        "num_threads": 1,
        **parameters,
    }
    categorical = [] if "linear_tree" in parameters else [1]
    return train_trees((values, label_of(values)), chosen, rounds, categorical=categorical).text


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({}, id="as_usual"),
        pytest.param({"use_missing": False}, id="missing_is_zero"),
        pytest.param({"zero_as_missing": True}, id="zero_is_missing"),
        pytest.param({"num_leaves": 60, "min_data_in_leaf": 3}, id="deep"),
        pytest.param({"num_leaves": 2}, id="stumps"),
        pytest.param({"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1}, id="averaged"),
        pytest.param({"min_data_in_leaf": 5000}, id="no_split"),
        pytest.param({"objective": "regression", "metric": "l2"}, id="regression"),
        pytest.param({"max_cat_to_onehot": 64}, id="one_category_at_a_time"),
    ],
)
@pytest.mark.parametrize("rows", [1200, 40], ids=["tables", "library"])
def test_contributions_sum_to_the_raw_score_and_are_those_of_lightgbm(parameters: dict[str, Any], rows: int) -> None:
    import lightgbm

    text, values = model(**parameters), matrix(rows, 5)
    booster = lightgbm.Booster(model_str=text)
    raw = booster.predict(values, raw_score=True)
    said = booster.predict(values, pred_contrib=True)
    if (
        "boosting" in parameters
    ):  # of a random forest raw scores and contributions are the library's sums, its prediction is by the mean
        raw, said = raw / booster.num_trees(), said / booster.num_trees()
        assert booster.predict(values) == pytest.approx(1 / (1 + np.exp(-raw)), abs=1e-9)
    found = tree_contributions(text, values, NAMES)

    assert found.values == pytest.approx(said[:, :-1], abs=1e-9)
    assert found.base == pytest.approx(said[0, -1], abs=1e-9)
    assert np.abs(found.raw_scores - raw).max() < 1e-9


def shapley(value: Callable[[frozenset[int]], float], players: int) -> list[float]:
    """Straight from the definition (Shapley 1953)."""
    found = []
    for one in range(players):
        others = [player for player in range(players) if player != one]
        found.append(
            sum(
                math.factorial(size) * math.factorial(players - 1 - size) / math.factorial(players)
                * (value(frozenset(chosen) | {one}) - value(frozenset(chosen)))
                for size in range(players) for chosen in combinations(others, size)
            )
        )  # fmt: skip
    return found


def expected(node: dict[str, Any], row: Floats, known: frozenset[int]) -> float:
    """A tree's mean where only `known` features are known: branches of others by their training rows."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    sides = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        value = row[node["split_feature"]]
        left = bool(node["default_left"]) if np.isnan(value) else value <= node["threshold"]
        return expected(sides[not left], row, known)
    counts = [side.get("internal_count", side.get("leaf_count")) for side in sides]
    return sum(count / sum(counts) * expected(side, row, known) for side, count in zip(sides, counts, strict=True))


def test_contributions_are_shapley_values_by_definition() -> None:
    import lightgbm

    values = matrix(2000)
    values[:, 1] = np.where(np.isnan(values[:, 1]), np.nan, values[:, 1] / 10)
    options = {"objective": "binary", "metric": "binary_logloss", "num_leaves": 8, "verbosity": -1, "num_threads": 1}
    text = train_trees((values, label_of(values)), options, 4).text
    trees = [tree["tree_structure"] for tree in lightgbm.Booster(model_str=text).dump_model()["tree_info"]]
    found = PathTables.of(text).contributions(values[:25])
    for row, said in zip(values[:25], found, strict=True):
        assert said == pytest.approx(
            shapley(lambda known, row=row: sum(expected(tree, row, known) for tree in trees), 6), abs=1e-12
        )


def test_models_without_contributions_are_refused() -> None:
    many = matrix(600)
    options = {"objective": "multiclass", "num_class": 3, "metric": "multi_logloss", "verbosity": -1, "num_threads": 1}
    text = train_trees((many, np.arange(600) % 3.0), options, 2).text

    with pytest.raises(MlAssetsError, match="3 outputs"):
        tree_contributions(text, many, NAMES)
    with pytest.raises(MlAssetsError, match="linear leaves"):
        tree_contributions(model(linear_tree=True), many, NAMES)


def test_no_rows_are_explained_too() -> None:
    found = tree_contributions(model(), np.zeros((0, 6)), NAMES)

    assert found.values.shape == (0, 6)
    assert found.raw_scores.shape == (0,)


def test_matrix_of_other_features_is_refused() -> None:
    text = model()
    with pytest.raises(MlAssetsError, match="not what the model was trained on"):
        tree_contributions(text, np.zeros((3, 5)), NAMES)
    with pytest.raises(MlAssetsError, match="not what the model was trained on"):
        tree_contributions(text, np.zeros((3, 6)), NAMES[:5])


def given(values: list[list[float]], seen: list[list[float]] | None = None) -> Contributions:
    found = np.array(values)
    return Contributions(
        ("a", "b", "c"), found, 0.5, np.array(seen) if seen else np.zeros(found.shape), {"b": ("red", "blue")}
    )


def test_importance_is_the_mean_absolute_contribution_with_an_interval_by_cluster() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(400, 3)) * [1, 3, 0.1]
    once = global_importance(Contributions(("a", "b", "c"), values, 0, values), np.arange(400))
    twice = global_importance(
        Contributions(("a", "b", "c"), np.tile(values, (2, 1)), 0, values), np.tile(np.arange(400), 2)
    )

    assert [one.feature for one in once] == ["b", "a", "c"]
    assert once[0].value == pytest.approx(np.abs(values[:, 1]).mean())
    assert sum(one.share or 0 for one in once) == pytest.approx(1)
    for one, same in zip(once, twice, strict=True):
        assert one.low is not None
        assert 0 <= one.low < one.value < one.high  # type: ignore[operator]
        assert (same.low, same.high) == (pytest.approx(one.low), pytest.approx(one.high))


def test_importance_of_one_cluster_has_no_interval_and_of_no_rows_is_refused() -> None:
    assert global_importance(given([[1, 2, 3]]), np.zeros(1, dtype=int))[0].low is None
    with pytest.raises(MlAssetsError, match="importance needs rows"):
        global_importance(Contributions(("a",), np.zeros((0, 1)), 0, np.zeros((0, 1))), np.array([], dtype=int))


def test_reason_codes_are_the_largest_contributions_of_each_row() -> None:
    table = reason_codes(given([[0.1, -2, 0.5], [3, 0, -1]], [[1.5, 1, 7], [math.nan, 0, 1234567.8]]), most=2)

    assert table.to_pylist() == [
        {"row": 0, "rank": 1, "feature": "b", "value": "blue", "contribution": -2.0, "sentence": "b = blue lowers the score by 2 log odds"},
        {"row": 0, "rank": 2, "feature": "c", "value": "7", "contribution": 0.5, "sentence": "c = 7 raises the score by 0.5 log odds"},
        {"row": 1, "rank": 1, "feature": "a", "value": None, "contribution": 3.0, "sentence": "a is missing raises the score by 3 log odds"},
        {"row": 1, "rank": 2, "feature": "c", "value": "1234570", "contribution": -1.0, "sentence": "c = 1234570 lowers the score by 1 log odds"},
    ]  # fmt: skip


def test_reason_codes_are_the_sorted_contributions_for_many_rows() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(500, 8)).round(1)
    table = reason_codes(Contributions(tuple("abcdefgh"), values, 0, values * 1e-200), most=3)
    oracle = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :3]
    sizes = np.abs(np.take_along_axis(values, oracle, axis=1)).ravel()

    assert np.abs(table["contribution"].to_numpy()) == pytest.approx(sizes)
    assert table["rank"].to_pylist()[:6] == [1, 2, 3, 1, 2, 3]
    assert reason_codes(given([[1, 2, 3]]), most=9).num_rows == 3


def test_infinite_values_are_shown() -> None:
    table = reason_codes(given([[3, 2, 1]], [[math.inf, 0, -math.inf]]))

    assert table["value"].to_pylist() == ["inf", "red", "-inf"]


def test_dependence_of_many_values_has_few_points_that_hold_all_rows() -> None:
    x = np.r_[np.linspace(0, 1, 5000), np.full(100, np.nan)]
    effects = np.where(np.isnan(x), 9.0, 2 * x)
    points = dependence(Contributions(("x",), effects[:, None], 0, x[:, None]), "x", most=50)

    assert len(points) == 50
    assert sum(one.rows for one in points) == 5100
    assert (points[-1].shown, points[-1].value, points[-1].contribution) == ("missing", None, 9.0)
    assert [one.contribution for one in points[:-1]] == pytest.approx([2 * one.value for one in points[:-1]], abs=0.02)  # type: ignore[operator]
    assert [one.value for one in points[:-1]] == sorted(one.value for one in points[:-1])  # type: ignore[type-var]


def test_dependence_of_categories_is_by_name() -> None:
    points = dependence(given([[0, 1, 0], [0, 3, 0], [0, -1, 0]], [[0, 0, 0], [0, 0, 0], [0, 1, 0]]), "b")

    assert [(one.shown, one.contribution, one.rows) for one in points] == [("red", 2.0, 2), ("blue", -1.0, 1)]


def test_dependence_of_an_unknown_feature_is_refused_and_of_a_missing_one_is_one_point() -> None:
    with pytest.raises(MlAssetsError, match="no dependence to show"):
        dependence(given([[1, 2, 3]]), "d")
    assert len(dependence(given([[1, 2, 3]], [[math.nan, 0, 0]]), "a")) == 1


def test_permutation_importance_finds_what_the_model_uses() -> None:
    random = np.random.default_rng(2)
    values = random.normal(size=(4000, 3))

    def predict(rows: Floats) -> Floats:
        found: Floats = 1 / (1 + np.exp(-(2 * rows[:, 1] + 0.5 * rows[:, 0])))
        return found

    label = (random.random(4000) < predict(values)).astype(float)
    found = permutation_importance(predict, values, label, ("a", "b", "c"), np.arange(4000) // 2)
    again = permutation_importance(predict, values, label, ("a", "b", "c"), np.arange(4000) // 2)

    assert [one.feature for one in found] == ["b", "a", "c"]
    assert {(one.method, one.unit) for one in found} == {("permutation", "log loss")}
    assert found[1].low is not None
    assert found[1].low > 0
    assert found[2].value == 0
    assert found == again


def test_permutation_importance_of_a_regression_is_twice_the_variance_explained() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=(20_000, 2))
    label = 3 * values[:, 0] + random.normal(size=20_000)
    found = permutation_importance(
        lambda rows: 3 * rows[:, 0], values, label, ("a", "b"), np.arange(20_000), task="regression"
    )

    assert found[0].unit == "squared error"
    assert found[0].value == pytest.approx(2 * 9, rel=0.05)
    assert found[0].low < 18 < found[0].high  # type: ignore[operator]


def test_permutation_importance_without_rows_is_refused() -> None:
    with pytest.raises(MlAssetsError, match="importance cannot be measured"):
        permutation_importance(lambda rows: rows[:, 0], np.zeros((0, 1)), np.zeros(0), ("a",), np.zeros(0, dtype=int))


def test_permutation_importance_of_several_classes_names_the_feature_that_decides() -> None:
    random = np.random.default_rng(5)
    matrix = random.normal(size=(600, 3))
    label = np.digitize(matrix[:, 1], [-0.5, 0.5]).astype(np.float64)

    def predict(rows: np.ndarray) -> np.ndarray:
        distance = -np.abs(rows[:, [1]] - np.array([-1.0, 0.0, 1.0])) * 4
        return np.exp(distance) / np.exp(distance).sum(axis=1, keepdims=True)

    found = permutation_importance(predict, matrix, label, ["a", "b", "c"], np.arange(600), task="multiclass")

    assert (found[0].feature, found[0].unit) == ("b", "log loss")
    assert found[0].low is not None
    assert found[0].low > 0
    assert [one.value for one in found[1:]] == [0.0, 0.0]
