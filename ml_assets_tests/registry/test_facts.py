"""What the gate reads from the evaluation's tables, and that every fact decides about promotion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import UnknownNameError
from ml_assets.registry.facts import Fact, GateFacts, read_facts
from ml_assets_tests.registry.evaluated import put
from ml_assets_tests.registry.people import pointed
from ml_assets_tests.training.world import World

HOLDING: list[dict[str, Any]] = [
    {"kind": "metric", "metric": "roc_auc", "min": 0.4},
    {"kind": "beats", "other": "linear", "by": 0.005},
    {"kind": "no_worse_than_champion"},
    {"kind": "slice_floor", "metric": "roc_auc", "min": 0.6},
    {"kind": "calibration"},
    {"kind": "fairness", "measure": "selection_rate", "column": "loyal", "max": 0.2},
    {"kind": "stable_under_seed"},
    {"kind": "golden_feature"},
    {"kind": "package_size"},
    {"kind": "prediction_time"},
    {"kind": "documentation", "card": False},
]
NAMED: dict[str, Any] = {"owners": ("team:shop",), "description": "Whether a customer comes again."}


def evaluated(root: Path, *rules: dict[str, Any], **model: Any) -> World:
    """A world up to its evaluation, with all tables of it."""
    world = World(root, gate={"better_than": (), "rules": rules}, **NAMED | model)
    world.give()
    for asset in (world.training, world.model, world.evaluation):
        world.lab.run(asset)
    put(world, 1)
    return world


def read(world: World, version: int = 1, champion: int | None = None) -> GateFacts:
    with world.lab.warehouse.reading() as bench:
        return read_facts(bench, world.spec, version, champion)


def statuses(world: World) -> dict[str, str]:
    (text,) = world.lab.rows("select rules from wh.models.again__champion")[0]
    return {rule["kind"]: rule["status"] for rule in json.loads(text)}


def test_every_rule_is_judged_from_the_tables(tmp_path: Path) -> None:
    world = evaluated(tmp_path, *HOLDING)
    world.lab.run(world.champion)

    assert statuses(world) == {rule["kind"]: "held" for rule in HOLDING}
    assert pointed(world) == 1


def test_a_rule_without_a_value_keeps_the_version_from_serving(tmp_path: Path) -> None:
    world = evaluated(tmp_path, {"kind": "overfit"})
    world.lab.run(world.champion)

    assert statuses(world) == {"overfit": "not_applicable"}
    assert world.lab.rows("select reasons from wh.models.again__champion") == [
        ("gap of train and test: not applicable (one class in test)",)
    ]
    assert pointed(world) is None


def test_absent_tables_and_rows_of_other_versions_are_told_apart(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    assert read(world).absent == {
        name: f"evaluation.again__{name} does not exist" for name in ("comparisons", "slices", "fairness", "facts")
    }
    put(world, 2)
    assert read(world).absent["facts"] == "evaluation.again__facts has no rows of version 1"
    assert read(world).facts == {}


def test_not_a_number_is_read_as_no_value(tmp_path: Path) -> None:
    world = evaluated(tmp_path)
    assert read(world).facts["train_test_gap"] == Fact(None, "one class in test")


def test_changed_facts_are_judged_again_and_equal_ones_are_not(tmp_path: Path) -> None:
    world = evaluated(tmp_path, {"kind": "golden_feature"})
    world.lab.run(world.champion)
    put(world, 1)
    assert not world.lab.run(world.champion).changed
    put(world, 1, facts=[["golden_share", 0.99, None]])
    assert world.lab.run(world.champion).changed
    assert statuses(world) == {"golden_feature": "failed"}
    assert world.lab.rows("select passed from wh.ops.verdicts order by rowid") == [(True,), (False,)]


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
