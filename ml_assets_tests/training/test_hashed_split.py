"""Splits by hash: groups whole, strata in proportion, and nobody moved by those who come later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import TrainingError
from ml_assets.training.hashed_split import hashed_parts
from ml_assets_tests.builders import Lab
from ml_assets_tests.training.tables import task_spec
from ml_assets_tests.training.world import World

Rows = dict[tuple[Any, ...], str]


def divided(
    tmp_path: Path, split: dict[str, Any], entities: int, *, task: str = "binary", group: str = "entity % 50"
) -> Rows:
    """(snapshot, entity, shop, label) → part, of two snapshots."""
    spec = task_spec(task, split=split)
    labels = (
        f"(select timestamp '2024-01-01' + interval (7 * week) day as snapshot, entity as customer_id, {group} as shop, "
        f"(hash(entity, week) % 10 = 0)::bigint as label from range({entities}) e(entity), range(2) w(week))"
    )
    with Lab(tmp_path).warehouse.workbench() as bench:
        names = "snapshot, customer_id, shop, label" if spec.carried else "snapshot, customer_id, null, label"
        return {tuple(row[:4]): row[4] for row in bench.rows(f"select {names}, part from {hashed_parts(spec, labels)}")}


SPLITS = [
    pytest.param({"kind": "random"}, id="random"),
    pytest.param({"kind": "stratified"}, id="stratified"),
    pytest.param({"kind": "group"}, id="group_by_entity"),
]


@pytest.mark.parametrize("split", SPLITS)
def test_shares_are_as_declared_and_a_seed_draws_others(tmp_path: Path, split: dict[str, Any]) -> None:
    found = divided(tmp_path, {**split, "test": 0.3, "validation": 0.1}, 4000)
    shares = {
        part: sum(1 for value in found.values() if value == part) / len(found)
        for part in ("train", "validation", "test")
    }

    assert shares == pytest.approx({"train": 0.6, "validation": 0.1, "test": 0.3}, abs=0.02)
    assert found == divided(tmp_path, {**split, "test": 0.3, "validation": 0.1}, 4000)
    assert found != divided(tmp_path, {**split, "test": 0.3, "validation": 0.1, "seed": 8}, 4000)


@pytest.mark.parametrize(
    ("split", "moved"), [({"kind": "random"}, 0), ({"kind": "group"}, 0), ({"kind": "stratified"}, 8)]
)
def test_new_rows_leave_the_others_where_they_are(tmp_path: Path, split: dict[str, Any], moved: int) -> None:
    before, after = divided(tmp_path, split, 500), divided(tmp_path, split, 501)

    assert sum(after[row] != part for row, part in before.items()) <= moved


def test_groups_never_straddle_and_one_without_a_name_is_left_out(tmp_path: Path) -> None:
    found = divided(
        tmp_path, {"kind": "group", "column": "shop"}, 2000, group="case when entity % 10 > 0 then entity % 50 end"
    )
    parts: dict[Any, set[str]] = {}
    for (_, _, shop, _), part in found.items():
        parts.setdefault(shop, set()).add(part)

    assert parts.pop(None) == {"left_out"}
    assert {len(found) for found in parts.values()} == {1}
    assert set().union(*parts.values()) == {"train", "validation", "test"}


def test_strata_keep_the_share_of_each_label(tmp_path: Path) -> None:
    found = divided(tmp_path, {"kind": "stratified"}, 1000)
    for part, share in (("test", 0.2), ("validation", 0.2), ("train", 0.6)):
        for label in (0, 1):
            rows = [value for row, value in found.items() if row[3] == label]
            assert abs(rows.count(part) - share * len(rows)) <= 1


def test_random_split_of_a_world_trains_and_says_what_was_left_out(tmp_path: Path) -> None:
    world = World(tmp_path, split={"kind": "random"})
    world.give()
    facts = world.lab.run(world.training).facts
    world.lab.run(world.model)
    rows = dict(world.lab.rows("select part, count(*) from wh.training.again group by 1"))

    assert sorted(rows) == ["test", "train", "validation"]
    assert facts["left_out"] == {}
    assert {finding.status for finding in world.judge(world.training).values()} == {"passed"}
    ((trained,),) = world.lab.rows("select manifest->'facts'->>'rows_trained_on' from wh.models.again")
    assert int(trained) == rows["train"] + rows["validation"]


def test_torn_group_is_found(tmp_path: Path) -> None:
    world = World(tmp_path, split={"kind": "group"})
    world.give()
    world.lab.run(world.training)
    assert world.judge(world.training)["groups_stay_in_one_part"].status == "passed"
    world.lab.alter(
        "update wh.training.again set part = case part when 'test' then 'train' else 'test' end where customer_id = 5 and snapshot = timestamp '2011-01-10'"
    )

    finding = world.judge(world.training)["groups_stay_in_one_part"]
    assert (finding.status, finding.summary) == ("failed", "1 of 40 groups have rows in several parts")


@pytest.mark.parametrize(
    ("split", "damage", "said"),
    [
        pytest.param({"kind": "group"}, "delete from wh.labels.again where customer_id > 1", "leaves no rows for", id="one_group"),
        pytest.param({"kind": "stratified"}, "update wh.labels.again set label = (customer_id = 3 and snapshot < timestamp '2011-01-12')::int", "fewer rows of a class than parts", id="rare_class"),
    ],
)  # fmt: skip
def test_split_that_cannot_be_judged_is_an_error(tmp_path: Path, split: dict[str, Any], damage: str, said: str) -> None:
    world = World(tmp_path, split=split)
    world.give()
    world.lab.alter(damage)
    with pytest.raises(TrainingError, match=said) as caught:
        world.lab.run(world.training)
    assert str(caught.value).startswith("model.yaml:1: ")


def test_embargoed_rows_say_why_they_are_left_out(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.give()

    assert world.lab.run(world.training).facts["left_out"] == {"outcome window reaches into a later part": 80}
    assert world.lab.rows("select distinct part, reason from wh.training.again where reason is not null") == [
        ("embargo", "outcome window reaches into a later part")
    ]
