"""Bad input on the way from labels to an evaluation: a clear error, or not applicable with its reason; never a wrong number."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import MlAssetsError, TrainingError
from ml_assets.evaluation.curve_pictures import shown_value
from ml_assets.evaluation.explanations import Contributions, DependencePoint, dependence
from ml_assets_tests.training.world import FEATURES, World

TRAIN = ("2011-01-03", "2011-01-10", "2011-01-17", "2011-01-24", "2011-01-31", "2011-02-07", "2011-02-14")
VALIDATION, TEST = ("2011-02-28",), ("2011-03-14", "2011-03-21")
TYPES = {"binary": "bigint", "multiclass": "varchar", "regression": "double", "ranking": "bigint"}
LABELS = {
    "binary": "label",
    "multiclass": "case when label = 1 then 'a' when customer_id % 3 = 0 then 'c' else 'b' end",
    "regression": "label * 2.5 + customer_id / 10",
    "ranking": "label * 2 + customer_id % 2",
}
ONE_LABEL = {"binary": "1", "multiclass": "'b'", "regression": "4.5", "ranking": "2"}


def relabelled(root: Path, task: str, snapshots: tuple[str, ...] = (), label: str | None = None, **model: Any) -> World:
    """A world of the task with its training set; in some snapshots every label is what `label` (SQL) says."""
    world = World(root, task=task, **model)
    world.give()
    chosen = ", ".join(f"timestamp '{key}'" for key in snapshots) or "null"
    said = f"case when snapshot in ({chosen}) then {label or ONE_LABEL[task]} else {LABELS[task]} end::{TYPES[task]}"
    world.lab.alter(f"alter table wh.labels.again alter label type {TYPES[task]} using {said}")
    world.lab.run(world.training)
    return world


def judged(world: World) -> dict[str, Any]:
    """From the training set to an evaluation; check → finding."""
    world.lab.run(world.model)
    world.lab.run(world.evaluation)
    return world.judge(world.evaluation)


def page(world: World) -> str:
    return (world.lab.home.reports / "again" / "1.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("task", sorted(TYPES))
@pytest.mark.parametrize(("part", "snapshots"), [("train", TRAIN), ("validation", VALIDATION)])
def test_one_label_in_a_part_that_is_learnt_from_is_an_error(
    tmp_path: Path, task: str, part: str, snapshots: tuple[str, ...]
) -> None:
    world = relabelled(tmp_path, task, snapshots)

    with pytest.raises(TrainingError) as raised:
        world.lab.run(world.model)
    if task == "multiclass" and part == "train":
        assert "a multiclass label needs at least two classes" in str(raised.value)
    else:
        rows = 40 * len(snapshots)
        assert f"the {part} rows do not show what is to be told apart" in str(raised.value)
        assert f"{rows} rows, all of {ONE_LABEL[task].strip(chr(39))}" in str(raised.value)


@pytest.mark.parametrize(
    ("task", "undefined", "measured"),
    [
        ("binary", ["average_precision", "roc_auc"], ["brier", "log_loss"]),
        ("multiclass", ["roc_auc_ovr"], ["accuracy", "log_loss"]),
        ("regression", ["r2"], ["mae", "rmse"]),
        ("ranking", ["pairwise_error"], []),
    ],
)
def test_one_label_in_the_test_leaves_what_cannot_be_measured_without_a_value(
    tmp_path: Path, task: str, undefined: list[str], measured: list[str]
) -> None:
    world = relabelled(tmp_path, task, TEST, "0" if task in ("binary", "ranking") else None)
    found = judged(world)
    values = dict(
        world.lab.rows(
            "select metric, value from wh.evaluation.again where estimator = 'candidate' and part = 'test' and snapshot is null"
        )
    )

    assert {name for name in undefined if values[name] is None} == set(undefined)
    assert all(values[name] is not None for name in measured)
    assert found["no_feature_explains_too_much"].status == "not_applicable"
    assert all(finding.summary for finding in found.values() if finding.status == "not_applicable")
    assert ">nan<" not in page(world)
    assert "Whether the gain is real" in page(world)


def test_slice_without_positives_is_not_judged_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path, customers=300, evaluation={"slices": [{"columns": ["channel"]}], "draws": 200})
    for key in TEST:
        world.kept[key] = [(row, 0 if row[4] == "post" else label) for row, label in world.kept[key]]
    world.give()
    world.lab.run(world.training)
    judged(world)
    found = {
        name: (value, verdict, reason)
        for name, value, verdict, reason in world.lab.rows(
            "select slice, value, verdict, reason from wh.evaluation.again__slices where kind = 'declared' and metric = 'roc_auc'"
        )
    }

    value, verdict, reason = found["channel = post"]
    assert (value, verdict) == (None, "not judged")
    assert "0 positives of 20" in reason
    assert found["channel = web"][1] in ("worse", "no worse", "not judged")


@pytest.mark.parametrize("task", sorted(TYPES))
def test_features_that_say_nothing_are_left_out_and_named(tmp_path: Path, task: str) -> None:
    world = World(tmp_path, task=task)
    world.kept = {
        key: [((row[0], row[1], None, True, row[4]), label) for row, label in rows] for key, rows in world.kept.items()
    }
    world.give()
    world.lab.alter(f"alter table wh.labels.again alter label type {TYPES[task]} using ({LABELS[task]})::{TYPES[task]}")
    world.lab.run(world.training)
    found = judged(world)
    ((left_out,),) = world.lab.rows("select manifest->'facts'->'left_out_features' from wh.models.again")

    assert "spend" in left_out
    assert found["each_metric_is_measured_once"].status == "passed"


def test_no_usable_feature_at_all_is_an_error(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.columns = {name: FEATURES[name] for name in ("spend", "loyal")}
    world.kept = {key: [((row[0], None, True), label) for row, label in rows] for key, rows in world.kept.items()}
    world.give()
    world.lab.run(world.training)

    with pytest.raises(TrainingError):
        world.lab.run(world.model)


def infinite(world: World) -> None:
    world.lab.alter("update wh.features.habits set spend = 'inf'::double where customer_id = 3")


def twice(world: World) -> None:
    world.lab.alter("insert into wh.labels.again select * from wh.labels.again where customer_id = 3")


def no_number(world: World) -> None:
    world.lab.alter("update wh.labels.again set label = null where customer_id = 3")


def none_of_binary(world: World) -> None:
    world.lab.alter("update wh.labels.again set label = 7 where customer_id = 3")


@pytest.mark.parametrize(
    ("damage", "check", "said"),
    [
        pytest.param(infinite, "features_keep_their_contract", "finite", id="infinite_feature"),
        pytest.param(twice, "key_is_unique", "", id="entity_twice_in_a_snapshot"),
    ],
)
def test_damaged_training_rows_fail_a_blocking_check(
    tmp_path: Path, damage: Callable[[World], None], check: str, said: str
) -> None:
    world = World(tmp_path)
    world.give()
    damage(world)
    world.lab.run(world.training)
    found = world.judge(world.training)
    blocking = {one.name for one in world.training.checks if one.blocking}

    assert check in found, sorted(found)
    assert found[check].status == "failed"
    assert check in blocking
    assert said in found[check].summary


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(no_number, "labels are none of a binary task", id="no_label"),
        pytest.param(none_of_binary, "labels are none of a binary task", id="label_beyond_the_task"),
    ],
)
def test_label_that_the_task_cannot_have_is_an_error_in_training(
    tmp_path: Path, damage: Callable[[World], None], said: str
) -> None:
    world = World(tmp_path)
    world.give()
    damage(world)
    world.lab.run(world.training)

    with pytest.raises(TrainingError, match=said):
        world.lab.run(world.model)


def test_class_that_is_not_declared_is_an_error_that_names_it(tmp_path: Path) -> None:
    label = {"sql": "l.sql", "population": "p.sql", "horizon": "14 days", "classes": ["a", "b"], "default": "b"}
    world = World(tmp_path, task="multiclass", label=label)
    world.give()
    world.lab.alter(f"alter table wh.labels.again alter label type varchar using {LABELS['multiclass']}")
    world.lab.run(world.training)

    with pytest.raises(TrainingError, match="labels are none of a multiclass task") as raised:
        world.lab.run(world.model)
    assert ("one of a, b" in str(raised.value), raised.value.examples) == (True, ("c",))


@pytest.mark.parametrize("task", sorted(TYPES))
def test_class_or_label_seen_in_the_test_alone_is_an_error_or_a_number(tmp_path: Path, task: str) -> None:
    """A class that no training row has cannot be predicted: the test says so. Numbers and grades need no such thing."""
    world = relabelled(tmp_path, task, TEST, {"multiclass": "'new'", "binary": "9"}.get(task, "label + 9"))
    world.lab.run(world.model)
    if task in ("binary", "multiclass"):
        with pytest.raises(MlAssetsError, match=f"labels are none of a {task} task"):
            world.lab.run(world.evaluation)
        return
    world.lab.run(world.evaluation)
    values = world.lab.rows("select value from wh.evaluation.again where value is not null")
    assert all(math.isfinite(value) for (value,) in values)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_infinite_label_of_a_regression_is_an_error(tmp_path: Path, value: str) -> None:
    world = relabelled(tmp_path, "regression", TRAIN[:1], f"'{value}'::double")

    with pytest.raises(TrainingError, match="40 labels are none of a regression task"):
        world.lab.run(world.model)


@pytest.mark.parametrize("kind", ["group", "stratified", "random"])
def test_fewer_rows_than_parts_is_an_error(tmp_path: Path, kind: str) -> None:
    world = World(tmp_path, now="2011-01-18", customers=2, split={"kind": kind})
    world.give()

    with pytest.raises(MlAssetsError) as raised:
        world.lab.run(world.training)
    assert "rows" in str(raised.value)


def test_fewer_snapshots_than_parts_is_an_error(tmp_path: Path) -> None:
    world = World(tmp_path, now="2011-01-25")
    world.give()

    with pytest.raises(MlAssetsError, match="labelled snapshots"):
        world.lab.run(world.training)


@pytest.mark.parametrize(
    ("task", "check", "said"),
    [
        ("binary", "no_slice_is_worse_than_promised", "too few to judge: "),
        ("binary", "groups_are_treated_alike", "no sensitive columns are declared"),
        ("multiclass", "no_slice_is_worse_than_promised", "not defined for task multiclass"),
        ("regression", "probabilities_are_calibrated", "not defined for task regression"),
        ("ranking", "no_feature_explains_too_much", "not defined for task ranking"),
        ("ranking", "other_seeds_give_the_same", "not measured: evaluation.seeds is 0"),
    ],
)
def test_check_that_cannot_be_judged_says_what_the_evaluation_found(
    tmp_path: Path, task: str, check: str, said: str
) -> None:
    world = relabelled(tmp_path, task, evaluation={"slices": [{"columns": ["channel"]}], "draws": 200})
    found = judged(world)[check]

    assert found.status == "not_applicable"
    assert found.summary.startswith(said)


def test_too_few_entities_leave_the_comparison_open_with_the_reason_and_the_value_in_its_own_words(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, split={"kind": "group", "test": 0.1})
    world.give()
    world.lab.run(world.training)
    found = judged(world)

    assert found["gain_over_each_baseline_is_real"].status == "not_applicable"
    assert "independent clusters are too few for an interval" in found["gain_over_each_baseline_is_real"].summary
    assert "(expected calibration error on the test rows; limit 0.05)" in found["probabilities_are_calibrated"].summary


@given(values=st.lists(st.integers(-3, 60), min_size=1, max_size=300), most=st.integers(2, 12))
def test_rows_of_equal_value_are_one_point_of_a_dependence(values: list[int], most: int) -> None:
    matrix = np.array(values, dtype=float)[:, None]
    points = dependence(Contributions(("x",), matrix * 2, 0.0, matrix), "x", most=most)
    shown = [point.value for point in points if point.value is not None]

    assert len(points) <= most
    assert sum(point.rows for point in points) == len(values)
    assert shown == sorted(set(shown))


@pytest.mark.parametrize(
    ("value", "text"), [(2011.0, "2011"), (0.0123456, "0.0123"), (30.51, "30.5"), (-4.0, "-4"), (1234567.0, "1.23e+06")]
)
def test_value_below_an_axis_is_short(value: float, text: str) -> None:
    assert shown_value(DependencePoint(value, f"{value:.6g}", 0, 0, 0, 1), named=False) == text
    assert shown_value(DependencePoint(0.0, "a very long category", 0, 0, 0, 1), named=True) == "a very l…"
