"""Training sets: which rows in which part, when they are made anew, and what their checks find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import BlockedError, TrainingError
from ml_assets_tests.builders import instant
from ml_assets_tests.training.world import World


def test_training_set_has_one_row_a_labelled_snapshot_and_entity(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.give()
    report = world.lab.run(world.training)

    parts = world.lab.rows(
        "select part, min(snapshot)::date::varchar, max(snapshot)::date::varchar, count(*), count(distinct snapshot) "
        "from wh.training.again group by 1 order by 2"
    )
    assert parts == [
        ("train", "2011-01-03", "2011-02-14", 280, 7),
        ("embargo", "2011-02-21", "2011-03-07", 80, 2),
        ("validation", "2011-02-28", "2011-02-28", 40, 1),
        ("test", "2011-03-14", "2011-03-21", 80, 2),
    ]
    assert report.facts["embargo_days"] == 14
    wrong = "select count(*) from wh.training.again t join wh.features.habits f using (snapshot, customer_id) where t.orders is distinct from f.orders or t.channel is distinct from f.channel"
    assert world.lab.rows(wrong) == [(0,)]
    assert {finding.status for finding in world.judge(world.training).values()} == {"passed"}


def test_entity_without_features_stays_with_nulls_and_fails_the_contract(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.give()
    world.lab.alter("delete from wh.features.habits where customer_id = 7 and snapshot = timestamp '2011-01-10'")
    world.lab.run(world.training)

    assert world.lab.rows(
        "select orders, channel from wh.training.again where customer_id = 7 and snapshot = timestamp '2011-01-10'"
    ) == [(None, None)]
    finding = world.judge(world.training)["features_keep_their_contract"]
    assert (finding.status, finding.summary) == ("failed", "orders: not_null broken in 1 rows, such as null")
    with pytest.raises(BlockedError, match=r"models\.again refuses to read training\.again"):
        world.lab.run(world.model)


@pytest.mark.parametrize(
    ("retrain", "now", "forced", "made"),
    [
        pytest.param("weekly", "2011-04-10", False, False, id="same_week"),
        pytest.param("weekly", "2011-04-11", False, True, id="next_week"),
        pytest.param("weekly", "2011-04-10", True, True, id="same_week_forced"),
        pytest.param("daily", "2011-04-05T23:59", False, False, id="same_day"),
        pytest.param("daily", "2011-04-06", False, True, id="next_day"),
        pytest.param("monthly", "2011-04-30", False, False, id="same_month"),
        pytest.param("monthly", "2011-05-01", False, True, id="next_month"),
        pytest.param("manual", "2011-09-01", False, False, id="manual_waits_for_ever"),
        pytest.param("manual", "2011-04-10", True, True, id="manual_forced"),
    ],
)
def test_correction_reaches_the_training_set_only_when_retraining_is_due(
    tmp_path: Path, retrain: str, now: str, forced: bool, made: bool
) -> None:
    world = World(tmp_path, retrain=retrain)
    world.train()
    before = world.lab.rows("select sum(spend) from wh.training.again where snapshot < timestamp '2011-03-01'")
    world.lab.now = instant(now)
    (row, label), *others = world.kept["2011-01-17"]
    world.kept["2011-01-17"] = [((*row[:2], 500.0, *row[3:]), label), *others]
    world.give()
    report = world.lab.run(world.training, retrain=forced)

    assert report.changed is made
    assert (
        world.lab.rows("select sum(spend) from wh.training.again where snapshot < timestamp '2011-03-01'") != before
    ) is made
    world.lab.run(world.model, retrain=forced)
    assert [number for number, _ in world.versions()] == ([1, 2] if made else [1])


def test_training_set_that_is_due_but_unchanged_is_kept(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    report = world.lab.run(world.training, retrain=True)

    assert not report.changed
    assert not world.lab.run(world.model, retrain=True).changed


def test_changed_declaration_is_due_at_once(tmp_path: Path) -> None:
    world = World(tmp_path, retrain="manual")
    world.train()
    other = World(tmp_path, retrain="manual", split={"test_snapshots": 3, "validation_snapshots": 1})

    assert other.lab.run(other.training).changed


def test_training_set_waits_until_every_feature_snapshot_is_there(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.give()
    world.lab.alter("delete from wh.ops.manifest where asset = 'features.habits' and partition = '2011-02-07'")
    (made,) = world.lab.run(world.training).made

    assert (made.changed, made.note) == (False, "cannot be made yet")


def test_too_young_a_world_cannot_be_split(tmp_path: Path) -> None:
    world = World(tmp_path, now="2011-02-14")
    world.give()
    with pytest.raises(TrainingError, match="too few labelled snapshots") as caught:
        world.lab.run(world.training)
    assert "5 labelled snapshots from 2011-01-03 to 2011-01-31" in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "check", "said"),
    [
        pytest.param("update wh.training.again set part = 'test' where part = 'embargo'", "parts_are_an_embargo_apart",
                     "train ends 2011-02-14, validation begins 2011-02-28|validation ends 2011-02-28, test begins 2011-02-21", id="embargo_used"),
        pytest.param("delete from wh.training.again where part = 'validation'", "parts_are_an_embargo_apart", "no validation rows", id="no_validation"),
        pytest.param("update wh.training.again set label = 1 where part = 'test'", "every_part_has_both_classes", "test: 80 of 80 positive", id="one_class"),
        pytest.param("insert into wh.training.again select * from wh.training.again limit 1", "key_is_unique", "", id="row_twice"),
        pytest.param("update wh.training.again set orders = -1, spend = 2000 where customer_id < 3", "features_keep_their_contract",
                     "orders: min 0 broken in 24 rows, such as -1; spend: max 1000 broken in 24 rows, such as 2000.0", id="bounds"),
    ],
)  # fmt: skip
def test_damaged_training_set_is_found(tmp_path: Path, damage: str, check: str, said: str) -> None:
    world = World(tmp_path)
    world.give()
    world.lab.run(world.training)
    world.lab.alter(damage)
    finding = world.judge(world.training)[check]

    assert finding.status == "failed"
    assert any(part in finding.summary for part in said.split("|"))


def test_excluded_feature_is_no_column(tmp_path: Path) -> None:
    world = World(tmp_path, exclude=("channel",))
    world.give()
    world.lab.run(world.training)

    columns: list[Any] = [row[0] for row in world.lab.rows("describe wh.training.again")]
    assert columns == ["snapshot", "customer_id", "label", "part", "reason", "orders", "spend", "loyal"]
