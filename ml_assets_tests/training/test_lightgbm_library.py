"""The binding to LightGBM's C library against the Python package, which is the oracle."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, Literal

import numpy as np
import pytest

from ml_assets.errors import TrainingError, UnknownNameError
from ml_assets.training.lightgbm_library import Trees, known_parameters, refuse_parameters, train_trees
from ml_assets_tests.training.test_estimators import rows, trees_of

PARAMETERS: dict[str, Any] = {
    "objective": "binary", "metric": "binary_logloss", "num_leaves": 5, "min_data_in_leaf": 5, "learning_rate": 0.3, "feature_fraction": 0.7,
    "bagging_fraction": 0.8, "bagging_freq": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1, "seed": 7,
    "monotone_constraints": [1, 0, 0],
}  # fmt: skip


def trained_by_the_package(patience: int | None, order: Literal["C", "F"]) -> Any:
    import lightgbm

    (matrix, label), validation = rows(), rows(200, seed=2)
    data = lightgbm.Dataset(
        np.array(matrix, order=order), label, feature_name=["f0", "f1", "f2"], categorical_feature=[2]
    )
    if patience is None:
        return lightgbm.train(PARAMETERS, data, 30)
    watched = lightgbm.Dataset(*validation, reference=data)
    stop = lightgbm.early_stopping(patience, verbose=False)
    return lightgbm.train(PARAMETERS, data, 200, valid_sets=[watched], callbacks=[stop])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("patience", [pytest.param(None, id="fixed_rounds"), pytest.param(5, id="early_stopping")])
def test_trees_are_those_of_the_package(patience: int | None, order: Literal["C", "F"]) -> None:
    matrix, label = rows()
    same = np.array(matrix, order=order)
    oracle = trained_by_the_package(patience, order)
    if patience is None:
        found = train_trees((same, label), PARAMETERS, 30, categorical=[2])
    else:
        found = train_trees(
            (same, label), PARAMETERS, 200, categorical=[2], validation=rows(200, seed=2), patience=patience
        )

    assert trees_of(found.text) == trees_of(oracle.model_to_string(num_iteration=found.rounds))
    assert found.rounds == (30 if patience is None else oracle.best_iteration)
    if patience is not None:
        assert found.loss == oracle.best_score["valid_0"]["binary_logloss"]


def test_probabilities_contributions_and_gains_are_those_of_the_package() -> None:
    oracle, (unseen, _) = trained_by_the_package(None, "C"), rows(50, seed=3)
    trees = Trees(oracle.model_to_string())

    np.testing.assert_array_equal(trees.predicted(unseen), oracle.predict(unseen))
    np.testing.assert_array_equal(trees.contributions(unseen), oracle.predict(unseen, pred_contrib=True))
    np.testing.assert_array_equal(trees.gains(), oracle.feature_importance("gain"))
    assert trees.contributions(unseen[:0]).shape == (0, 4)


def test_model_text_can_be_read_by_the_package() -> None:
    import lightgbm

    text = train_trees(rows(), PARAMETERS, 10).text
    unseen = rows(50, seed=3)[0]

    np.testing.assert_array_equal(lightgbm.Booster(model_str=text).predict(unseen), Trees(text).predicted(unseen))


def test_number_of_threads_changes_no_byte_of_the_trees() -> None:
    one, two = (trees_of(train_trees(rows(), {**PARAMETERS, "num_threads": threads}, 10).text) for threads in (1, 2))

    assert one == two


def test_rows_that_lie_apart_are_refused() -> None:
    matrix, label = rows()
    with pytest.raises(ValueError, match="a contiguous float64 matrix is needed"):
        train_trees((matrix[::2], label[::2]), PARAMETERS, 1)


def test_what_the_library_refuses_is_told() -> None:
    matrix, label = rows()
    with pytest.raises(TrainingError, match="monotone_constraints"):
        train_trees((matrix, label), {**PARAMETERS, "monotone_constraints": [1]}, 1)


@pytest.mark.parametrize(
    ("declared", "error", "said"),
    [
        pytest.param({"num_leafs": 3}, UnknownNameError, r"did you mean num_leaf", id="unknown"),
        pytest.param({"metric": "auc"}, TrainingError, "metric is not for `parameters`", id="reserved"),
        pytest.param({"n_estimators": 3}, TrainingError, "n_estimators is not for `parameters`", id="reserved_alias"),
    ],
)
def test_parameter_that_would_be_ignored_is_refused(
    declared: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        refuse_parameters(declared, ("metric", "num_iterations"), "model.yaml:7")


def test_parameters_are_known_by_all_their_names() -> None:
    known = known_parameters()

    assert (known["num_leaves"], known["max_leaf"], known["eta"]) == ("num_leaves", "num_leaves", "learning_rate")


@pytest.mark.parametrize(
    ("given", "left"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"GOMP_SPINCOUNT": "7"}, "7", id="own_spin_count"),
        pytest.param({"OMP_WAIT_POLICY": "PASSIVE"}, "", id="own_policy"),
    ],
)
def test_training_imports_no_other_package_and_leaves_the_environment_alone(given: dict[str, str], left: str) -> None:
    code = (
        "import os, sys, numpy as np\n"
        "from ml_assets.training.lightgbm_library import train_trees\n"
        "draw = np.random.default_rng(1); x = draw.normal(size=(100, 2))\n"
        "train_trees((x, (x[:, 0] > 0) * 1.0), {'objective': 'binary', 'verbosity': -1}, 2)\n"
        "print([name for name in ('lightgbm', 'sklearn', 'scipy', 'pandas', 'dagster') if name in sys.modules], os.environ.get('GOMP_SPINCOUNT', ''))"
    )
    clean = {name: value for name, value in os.environ.items() if "OMP" not in name}
    said = subprocess.run(
        [sys.executable, "-c", code], env=clean | given, capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert said.strip() == f"[] {left}".strip()
