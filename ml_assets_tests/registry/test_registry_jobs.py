"""The registry's actions as Dagster jobs: done, refused and audited as on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from ml_assets.warehouse.aliases import version_at
from ml_assets_tests.components.world import QUIET, World, failures, key_of, opened
from ml_assets_tests.tiny import TinyProject

CHAIN = ("training.again", "models.again", "evaluation.again", "models.again__champion")


@pytest.fixture(scope="module")
def world(tiny: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The tiny project with two champions."""
    project = tiny.copied_to(tmp_path_factory.mktemp("jobs") / "project")
    project.edit("again", "max_rounds: 8", "max_rounds: 9")
    with opened(project) as found:
        assert found.run(*CHAIN[1:]).success
        yield found


def act(world: World, action: str, **config: Any) -> dg.ExecuteInProcessResult:
    job = world.definitions.resolve_job_def(f"{action}_again")
    return job.execute_in_process(
        instance=world.instance,
        run_config={"ops": {f"{action}_again_op": {"config": config}}, **QUIET},
        raise_on_error=False,
    )


def champion(world: World) -> int | None:
    with world.project.context().warehouse.reading() as bench:
        return version_at(bench, "again", "champion")


def test_rollback_and_promotion_from_the_ui_move_the_alias_with_who_and_why(world: World) -> None:
    result = act(world, "rollback", by="Ann", reason="complaints")
    assert result.success
    assert champion(world) == 1
    run = world.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert {name: run.tags[f"ml_assets/{name}"] for name in ("action", "by", "reason", "version")} == {
        "action": "rollback", "by": "Ann", "reason": "complaints", "version": "1",
    }  # fmt: skip
    observed = world.instance.fetch_observations(key_of("models.again__champion"), limit=1).records[0]
    assert observed.asset_observation is not None
    assert observed.asset_observation.metadata["sentence"].value == "again@1 is champion again, after 2"

    assert act(world, "promote", by="Bob", reason="it was not the model", version=2).success
    assert champion(world) == 2


@pytest.mark.parametrize(
    ("action", "config", "said"),
    [
        ("promote", {"version": 7}, "there is no again@7"),
        ("approve", {"version": 2}, "again needs no approval"),
        ("rollback", {"version": 2}, "nothing to roll again@2 back to"),
    ],
)
def test_what_is_refused_fails_with_its_reason_and_changes_nothing(
    world: World, action: str, config: dict[str, Any], said: str
) -> None:
    before = champion(world)
    result = act(world, action, by="Ann", reason="x", **config)
    assert not result.success
    assert said in failures(result)[f"{action}_again_op"]
    assert champion(world) == before


def test_a_name_is_asked_for(world: World) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="by"):
        act(world, "rollback", reason="x")
