"""Runs through Dagster: blocking checks, results of each partition, failures with and without another try."""

from __future__ import annotations

from datetime import date
from typing import Any

import dagster as dg
import pytest

from ml_assets.components.assets import dagster_failure
from ml_assets.errors import DeclarationError, NotMaterializedError, WarehouseLockedError
from ml_assets.warehouse.asset import TableAsset
from ml_assets_tests.components.world import World, failures, key_of, made
from ml_assets_tests.tiny import weekly_orders

MONDAY = date(2024, 3, 25)
FIRST, LAST = "2024-01-15", "2024-04-01"


def land_a_repeated_key(world: World) -> None:
    world.project.land(MONDAY, weekly_orders(MONDAY) + "1,1,2024-03-26 09:00:00,1\n1,2,2024-03-26 10:00:00,1\n")


class TestBlocking:
    def test_failing_blocking_check_keeps_consumers_out_of_the_same_run(self, world: World) -> None:
        land_a_repeated_key(world)
        result = world.run("raw.orders", "staging.sales")
        assert made(result) == ["raw.orders"]
        assert not result.success
        assert world.evaluations("raw.orders", "key_is_unique")[0].passed is False

    def test_failing_blocking_check_keeps_consumers_out_of_later_runs(self, world: World) -> None:
        land_a_repeated_key(world)
        world.run("raw.orders")
        result = world.run("staging.sales")
        assert not result.success
        said = failures(result)["staging__sales"]
        assert "staging.sales refuses to read raw.orders" in said
        assert "key_is_unique" in said

    def test_repaired_data_lifts_the_block(self, world: World) -> None:
        land_a_repeated_key(world)
        world.run("raw.orders")
        world.project.land(MONDAY)
        assert world.run("raw.orders").success
        assert world.run("staging.sales").success

    def test_failing_warning_blocks_nobody(self, world: World) -> None:
        with world.project.context().warehouse.committing() as bench:
            bench.execute("alter table wh.raw.orders add column coupon varchar")
        world.run("raw.orders")
        [newest, *_] = world.evaluations("raw.orders", "columns_are_as_declared")
        assert (newest.passed, newest.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert world.run("staging.sales").success


class TestPartitions:
    def test_range_run_leaves_one_result_for_each_check_and_partition(self, world: World) -> None:
        with world.project.context().warehouse.reading() as bench:
            keys = [
                key
                for (key,) in bench.rows(
                    "select partition from wh.ops.manifest where asset = 'features.habits' order by 1"
                )
            ]
        found = [e.partition for e in world.evaluations("features.habits", "key_is_unique") if e.partition]
        assert sorted(found) == keys
        assert len(keys) == 12

    def test_second_run_over_the_same_range_leaves_new_results(self, world: World) -> None:
        result = world.run("features.habits", first=FIRST, last=LAST)
        assert result.success, failures(result)
        found = [e.partition for e in world.evaluations("features.habits", "key_is_unique") if e.partition]
        assert len(found) == 24
        assert len(set(found)) == 12

    def test_results_belong_to_their_run(self, world: World) -> None:
        result = world.run("features.habits", first="2024-03-18", last=LAST)
        records = world.instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(key_of("features.habits"), "key_is_unique"), limit=4
        )
        assert {record.partition for record in records if record.run_id == result.run_id} >= {
            "2024-03-18",
            "2024-03-25",
            LAST,
        }

    def test_a_run_of_one_partition_names_it(self, world: World) -> None:
        before = len(world.evaluations("features.habits", "key_is_unique"))
        world.run("features.habits", first="2024-03-18")
        found = world.evaluations("features.habits", "key_is_unique")
        assert "2024-03-18" in [e.partition for e in found[: len(found) - before]]

    def test_only_the_partition_that_fails_is_shown_as_failed(self, world: World) -> None:
        with world.project.context().warehouse.committing() as bench:
            bench.execute("update wh.features.habits set spend = -1 where snapshot = timestamp '2024-03-25'")
        world.run("features.habits", first="2024-03-18", last=LAST)
        newest = {
            e.partition: e.passed
            for e in reversed(world.evaluations("features.habits", "rows_keep_the_contract"))
            if e.partition
        }
        assert [newest["2024-03-18"], newest["2024-03-25"], newest[LAST]] == [True, False, True]

    def test_what_does_not_apply_leaves_no_result(self, world: World) -> None:
        judged = {e.partition for e in world.evaluations("features.habits", "volume_is_as_usual")}
        assert FIRST not in judged
        assert LAST in judged


class TestFailures:
    def test_transient_problem_asks_for_another_try(self) -> None:
        asked = dagster_failure(WarehouseLockedError("held", got="process 7"))
        assert isinstance(asked, dg.RetryRequested)
        assert asked.max_retries > 0

    @pytest.mark.parametrize("kind", [DeclarationError, NotMaterializedError])
    def test_permanent_problem_fails_at_once_with_its_message(self, kind: type[DeclarationError]) -> None:
        failure = dagster_failure(kind("wrong", place="x/defs.yaml:3", remedy="correct it"))
        assert isinstance(failure, dg.Failure)
        assert failure.allow_retries is False
        assert failure.description == "x/defs.yaml:3: wrong\n  remedy:   correct it"
        assert failure.metadata["place"].value == "x/defs.yaml:3"

    def test_step_is_tried_again_after_a_transient_problem(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        tries: list[int] = []
        materialize = type(world.project.graph()[_name("staging", "sales")]).materialize

        def held_once(asset: TableAsset, *arguments: Any) -> Any:
            tries.append(1)
            if len(tries) == 1:
                raise WarehouseLockedError("held", got="process 7")
            return materialize(asset, *arguments)

        monkeypatch.setattr("ml_assets.components.assets._RETRY_SECONDS", 0)
        monkeypatch.setattr(type(world.project.graph()[_name("staging", "sales")]), "materialize", held_once)
        assert world.run("staging.sales").success
        assert len(tries) == 2

    def test_check_that_raises_fails_its_step_and_keeps_the_other_results(self, world: World) -> None:
        with world.project.context().warehouse.committing() as bench:
            bench.execute("drop table wh.raw.orders__quarantine")
        before = len(world.evaluations("raw.orders", "key_is_unique"))
        result = world.run("raw.orders")
        assert not result.success
        assert "every_row_read_is_kept_or_quarantined of raw.orders could not be judged" in str(failures(result))
        assert len(world.evaluations("raw.orders", "key_is_unique")) == before + 1


class TestMemo:
    def test_unchanged_asset_says_why_it_did_nothing(self, world: World) -> None:
        result = world.run("staging.sales")
        [event] = [e for e in result.all_events if e.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION]
        metadata = event.materialization.metadata
        assert metadata["partitions_written"].value == 0
        assert "unchanged" in str(metadata["why"].value)

    def test_data_version_is_that_of_the_content(self, world: World) -> None:
        before = world.run("staging.sales")
        world.project.land(MONDAY, weekly_orders(MONDAY) + "77,1,2024-03-26 09:00:00,1\n")
        after = world.run("raw.orders", "staging.sales")
        versions = [
            [(e.materialization.tags or {})["dagster/data_version"] for e in result.all_events if e.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION][-1]
            for result in (before, after)
        ]  # fmt: skip
        assert versions[0] != versions[1]


def _name(schema: str, table: str) -> Any:
    from ml_assets.warehouse.names import TableName

    return TableName(schema, table)
