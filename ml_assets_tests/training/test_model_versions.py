"""Trained versions: numbered, kept, equal for equal inputs, and told by their manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import TrainingError, UnknownNameError
from ml_assets.training.versions import load_version
from ml_assets_tests.builders import instant
from ml_assets_tests.training.world import World, model_spec


def test_equal_inputs_give_equal_bytes_in_two_warehouses(tmp_path: Path) -> None:
    stored = []
    for name in ("one", "two"):
        world = World(tmp_path / name)
        world.train()
        stored.append(world.lab.rows("select package_sha256, map_keys(files), map_values(files) from wh.models.again"))

    assert stored[0] == stored[1]


def test_new_versions_count_up_and_leave_earlier_ones_alone(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    first = world.lab.rows("select * from wh.models.again")
    world.lab.now = instant("2011-04-12")
    world.train()
    world.lab.now = instant("2011-04-19")
    world.train()

    assert [number for number, _ in world.versions()] == [1, 2, 3]
    assert len({sha for _, sha in world.versions()}) == 3
    assert world.lab.rows("select * from wh.models.again where version = 1") == first
    with world.lab.warehouse.reading() as bench:
        assert (load_version(bench, "again").version, load_version(bench, "again", 1).version) == (3, 1)


def test_unchanged_training_set_trains_nothing(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    report = world.lab.run(world.model)

    assert not report.changed
    assert [number for number, _ in world.versions()] == [1]


def test_changed_parameter_trains_a_new_version(tmp_path: Path) -> None:
    World.trained(tmp_path)
    other = World(tmp_path, estimator={"max_rounds": 3, "early_stopping_rounds": None})
    report = other.lab.run(other.model)

    assert [made.note for made in report.made] == ["its logic changed"]
    assert [number for number, _ in other.versions()] == [1, 2]


def test_manifest_says_what_the_version_was_made_from(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    ((text, content, batch),) = world.lab.rows(
        "select m.manifest, t.content, t.batch from wh.models.again m, wh.ops.manifest t where t.asset = 'training.again'"
    )
    manifest: dict[str, Any] = json.loads(text)

    assert (manifest["model"], manifest["version"], manifest["trained_at"]) == ("again", 1, "2011-04-05T00:00:00+00:00")
    assert (manifest["training_set"]["content"], manifest["training_set"]["batch"]) == (content, batch)
    assert len(manifest["training_set"]["inputs"]) == 24
    assert manifest["features"] == {"orders": "integer", "spend": "float", "loyal": "boolean", "channel": "string"}
    assert manifest["estimator"] == model_spec().estimator.model_dump(mode="json")
    assert manifest["facts"]["rows_trained_on"] == 360
    assert manifest["facts"]["rounds"] == 12
    assert {"lightgbm", "numpy", "ml_assets"} <= set(manifest["packages"])


@pytest.mark.parametrize(
    ("estimator", "rows"),
    [
        pytest.param({"early_stopping_rounds": None, "refit": True}, 360, id="fixed_rounds_refit"),
        pytest.param({"early_stopping_rounds": None, "refit": False}, 280, id="fixed_rounds_train_only"),
        pytest.param({"early_stopping_rounds": 2, "refit": True}, 360, id="early_stopping_refit"),
        pytest.param({"early_stopping_rounds": 2, "refit": False}, 280, id="early_stopping_train_only"),
    ],
)
def test_rows_trained_on_are_those_declared_and_never_the_test(
    tmp_path: Path, estimator: dict[str, Any], rows: int
) -> None:
    world = World(
        tmp_path, estimator={"max_rounds": 20, "parameters": {"num_leaves": 4, "min_data_in_leaf": 10}, **estimator}
    )
    world.give()
    world.lab.run(world.training)
    with_test = world.lab.run(world.model).facts
    world.lab.alter(
        "update wh.training.again set label = 1 - label, orders = 0 where part = 'test' or snapshot = timestamp '2011-03-07'"
    )
    world.lab.alter("delete from wh.ops.manifest where asset = 'models.again'")
    flipped = world.lab.run(world.model).facts

    assert with_test["rows_trained_on"] == rows
    assert with_test["package"] == flipped["package"]


@pytest.mark.parametrize(
    ("parameters", "error", "said"),
    [
        pytest.param({"num_leavess": 4}, UnknownNameError, "did you mean num_leaves", id="unknown"),
        pytest.param({"num_threads": 4}, TrainingError, "num_threads is not for `parameters`", id="reserved"),
    ],
)
def test_wrong_parameter_is_an_error_at_the_declaration(
    tmp_path: Path, parameters: dict[str, Any], error: type[Exception], said: str
) -> None:
    world = World(tmp_path, estimator={"parameters": parameters})
    world.give()
    world.lab.run(world.training)
    with pytest.raises(error, match=said) as caught:
        world.lab.run(world.model)

    assert str(caught.value).startswith("model.yaml:1: ")
    assert world.lab.rows("select count(*) from wh.ops.manifest where asset = 'models.again'") == [(0,)]


def test_version_without_useful_features_still_has_all_its_baselines(tmp_path: Path) -> None:
    world = World(
        tmp_path, estimator={"max_rounds": 5, "early_stopping_rounds": None, "parameters": {"min_data_in_leaf": 5000}}
    )
    world.train()

    assert world.judge(world.model)["newest_package_loads_and_answers"].status == "passed"
    assert world.judge(world.evaluation)["each_metric_is_measured_once"].status == "passed"
