"""Evaluations: what is measured on which rows, kept for every version, and judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml_assets.evaluation import evaluation
from ml_assets.evaluation.metrics import METRICS, binary_metrics
from ml_assets.training.matrix import arrow_rows
from ml_assets.training.versions import load_version
from ml_assets_tests.builders import instant
from ml_assets_tests.training.world import World


def test_each_estimator_is_measured_on_each_part_and_each_test_snapshot(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    found = world.lab.rows(
        "select estimator, part, snapshot::date::varchar, list(distinct metric order by metric), max(rows) from wh.evaluation.again group by all order by all"
    )

    groups = [
        ("test", "2011-03-14", 40),
        ("test", "2011-03-21", 40),
        ("test", None, 80),
        ("train", None, 280),
        ("validation", None, 40),
    ]
    assert found == [
        (estimator, part, snapshot, sorted(METRICS), rows)
        for estimator in ("candidate", "constant", "linear", "one_rule") for part, snapshot, rows in groups
    ]  # fmt: skip
    assert {finding.status for finding in world.judge(world.evaluation).values()} <= {"passed", "failed"}
    assert world.judge(world.evaluation)["each_metric_is_measured_once"].status == "passed"


def test_values_are_the_metrics_of_what_the_package_predicts(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    with world.lab.warehouse.reading() as bench:
        package = load_version(bench, "again").package
        rows = arrow_rows(bench, "select * from wh.training.again where part = 'test' order by snapshot, customer_id")
        stored = evaluation.test_metrics(bench, "again", 1)
    matrix, label = package.encoder.rows(rows)

    for estimator in ("candidate", "constant", "one_rule", "linear"):
        assert stored[estimator] == pytest.approx(binary_metrics(label, package.predict(matrix, estimator)), rel=1e-12)
    assert np.isclose(stored["constant"]["roc_auc"] or 0, 0.5)


def test_metric_that_does_not_exist_is_null(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.kept["2011-03-14"] = [(row, 0) for row, _ in world.kept["2011-03-14"]]
    world.train()
    found = world.lab.rows(
        "select metric, value is null, rows, positives from wh.evaluation.again where estimator = 'candidate' and snapshot = timestamp '2011-03-14' order by 1"
    )

    assert found == [
        ("average_precision", True, 40, 0),
        ("brier", False, 40, 0),
        ("log_loss", False, 40, 0),
        ("roc_auc", True, 40, 0),
    ]
    assert world.judge(world.evaluation)["each_metric_is_measured_once"].status == "passed"


def test_evaluations_and_reports_of_earlier_versions_stay(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    first = world.lab.rows("select * from wh.evaluation.again order by all")
    world.lab.now = instant("2011-04-12")
    world.train()

    assert world.lab.rows("select * from wh.evaluation.again where version = 1 order by all") == first
    assert world.lab.rows("select version, count(*) from wh.evaluation.again group by 1 order by 1") == [
        (1, 80),
        (2, 80),
    ]
    assert world.lab.rows("select version from wh.evaluation.again__reports order by 1") == [(1,), (2,)]
    assert not world.lab.run(world.evaluation).changed


@pytest.mark.parametrize(
    ("damage", "check", "said"),
    [
        pytest.param("insert into wh.evaluation.again select * from wh.evaluation.again limit 2", "each_metric_is_measured_once", "2 measured twice, 0 without", id="twice"),
        pytest.param("update wh.evaluation.again set value = null where metric = 'brier' and estimator = 'linear' and part = 'test' and snapshot is null",
                     "each_metric_is_measured_once", "0 measured twice, 1 without", id="without_value"),
        pytest.param("update wh.evaluation.again set value = 9 where estimator = 'candidate' and metric = 'log_loss'",
                     "candidate_beats_the_constant_baseline", "test log loss 9.0000, constant 0.", id="worse_than_constant"),
        pytest.param("update wh.evaluation.again set value = 0.99 where estimator = 'candidate' and metric = 'roc_auc' and part = 'train'",
                     "train_and_test_agree", "ROC AUC 0.990 in training", id="over_fit"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_evaluation_is_found(tmp_path: Path, damage: str, check: str, said: str) -> None:
    world = World.trained(tmp_path)
    world.lab.alter(damage)
    finding = world.judge(world.evaluation)[check]

    assert finding.status == "failed"
    assert said in finding.summary


@pytest.mark.parametrize("check", ["candidate_beats_the_linear_baseline", "train_and_test_agree"])
def test_check_without_numbers_is_not_applicable(tmp_path: Path, check: str) -> None:
    world = World.trained(tmp_path)
    world.lab.alter("update wh.evaluation.again set value = null")

    assert world.judge(world.evaluation)[check].status == "not_applicable"
