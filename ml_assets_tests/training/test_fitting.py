"""From training rows to a package: every task, and every kind of rows that nothing can be learnt from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from ml_assets.errors import MlAssetsError, TrainingError, UnknownNameError
from ml_assets.training.estimators import Boosted
from ml_assets.training.package import hashes_of, load_package
from ml_assets_tests.training.tables import FEATURES, TREES, fitted, task_spec, training_rows
from ml_assets_tests.training.test_estimators import trees_of

TASKS = ("binary", "multiclass", "regression", "ranking")


@pytest.mark.parametrize("task", TASKS)
def test_package_answers_in_the_shape_of_its_task_and_equally_after_loading(task: str) -> None:
    table = training_rows(task)
    package, facts = fitted(table, task_spec(task))
    files = package.to_files()
    again = load_package(files, {"files": hashes_of(files)}, version="again@1")
    matrix, _ = package.encode(table)

    shape = (600, 3) if task == "multiclass" else (600,)
    assert again.signature == package.signature
    for name in ("candidate", "constant", "one_rule", "linear"):
        assert package.predict(matrix, name).shape == shape
        np.testing.assert_array_equal(again.predict(matrix, name), package.predict(matrix, name))
        assert again.predict(matrix[:0], name).shape == (0, *shape[1:])
    if task == "multiclass":
        np.testing.assert_allclose(package.predict(matrix).sum(axis=1), 1)
        assert package.signature.target.classes == ("high", "low", "mid")
    assert facts["rows_trained_on"] == 600


@pytest.mark.parametrize("task", TASKS)
def test_order_of_the_rows_changes_no_byte(task: str) -> None:
    table = training_rows(task)
    shuffled = table.take(pa.array(np.random.default_rng(1).permutation(len(table))))

    assert fitted(table, task_spec(task))[0].to_files() == fitted(shuffled, task_spec(task))[0].to_files()


@pytest.mark.parametrize("task", ["multiclass", "regression", "ranking"])
def test_candidate_is_what_the_package_of_lightgbm_learns(task: str) -> None:
    import lightgbm

    table = training_rows(task)
    spec = task_spec(task, estimator={**TREES, "refit": False, "early_stopping_rounds": 30})
    package, facts = fitted(table, spec)
    matrix, _ = package.encode(table)
    label = package.signature.target.vector(table["label"])
    train = np.asarray(table["part"].to_pylist()) == "train"
    told = {
        "multiclass": {"objective": "multiclass", "num_class": 3, "metric": "multi_logloss"},
        "regression": {"objective": "l2", "metric": "l2"},
        "ranking": {"objective": "lambdarank", "metric": "ndcg", "eval_at": 10},
    }[task]
    parameters = {
        **told,
        **TREES["parameters"],
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        "seed": 7,
    }
    groups = {"group": [100] * 4} if task == "ranking" else {}
    watched = {"group": [100] * 2} if task == "ranking" else {}
    names = ["f0", "f1", "f2"]
    data = lightgbm.Dataset(matrix[train], label[train], feature_name=names, categorical_feature=[2], **groups)
    held = lightgbm.Dataset(matrix[~train], label[~train], reference=data, **watched)
    oracle = lightgbm.train(
        parameters, data, 30, valid_sets=[held], callbacks=[lightgbm.early_stopping(30, verbose=False)]
    )

    candidate = package.estimators["candidate"]
    assert isinstance(candidate, Boosted)
    assert facts["rounds"] == oracle.best_iteration
    assert trees_of(candidate.text) == trees_of(oracle.model_to_string(num_iteration=oracle.best_iteration))
    np.testing.assert_array_equal(package.predict(matrix), oracle.predict(matrix, num_iteration=oracle.best_iteration))
    contributions = candidate.trees.contributions(matrix)
    np.testing.assert_allclose(contributions.sum(axis=-1), candidate.trees.raw(matrix), atol=1e-9)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_candidate_and_linear_beat_the_constant_where_there_is_something_to_learn(task: str) -> None:
    package, _ = fitted(training_rows(task), task_spec(task))
    unseen = training_rows(task, seed=8)
    matrix, label = package.encode(unseen)[0], package.signature.target.vector(unseen["label"])

    def loss(name: str) -> float:
        found = package.predict(matrix, name)
        if task == "regression":
            return float(np.mean((found - label) ** 2))
        return float(-np.mean(np.log(found[np.arange(len(label)), label.astype(int)])))

    assert max(loss("candidate"), loss("linear")) < loss("one_rule") < loss("constant")


def test_queries_are_ranked_within_their_declared_column() -> None:
    table = training_rows("ranking").append_column("basket", pa.array(np.arange(600) % 7))
    spec = task_spec("ranking", label={"sql": "l.sql", "population": "p.sql", "horizon": "14 days", "query": "basket"})

    assert spec.carried == ("basket",)
    assert fitted(table, spec)[0].to_files() != fitted(table, task_spec("ranking"))[0].to_files()


def replaced(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values))


@pytest.mark.parametrize(
    ("task", "column", "values", "said"),
    [
        pytest.param("binary", "first", [float("inf")] + [0.5] * 599, "first in 1 rows", id="infinite"),
        pytest.param("binary", "label", [1] * 600, "all of 1", id="single_class"),
        pytest.param("binary", "label", [2, 0, 1] * 200, "200 labels are none of a binary task", id="label_outside"),
        pytest.param("regression", "label", [1.5] * 600, "all of 1.5", id="constant_label"),
        pytest.param("regression", "label", [float("nan"), 1.0] * 300, "300 labels are none of a regression task", id="label_not_finite"),
        pytest.param("ranking", "label", [-1, 1, 2] * 200, "200 labels are none of a ranking task", id="negative_grade"),
        pytest.param("multiclass", "label", ["a"] * 600, "at least two classes", id="one_class"),
        pytest.param("multiclass", "label", ["a", "b"] * 299 + ["a", "c"], "1 labels are none of a multiclass task", id="class_unknown_to_training"),
        pytest.param("binary", "part", ["train"] * 600, "not those of a split", id="no_validation"),
        pytest.param("binary", "part", ["train", "validation", "test"] * 200, "none of test", id="test_rows"),
    ],
)  # fmt: skip
def test_rows_that_cannot_teach_are_an_error_at_the_declaration(task: str, column: str, values: Any, said: str) -> None:
    with pytest.raises(TrainingError, match=said) as caught:
        fitted(replaced(training_rows(task), column, values), task_spec(task))
    assert str(caught.value).startswith("model.yaml:1: ")


def test_label_outside_the_declared_classes_is_an_error_that_names_it() -> None:
    label = {"sql": "l.sql", "population": "p.sql", "horizon": "14 days", "classes": ["low", "high"]}
    with pytest.raises(TrainingError, match="labels are none of a multiclass task") as caught:
        fitted(training_rows("multiclass"), task_spec("multiclass", label=label))
    assert "one of low, high" in str(caught.value)
    assert "example:  mid" in str(caught.value)


def test_rows_without_any_are_an_error() -> None:
    with pytest.raises(TrainingError, match="no rows"):
        fitted(training_rows().slice(0, 0), task_spec())


def test_constant_and_missing_features_are_left_out_and_named() -> None:
    table = (
        training_rows()
        .append_column("flat", pa.array([4] * 600))
        .append_column("empty", pa.array([None] * 600, pa.float64()))
    )
    package, facts = fitted(table, task_spec(), {**FEATURES, "flat": "integer", "empty": "float"})

    assert package.encoder.features == ("first", "second", "kind")
    assert facts["left_out_features"] == {"flat": "the same value in every row", "empty": "always missing"}
    with pytest.raises(TrainingError, match="no feature has anything to teach"):
        fitted(table, task_spec(), {"flat": "integer", "empty": "float"})


@pytest.mark.parametrize("direction", [pytest.param("increasing", id="up"), pytest.param("decreasing", id="down")])
@pytest.mark.parametrize(
    "estimator",
    [
        TREES,
        {"kind": "sklearn", "path": "sklearn.ensemble.HistGradientBoostingClassifier", "parameters": {"max_iter": 10}},
    ],
    ids=["lightgbm", "sklearn"],
)
def test_monotone_features_move_the_prediction_one_way_only(direction: str, estimator: dict[str, Any]) -> None:
    package, _ = fitted(training_rows(), task_spec(estimator={**estimator, "monotone": {"second": direction}}))
    grid = np.linspace(-3, 3, 50)
    answers = package.predict(package.encode({"first": [0.3] * 50, "second": grid, "kind": ["y"] * 50})[0])

    steps = np.diff(answers) * (1 if direction == "increasing" else -1)
    assert (steps >= 0).all()
    assert (steps > 0).any() is np.bool_(direction == "decreasing")


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        pytest.param({"monotone": {"frist": "increasing"}}, UnknownNameError, "did you mean first", id="unknown_feature"),
        pytest.param({"monotone": {"kind": "increasing"}}, TrainingError, "which is a category", id="category"),
        pytest.param({"class_weights": {"2": 3.0}}, MlAssetsError, "classes that do not occur", id="unknown_class"),
    ],
)  # fmt: skip
def test_names_that_do_not_exist_are_refused(changes: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        fitted(training_rows(), task_spec(estimator={**TREES, **changes}))


def test_heavier_class_is_predicted_more_often() -> None:
    table = training_rows()
    shares = []
    for weights in ({"0": 5.0}, None, "balanced", {"1": 5.0}):
        package, _ = fitted(table, task_spec(estimator={**TREES, "class_weights": weights}))
        shares.append(float(package.predict(package.encode(table)[0]).mean()))

    assert shares[0] < shares[1] < shares[3]
    assert shares[2] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        pytest.param({"task": "regression", "calibration": "platt"}, "calibration is of probabilities", id="calibration"),
        pytest.param({"task": "multiclass", "costs": {"false_positive": 1, "false_negative": 2}}, "only a binary task", id="costs"),
        pytest.param({"task": "regression", "split": {"kind": "stratified"}}, "stratified split needs classes", id="stratified"),
        pytest.param({"task": "ranking", "estimator": {"kind": "sklearn", "path": "sklearn.linear_model.Ridge"}}, "kind: lightgbm", id="ranking"),
        pytest.param({"costs": {"false_positive": 0, "false_negative": 2}}, "must cost more", id="free_error"),
        pytest.param({"split": {"kind": "random", "test": 0.6, "validation": 0.5}}, "leave no rows", id="shares"),
        pytest.param({"split": {"kind": "group", "shares": 3}}, "shares", id="unknown_field"),
    ],
)  # fmt: skip
def test_declaration_that_does_not_fit_its_task_is_refused(declared: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        task_spec(**{"task": "binary", **declared})
