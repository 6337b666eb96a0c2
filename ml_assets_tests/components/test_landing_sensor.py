"""The landing sensor asks once for what is new, whatever Dagster or the sensor has forgotten."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.components import sensors
from ml_assets.components.sensors import _pause
from ml_assets_tests.components.world import World, key_of, opened
from ml_assets_tests.tiny import TinyProject, weekly_orders

NEW = date(2024, 4, 1)


def tick(world: World, cursor: str | None = None) -> list[dg.RunRequest]:
    with dg.build_sensor_context(instance=world.instance, cursor=cursor, definitions=world.definitions) as context:
        return list(world.sensor("load_orders_on_landing").evaluate_tick(context).run_requests or ())


def skipped(world: World) -> str:
    with dg.build_sensor_context(instance=world.instance, definitions=world.definitions) as context:
        return str(world.sensor("load_orders_on_landing").evaluate_tick(context).skip_message)


def land(world: World) -> None:
    world.project.land(NEW, weekly_orders(NEW))


def run_of(
    world: World, request: dg.RunRequest, status: dg.DagsterRunStatus, job: str = "load_orders"
) -> dg.DagsterRun:
    """A run that the daemon would have made of a request, in this state."""
    run = dg.DagsterRun(job, tags=dict(request.tags), status=status)
    world.instance.add_run(run)
    return run


def test_nothing_is_asked_while_all_files_are_loaded(world: World) -> None:
    assert tick(world) == []
    assert "all loaded" in skipped(world)


def test_new_file_asks_for_one_run(world: World) -> None:
    land(world)
    [request] = tick(world)
    assert request.run_key == f"{request.tags['ml_assets/landing']}-0"


def test_same_state_asks_under_the_same_key_which_dagster_answers_once(world: World) -> None:
    land(world)
    assert tick(world)[0].run_key == tick(world)[0].run_key


def test_nothing_is_asked_while_a_run_is_loading(world: World) -> None:
    land(world)
    run_of(world, tick(world)[0], dg.DagsterRunStatus.STARTED)
    assert tick(world) == []
    assert "a run is loading already" in skipped(world)


def test_nothing_is_asked_while_any_other_run_loads_the_asset(world: World) -> None:
    land(world)
    world.instance.add_run(
        dg.DagsterRun(
            "__ASSET_JOB", asset_selection=frozenset({key_of("raw.orders")}), status=dg.DagsterRunStatus.STARTED
        )
    )
    assert tick(world) == []


def test_a_run_of_other_assets_keeps_nothing_from_loading(world: World) -> None:
    land(world)
    world.instance.add_run(
        dg.DagsterRun(
            "__ASSET_JOB", asset_selection=frozenset({key_of("staging.sales")}), status=dg.DagsterRunStatus.STARTED
        )
    )
    assert len(tick(world)) == 1


def test_loaded_file_is_not_asked_for_again_though_the_cursor_is_lost(world: World) -> None:
    land(world)
    assert world.run("raw.orders").success
    assert tick(world, cursor=None) == []
    assert tick(world, cursor="anything") == []


def test_removed_materialisation_asks_for_one_run_that_brings_it_back(world: World) -> None:
    world.instance.wipe_assets([key_of("raw.orders")])
    [request] = tick(world)
    assert world.run("raw.orders").success
    assert tick(world) == []
    assert request.run_key is not None


def test_failed_attempt_is_followed_by_one_under_a_new_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    land(world)
    [first] = tick(world)
    run_of(world, first, dg.DagsterRunStatus.FAILURE)
    monkeypatch.setattr(sensors, "_SECONDS", 0)
    [second] = tick(world)
    assert second.run_key != first.run_key
    assert second.tags == first.tags


def test_attempts_at_the_same_files_come_ever_later(world: World) -> None:
    land(world)
    [first] = tick(world)
    run_of(world, first, dg.DagsterRunStatus.FAILURE)
    assert tick(world) == []
    assert "1 runs for these files have failed; the next one is in" in skipped(world)
    [record] = world.instance.get_run_records(dg.RunsFilter(tags=dict(first.tags)))
    assert [round(_pause([record] * times), -1) for times in (1, 2, 3)] == [30, 60, 120]
    assert _pause([record] * 50) <= 3600


def test_changed_file_does_not_wait_for_the_pause_of_another(world: World) -> None:
    land(world)
    run_of(world, tick(world)[0], dg.DagsterRunStatus.FAILURE)
    world.project.land(NEW, weekly_orders(NEW) + "55,1,2024-04-01 09:00:00,2\n")
    assert len(tick(world)) == 1


def test_empty_folder_asks_for_nothing(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path / "project")
    for path in project.home.landing("shop").iterdir():
        path.unlink()
    with opened(project) as world:
        assert tick(world) == []
