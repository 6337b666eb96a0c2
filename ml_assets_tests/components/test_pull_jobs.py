"""Pulling from Dagster: a job, a schedule where one is declared, and the landing sensor that loads what came."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from ml_assets_tests.components.test_schedules import schedule, tick
from ml_assets_tests.components.world import QUIET, World, failures, key_of, loaded, opened
from ml_assets_tests.pulled import PULL, change, project_with_a_database
from ml_assets_tests.tiny import TinyProject

EVERY_HOUR = PULL.replace("table: orders}", "table: orders, every: hour}")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[World]:
    """A project that pulls every hour, under the real clock."""
    project = project_with_a_database(tmp_path / "project", EVERY_HOUR)
    project.home.replay_file.unlink()
    with opened(project) as found:
        yield found


def pull(world: World) -> dg.ExecuteInProcessResult:
    job = world.definitions.resolve_job_def("pull_orders")
    return job.execute_in_process(instance=world.instance, run_config=QUIET, raise_on_error=False)


def landing_asks(world: World) -> bool:
    sensor = world.sensor("load_orders_on_landing")
    context = dg.build_sensor_context(instance=world.instance, definitions=world.definitions)
    return bool(sensor.evaluate_tick(context).run_requests)


def test_what_the_job_pulls_is_seen_by_the_landing_sensor(live: World) -> None:
    assert not landing_asks(live)
    assert pull(live).success
    assert landing_asks(live)
    [observed] = live.instance.fetch_observations(key_of("raw.orders"), limit=5).records
    assert observed.asset_observation is not None
    assert observed.asset_observation.metadata["changed"].value is True


def test_a_job_that_cannot_fetch_says_why(live: World) -> None:
    change(live.project, "drop table orders")
    result = pull(live)
    assert not result.success
    assert "unknown table of sqlite:///" in failures(result)["pull_orders_op"]


def test_the_schedule_asks_at_the_declared_times(live: World) -> None:
    assert schedule(live.definitions, "pull_orders_every_hour").cron_schedule == "0 * * * *"
    [request] = tick(live, "pull_orders_every_hour", datetime.now(UTC))
    assert request.partition_key is None


def test_the_schedule_waits_while_history_is_replayed(tmp_path: Path) -> None:
    with opened(project_with_a_database(tmp_path / "project", EVERY_HOUR)) as world:
        assert tick(world, "pull_orders_every_hour", datetime.now(UTC)) == []


def test_without_every_there_is_a_job_and_no_schedule_and_without_pull_neither(tmp_path: Path) -> None:
    with_pull = loaded(project_with_a_database(tmp_path / "pulled"))
    plain = loaded(TinyProject.create(tmp_path / "plain"))
    assert [_has_job(definitions) for definitions in (with_pull, plain)] == [True, False]
    for definitions in (with_pull, plain):
        assert not [s.name for s in definitions.schedules or () if s.name.startswith("pull_")]


def _has_job(definitions: dg.Definitions) -> bool:
    return "pull_orders" in {job.name for job in definitions.jobs or ()}
