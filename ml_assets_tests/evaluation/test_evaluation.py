"""Evaluations: what is measured on which rows, kept for every version, and judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml_assets.evaluation import evaluation
from ml_assets.evaluation.catalogue import TASK_METRICS, MetricOptions
from ml_assets.evaluation.findings import TABLES
from ml_assets.evaluation.metrics import measure
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
        (estimator, part, snapshot, sorted(info.name for info in TASK_METRICS["binary"]), rows)
        for estimator in ("candidate", "constant", "linear", "one_rule") for part, snapshot, rows in groups
    ]  # fmt: skip
    silent = {name for name, finding in world.judge(world.evaluation).items() if finding.status == "not_applicable"}
    assert silent <= {
        "other_seeds_give_the_same",
        "groups_are_treated_alike",
        "no_feature_explains_too_much",
        "no_slice_is_worse_than_promised",
        "test_rows_are_not_known_from_training",
    }
    assert world.judge(world.evaluation)["each_metric_is_measured_once"].status == "passed"


def test_values_are_the_metrics_of_what_the_package_predicts(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    with world.lab.warehouse.reading() as bench:
        package = load_version(bench, "again").package
        rows = arrow_rows(bench, "select * from wh.training.again where part = 'test' order by snapshot, customer_id")
        stored = evaluation.test_metrics(bench, "again", 1)
    matrix, label = package.encoder.rows(rows)

    for estimator in ("candidate", "constant", "one_rule", "linear"):
        expected = measure("binary", label, package.predict(matrix, estimator), options=MetricOptions())
        known = {name: value for name, value in stored[estimator].items() if value is not None}
        assert known == pytest.approx({name: expected[name] for name in known}, rel=1e-12)
        assert {name for name, value in expected.items() if np.isnan(value)} == stored[estimator].keys() - known.keys()
    assert np.isclose(stored["constant"]["roc_auc"] or 0, 0.5)


def test_metric_that_does_not_exist_is_null(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.kept["2011-03-14"] = [(row, 0) for row, _ in world.kept["2011-03-14"]]
    world.train()
    found = world.lab.rows(
        "select metric, value is null, rows, positives from wh.evaluation.again where estimator = 'candidate' and snapshot = timestamp '2011-03-14' order by 1"
    )

    undefined = {"average_precision", "roc_auc", "recall", "recall_at_top", "lift_at_top"}
    assert {metric for metric, absent, *_ in found if absent} >= undefined
    assert {(rows, positives) for *_, rows, positives in found} == {(40, 0)}
    assert {metric for metric, absent, *_ in found if not absent} >= {"brier", "log_loss"}
    assert world.judge(world.evaluation)["each_metric_is_measured_once"].status == "passed"


def test_evaluations_and_reports_of_earlier_versions_stay(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    first = world.lab.rows("select * from wh.evaluation.again order by all")
    world.lab.now = instant("2011-04-12")
    world.train()

    assert world.lab.rows("select * from wh.evaluation.again where version = 1 order by all") == first
    assert world.lab.rows("select version, count(*) from wh.evaluation.again group by 1 order by 1") == [
        (1, 240),
        (2, 240),
    ]
    assert world.lab.rows("select version from wh.evaluation.again__reports order by 1") == [(1,), (2,)]
    assert not world.lab.run(world.evaluation).changed
    for name in TABLES:
        versions = world.lab.rows(f"select distinct version from wh.evaluation.again__{name} order by 1")
        assert versions in ([(1,), (2,)], []), name


@pytest.mark.parametrize(
    ("damage", "check", "said"),
    [
        pytest.param("insert into wh.evaluation.again select * from wh.evaluation.again limit 2", "each_metric_is_measured_once", "2 measured twice, 0 without", id="twice"),
        pytest.param("update wh.evaluation.again set value = null where metric = 'brier' and estimator = 'linear' and part = 'test' and snapshot is null",
                     "each_metric_is_measured_once", "0 measured twice, 1 without", id="without_value"),
        pytest.param("update wh.evaluation.again set value = 9 where estimator = 'candidate' and metric = 'log_loss'",
                     "candidate_beats_the_constant_baseline", "test log loss 9.0000, constant 0.", id="worse_than_constant"),
        pytest.param("update wh.evaluation.again__facts set value = 0.2 where fact = 'train_test_gap'",
                     "train_and_test_agree", "0.2 (ROC AUC, training less test; limit 0.05)", id="over_fit"),
        pytest.param("update wh.evaluation.again__facts set value = 0.06 where fact = 'calibration_error'",
                     "probabilities_are_calibrated", "0.06 (", id="miscalibrated"),
        pytest.param("update wh.evaluation.again__facts set value = 1, text = 'orders: too good' where fact = 'golden_share'",
                     "no_feature_explains_too_much", "orders: too good", id="golden_feature"),
        pytest.param("update wh.evaluation.again__facts set value = 3 where fact = 'overlap_rows'",
                     "test_rows_are_not_known_from_training", "3 (", id="overlap"),
        pytest.param("update wh.evaluation.again__facts set value = 0.1, text = 'roc_auc' where fact = 'seed_spread'",
                     "other_seeds_give_the_same", "0.1 (roc_auc; limit 0.02)", id="unstable"),
        pytest.param("update wh.evaluation.again__facts set value = 1e9 where fact = 'package_bytes'", "package_is_small", "1e+09", id="package_too_big"),
        pytest.param("update wh.evaluation.again__facts set value = 5000 where fact = 'prediction_us'", "prediction_is_fast", "5000", id="too_slow"),
        pytest.param("update wh.evaluation.again__comparisons set verdict = 'cannot be told apart', sentence = 'Who knows.' where other = 'linear'",
                     "gain_over_each_baseline_is_real", "Who knows.", id="not_told_apart"),
        pytest.param("insert into wh.evaluation.again__slices (version, slice, metric, verdict) values (1, 'channel = shop', 'log_loss', 'worse')",
                     "no_slice_is_worse_than_promised", "1 of", id="slice"),
        pytest.param("insert into wh.evaluation.again__fairness (version, column_name, measure, value) values (1, 'channel', 'equalized_odds_difference', 0.5)",
                     "groups_are_treated_alike", "1 of", id="fairness_gap"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_evaluation_is_found(tmp_path: Path, damage: str, check: str, said: str) -> None:
    world = World.trained(tmp_path)
    world.lab.alter(damage)
    finding = world.judge(world.evaluation)[check]

    assert finding.status == "failed"
    assert said in finding.summary


@pytest.mark.parametrize(
    "check",
    [
        "candidate_beats_the_linear_baseline",
        "gain_over_each_baseline_is_real",
        "train_and_test_agree",
        "probabilities_are_calibrated",
        "no_slice_is_worse_than_promised",
        "groups_are_treated_alike",
        "other_seeds_give_the_same",
    ],
)
def test_check_without_numbers_is_not_applicable(tmp_path: Path, check: str) -> None:
    world = World.trained(tmp_path)
    world.lab.alter("update wh.evaluation.again set value = null")
    for name in ("facts", "comparisons", "slices", "fairness"):
        world.lab.alter(f"delete from wh.evaluation.again__{name}")

    assert world.judge(world.evaluation)[check].status == "not_applicable"


def test_candidate_is_compared_with_every_baseline_and_the_champion_on_the_same_draws(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    world.lab.now = instant("2011-04-12")
    world.train()
    found = world.lab.rows(
        "select version, list(distinct other order by other) from wh.evaluation.again__comparisons group by 1 order by 1"
    )

    assert found == [(1, ["constant", "linear", "one_rule"]), (2, ["champion", "constant", "linear", "one_rule"])]
    assert world.lab.rows(
        "select fact, value from wh.evaluation.again__facts where version = 2 and fact = 'champion_version'"
    ) == [("champion_version", 1.0)]
    rows = world.lab.rows(
        "select difference, low, high, verdict, sentence from wh.evaluation.again__comparisons "
        "where version = 1 and other = 'constant' and metric = 'log_loss'"
    )
    [(difference, low, high, verdict, sentence)] = rows
    assert low <= difference <= high
    assert verdict == ("better" if low > 0 else "worse" if high < 0 else "cannot be told apart")
    assert f"{low:.4g}" in sentence


def test_sensitive_and_sliced_columns_are_judged_though_the_model_does_not_learn_from_them(tmp_path: Path) -> None:
    judged = {"slices": [{"columns": ["channel"]}], "sensitive": ["channel"], "draws": 100}
    world = World(tmp_path, customers=200, exclude=("channel",), evaluation=judged)
    world.train()
    ((manifest,),) = world.lab.rows("select json_extract(manifest, '$.features') from wh.models.again")

    assert "channel" not in manifest
    slices = world.lab.rows("select distinct slice from wh.evaluation.again__slices where kind = 'declared' order by 1")
    assert slices == [("channel = post",), ("channel = shop",), ("channel = web",)]
    gaps = world.lab.rows(
        "select column_name, value from wh.evaluation.again__fairness where group_name is null and measure = 'demographic_parity_difference'"
    )
    assert [name for name, _ in gaps] == ["channel"]


def test_steadiness_is_measured_over_other_seeds_of_the_same_rows(tmp_path: Path) -> None:
    estimator = {
        "max_rounds": 8,
        "early_stopping_rounds": None,
        "parameters": {"num_leaves": 4, "min_data_in_leaf": 10, "bagging_fraction": 0.5, "bagging_freq": 1},
    }
    world = World(tmp_path, estimator=estimator, evaluation={"seeds": 2, "draws": 100})
    world.train()
    [(value, text)] = world.lab.rows("select value, text from wh.evaluation.again__facts where fact = 'seed_spread'")

    assert 0 < value < 0.5
    assert "over 3 seeds" in text


def test_gaps_that_tell_the_outcome_are_a_golden_feature(tmp_path: Path) -> None:
    world = World(tmp_path, customers=200, evaluation={"draws": 100})
    world.kept = {
        key: [((*row[:2], None if label else row[2], *row[3:]), label) for row, label in rows]
        for key, rows in world.kept.items()
    }
    world.train()
    [(value, text)] = world.lab.rows("select value, text from wh.evaluation.again__facts where fact = 'golden_share'")

    assert value == 1
    assert "spend" in text
    assert world.judge(world.evaluation)["no_feature_explains_too_much"].status == "failed"
