"""What is out of date is made in successive ticks with no click, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor

from ml_assets_tests.components.world import World
from ml_assets_tests.monitoring.test_kpis_coverage import OPERATIONS
from ml_assets_tests.tiny import weekly_orders

INDICATORS = "monitoring.operations"
OLD, NEW = date(2024, 2, 26), date(2024, 4, 1)


@dataclass
class Daemon:
    """Evaluates conditions as the daemon does, and carries out what they ask for."""

    world: World
    cursor: AssetDaemonCursor | None = None
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    def tick(self, *, run: bool = True, at: datetime | None = None) -> dict[str, list[str]]:
        """Asset → asked partitions (the empty text for an unpartitioned one) of one tick."""
        result = dg.evaluate_automation_conditions(
            self.world.definitions,
            self.world.instance,
            asset_selection=dg.AssetSelection.all(),
            cursor=self.cursor,
            evaluation_time=at,
        )
        self.cursor = result.cursor
        found: dict[str, list[str]] = {}
        for condition in result.results:
            subset = condition.true_subset
            if not subset.is_empty:
                keys = subset.expensively_compute_partition_keys() if subset.is_partitioned else [""]
                found[".".join(condition.key.path)] = sorted(keys)
        if run:
            self._run(found)
        self.asked.append(found)
        return found

    def _run(self, found: dict[str, list[str]]) -> None:
        for keys in sorted({tuple(keys) for keys in found.values()}):
            names = [name for name, asked in found.items() if tuple(asked) == keys]
            if keys == ("",):
                self.world.run(*names)
            else:
                self.world.run(*names, first=keys[0], last=keys[-1])

    def until_quiet(self, most: int = 12) -> list[dict[str, list[str]]]:
        """Ticks until one asks for nothing."""
        begun = len(self.asked)
        for _ in range(most):
            if not self.tick():
                return self.asked[begun:-1]
        raise AssertionError(f"still asking after {most} ticks: {self.asked[-1]}")


def test_nothing_is_asked_when_all_is_current(world: World) -> None:
    daemon = Daemon(world)
    assert daemon.tick() == {}
    assert daemon.tick() == {}


def test_corrected_old_file_reaches_scores_with_no_click(world: World) -> None:
    before = world.project.batches()
    daemon = Daemon(world)
    daemon.tick()
    world.project.land(OLD, weekly_orders(OLD) + "777,1,2024-02-28 09:00:00,25\n")
    asked = daemon.until_quiet()
    order = [name for found in asked for name in found]
    assert (
        order.index("raw.orders")
        < order.index("staging.sales")
        < order.index("features.habits")
        < order.index("scores.again")
    )
    later = sorted(key for asset, key in before if asset == "features.habits" and key > "2024-02-28")
    assert next(found["features.habits"] for found in asked if "features.habits" in found) == later
    # The week's training set stands; scores of the kept snapshots follow their features.
    assert not {"training.again", "models.again"} & set(order)
    context = world.project.context()
    with context.warehouse.reading() as bench:
        assert not any(asset.stale(bench, context, asset.partitions(context.now)) for asset in world.project.graph())


def test_new_week_brings_a_new_snapshot_a_new_model_and_new_scores(world: World) -> None:
    world.project.land(NEW, weekly_orders(NEW))
    world.project.home.replay_file.write_text("2024-04-09", encoding="utf-8")
    world.reload()
    asked = Daemon(world).until_quiet()
    order = [name for found in asked for name in found]
    assert {
        "features.habits",
        "labels.again",
        "training.again",
        "models.again",
        "models.again__champion",
        "scores.again",
    } <= set(order)
    assert ("scores.again", "2024-04-08") in world.project.batches()


def test_failing_asset_is_not_tried_for_ever_and_again_once_repaired(world: World) -> None:
    good = world.project.root / "sql" / "shop" / "sales.sql"
    text = good.read_text(encoding="utf-8")
    world.project.state("sales", text.replace("amount > 0", "quantity > 0"))
    world.reload()
    daemon = Daemon(world)
    assert list(daemon.tick()) == ["staging.sales"]
    assert [daemon.tick() for _ in range(3)] == [{}, {}, {}]
    # New input is a reason to try again, once.
    world.project.land(NEW, weekly_orders(NEW))
    assert "staging.sales" in daemon.tick()
    assert [daemon.tick() for _ in range(3)] == [{}, {}, {}]
    # So is a repaired statement.
    world.project.state("sales", text)
    world.reload()
    assert "staging.sales" in daemon.tick()
    assert world.instance.get_latest_materialization_event(dg.AssetKey(["staging", "sales"])) is not None
    daemon.until_quiet()


def test_nothing_is_asked_twice_while_a_run_is_in_progress(world: World) -> None:
    world.project.land(NEW, weekly_orders(NEW))
    daemon = Daemon(world)
    assert list(daemon.tick(run=False)) == ["raw.orders"]
    job = world.definitions.resolve_implicit_global_asset_job_def()
    world.instance.create_run_for_job(
        job, asset_selection=frozenset({dg.AssetKey(["raw", "orders"])}), status=dg.DagsterRunStatus.STARTED
    )
    assert daemon.tick(run=False) == {}


def success_of_runs(world: World) -> float:
    with world.project.context().warehouse.reading() as bench:
        return float(bench.value("select value from wh.monitoring.operations where indicator = 'run_success_rate'"))


def test_indicators_are_asked_for_after_runs_failed_ones_too_and_then_rest(world: World) -> None:
    world.project.declare("operations", OPERATIONS)
    world.project.state("sales", "select order_id, quantity\nfrom raw.orders\n")
    world.reload()
    daemon = Daemon(world)
    assert set(daemon.tick()) == {"staging.sales", INDICATORS}
    # Made in the same run, perhaps before the step failed that they have to count.
    asked = daemon.until_quiet()
    assert len(asked) <= 1
    assert all(list(found) == [INDICATORS] for found in asked)
    assert success_of_runs(world) < 1


def test_indicators_that_a_failing_run_skipped_are_asked_for_within_the_hour(world: World) -> None:
    world.project.declare("operations", OPERATIONS)
    world.reload()
    daemon = Daemon(world)
    daemon.until_quiet()
    world.project.state("sales", "select order_id, quantity\nfrom raw.orders\n")
    world.reload()
    daemon.tick(run=False)
    assert not world.run(*(str(name) for name in world.project.graph().assets)).success
    later = datetime.now(UTC) + timedelta(hours=1)
    found = [daemon.tick(), daemon.tick(at=later)]
    assert [INDICATORS in asked for asked in found].count(True) == 1
    assert success_of_runs(world) < 1
