"""Real processes on one warehouse: writers, readers, foreign clients, and writers killed with SIGKILL."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ml_assets.errors import WarehouseLockedError
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.manifest import whole_manifest
from ml_assets.warehouse.store import EngineSettings, Warehouse
from ml_assets_tests.builders import Lab, table_faults
from ml_assets_tests.warehouse.processes import LEDGER, land_events, pipeline

Contents = dict[str, dict[str, str]]


@contextmanager
def started(which: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A program of `processes` in a process of its own; never outlives the block."""
    command = [sys.executable, "-m", "ml_assets_tests.warehouse.processes", which, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def answer(process: subprocess.Popen[str]) -> int:
    out, problem = process.communicate(timeout=120)
    assert process.returncode == 0, problem
    return int(out)


@pytest.mark.parametrize(
    ("writers", "commits", "readers", "seconds"),
    [
        pytest.param(3, 8, 2, 0.0, id="3_writers_8_commits"),
        pytest.param(8, 40, 4, 60.0, id="8_writers_40_commits_60_seconds", marks=pytest.mark.full),
    ],
)
def test_commits_of_many_processes_are_neither_lost_nor_torn(
    tmp_path: Path, writers: int, commits: int, readers: int, seconds: float
) -> None:
    lab, stop = Lab(tmp_path), tmp_path / "stop"
    lab.alter("create table wh.ops.counter as select 0::bigint as commits")
    with (
        group("read", [(tmp_path, stop)] * readers) as reading,
        group("write", [(tmp_path, writer, commits, seconds) for writer in range(writers)]) as writing,
    ):
        done = [answer(process) for process in writing]
        stop.touch()
        readings = [answer(process) for process in reading]

    assert min(done) >= commits
    assert min(readings) > 0
    assert lab.rows("select commits from wh.ops.counter") == [(sum(done),)]
    expected = {(f"{2000 + w:04}", w * 1000 + n) for w in range(writers) for n in range(commits)}
    assert set(lab.rows(f"select distinct strftime(snapshot, '%Y'), amount from {LEDGER.quoted}")) == expected
    with lab.warehouse.reading() as bench:
        assert table_faults(bench) == []


@contextmanager
def group(which: str, arguments: list[tuple[object, ...]]) -> Iterator[list[subprocess.Popen[str]]]:
    """Several programs at the same time."""
    if not arguments:
        yield []
        return
    with started(which, *arguments[0]) as first, group(which, arguments[1:]) as rest:
        yield [first, *rest]


@pytest.fixture(scope="module")
def before_and_after(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Contents, Contents]:
    """A laboratory with three files loaded and two more and a changed one landed; contents before and after a run."""
    root = tmp_path_factory.mktemp("killed")
    lab, assets = pipeline(root / "base")
    for number in (1, 2, 3):
        land_events(lab, number)
    before = completed(lab, assets)
    for number in (4, 5):
        land_events(lab, number)
    land_events(lab, 2, more=3)
    shutil.copytree(root / "base", root / "undisturbed")
    return root / "base", before, completed(*pipeline(root / "undisturbed"))


def completed(lab: Lab, assets: list[TableAsset]) -> Contents:
    for asset in assets:
        lab.run(asset)
    return contents(lab)


def contents(lab: Lab) -> Contents:
    """Asset → partition → content hash, after checking that the tables hold what the books say."""
    with lab.warehouse.reading() as bench:
        assert table_faults(bench) == []
        return {asset: {key: row.content for key, row in rows.items()} for asset, rows in whole_manifest(bench).items()}


@pytest.mark.parametrize(
    "kills", [pytest.param(6, id="6_kills"), pytest.param(50, id="50_kills", marks=pytest.mark.full)]
)
def test_run_killed_at_any_instant_leaves_old_or_new_and_can_be_completed(
    tmp_path: Path, before_and_after: tuple[Path, Contents, Contents], kills: int
) -> None:
    base, before, after = before_and_after
    length, chance = measured_run(base, tmp_path / "measured"), random.Random(kills)
    interrupted = 0
    for kill in range(kills):
        root = tmp_path / str(kill)
        shutil.copytree(base, root)
        with started("pipeline", root) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            time.sleep(length * (kill + chance.random()) / kills)
            process.send_signal(signal.SIGKILL)
            interrupted += process.communicate()[0] == ""
        lab, assets = pipeline(root)
        for asset, found in contents(lab).items():
            for key, content in found.items():
                assert content in (before[asset].get(key), after[asset][key]), f"kill {kill}: {asset} {key}"
        assert completed(lab, assets) == after
        own = f"{os.getpid()}-"  # an engine that this process keeps for its next use
        assert [f for f in lab.home.scratch.iterdir() if not f.name.startswith((".", own))] == []
    assert interrupted >= kills // 2


def measured_run(base: Path, root: Path) -> float:
    """Seconds from the beginning of a run's work to its end."""
    shutil.copytree(base, root)
    with started("pipeline", root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        began = time.monotonic()
        assert process.stdout.readline() == "ends\n"
        return time.monotonic() - began


@pytest.mark.parametrize("mode", [pytest.param("reading", id="reader"), pytest.param("committing", id="writer")])
def test_foreign_client_is_waited_for(tmp_path: Path, mode: str) -> None:
    lab = Lab(tmp_path)
    with lab.warehouse.reading():
        pass
    with started("hold", lab.home.warehouse, 0.5) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        with getattr(lab.warehouse, mode)() as bench:
            assert bench.value("select count(*) from wh.ops.manifest") == 0
            if mode == "committing":
                assert 0.1 < bench.lock_wait_seconds < 10


def test_foreign_client_that_stays_is_named(tmp_path: Path) -> None:
    lab = Lab(tmp_path, settings=EngineSettings(threads=1, deadline_seconds=0.2))
    with lab.warehouse.reading():
        pass
    with started("hold", lab.home.warehouse, 30) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        with pytest.raises(WarehouseLockedError, match=f"process {process.pid}") as caught, lab.warehouse.reading():
            pass
    assert caught.value.transient


def test_foreign_client_cannot_write_while_one_of_two_readers_has_left(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    with lab.warehouse.reading() as first:
        with lab.warehouse.workbench() as second, second.reading():
            pass
        with started("hold", lab.home.warehouse, 0) as process:
            _, problem = process.communicate(timeout=60)
        assert "Conflicting lock" in problem
        assert first.value("select count(*) from wh.ops.manifest") == 0


def test_log_of_a_killed_writer_is_taken_over(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.alter("create table wh.staging.kept as select 1::bigint as n")
    log = lab.home.warehouse.with_name("warehouse.duckdb.wal")
    die = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('insert into staging.kept values (2)'); "
        "c.execute('begin'); c.execute('insert into staging.kept values (3)'); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", die, str(lab.home.warehouse)], check=False)

    assert killed.returncode == -signal.SIGKILL
    assert log.exists()
    assert lab.rows("select n from wh.staging.kept order by n") == [(1,), (2,)]
    lab.alter("insert into wh.staging.kept values (4)")
    assert lab.rows("select n from wh.staging.kept order by n") == [(1,), (2,), (4,)]
    assert not log.exists()


def test_log_of_a_file_that_was_moved_away_is_set_aside(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.home.root.mkdir()
    stale = lab.home.warehouse.with_name("warehouse.duckdb.wal")
    stale.write_bytes(b"of another file")
    lab.home.warehouse.with_suffix(".new-1").write_bytes(b"half made")

    assert lab.rows("select count(*) from wh.ops.manifest") == [(0,)]
    assert not stale.exists()
    assert stale.with_name("warehouse.duckdb.wal.orphaned").read_bytes() == b"of another file"
    assert not list(lab.home.root.glob("*.new-*"))


def test_scratch_of_dead_processes_is_swept_and_of_living_ones_kept(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    dead = lab.home.scratch / f"{os.getpid()}-0badc0de"
    dead.mkdir(parents=True)
    (dead / "spill.tmp").write_bytes(b"much")

    with lab.warehouse.workbench() as living:
        assert not dead.exists()
        dead.mkdir()
        assert Warehouse(lab.home.warehouse, lab.home.scratch).scratch.sweep() == 1
        assert living.folder.exists()
    assert not living.folder.exists()
