"""Scores: one for everybody, by the version that was champion, and not said anew without reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_assets.errors import NotMaterializedError, ScoringError
from ml_assets.training.matrix import arrow_rows
from ml_assets.training.versions import load_version
from ml_assets_tests.builders import instant
from ml_assets_tests.training.world import World

BY_SNAPSHOT = "select snapshot::date::varchar, model_version, count(*), count(distinct customer_id) from wh.scores.again group by all order by all"


def scored_world(root: Path, **scores: Any) -> World:
    """A world with a champion and its first scores."""
    world = World.trained(root)
    world.lab.run(world.scores(**scores))
    return world


def test_everybody_has_one_score_a_snapshot(tmp_path: Path) -> None:
    world = scored_world(tmp_path)

    assert world.lab.rows(BY_SNAPSHOT) == [
        ("2011-03-21", 1, 40, 40),
        ("2011-03-28", 1, 40, 40),
        ("2011-04-04", 1, 40, 40),
    ]
    found = world.judge(world.scores())
    assert {name for name, finding in found.items() if finding.status == "failed"} == set()
    assert found["population_is_covered"].summary == "40 of 40 scored (100.00%, at least 100%)"


def test_score_is_what_the_champions_package_says(tmp_path: Path) -> None:
    world = scored_world(tmp_path)
    with world.lab.warehouse.reading() as bench:
        version = load_version(bench, "again", 1)
        rows = arrow_rows(
            bench,
            "select * from wh.features.habits where snapshot >= timestamp '2011-03-21' order by snapshot, customer_id",
        )
        stored = arrow_rows(bench, "select * from wh.scores.again order by snapshot, customer_id")

    np.testing.assert_array_equal(
        stored["score"].to_numpy(), version.package.predict(version.package.encoder.encode(rows)[0])
    )
    assert stored["model_package"].unique().to_pylist() == [version.package_sha256]


def test_new_version_scores_the_newest_snapshot_again_and_no_older_one(tmp_path: Path) -> None:
    world = scored_world(tmp_path)
    before = world.lab.rows("select * from wh.scores.again where snapshot < timestamp '2011-04-04' order by all")
    changed = World(tmp_path, estimator={"max_rounds": 5, "early_stopping_rounds": None})
    changed.train()
    report = changed.lab.run(changed.scores())

    assert [made.partition for made in report.made if made.changed] == ["2011-04-04"]
    assert [row[:2] for row in changed.lab.rows(BY_SNAPSHOT)] == [
        ("2011-03-21", 1),
        ("2011-03-28", 1),
        ("2011-04-04", 2),
    ]
    assert (
        changed.lab.rows("select * from wh.scores.again where snapshot < timestamp '2011-04-04' order by all") == before
    )


def test_next_week_is_scored_and_last_weeks_scores_stay(tmp_path: Path) -> None:
    world = scored_world(tmp_path)
    world.lab.now = instant("2011-04-12")
    world.train()
    report = world.lab.run(world.scores())

    assert [made.partition for made in report.made if made.changed] == ["2011-04-11"]
    assert [row[:2] for row in world.lab.rows(BY_SNAPSHOT)] == [
        ("2011-03-21", 1),
        ("2011-03-28", 1),
        ("2011-04-04", 1),
        ("2011-04-11", 2),
    ]


def test_corrected_features_of_an_old_snapshot_score_it_again_by_the_version_of_the_day(tmp_path: Path) -> None:
    world = scored_world(tmp_path)
    changed = World(tmp_path, estimator={"max_rounds": 5, "early_stopping_rounds": None}, retrain="manual")
    changed.train()
    (row, label), *others = changed.kept["2011-03-28"]
    changed.kept["2011-03-28"] = [((*row[:2], 999.0, *row[3:]), label), *others]
    changed.give()
    report = changed.lab.run(changed.scores())

    assert {made.partition: made.note for made in report.made if made.changed} == {
        "2011-03-28": "changed: features.habits, model version", "2011-04-04": "changed: model version",
    }  # fmt: skip
    assert [found[:2] for found in world.lab.rows(BY_SNAPSHOT)] == [
        ("2011-03-21", 1),
        ("2011-03-28", 2),
        ("2011-04-04", 2),
    ]
    told = "select partition, (inputs::json->>'model version')::int from wh.ops.manifest where asset = 'scores.again' order by 1"
    assert world.lab.rows(told) == [("2011-03-21", 1), ("2011-03-28", 2), ("2011-04-04", 2)]


def test_unchanged_world_scores_nothing(tmp_path: Path) -> None:
    world = scored_world(tmp_path)

    assert not world.lab.run(world.scores()).changed


def test_pinned_version_is_used_whatever_the_champion_is(tmp_path: Path) -> None:
    world = scored_world(tmp_path)
    changed = World(tmp_path, estimator={"max_rounds": 5, "early_stopping_rounds": None})
    changed.train()
    changed.lab.run(changed.scores(name="pinned", version=1))

    assert changed.lab.rows("select distinct model_version from wh.scores.pinned") == [(1,)]
    changed.lab.run(changed.scores(name="pinned", version=2))
    assert changed.lab.rows("select distinct model_version from wh.scores.pinned") == [(2,)]
    with pytest.raises(NotMaterializedError, match="there is no again@7"):
        world.lab.run(world.scores(name="absent", version=7))


def test_without_a_champion_there_are_no_scores_but_an_error(tmp_path: Path) -> None:
    world = World(
        tmp_path,
        estimator={"max_rounds": 1, "early_stopping_rounds": None, "parameters": {"min_data_in_leaf": 5000}},
        gate={"better_than": ("linear",)},
    )
    world.train()
    with pytest.raises(NotMaterializedError, match="again has no champion"):
        world.lab.run(world.scores())


def test_scores_wait_for_the_verdict(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.give()

    assert {made.note for made in world.lab.run(world.scores()).made} == {"cannot be made yet"}


def test_unseen_categories_are_scored_and_counted(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.kept["2011-04-04"] = [((*row[:4], "fax"), label) for row, label in world.kept["2011-04-04"]]
    world.train()
    report = world.lab.run(world.scores())

    assert report.facts["unseen_categories"] == 40
    assert world.lab.rows("select count(*) from wh.scores.again where score is null") == [(0,)]


def test_features_that_break_their_contract_are_not_scored(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.kept["2011-04-04"] = [((*row[:2], -5.0, *row[3:]), label) for row, label in world.kept["2011-04-04"]]
    world.train()
    with pytest.raises(ScoringError, match=r"scores\.again: features break their declared contract") as caught:
        world.lab.run(world.scores())

    assert "spend: min 0 broken in 40 rows, such as -5.0" in str(caught.value)
    assert world.lab.rows("select count(*) from wh.ops.manifest where asset = 'scores.again'") == [(0,)]


@pytest.mark.parametrize(
    ("damage", "check", "said", "evidence"),
    [
        pytest.param("update wh.scores.again set score = 1.5 where customer_id < 3", "scores_are_probabilities", "2 of 40 outside [0, 1]", 2, id="above_one"),
        pytest.param("update wh.scores.again set score = null where customer_id = 3", "scores_are_probabilities", "1 of 40 outside [0, 1]", 1, id="null"),
        pytest.param("update wh.scores.again set score = 'nan'::double where customer_id = 3", "scores_are_probabilities", "1 of 40 outside [0, 1]", 1, id="nan"),
        pytest.param("delete from wh.scores.again where customer_id in (5, 6)", "population_is_covered", "38 of 40 scored (95.00%, at least 100%)", 2, id="not_covered"),
        pytest.param("update wh.scores.again set score = 0.5", "scores_tell_entities_apart", "mean 0.500, spread 0.000, 1 values", 0, id="all_the_same"),
        pytest.param("insert into wh.scores.again select * from wh.scores.again where customer_id = 4", "key_is_unique", "", 1, id="twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_scores_is_found_with_evidence(
    tmp_path: Path, damage: str, check: str, said: str, evidence: int
) -> None:
    world = scored_world(tmp_path)
    world.lab.alter(damage)
    finding = world.judge(world.scores())[check]

    assert finding.status == "failed"
    assert said in finding.summary
    assert len(finding.evidence) == evidence


def test_lower_coverage_may_be_declared_enough(tmp_path: Path) -> None:
    world = scored_world(tmp_path, min_coverage=0.9)
    world.lab.alter("delete from wh.scores.again where customer_id in (5, 6)")

    assert world.judge(world.scores(min_coverage=0.9))["population_is_covered"].status == "passed"
