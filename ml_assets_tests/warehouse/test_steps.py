"""The book of steps: what a step cost, and warehouses that are older than that."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from ml_assets.warehouse import store
from ml_assets.warehouse.cpu import CpuMeter, CpuTime
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.steps import StepRecord, next_step, record_step, untold_steps
from ml_assets.warehouse.store import Warehouse

AT = datetime(2024, 3, 1, 6, tzinfo=UTC)


class Machine:
    """CPU clocks that a test moves: of each thread, and of the engine's threads beside them."""

    def __init__(self) -> None:
        self.threads: dict[int, float] = {}
        self.engine = 0.0

    def meter(self) -> CpuMeter:
        return CpuMeter(lambda: sum(self.threads.values()) + self.engine, lambda thread: self.threads.get(thread, 0.0))

    def works(self, seconds: float, thread: int | None = None) -> None:
        thread = threading.get_ident() if thread is None else thread
        self.threads[thread] = self.threads.get(thread, 0.0) + seconds


@contextmanager
def another_step(meter: CpuMeter) -> Iterator[tuple[int, list[CpuTime]]]:
    """A step of another thread that runs during the block; its thread, and what it had used at the end."""
    found: list[CpuTime] = []
    begun, ends = threading.Event(), threading.Event()

    def step() -> None:
        with meter.step() as cpu:
            begun.set()
            ends.wait()
            found.append(cpu.so_far())

    thread = threading.Thread(target=step)
    thread.start()
    begun.wait()
    assert thread.ident is not None
    yield thread.ident, found
    ends.set()
    thread.join()


def test_meter_charges_a_step_that_runs_alone_with_all_of_it() -> None:
    machine = Machine()
    with machine.meter().step() as cpu:
        machine.works(1.0)
        machine.engine += 3.0
        assert cpu.so_far() == CpuTime(4.0, 0.0)


def test_meter_charges_steps_at_once_with_their_own_threads_and_shares_the_rest() -> None:
    machine = Machine()
    meter = machine.meter()
    with meter.step() as cpu:
        machine.engine += 1.0  # alone: all of it is this step's
        with another_step(meter) as (thread, other):
            machine.works(0.5)
            machine.works(2.0, thread)
            machine.engine += 3.0  # which of the two it was for is not known
        assert other == [CpuTime(2.0 + 1.5, 1.5)]
        assert cpu.so_far() == CpuTime(1.0 + 0.5 + 1.5, 1.5)
        machine.engine += 1.0
        assert cpu.so_far() == CpuTime(4.0, 1.5)


def test_meter_charges_nobody_for_what_happens_between_steps() -> None:
    machine = Machine()
    meter = machine.meter()
    machine.works(5.0)
    with meter.step():
        machine.works(1.0)
    machine.engine += 7.0
    with meter.step() as cpu:
        machine.works(0.5)
        assert cpu.so_far() == CpuTime(0.5, 0.0)


def test_meter_reads_the_clocks_of_the_process() -> None:
    with CpuMeter().step() as cpu:
        begun = time.thread_time()
        while time.thread_time() - begun < 0.02:
            sum(range(2000))
        assert cpu.so_far().seconds >= 0.02


def record(step: int, cpu: CpuTime | None = None) -> StepRecord:
    return StepRecord("r", step, "run", TableName("raw", "orders"), ("",), "made", AT, AT, clock_time=AT, cpu=cpu)


def test_step_is_kept_with_what_it_cost_and_when_by_the_clock(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb", tmp_path / "scratch")
    with warehouse.committing() as bench:
        record_step(bench, record(0, CpuTime(1.5, 0.25)))
        record_step(bench, record(1), told_to="here")
        assert next_step(bench, "r") == 2
        assert next_step(bench, "another") == 0
    with warehouse.reading() as bench:
        assert bench.rows("select step, clock_time, cpu_seconds, cpu_error from wh.ops.step_costs order by step") == [
            (0, AT.replace(tzinfo=None), 1.5, 0.25), (1, AT.replace(tzinfo=None), None, None),
        ]  # fmt: skip
        assert [one.step for one in untold_steps(bench, "here")] == [0]


def test_warehouse_that_is_older_gets_the_book_of_costs_and_keeps_its_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb", tmp_path / "scratch")
    with warehouse.committing() as bench:
        record_step(bench, record(0))
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("drop table ops.step_costs")
        connection.execute("comment on table ops.manifest is 'books of an earlier version'")
    # As another process would find it.
    monkeypatch.setattr(store, "_COMPLETE", set())
    with warehouse.committing() as bench:
        record_step(bench, record(1, CpuTime(0.5, 0.0)))
        assert bench.rows("select step from wh.ops.steps order by step") == [(0,), (1,)]
        assert bench.rows("select step from wh.ops.step_costs") == [(1,)]
