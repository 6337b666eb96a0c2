"""What the gate reads from the evaluation's tables, and that every fact decides about promotion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import UnknownNameError
from ml_assets.registry.facts import Fact, GateFacts, read_facts
from ml_assets_tests.registry.evaluated import put, put_fact
from ml_assets_tests.registry.people import pointed
from ml_assets_tests.training.world import World

NAMED: dict[str, Any] = {"owners": ("team:shop",), "description": "Whether a customer comes again."}


def evaluated(root: Path, *rules: dict[str, Any], **model: Any) -> World:
    """A world up to its evaluation."""
    world = World(root, gate={"better_than": (), "rules": rules}, **NAMED | model)
    world.give()
    for asset in (world.training, world.model, world.evaluation):
        world.lab.run(asset)
    return world


def read(world: World, version: int = 1, champion: int | None = None) -> GateFacts:
    with world.lab.warehouse.reading() as bench:
        return read_facts(bench, world.spec, version, champion)


def statuses(world: World) -> dict[str, str]:
    (text,) = world.lab.rows("select rules from wh.models.again__champion")[0]
    return {rule["kind"]: rule["status"] for rule in json.loads(text)}


def test_facts_are_what_the_evaluation_measured(tmp_path: Path) -> None:
    world = evaluated(tmp_path, evaluation={"sensitive": ("loyal",), "slices": [{"columns": ("channel",)}]})
    facts = read(world)

    assert facts.absent == {}
    assert {other for other, _ in facts.comparisons} == {"constant", "one_rule", "linear"}
    auc = facts.metrics["candidate", "test", "roc_auc"]
    assert auc.value is not None
    assert auc.low is not None
    assert auc.high is not None
    assert auc.low < auc.value < auc.high
    ((difference,),) = world.lab.rows(
        "select difference from wh.evaluation.again__comparisons where other = 'linear' and metric = 'log_loss'"
    )
    assert facts.comparisons["linear", "log_loss"].difference == difference
    assert {row.slice for row in facts.slices} >= {"channel = post", "channel = shop", "channel = web"}
    assert {gap.column for gap in facts.fairness} == {"loyal"}
    ((size,),) = world.lab.rows("select manifest->'facts'->>'package_bytes' from wh.models.again")
    assert facts.facts["package_bytes"].value == float(size)


def test_a_rule_without_a_value_keeps_the_version_from_serving(tmp_path: Path) -> None:
    world = evaluated(tmp_path, {"kind": "stable_under_seed"})
    world.lab.run(world.champion)

    assert statuses(world) == {"stable_under_seed": "not_applicable"}
    assert world.lab.rows("select reasons from wh.models.again__champion") == [
        ("spread over seeds: not applicable (not measured: evaluation.seeds is 0)",)
    ]
    assert pointed(world) is None


def test_absent_tables_rows_and_declarations_are_told_apart(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    assert read(world).absent == {
        "slices": "no slices are declared, and none were found",
        "fairness": "no sensitive columns are declared",
    }
    asked = World(tmp_path, evaluation={"sensitive": ("loyal",)})
    assert read(asked).absent["fairness"] == "evaluation.again__fairness has no rows of version 1"
    assert read(world, version=2).absent["fairness"] == "evaluation.again__fairness has no rows of version 2"
    world.lab.alter("drop table wh.evaluation.again__facts")
    assert read(world).absent["facts"] == "evaluation.again__facts does not exist"
    assert read(world).facts == {}


def test_not_a_number_is_read_as_no_value(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    put_fact(world, 1, "train_test_gap", float("nan"), "one class in test")
    assert read(world).facts["train_test_gap"] == Fact(None, "one class in test")


def test_changed_facts_are_judged_again_and_equal_ones_are_not(tmp_path: Path) -> None:
    world = evaluated(tmp_path, {"kind": "package_size"})
    world.lab.run(world.champion)
    ((size, text),) = world.lab.rows("select value, text from wh.evaluation.again__facts where fact = 'package_bytes'")
    put_fact(world, 1, "package_bytes", size, text)
    assert not world.lab.run(world.champion).changed
    put_fact(world, 1, "package_bytes", 1e9, text)
    assert world.lab.run(world.champion).changed
    assert statuses(world) == {"package_size": "failed"}
    assert world.lab.rows("select passed from wh.ops.verdicts order by rowid") == [(True,), (False,)]


def test_what_a_clock_measures_is_judged_but_is_not_what_was_approved(tmp_path: Path) -> None:
    world = evaluated(tmp_path, {"kind": "prediction_time"})
    world.lab.run(world.champion)
    for fact, value in (("prediction_us", 5000.0), ("train_test_gap", 0.01)):
        put_fact(world, 1, fact, value, "measured again")
        assert world.lab.run(world.champion).changed
    given = world.lab.rows("select passed, evaluation_content from wh.ops.verdicts order by rowid")

    assert [passed for passed, _ in given] == [True, False, False]
    assert given[0][1] == given[1][1] != given[2][1]


def test_a_rule_about_an_unknown_metric_is_an_error_with_its_place(tmp_path: Path) -> None:
    world = evaluated(tmp_path, {"kind": "metric", "metric": "roc_acu", "min": 0.5})
    with pytest.raises(UnknownNameError, match=r"model\.yaml:1: unknown metric 'roc_acu'") as caught:
        world.lab.run(world.champion)
    assert "did you mean roc_auc?" in str(caught.value)


def test_documentation_rule_is_judged_again_when_the_texts_change(tmp_path: Path) -> None:
    world = evaluated(tmp_path, {"kind": "documentation"})
    world.lab.run(world.champion)
    assert "card.intended_use" in world.lab.rows("select reasons from wh.models.again__champion")[0][0]
    texts = dict.fromkeys(("intended_use", "out_of_scope", "limitations", "ethical", "contact"), "said")
    told = World(tmp_path, gate={"better_than": (), "rules": [{"kind": "documentation"}]}, card=texts, **NAMED)
    assert told.lab.run(told.champion).changed
    assert pointed(told) == 1


@pytest.mark.parametrize("table", ["comparisons", "slices", "fairness", "facts"])
def test_a_rule_whose_rows_are_gone_is_not_applicable(tmp_path: Path, table: str) -> None:
    rule = {
        "comparisons": {"kind": "beats", "other": "linear"}, "slices": {"kind": "slice_floor", "metric": "log_loss", "max": 9},
        "fairness": {"kind": "fairness", "measure": "demographic_parity_difference", "column": "loyal"}, "facts": {"kind": "overfit"},
    }[table]  # fmt: skip
    world = evaluated(tmp_path, rule)
    put(world, 1, **{table: []})
    world.lab.run(world.champion)
    assert statuses(world) == {rule["kind"]: "not_applicable"}
    assert pointed(world) is None
