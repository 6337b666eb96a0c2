"""Golden rows and the rehearsal: exact to the last bit, and without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.errors import NotMaterializedError, RegistryError
from ml_assets.registry.drill import Readiness, drill_rollback, rollback_readiness
from ml_assets.registry.golden import MOST_ROWS, answer_golden
from ml_assets.training.versions import load_version
from ml_assets_tests.registry.people import pointed, refused_successor, two_champions
from ml_assets_tests.training.world import World

BOOKS = ("aliases", "verdicts", "registry_actions", "golden_rows", "checks", "batches", "manifest")
NUDGE = "update wh.ops.golden_rows set scores = list_transform(scores, lambda x: nextafter(x, 1)) where version = 1"


def books(world: World) -> list[list[tuple[object, ...]]]:
    return [world.lab.rows(f"select * from wh.ops.{book} order by rowid") for book in BOOKS]


def test_drill_proves_the_rollback_and_leaves_no_trace(tmp_path: Path) -> None:
    world = two_champions(tmp_path)
    before = books(world)
    report = drill_rollback(world.lab.context(), "again")

    assert (report.champion, report.target, report.golden.exact) == (2, 1, True)
    assert 0 < report.golden.rows <= MOST_ROWS
    assert min(report.move_seconds, report.load_and_answer_seconds) > 0
    assert books(world) == before
    assert pointed(world) == 2


def test_drill_fails_when_one_answer_differs_in_the_last_bit(tmp_path: Path) -> None:
    world = two_champions(tmp_path)
    world.lab.alter(NUDGE)
    with pytest.raises(RegistryError, match="again@1 does not answer as it did"):
        drill_rollback(world.lab.context(), "again")
    assert pointed(world) == 2


def test_drill_needs_golden_rows(tmp_path: Path) -> None:
    world = two_champions(tmp_path)
    world.lab.alter("delete from wh.ops.golden_rows")
    with pytest.raises(NotMaterializedError, match="again@1 has no golden rows"):
        drill_rollback(world.lab.context(), "again")


def test_drill_refuses_what_a_rollback_would(tmp_path: Path) -> None:
    world = refused_successor(tmp_path)
    with pytest.raises(RegistryError, match="nothing to roll again@1 back to"):
        drill_rollback(world.lab.context(), "again")
    with pytest.raises(RegistryError, match="again@2 may not serve"):
        drill_rollback(world.lab.context(), "again", 2)


def test_golden_rows_are_the_test_rows_of_the_first_verdict_and_stay(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    stored = world.lab.rows("select version, rows, len(scores), inputs from wh.ops.golden_rows")
    lenient = World(tmp_path, gate={"better_than": ()})
    assert lenient.lab.run(lenient.champion).changed

    assert stored[0][:3] == (1, 80, 80)
    assert world.lab.rows("select version, rows, len(scores), inputs from wh.ops.golden_rows") == stored
    with world.lab.warehouse.reading() as bench:
        assert answer_golden(bench, load_version(bench, "again", 1)).exact


def test_check_finds_a_champion_that_answers_differently(tmp_path: Path) -> None:
    world = two_champions(tmp_path)
    name = "champion_answers_its_golden_rows_exactly"
    assert world.judge(world.champion)[name].status == "passed"
    world.lab.alter("update wh.ops.golden_rows set scores = list_transform(scores, lambda x: x / 2)")
    assert world.judge(world.champion)[name].status == "failed"
    world.lab.alter("delete from wh.ops.golden_rows")
    assert world.judge(world.champion)[name].status == "not_applicable"


def looked_at(world: World) -> Readiness:
    with world.lab.warehouse.reading() as bench:
        return rollback_readiness(bench, "again", world.lab.context().now)


def test_readiness_tells_without_moving_anything_that_a_rollback_would_work(tmp_path: Path) -> None:
    world = two_champions(tmp_path)
    before = books(world)
    assert looked_at(world) == Readiness("again", 2, 1, "")
    assert books(world) == before


def test_readiness_says_why_a_rollback_would_not_work(tmp_path: Path) -> None:
    world = two_champions(tmp_path)
    world.lab.alter(NUDGE)
    found = looked_at(world)
    assert (found.is_ready, found.is_first) == (False, False)
    assert found.reason == "again@1 does not answer as it did when it was judged"
    world.lab.alter("update wh.ops.verdicts set passed = false, reasons = 'worse' where version = 1")
    assert looked_at(world).reason == "again@1 may not serve"


def test_readiness_of_a_first_champion_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    found = looked_at(refused_successor(tmp_path))
    assert (found.champion, found.is_ready, found.is_first) == (1, False, True)
