"""The sensor brings incidents up to date by itself, and adds what only Dagster knows of: failed runs and ticks."""

from __future__ import annotations

import time

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickData, TickStatus
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.error import SerializableErrorInfo

from ml_assets.operations.incident_book import Incident, incidents_where
from ml_assets_tests.cli.invoke import invoke
from ml_assets_tests.components.world import World
from ml_assets_tests.tiny import STATEMENTS, TinyProject


def tick(world: World) -> str:
    """What the sensor says."""
    with dg.build_sensor_context(instance=world.instance, definitions=world.definitions) as context:
        return str(world.sensor("watch_incidents").evaluate_tick(context).skip_message)


def incidents(project: TinyProject) -> list[Incident]:
    with project.context().warehouse.reading() as bench:
        return incidents_where(bench)


def fail_a_tick(world: World, status: TickStatus = TickStatus.FAILURE) -> None:
    """As the daemon does for a sensor that raised."""
    sensor = world.definitions.get_repository_def().get_sensor_def("load_orders_on_landing")
    state = next((s for s in world.instance.all_instigator_state() if s.instigator_name == sensor.name), None)
    if state is None:
        state = InstigatorState(_origin(sensor.name), InstigatorType.SENSOR, InstigatorStatus.RUNNING)
        world.instance.add_instigator_state(state)
    error = (
        SerializableErrorInfo("OSError: the folder is gone\n", [], "OSError") if status == TickStatus.FAILURE else None
    )
    world.instance.create_tick(
        TickData(
            state.instigator_origin_id, sensor.name, InstigatorType.SENSOR, status, time.time(), error=error,
            end_timestamp=time.time(), selector_id=state.selector_id,
        )
    )  # fmt: skip


def _origin(name: str) -> RemoteInstigatorOrigin:
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="tiny.definitions"), location_name="tiny")
    return RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)


def test_quiet_project_changes_nothing(world: World) -> None:
    assert tick(world) == "nothing has changed"
    assert incidents(world.project) == []


def test_failed_run_of_dagster_is_an_incident_until_one_succeeds(world: World) -> None:
    world.project.state("habits", STATEMENTS["habits"].replace("sum(amount)", "sum(amounts)"))
    world.reload()
    assert not world.run("features.habits", first="2024-04-01").success
    assert "incident 1 opened" in tick(world)
    [one] = incidents(world.project)
    assert (one.asset, one.cause) == ("features.habits", "code")
    assert tick(world) == "nothing has changed"
    world.project.state("habits", STATEMENTS["habits"])
    world.reload()
    assert world.run("features.habits", first="2024-01-15", last="2024-04-01").success
    assert "incident 1 recovered" in tick(world)


def test_failed_tick_of_a_sensor_is_an_incident_until_one_succeeds(world: World) -> None:
    fail_a_tick(world)
    tick(world)
    [one] = incidents(world.project)
    assert one.cause == "sensor"
    assert "load_orders_on_landing: OSError: the folder is gone" in one.title
    fail_a_tick(world, TickStatus.SKIPPED)
    assert "incident 1 recovered" in tick(world)


def test_other_looks_do_not_close_what_only_dagster_knows(world: World) -> None:
    fail_a_tick(world)
    tick(world)
    invoke(world.project, "run")
    assert [one.status for one in incidents(world.project)] == ["open"]


def test_run_that_the_command_line_made_is_told_once(world: World) -> None:
    world.project.state("habits", STATEMENTS["habits"].replace("sum(amount)", "sum(amounts)"))
    invoke(world.project, "run")
    tick(world)
    [one] = incidents(world.project)
    assert [signal.kind for signal in one.signals if signal.asset == "features.habits"][:1] == ["step"]
