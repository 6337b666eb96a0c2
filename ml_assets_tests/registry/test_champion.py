"""Promotion: every version is judged once, and only a passing one becomes champion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ml_assets_tests.builders import instant
from ml_assets_tests.training.world import World

NEVER = {"better_than": ("constant", "linear")}
WEAK: dict[str, Any] = {"max_rounds": 1, "early_stopping_rounds": None, "parameters": {"min_data_in_leaf": 5000}}


def aliases(world: World) -> list[tuple[str, int, str]]:
    return [
        (row[0], row[1], row[2])
        for row in world.lab.rows("select alias, version, moved_at::date::varchar from wh.ops.aliases order by rowid")
    ]


def test_passing_version_becomes_champion_with_its_verdict(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    ((version, passed, reasons, rules),) = world.lab.rows(
        "select version, passed, reasons, rules from wh.models.again__champion"
    )

    assert (version, passed, reasons) == (1, True, "its only rule held")
    (rule,) = json.loads(rules)
    assert (rule["rule"], rule["status"]) == ("test log loss below constant", "held")
    assert rule["value"] < rule["bound"]
    assert aliases(world) == [("champion", 1, "2011-04-05")]
    assert {finding.status for finding in world.judge(world.champion).values()} == {"passed"}


def test_failing_version_is_judged_but_not_promoted(tmp_path: Path) -> None:
    world = World(tmp_path, estimator=WEAK, gate=NEVER)
    world.train()

    assert world.lab.rows("select version, passed from wh.models.again__champion") == [(1, False)]
    assert aliases(world) == []
    found = world.judge(world.champion)
    assert found["there_is_a_champion_that_passed"].summary == "no version has passed the gate yet"
    assert found["newest_candidate_passed_the_gate"].status == "failed"


def test_champion_stays_when_its_successor_fails(tmp_path: Path) -> None:
    World.trained(tmp_path)
    weak = World(tmp_path, now="2011-04-12", estimator=WEAK, gate=NEVER)
    weak.train()

    assert weak.lab.rows("select version, passed from wh.models.again__champion order by 1") == [(1, True), (2, False)]
    assert aliases(weak) == [("champion", 1, "2011-04-05")]
    assert weak.judge(weak.champion)["there_is_a_champion_that_passed"].summary == "champion is again@1"


def test_better_successor_becomes_champion_and_the_past_is_kept(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    world.lab.now = instant("2011-04-12")
    world.train()

    assert aliases(world) == [("champion", 1, "2011-04-05"), ("champion", 2, "2011-04-12")]
    assert world.lab.rows("select version, judged_at::date::varchar from wh.models.again__champion order by 1") == [
        (1, "2011-04-05"),
        (2, "2011-04-12"),
    ]


def test_changed_gate_judges_the_version_again(tmp_path: Path) -> None:
    world = World(tmp_path, estimator=WEAK, gate=NEVER)
    world.train()
    lenient = World(tmp_path, estimator=WEAK, gate={"better_than": ()})
    report = lenient.lab.run(lenient.champion)

    assert report.facts["passed"] is True
    assert lenient.lab.rows("select version, passed from wh.models.again__champion") == [(1, True)]
    assert aliases(lenient) == [("champion", 1, "2011-04-05")]


def test_verdict_waits_for_the_evaluation(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.give()
    world.lab.run(world.training)
    world.lab.run(world.model)

    assert [made.note for made in world.lab.run(world.champion).made] == ["cannot be made yet"]
