"""Every task through the warehouse: labels with the right types and checks, training set, package, score columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_assets.errors import SqlError
from ml_assets.features.labels import LabelAsset, PopulationAsset
from ml_assets.scoring.scores import score_columns
from ml_assets.training.versions import load_version
from ml_assets_tests.builders import Lab, instant
from ml_assets_tests.training.tables import fitted, task_spec, training_rows
from ml_assets_tests.training.world import World

EVENTS = [
    (customer, 10 * day + customer, f"2011-01-{day:02}T09:00", None) for day in range(1, 29) for customer in (1, 2, 3)
]
KEY = "2011-01-10"
SOURCES = {"sql": "test/label.sql", "population": "test/population.sql", "horizon": "14 days"}


def made(
    root: Path,
    task: str,
    label: str,
    population: str = "select distinct customer_id from staging.events",
    **declared: Any,
) -> Any:
    """A lab whose labels of `KEY` are made, and the label asset."""
    lab = Lab(root, instant("2011-02-01"))
    lab.given("staging.events", EVENTS)
    sql = f"select customer_id, {label} as label from staging.events where customer_id < 3 group by 1"
    spec = task_spec(task, snapshots={"every": "week", "start": "2011-01-03"}, label={**SOURCES, **declared})
    people = PopulationAsset(spec, lab.statement(population, "test/population.sql"), lab.times, "test.yaml:1", "test")
    labels = LabelAsset(spec, lab.statement(sql, "test/label.sql"), lab.times, "test.yaml:1", "test")
    lab.run(people)
    lab.run(labels)
    return lab, labels


@pytest.mark.parametrize(
    ("task", "label", "default", "kept"),
    [
        pytest.param("binary", "(customer_id = 1)::int", 0, [1, 0, 0], id="binary"),
        pytest.param(
            "multiclass",
            "case customer_id when 1 then 'few' else 'many' end",
            "none",
            ["few", "many", "none"],
            id="texts",
        ),
        pytest.param("multiclass", "customer_id::int", 9, ["1", "2", "9"], id="whole_numbers"),
        pytest.param("regression", "customer_id / 4", -0.5, [0.25, 0.5, -0.5], id="numbers"),
        pytest.param("regression", "customer_id::decimal(9, 2)", 0, [1.0, 2.0, 0.0], id="decimals"),
        pytest.param("ranking", "customer_id", 0, [1, 2, 0], id="grades"),
    ],
)
def test_label_has_the_type_of_its_task_and_passes_its_checks(
    tmp_path: Path, task: str, label: str, default: Any, kept: list[Any]
) -> None:
    lab, labels = made(tmp_path, task, label, default=default)

    assert lab.rows(f"select label from wh.labels.again where snapshot = timestamp '{KEY}' order by customer_id") == [
        (value,) for value in kept
    ]
    for check in labels.checks:
        assert lab.findings(labels, check, [KEY])[KEY].status == "passed", check.name


@pytest.mark.parametrize(
    ("task", "label", "said"),
    [
        pytest.param("regression", "'much'", "the label is not a number", id="text_as_number"),
        pytest.param("multiclass", "1.5", "the label is not a text or a whole number", id="fraction_as_class"),
        pytest.param("ranking", "0.5", "the label is not a whole number", id="fraction_as_grade"),
    ],
)
def test_label_of_another_type_is_an_error(tmp_path: Path, task: str, label: str, said: str) -> None:
    with pytest.raises(SqlError, match=said):
        made(tmp_path, task, label)


@pytest.mark.parametrize(
    ("task", "label", "declared", "check", "said"),
    [
        pytest.param("multiclass", "case customer_id when 1 then 'few' else 'lots' end", {"classes": ["few", "many"], "default": "many"}, "labels_are_declared_classes", "1 of 3 labels are no declared class", id="outside"),
        pytest.param("multiclass", "case customer_id when 1 then 'few' end", {"default": "none"}, "labels_are_classes", "1 of 3 labels are no class", id="null"),
        pytest.param("regression", "case customer_id when 1 then 'inf'::double else 1.0 end", {}, "labels_are_finite_numbers", "1 of 3 labels are no finite number", id="infinite"),
        pytest.param("ranking", "customer_id - 2", {}, "labels_are_grades", "1 of 3 labels are no grade from 0 to 30", id="negative"),
        pytest.param("regression", "0.0", {}, "labels_differ", "1 different labels in 3 rows (at least 2)", id="constant"),
    ],
)  # fmt: skip
def test_wrong_label_is_found_by_the_check_of_its_task(
    tmp_path: Path, task: str, label: str, declared: dict[str, Any], check: str, said: str
) -> None:
    lab, labels = made(tmp_path, task, label, **declared)
    finding = lab.findings(labels, check, [KEY])[KEY]

    assert (finding.status in ("failed", "warned"), finding.summary) == (True, said)


def test_query_column_is_carried_from_the_population_to_the_label(tmp_path: Path) -> None:
    lab, labels = made(
        tmp_path,
        "ranking",
        "customer_id",
        "select customer_id, customer_id % 2 as basket from staging.events group by 1",
        query="basket",
    )

    assert lab.rows(
        f"select customer_id, basket, label from wh.labels.again where snapshot = timestamp '{KEY}' order by 1"
    ) == [(1, 1, 1), (2, 0, 2), (3, 1, 0)]
    assert lab.findings(labels, "labels_come_from_their_window_alone", [KEY])[KEY].status == "passed"
    with pytest.raises(SqlError, match="the statement lacks basket"):
        made(tmp_path / "without", "ranking", "customer_id", query="basket")


@pytest.mark.parametrize(
    ("task", "label"),
    [
        pytest.param(
            "multiclass",
            "case when customer_id % 3 = 0 then 'c' when label = 1 then 'a' else 'b' end::varchar",
            id="multiclass",
        ),
        pytest.param("regression", "(label * 2.5 + customer_id / 10)::double", id="regression"),
        pytest.param("ranking", "(label * 2 + customer_id % 2)::bigint", id="ranking"),
    ],
)
def test_task_is_trained_from_the_warehouse_and_answers(tmp_path: Path, task: str, label: str) -> None:
    world = World(tmp_path, task=task)
    world.give()
    kind = {"multiclass": "varchar", "regression": "double", "ranking": "bigint"}[task]
    world.lab.alter(f"alter table wh.labels.again alter label type {kind} using {label}")
    world.lab.run(world.training)
    assert {finding.status for finding in world.judge(world.training).values()} == {"passed"}
    world.lab.run(world.model)

    assert world.judge(world.model)["newest_package_loads_and_answers"].status == "passed"
    with world.lab.warehouse.reading() as bench:
        version = load_version(bench, "again")
    assert version.package.signature.target.task == task
    assert version.package.signature.target.classes == (("a", "b", "c") if task == "multiclass" else ())


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(
            "update wh.training.again set label = 1 where part = 'test'", "test: 1 different labels", id="constant"
        ),
        pytest.param(
            "delete from wh.training.again where part = 'validation'", "validation: 0 different labels", id="no_rows"
        ),
    ],
)
def test_part_that_cannot_be_judged_is_found(tmp_path: Path, damage: str, said: str) -> None:
    world = World(tmp_path, task="ranking")
    world.give()
    world.lab.run(world.training)
    world.lab.alter(damage)

    finding = world.judge(world.training)["every_part_can_be_judged"]
    assert (finding.status, said in finding.summary) == ("failed", True)


def test_scores_of_several_classes_name_the_likeliest() -> None:
    table = training_rows("multiclass")
    package, _ = fitted(table, task_spec("multiclass"))
    answers = package.predict(package.encode(table)[0])
    columns = score_columns(package, answers)

    assert columns["predicted"].to_pylist() == [("high", "low", "mid")[place] for place in answers.argmax(axis=1)]
    np.testing.assert_array_equal(columns["score"], answers.max(axis=1))
    assert columns["scores"].to_pylist()[0] == dict(zip(("high", "low", "mid"), answers[0].tolist(), strict=True))
    assert len(score_columns(package, answers[:0])["scores"]) == 0
    assert list(score_columns(fitted(training_rows(), task_spec())[0], np.array([0.5]))) == ["score"]


def test_absolute_loss_has_the_median_as_its_constant_and_its_declaration_survives_json() -> None:
    spec = task_spec("regression", estimator={"objective": "l1", "max_rounds": 5})

    assert type(spec).model_validate(json.loads(json.dumps(spec.model_dump(mode="json"), sort_keys=True))) == spec
    package, _ = fitted(training_rows("regression"), spec)
    median = float(np.median(training_rows("regression")["label"].to_numpy()))
    assert package.predict(np.zeros((1, 3)), "constant")[0] == pytest.approx(median)
