"""What the command line made is shown by Dagster as if it had run there, once, whatever becomes of Dagster's folder."""

from __future__ import annotations

import shutil
from datetime import date

import dagster as dg

from ml_assets.components.instance import project_instance
from ml_assets.components.telling import tell
from ml_assets_tests.cli.invoke import invoke
from ml_assets_tests.components.world import World, key_of, opened
from ml_assets_tests.tiny import TinyProject, weekly_orders

NEXT_MONDAY = date(2024, 4, 1)


def told(project: TinyProject) -> int:
    with project_instance(project.home) as instance:
        return tell(instance, project.context(), project.graph().assets)


def partitions_in_dagster(world: World, asset: str) -> set[str]:
    return set(world.instance.get_materialized_partitions(key_of(asset)))


def test_every_written_partition_is_a_materialisation_with_its_content(world: World) -> None:
    with world.project.context().warehouse.reading() as bench:
        contents = dict(
            bench.rows("select partition, content from wh.ops.manifest where asset = 'features.habits' order by 1")
        )
    assert partitions_in_dagster(world, "features.habits") == set(contents)
    newest = world.instance.get_latest_materialization_event(key_of("features.habits"))
    assert newest is not None
    assert newest.asset_materialization is not None
    assert newest.asset_materialization.partition is not None
    tags = newest.asset_materialization.tags or {}
    assert tags["dagster/data_version"] == contents[newest.asset_materialization.partition]
    assert {
        "dagster/column_schema",
        "preview",
        "dagster/column_lineage",
    } <= newest.asset_materialization.metadata.keys()


def test_run_has_its_own_times_and_ends_well(world: World) -> None:
    [record] = world.instance.get_run_records(dg.RunsFilter(job_name="ml_assets_run"))
    assert record.dagster_run.status == dg.DagsterRunStatus.SUCCESS
    with world.project.context().warehouse.reading() as bench:
        started, ended = bench.rows("select epoch(min(started_at)), epoch(max(ended_at)) from wh.ops.steps")[0]
    assert record.start_time is not None
    assert record.end_time is not None
    assert abs(record.start_time - started) < 0.01
    assert abs(record.end_time - ended) < 0.01


def test_steps_are_told_once(world: World) -> None:
    before = len(world.evaluations("features.habits", "key_is_unique"))
    assert told(world.project) == 0
    assert len(world.evaluations("features.habits", "key_is_unique")) == before > 0


def test_a_later_run_is_a_second_run_with_what_it_wrote_alone(tiny_copy: TinyProject) -> None:
    with opened(tiny_copy):
        pass
    tiny_copy.land(NEXT_MONDAY, weekly_orders(NEXT_MONDAY))
    assert invoke(tiny_copy, "run").exit_code == 0
    with opened(tiny_copy) as world:
        records = world.instance.get_run_records(dg.RunsFilter(job_name="ml_assets_run"))
        events = world.instance.get_records_for_run(
            records[0].dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        ).records
    assert len(records) == 2
    keys = {record.asset_key for record in events}
    assert key_of("raw.orders") in keys
    assert key_of("features.habits") not in keys


def test_a_folder_made_anew_is_told_everything_again(tiny_copy: TinyProject) -> None:
    first = told(tiny_copy)
    shutil.rmtree(tiny_copy.home.dagster)
    assert told(tiny_copy) == first > 0


def test_failed_step_is_a_failed_run_that_says_why(tiny_copy: TinyProject) -> None:
    told(tiny_copy)
    tiny_copy.state("sales", "select order_id, customer_id, ordered_at, amount / nothing as amount\nfrom raw.orders\n")
    assert invoke(tiny_copy, "run").exit_code == 1
    with opened(tiny_copy) as world:
        [failed] = world.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        events = world.instance.all_logs(failed.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    said = events[0].dagster_event.step_failure_data.user_failure_data.description  # type: ignore[union-attr]
    assert "the engine refuses this statement" in str(said)
    assert "sql/shop/sales.sql:1" in str(said)


def test_landing_sensor_takes_what_the_command_line_loaded_for_loaded(tiny_copy: TinyProject) -> None:
    with project_instance(tiny_copy.home) as instance:
        world = World(tiny_copy, instance, dg.Definitions())
        world.reload()
        with dg.build_sensor_context(instance=instance, definitions=world.definitions) as context:
            tick = world.sensor("load_orders_on_landing").evaluate_tick(context)
    assert not tick.run_requests
    assert "all loaded" in str(tick.skip_message)
