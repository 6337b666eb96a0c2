"""scikit-learn estimators: fitted as declared, kept without pickle, refused where they are not what they should be."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import zipfile
from typing import Any

import numpy as np
import pytest

from ml_assets.errors import DeclarationError, PackageError, TrainingError
from ml_assets.training.package import hashes_of, load_package
from ml_assets.training.sklearn_package import ScikitLearn
from ml_assets_tests.training.tables import fitted, task_spec, training_rows

HIST: dict[str, Any] = {
    "kind": "sklearn",
    "path": "sklearn.ensemble.HistGradientBoostingClassifier",
    "parameters": {"max_iter": 8},
}


def declared(path: str, parameters: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"kind": "sklearn", "path": path, "parameters": parameters or {}, **more}


CLASSIFIERS = [
    pytest.param(HIST, id="boosting"),
    pytest.param(declared("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 5}), id="forest"),
    pytest.param(
        declared("sklearn.linear_model.LogisticRegression", steps=[{"path": "sklearn.preprocessing.StandardScaler"}]),
        id="pipeline",
    ),
]


@pytest.mark.parametrize("estimator", CLASSIFIERS)
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_model_answers_equally_after_loading_and_ranks_better_than_chance(task: str, estimator: dict[str, Any]) -> None:
    from sklearn.metrics import roc_auc_score

    package, facts = fitted(training_rows(task), task_spec(task, estimator=estimator))
    files = package.to_files()
    again = load_package(files, {"files": hashes_of(files)}, version="again@1")
    unseen = training_rows(task, seed=9)
    matrix, label = package.encode(unseen)[0], package.signature.target.vector(unseen["label"])
    found = again.predict(matrix)

    np.testing.assert_array_equal(found, package.predict(matrix))
    assert roc_auc_score(label, found, multi_class="ovr") > 0.7
    assert facts["estimator"] == estimator["path"]


def test_regressor_is_what_scikit_learn_fits() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    table = training_rows("regression")
    package, _ = fitted(
        table,
        task_spec("regression", estimator=declared("sklearn.ensemble.HistGradientBoostingRegressor", {"max_iter": 9})),
    )
    matrix = package.encode(table)[0]
    oracle = HistGradientBoostingRegressor(max_iter=9, random_state=7, early_stopping=False, categorical_features=[2])

    np.testing.assert_array_equal(
        package.predict(matrix), oracle.fit(matrix, table["label"].to_numpy()).predict(matrix)
    )


def test_equal_fits_in_two_processes_are_equal_bytes() -> None:
    code = (
        "import hashlib; from ml_assets_tests.training.test_sklearn import *\n"
        "print(hashlib.sha256(fitted(training_rows(), task_spec(estimator=HIST))[0].to_files()['candidate.json'].encode()).hexdigest())"
    )
    said = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout
        for _ in range(2)
    }

    assert len(said) == 1


@pytest.mark.parametrize(
    ("estimator", "task", "error", "said"),
    [
        pytest.param(declared("os.system"), "binary", DeclarationError, "is not allowed", id="other_package"),
        pytest.param(declared("sklearn_evil.Model"), "binary", DeclarationError, "is not allowed", id="name_that_begins_alike"),
        pytest.param(declared("sklearn.linear_model.Rigde"), "regression", DeclarationError, "there is no", id="unknown"),
        pytest.param(declared("sklearn.metrics.log_loss"), "binary", DeclarationError, "is no estimator", id="function"),
        pytest.param(declared("sklearn.linear_model.Ridge"), "binary", DeclarationError, "does not fit task binary", id="regressor"),
        pytest.param(declared("sklearn.svm.LinearSVC"), "binary", DeclarationError, "a classifier that gives probabilities", id="no_probabilities"),
        pytest.param(HIST, "regression", DeclarationError, "does not fit task regression", id="classifier"),
        pytest.param(declared("sklearn.linear_model.Ridge", {"alhpa": 1}), "regression", DeclarationError, "no parameter alhpa", id="parameter"),
        pytest.param(declared("sklearn.linear_model.Ridge", {"alpha": -1}), "regression", TrainingError, "could not be fitted", id="bad_value"),
        pytest.param(declared("sklearn.linear_model.Ridge", steps=[{"path": "sklearn.linear_model.Lasso"}]), "regression", DeclarationError, "is no transformer", id="step"),
        pytest.param(declared("sklearn.neighbors.KNeighborsClassifier", class_weights="balanced"), "binary", TrainingError, "cannot weigh rows", id="weights"),
        pytest.param(declared("sklearn.linear_model.Ridge", monotone={"first": "increasing"}), "regression", DeclarationError, "cannot keep to `monotone`", id="monotone"),
    ],
)  # fmt: skip
def test_estimator_that_is_not_right_is_refused(
    estimator: dict[str, Any], task: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        fitted(training_rows(task), task_spec(task, estimator=estimator))
    assert str(caught.value).startswith("model.yaml:1: ")


def with_schema(change: Any) -> ScikitLearn:
    """A fitted model whose skops file says something else."""
    package, _ = fitted(training_rows(), task_spec(estimator=HIST))
    candidate = package.estimators["candidate"]
    assert isinstance(candidate, ScikitLearn)
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(candidate.content)) as source, zipfile.ZipFile(made, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, json.dumps(change(json.loads(data))) if name == "schema.json" else data)
    return ScikitLearn(base64.b64encode(made.getvalue()).decode())


@pytest.mark.parametrize(
    ("module", "name", "loader"),
    [
        pytest.param("os", "system", "FunctionNode", id="foreign_function"),
        pytest.param("numpy", "load", "FunctionNode", id="function_of_a_trusted_package"),
        pytest.param("subprocess", "Popen", "ObjectNode", id="foreign_type"),
    ],
)
def test_model_that_names_what_is_not_trusted_is_refused_before_anything_is_made(
    module: str, name: str, loader: str
) -> None:
    evil = {
        "__class__": name,
        "__module__": module,
        "__loader__": loader,
        "content": {
            "__class__": "dict",
            "__module__": "builtins",
            "__loader__": "DictNode",
            "content": {},
            "key_types": {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": []},
        },
    }

    def change(schema: dict[str, Any]) -> dict[str, Any]:
        schema["content"]["content"]["verbose"] = evil
        return schema

    with pytest.raises(PackageError, match="names what is not trusted") as caught:
        with_schema(change).predict(np.zeros((1, 3)))
    assert f"{module}.{name}" in str(caught.value)


@pytest.mark.parametrize("text", ["AAAA", "no base64!"])
def test_model_that_is_no_skops_file_is_refused(text: str) -> None:
    with pytest.raises(PackageError, match="scikit-learn model"):
        ScikitLearn(text).predict(np.zeros((1, 3)))
