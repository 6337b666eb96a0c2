"""What Dagster runs stands in the warehouse's book of steps beside what the command line runs."""

from __future__ import annotations

import shutil
from typing import Any

import dagster as dg
import pytest

from ml_assets.components.instance import project_instance
from ml_assets.components.telling import tell
from ml_assets.errors import WarehouseLockedError
from ml_assets.warehouse.asset import TableAsset
from ml_assets_tests.components.test_runs import land_a_repeated_key
from ml_assets_tests.components.world import World, opened
from ml_assets_tests.tiny import TinyProject

ORDERED_BY_STEP = (
    "select asset, status, message, partitions, cpu_seconds, clock_time::varchar as clock_time, told_to from wh.ops.steps s "
    "join wh.ops.step_costs c on c.run_id = s.run_id and c.step = s.step where command = 'dagster' order by s.step"
)


def book(project: TinyProject) -> list[dict[str, Any]]:
    with project.context().warehouse.reading() as bench:
        return bench.records(ORDERED_BY_STEP)


def told(project: TinyProject) -> int:
    with project_instance(project.home) as instance:
        return tell(instance, project.context(), project.graph().assets)


def test_step_of_dagster_is_written_as_made_and_as_judged(world: World) -> None:
    assert world.run("features.habits", first="2024-03-18", last="2024-03-25").success
    made, judged = book(world.project)
    assert (made["asset"], made["status"], judged["status"]) == ("features.habits", "made", "judged")
    assert made["partitions"] == judged["partitions"] == ["2024-03-18", "2024-03-25"]
    assert made["message"] == judged["message"] == ""
    assert made["clock_time"] == "2024-04-02 00:00:00"
    assert 0 < made["cpu_seconds"] < 60


def test_failed_step_of_dagster_is_written_with_what_it_said(world: World) -> None:
    world.project.state("sales", "select order_id, customer_id, ordered_at, amount\nfrom raw.orders\nwhere amout > 0\n")
    world.reload()
    assert not world.run("staging.sales").success
    [failed] = book(world.project)
    assert (failed["asset"], failed["status"]) == ("staging.sales", "failed")
    assert "sql/shop/sales.sql:" in failed["message"]
    assert "amout" in failed["message"]


def test_fault_of_ours_is_written_before_dagster_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_asset: TableAsset, *_arguments: Any) -> Any:
        raise ZeroDivisionError("nothing to divide by")

    asset = next(asset for asset in world.project.graph() if str(asset.name) == "staging.sales")
    monkeypatch.setattr(type(asset), "materialize", broken)
    assert not world.run("staging.sales").success
    [failed] = book(world.project)
    assert failed["message"] == f"{asset.place}: ZeroDivisionError: nothing to divide by"


def test_step_that_succeeds_at_another_try_is_no_failed_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = next(asset for asset in world.project.graph() if str(asset.name) == "staging.sales")
    materialize, tries = type(asset).materialize, []

    def held_once(asset: TableAsset, *arguments: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise WarehouseLockedError("held", got="process 7")
        return materialize(asset, *arguments)

    monkeypatch.setattr("ml_assets.components.assets._RETRY_SECONDS", 0)
    monkeypatch.setattr(type(asset), "materialize", held_once)
    assert world.run("staging.sales").success
    assert [step["status"] for step in book(world.project)] == ["made", "judged"]


def test_blocked_consumers_are_named_in_the_judged_step(world: World) -> None:
    land_a_repeated_key(world)
    world.run("raw.orders")
    judged = next(step for step in book(world.project) if step["status"] == "judged")
    assert "a blocking check failed: key_is_unique" in judged["message"]


def test_instance_that_ran_a_step_is_not_told_of_it(world: World) -> None:
    world.run("staging.sales")
    before = len(world.evaluations("staging.sales", "rows_keep_the_contract"))
    assert {step["told_to"] for step in book(world.project)} != {None}
    assert told(world.project) == 0
    assert len(world.evaluations("staging.sales", "rows_keep_the_contract")) == before


def test_run_that_another_listener_heard_of_since_is_not_told_to_the_instance_that_ran_it(world: World) -> None:
    result = world.run("staging.sales")
    with world.project.context().warehouse.committing() as bench:
        bench.execute("update wh.ops.steps set told_to = 'another instance'")
    told(world.project)
    runs = world.instance.get_run_records(dg.RunsFilter(run_ids=[result.run_id]))
    assert runs[0].dagster_run.job_name == "__ASSET_JOB"
    kinds = [
        record.event_log_entry.dagster_event_type
        for record in world.instance.get_records_for_run(result.run_id).records
    ]
    assert kinds.count(dg.DagsterEventType.ASSET_MATERIALIZATION) == 1


def test_dagster_folder_made_anew_is_told_of_runs_that_an_older_one_ran(tiny_copy: TinyProject) -> None:
    with opened(tiny_copy) as world:
        run_id = world.run("staging.sales").run_id
    shutil.rmtree(tiny_copy.home.dagster)
    with opened(tiny_copy) as world:
        [record] = world.instance.get_run_records(dg.RunsFilter(run_ids=[run_id]))
    assert record.dagster_run.job_name == "ml_assets_dagster"
    assert record.dagster_run.status == dg.DagsterRunStatus.SUCCESS
