"""What Dagster runs stands in the warehouse's book of steps beside what the command line runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from ml_assets.components.instance import project_instance
from ml_assets.components.telling import tell
from ml_assets.errors import MlAssetsError, NotMaterializedError, WarehouseError, WarehouseLockedError
from ml_assets.monitoring.kpi_facts import steps_in
from ml_assets.monitoring.kpis import Window
from ml_assets.warehouse.asset import TableAsset
from ml_assets_tests.components.test_runs import land_a_repeated_key
from ml_assets_tests.components.world import World, opened
from ml_assets_tests.tiny import TinyProject

STEPS = (
    "select asset, status, message, partitions, facts->>'error' as error, cpu_seconds, clock_time::varchar as clock_time, told_to "
    "from wh.ops.steps s join wh.ops.step_costs c on c.run_id = s.run_id and c.step = s.step "
    "where s.run_id = ? and command = 'dagster' order by s.step"
)


@pytest.fixture(scope="module")
def shared(tiny: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all tests that look at runs of their own alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ML_ASSETS_HOME", "ML_ASSETS_PROJECT", "ML_ASSETS_NOW", "DAGSTER_HOME"):
            patch.delenv(name, raising=False)
        with opened(tiny.copied_to(tmp_path_factory.mktemp("world") / "project")) as world:
            yield world


def book(world: World, result: dg.ExecuteInProcessResult) -> list[dict[str, Any]]:
    with world.project.context().warehouse.reading() as bench:
        return bench.records(STEPS, [result.run_id])


def told(project: TinyProject) -> int:
    with project_instance(project.home) as instance:
        return tell(instance, project.context(), project.graph().assets)


def sales(world: World) -> TableAsset:
    return next(asset for asset in world.project.graph() if str(asset.name) == "staging.sales")


def test_step_of_dagster_is_written_as_made_and_as_judged(shared: World) -> None:
    result = shared.run("features.habits", first="2024-03-18", last="2024-03-25")
    assert result.success
    made, judged = book(shared, result)
    assert (made["asset"], made["status"], judged["status"]) == ("features.habits", "made", "judged")
    assert made["partitions"] == judged["partitions"] == ["2024-03-18", "2024-03-25"]
    assert made["message"] == judged["message"] == ""
    assert made["clock_time"] == "2024-04-02 00:00:00"
    assert 0 < made["cpu_seconds"] < 60


@pytest.mark.parametrize(
    ("problem", "message", "code"),
    [
        (NotMaterializedError("nothing there", place="x.yaml:3"), "x.yaml:3: nothing there", "MLA302"),
        (
            ZeroDivisionError("nothing to divide by"),
            "{place}: ZeroDivisionError: nothing to divide by",
            "ZeroDivisionError",
        ),
    ],
)
def test_failed_step_of_dagster_is_written_with_what_it_said(
    shared: World, monkeypatch: pytest.MonkeyPatch, problem: Exception, message: str, code: str
) -> None:
    def broken(_asset: TableAsset, *_arguments: Any) -> Any:
        raise problem

    asset = sales(shared)
    monkeypatch.setattr(type(asset), "materialize", broken)
    result = shared.run("staging.sales")
    assert not result.success
    [failed] = book(shared, result)
    assert (failed["asset"], failed["status"]) == ("staging.sales", "failed")
    assert (failed["message"], failed["error"]) == (message.format(place=asset.place), code)


@pytest.mark.parametrize("problem", [WarehouseLockedError("held", got="process 7"), WarehouseError("no database")])
def test_failure_of_the_warehouse_itself_is_not_waited_for_again_to_be_written(
    shared: World, monkeypatch: pytest.MonkeyPatch, problem: MlAssetsError
) -> None:
    def unusable(_asset: TableAsset, *_arguments: Any) -> Any:
        raise problem

    monkeypatch.setattr("ml_assets.components.assets._RETRY_SECONDS", 0)
    monkeypatch.setattr(type(sales(shared)), "materialize", unusable)
    result = shared.run("staging.sales")
    assert not result.success
    assert book(shared, result) == []


def test_step_that_succeeds_at_another_try_is_no_failed_one(shared: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(sales(shared))
    materialize, tries = kind.materialize, []

    def held_once(asset: TableAsset, *arguments: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise WarehouseLockedError("held", got="process 7")
        return materialize(asset, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("ml_assets.components.assets._RETRY_SECONDS", 0)
    monkeypatch.setattr(kind, "materialize", held_once)
    result = shared.run("staging.sales")
    assert result.success
    assert [step["status"] for step in book(shared, result)] == ["made", "judged"]


def test_instance_that_ran_a_step_is_not_told_of_it_whoever_heard_of_it_since(shared: World) -> None:
    result = shared.run("staging.sales")
    assert None not in {step["told_to"] for step in book(shared, result)}
    assert told(shared.project) == 0
    with shared.project.context().warehouse.committing() as bench:
        bench.execute("update wh.ops.steps set told_to = 'another instance' where run_id = ?", [result.run_id])
    assert told(shared.project) == 2
    [record] = shared.instance.get_run_records(dg.RunsFilter(run_ids=[result.run_id]))
    assert record.dagster_run.job_name == "__ASSET_JOB"
    events = shared.instance.get_records_for_run(result.run_id).records
    kinds = [event.event_log_entry.dagster_event_type for event in events]
    assert kinds.count(dg.DagsterEventType.ASSET_MATERIALIZATION) == 1


def test_indicators_count_runs_of_the_command_line_and_of_dagster(
    shared: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = shared.run("staging.sales").run_id

    def broken(_asset: TableAsset, *_arguments: Any) -> Any:
        raise NotMaterializedError("nothing there")

    monkeypatch.setattr(type(sales(shared)), "materialize", broken)
    bad = shared.run("staging.sales").run_id
    with shared.project.context().warehouse.reading() as bench:
        now = shared.project.context().now
        steps = steps_in(bench, Window(now - timedelta(days=1), now + timedelta(days=1)))
        [(first,)] = bench.rows("select distinct run_id from wh.ops.steps where command = 'run'")
    found = {(step.run, step.asset): step for step in steps if step.run in (first, good, bad)}
    # Made and judged are one step.
    assert [one.failed for key, one in found.items() if key[0] in (good, bad)].count(True) == 1
    assert found[bad, "staging.sales"].failed
    assert len([key for key in found if key[0] == first]) >= 10
    assert (found[good, "staging.sales"].cpu or 0) > 0


def test_blocked_consumers_are_named_in_the_judged_step(world: World) -> None:
    land_a_repeated_key(world)
    result = world.run("raw.orders")
    judged = next(step for step in book(world, result) if step["status"] == "judged")
    assert "a blocking check failed: key_is_unique" in judged["message"]


def test_dagster_folder_made_anew_is_told_of_runs_that_an_older_one_ran(tiny_copy: TinyProject) -> None:
    with tiny_copy.context().warehouse.committing() as bench:
        # Those of the whole run before take long to tell, and are not what this is about.
        bench.execute("delete from wh.ops.steps")
    with opened(tiny_copy) as world:
        run_id = world.run("staging.sales").run_id
    shutil.rmtree(tiny_copy.home.dagster)
    with opened(tiny_copy) as world:
        [record] = world.instance.get_run_records(dg.RunsFilter(run_ids=[run_id]))
    assert record.dagster_run.job_name == "ml_assets_dagster"
    assert record.dagster_run.status == dg.DagsterRunStatus.SUCCESS
