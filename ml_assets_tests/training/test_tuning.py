"""Tuning: seeded, within its budget, and blind to everything but training and validation rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import DeclarationError, MlAssetsError
from ml_assets_tests.training.tables import TREES, fitted, task_spec, training_rows
from ml_assets_tests.training.world import World

TUNING: dict[str, Any] = {"trials": 8, "seed": 3}


def tuned(task: str = "binary", **tuning: Any) -> dict[str, Any]:
    _, facts = fitted(training_rows(task), task_spec(task, tuning={**TUNING, **tuning}))
    found: dict[str, Any] = facts["tuning"]
    return found


def test_equal_seeds_find_equal_parameters() -> None:
    assert tuned() == tuned()
    assert tuned()["parameters"] != tuned(seed=4)["parameters"]


def test_best_trial_is_no_worse_than_the_first_and_makes_the_candidate() -> None:
    package, facts = fitted(training_rows(), task_spec(tuning=TUNING))
    found = facts["tuning"]
    by_hand = {**TREES, "parameters": {**TREES["parameters"], **found["parameters"]}}

    assert found["loss"] <= found["first_loss"]
    assert facts["validation_loss"] == found["loss"]
    assert (found["trials"], found["stopped_by"]) == (8, "trials")
    assert package.to_files() == fitted(training_rows(), task_spec(estimator=by_hand))[0].to_files()
    assert not {"num_leaves", "min_data_in_leaf"} & set(found["parameters"])


def test_hopeless_trials_are_pruned() -> None:
    space = {"learning_rate": {"choices": [0.3, 0.2, 0.15, 0.1, 1e-6]}}
    found = tuned(trials=20, space=space)

    assert found["pruned"] > 0
    assert found["parameters"]["learning_rate"] > 1e-6


@pytest.mark.parametrize(
    ("task", "metric"), [("binary", "auc"), ("multiclass", None), ("regression", "l1"), ("ranking", "map")]
)
def test_every_task_can_be_tuned(task: str, metric: str | None) -> None:
    found = tuned(task, trials=2, metric=metric)

    assert found["trials"] == 2
    assert (found["loss"] < 0) is (metric in ("auc", "map"))


def test_scikit_learn_is_tuned_in_its_declared_space() -> None:
    estimator = {"kind": "sklearn", "path": "sklearn.linear_model.Ridge"}
    space = {"alpha": {"low": 0.01, "high": 1e6, "log": True}}
    _, facts = fitted(
        training_rows("regression"), task_spec("regression", estimator=estimator, tuning={**TUNING, "space": space})
    )

    assert facts["tuning"]["parameters"]["alpha"] < 1e4
    with pytest.raises(DeclarationError, match="no search space"):
        fitted(training_rows("regression"), task_spec("regression", estimator=estimator, tuning=TUNING))


def test_metric_of_another_task_is_refused() -> None:
    with pytest.raises(DeclarationError, match="cannot judge a regression task by auc"):
        tuned("regression", metric="auc")


def test_budget_of_time_ends_the_search() -> None:
    found = tuned(trials=10_000, minutes=0.005)

    assert found["stopped_by"] == "minutes"
    assert 1 <= found["trials"] < 10_000


def test_missing_optuna_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MlAssetsError, match=r"pip install 'ml-assets\[tune\]'"):
        tuned()


def test_absurd_test_labels_change_no_parameter(tmp_path: Path) -> None:
    found = []
    for name, absurd in (("plain", False), ("absurd", True)):
        world = World(tmp_path / name, tuning={"trials": 4}, estimator={"max_rounds": 10, "early_stopping_rounds": 3})
        world.give()
        world.lab.run(world.training)
        if absurd:
            world.lab.alter(
                "update wh.training.again set label = 1 - label, orders = 1000, spend = -1e9, channel = 'moon' where part = 'test'"
            )
        facts = world.lab.run(world.model).facts
        found.append((facts["tuning"], facts["package"]))

    assert found[0] == found[1]
    assert found[0][0]["parameters"]
