"""The lock inside one process: nesting, refusals, fairness, who is named."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest

from ml_assets.errors import WarehouseError, WarehouseLockedError
from ml_assets.warehouse.lock import WarehouseLock, flock_holders
from ml_assets.warehouse.store import EngineSettings, Warehouse
from ml_assets_tests.builders import Lab


def test_reading_nests_in_one_workbench_and_in_two(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    again = Warehouse(lab.home.warehouse, lab.home.scratch, lab.settings)
    with lab.warehouse.reading() as outer, outer.reading(), again.reading() as inner:
        assert outer.value("select count(*) from wh.ops.manifest") == 0
        assert inner.value("select count(*) from wh.ops.manifest") == 0


def test_nested_reading_does_not_wait_for_a_writer_that_waits_for_it(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    committed = threading.Event()

    def commit() -> None:
        lab.alter("create table wh.staging.late as select 1 as n")
        committed.set()

    with lab.warehouse.reading() as outer:
        writer = threading.Thread(target=commit)
        writer.start()
        wait_until_gate_is_shut(lab)
        with Warehouse(lab.home.warehouse, lab.home.scratch).reading() as inner:
            assert inner.rows("select * from wh.ops.manifest") == outer.rows("select * from wh.ops.manifest")
        assert not committed.is_set()
    writer.join(timeout=20)
    assert committed.is_set()


def wait_until_gate_is_shut(lab: Lab) -> None:
    """Until a writer stands at the gate, behind which readers wait."""
    gate = lab.home.warehouse.with_suffix(".gate")
    for _ in range(100_000):
        if flock_holders(gate):
            return
    pytest.fail("no writer came to the gate")


def test_writer_passes_readers_that_never_leave_the_table_alone(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.alter("create table wh.staging.kept as select 1 as n")
    stop = threading.Event()

    def read_again_and_again(first: threading.Event) -> None:
        while not stop.is_set():
            with lab.warehouse.lock.shared():
                first.set()
                stop.wait(0.01)

    started = [threading.Event() for _ in range(4)]
    readers = [threading.Thread(target=read_again_and_again, args=[event]) for event in started]
    for reader, event in zip(readers, started, strict=True):
        reader.start()
        event.wait()
    try:
        with lab.warehouse.lock.exclusive() as waited:
            assert waited < 2
    finally:
        stop.set()
        for reader in readers:
            reader.join()


@pytest.mark.parametrize(
    "outer", [pytest.param("reading", id="in_reading"), pytest.param("committing", id="in_commit")]
)
def test_commit_inside_another_block_is_refused(tmp_path: Path, outer: str) -> None:
    lab = Lab(tmp_path)
    with (
        getattr(lab.warehouse, outer)() as bench,
        pytest.raises(RuntimeError, match="leave that block first"),
        bench.committing(),
    ):
        pytest.fail("two blocks at once")
    lab.alter("create table wh.staging.afterwards as select 1 as n")


def test_second_workbench_inside_a_commit_is_refused(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    with lab.warehouse.workbench() as writer, lab.warehouse.workbench() as reader, writer.committing():
        with writer.reading():
            assert writer.value("select count(*) from wh.ops.manifest") == 0
        with pytest.raises(RuntimeError, match="second workbench inside a commit"), reader.reading():
            pytest.fail("would read half a commit")


def test_failed_commit_leaves_nothing(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    with pytest.raises(duckdb.Error, match="no_such_table"), lab.warehouse.committing() as bench:
        bench.execute("create table wh.staging.half as select 1 as n; insert into wh.staging.no_such_table values (1)")
    assert lab.rows("select count(*) from duckdb_tables() where database_name = 'wh' and table_name = 'half'") == [(0,)]


def test_deadline_names_the_process_that_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    held, impatient = WarehouseLock(path, 10), WarehouseLock(path, 0.05)
    problems: list[WarehouseLockedError] = []

    def ask() -> None:
        try:
            with impatient.shared():
                pass
        except WarehouseLockedError as problem:
            problems.append(problem)

    with held.exclusive():
        asking = threading.Thread(target=ask)
        asking.start()
        asking.join()

    (problem,) = problems
    assert "(this process, in another thread)" in str(problem)
    assert "nothing was written" in str(problem)
    assert problem.transient


def test_file_that_is_no_database_is_refused_at_once(tmp_path: Path) -> None:
    """A path with `lock` in it must not make the engine's complaint look like a lock that is worth waiting for."""
    path = tmp_path / "lockers" / "warehouse.duckdb"
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be looked at" * 200)
    warehouse = Warehouse(path, tmp_path / "scratch", EngineSettings(threads=1, deadline_seconds=20))
    with pytest.raises(WarehouseError, match="cannot be opened"), warehouse.reading():
        pytest.fail("opened")
