"""Schedules ask at their declared times, for the newest snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from ml_assets_tests.components.world import World, loaded, opened
from ml_assets_tests.tiny import TinyProject

MONDAY = datetime(2024, 4, 1, 4, tzinfo=UTC)


def schedule(definitions: dg.Definitions, name: str) -> dg.ScheduleDefinition:
    return next(s for s in definitions.schedules or () if isinstance(s, dg.ScheduleDefinition) and s.name == name)


def tick(world: World, name: str, at: datetime) -> list[dg.RunRequest]:
    repository = world.definitions.get_repository_def()
    with dg.build_schedule_context(
        instance=world.instance, scheduled_execution_time=at, repository_def=repository
    ) as context:
        return list(schedule(world.definitions, name).evaluate_tick(context).run_requests or ())


@pytest.fixture
def live(tmp_path: Path) -> Iterator[World]:
    """A project whose clock is the real one."""
    project = TinyProject.create(tmp_path / "project")
    project.home.replay_file.unlink()
    with opened(project) as found:
        yield found


def test_scoring_asks_for_the_newest_snapshot(live: World) -> None:
    now = datetime.now(UTC)
    [request] = tick(live, "score_again_every_week", now)
    assert request.partition_key == f"{now - timedelta(days=now.weekday()):%Y-%m-%d}"


def test_scoring_asks_for_nothing_while_history_is_replayed(world: World) -> None:
    assert tick(world, "score_again_every_week", MONDAY) == []


def test_retraining_asks_for_the_whole_chain(world: World) -> None:
    [request] = tick(world, "retrain_again_weekly", MONDAY)
    assert request.partition_key is None
    job = world.definitions.resolve_job_def("retrain_again")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == {
        "training/again", "models/again", "evaluation/again", "models/again__champion",
    }  # fmt: skip


def test_times_follow_the_declaration(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path / "project")
    project.edit("again", "  gate:", "  retrain: monthly\n  gate:")
    definitions = loaded(project)
    assert schedule(definitions, "retrain_again_monthly").cron_schedule == "0 3 1 * *"
    assert schedule(definitions, "score_again_every_week").cron_schedule == "0 4 * * 1"


def test_manual_retraining_has_no_schedule(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path / "project")
    project.edit("again", "  gate:", "  retrain: manual\n  gate:")
    assert [s.name for s in loaded(project).schedules or ()] == ["score_again_every_week"]
