"""A state saved, harmed, moved, restored: what comes back is what was there, or nothing is touched."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from ml_assets.errors import BackupError
from ml_assets.operations import containers
from ml_assets.operations.backup import back_up
from ml_assets.operations.restore import faults_of, restore
from ml_assets.warehouse.home import Home
from ml_assets_tests.e2e.state import ml_assets, query, summary_of
from ml_assets_tests.tiny import FIRST_DAY, TinyProject

FORMS = pytest.mark.parametrize("name", ["saved", "saved.tar"])


def saved(project: TinyProject, target: Path) -> Path:
    return back_up(project.context(), list(project.graph()), target).backup


def files_of(home: Path) -> dict[str, bytes]:
    """Everything of a state but what belongs to living processes."""
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.name not in ("warehouse.lock", "warehouse.gate") and "scratch" not in path.parts
    }


def left_beside(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def silent(_label: str, _done: int, _total: int) -> None:
    pass


def test_backup_restored_elsewhere_is_the_same_state_and_has_nothing_to_do(tiny: TinyProject, tmp_path: Path) -> None:
    made = ml_assets(tiny.home.root, "backup", str(tmp_path / "saved"), "--json", project=tiny.root)
    assert made.returncode == 0, made.stderr
    report = summary_of(made)
    assert report["warehouse"]["tables"]["raw.orders"] > 0
    elsewhere = tmp_path / "other machine" / "state"
    back = ml_assets(
        tiny.home.root, "restore", str(tmp_path / "saved"), "--to", str(elsewhere), "--json", project=tiny.root
    )
    assert back.returncode == 0, back.stdout + back.stderr
    assert summary_of(back)["differences"] == []
    assert summary_of(back)["newly_out_of_date"] == {}
    assert files_of(elsewhere) == files_of(tiny.home.root)
    status = ml_assets(elsewhere, "status", "--json", project=tiny.root)
    assert summary_of(status)["out_of_date"] == {}


def test_moved_project_goes_on_with_the_restored_state(tiny: TinyProject, tmp_path: Path) -> None:
    """Another folder for the project too: no path of the old machine matters."""
    saved(tiny, tmp_path / "saved.tar")
    moved = tmp_path / "elsewhere"
    shutil.copytree(tiny.root, moved, ignore=shutil.ignore_patterns(".ml_assets"))
    back = ml_assets(moved / ".ml_assets", "restore", str(tmp_path / "saved.tar"), project=moved)
    assert back.returncode == 0, back.stderr
    assert "Proved: the manifest and the rows of all" in back.stdout
    assert "nothing is newly out of date" in back.stdout
    ran = ml_assets(moved / ".ml_assets", "run", project=moved)
    assert "Nothing to do" in ran.stdout, ran.stdout + ran.stderr


@FORMS
@pytest.mark.parametrize(
    ("harm", "said"),
    [("changed", "warehouse.duckdb has another content"), ("cut", "warehouse.duckdb has "), ("gone", "now is missing")],
)
def test_damaged_backup_is_refused_with_what_is_damaged(
    name: str, harm: str, said: str, tiny: TinyProject, tmp_path: Path
) -> None:
    backup = saved(tiny, tmp_path / name)
    folder = backup if backup.is_dir() else tmp_path / "unpacked"
    if not backup.is_dir():
        shutil.unpack_archive(backup, folder, "tar")
    path = folder / "state" / ("now" if harm == "gone" else "warehouse.duckdb")
    if harm == "changed":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.unlink()
    if not backup.is_dir():
        backup.unlink()
        with tarfile.open(backup, "w") as tar:
            for part in ("state", "manifest.json"):
                tar.add(folder / part, arcname=part)
    target = Home(tmp_path / "target")
    with pytest.raises(BackupError, match="the backup is damaged") as raised:
        restore(backup, target, replace=False, progress=silent)
    assert any(said in str(example) for example in raised.value.examples)
    assert not target.root.exists()
    assert left_beside(tmp_path) == []


@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_backup_cut_short_is_refused(keep: float, tiny: TinyProject, tmp_path: Path) -> None:
    backup = saved(tiny, tmp_path / "saved.tar")
    data = backup.read_bytes()
    backup.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(BackupError, match="damaged"):
        restore(backup, Home(tmp_path / "target"), replace=False, progress=silent)
    assert not (tmp_path / "target").exists()


def test_manifest_that_was_edited_is_refused(tiny: TinyProject, tmp_path: Path) -> None:
    backup = saved(tiny, tmp_path / "saved")
    path = backup / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"path": "now"', '"path": "later"'), encoding="utf-8")
    with pytest.raises(BackupError, match="damaged"):
        restore(backup, Home(tmp_path / "target"), replace=False, progress=silent)


def test_file_that_no_manifest_names_is_not_restored(tiny: TinyProject, tmp_path: Path) -> None:
    backup = saved(tiny, tmp_path / "saved")
    (backup / "state" / "added.csv").write_text("x", encoding="utf-8")
    assert faults_of(backup) == ["added.csv is not in the manifest"]


def test_state_that_is_there_is_refused_or_moved_aside(
    tiny: TinyProject, tiny_copy: TinyProject, tmp_path: Path
) -> None:
    backup = saved(tiny, tmp_path / "saved")
    tiny_copy.land(FIRST_DAY, "")
    before = files_of(tiny_copy.home.root)
    words = ("restore", str(backup), "--json")
    refused = ml_assets(tiny_copy.home.root, *words, project=tiny_copy.root)
    assert refused.returncode == 2
    assert "there is a state already" in refused.stderr
    assert files_of(tiny_copy.home.root) == before
    replaced = ml_assets(tiny_copy.home.root, *words, "--replace", project=tiny_copy.root)
    assert replaced.returncode == 0, replaced.stderr
    assert files_of(Path(summary_of(replaced)["moved_aside"])) == before
    assert files_of(tiny_copy.home.root) == files_of(tiny.home.root)


def test_backup_is_never_written_over(tiny: TinyProject, tmp_path: Path) -> None:
    saved(tiny, tmp_path / "saved")
    with pytest.raises(BackupError, match="something of this name"):
        saved(tiny, tmp_path / "saved")
    assert faults_of(tmp_path / "saved") == []


def test_backup_inside_the_state_is_refused(tiny: TinyProject) -> None:
    with pytest.raises(BackupError, match="part of the next one"):
        saved(tiny, tiny.home.root / "saved")


def test_killed_backup_leaves_no_backup_and_the_next_one_takes_its_place(tiny: TinyProject, tmp_path: Path) -> None:
    """The process is really killed, in the middle of copying."""
    target = tmp_path / "saved"
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from ml_assets_tests.tiny import TinyProject\n"
        "from ml_assets.operations.backup import back_up\n"
        "from ml_assets.warehouse.home import Home\n"
        "from dataclasses import replace\n"
        "project = TinyProject(Path(sys.argv[1]), Home(Path(sys.argv[1]) / '.ml_assets'))\n"
        "def progress(label, done, total):\n"
        "    if done > total // 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "back_up(replace(project.context(), progress=progress), list(project.graph()), Path(sys.argv[2]))\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tiny.root), str(target)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    assert left_beside(tmp_path) == [".saved.unfinished"]
    saved(tiny, target)
    assert faults_of(target) == []
    assert left_beside(tmp_path) == []


def test_backup_without_room_is_refused_before_it_begins(
    tiny: TinyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(BackupError, match="no room for the backup"):
        saved(tiny, tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def test_readers_go_on_and_writers_wait_while_the_warehouse_is_copied(tiny_copy: TinyProject, tmp_path: Path) -> None:
    """A reader reads and a writer waits at the instant in which the warehouse is being copied."""
    copying, read = threading.Event(), threading.Event()
    seen: dict[str, int] = {}
    context = tiny_copy.context()

    def progress(label: str, _done: int, _total: int) -> None:
        if label == "copy" and not copying.is_set():
            copying.set()
            assert read.wait(timeout=60)

    def reader() -> None:
        assert copying.wait(timeout=60)
        with tiny_copy.context().warehouse.reading() as bench:
            seen["rows"] = bench.value("select count(*) from wh.raw.orders")
        with pytest.raises(Exception, match="held by"):
            tiny_copy.context(deadline_seconds=0.1).warehouse.committing().__enter__()
        read.set()

    thread = threading.Thread(target=reader)
    thread.start()
    from dataclasses import replace

    back_up(replace(context, progress=progress), None, tmp_path / "saved")
    thread.join()
    assert seen["rows"] > 0


def test_sqlite_of_dagster_is_copied_whole_while_it_is_written(tiny_copy: TinyProject, tmp_path: Path) -> None:
    path = tiny_copy.home.dagster / "history" / "runs.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as writing:
        writing.execute("pragma journal_mode = wal")
        writing.execute("create table runs (run integer)")
        writing.execute("insert into runs values (1)")
        writing.commit()
        assert path.with_name("runs.db-wal").stat().st_size > 0
        writing.execute("insert into runs values (2)")
        backup = saved(tiny_copy, tmp_path / "saved")
    with closing(sqlite3.connect(backup / "state" / "dagster" / "history" / "runs.db")) as reading:
        assert reading.execute("select * from runs").fetchall() == [(1,)]


def test_unfinished_files_and_what_belongs_to_living_processes_are_left_out(
    tiny_copy: TinyProject, tmp_path: Path
) -> None:
    """A run goes on meanwhile: its scratch, a file that is still being written, the lock."""
    root = tiny_copy.home.root
    (root / "scratch" / "7-ab").mkdir(parents=True)
    (root / "scratch" / "7-ab" / "rows.parquet").write_text("x", encoding="utf-8")
    (tiny_copy.home.landing("shop") / ".next.csv.tmp").write_text("x", encoding="utf-8")
    (root / "landing" / "gone").symlink_to(root / "nowhere")
    backup = saved(tiny_copy, tmp_path / "saved")
    names = {path.relative_to(backup / "state").as_posix() for path in (backup / "state").rglob("*") if path.is_file()}
    assert {"scratch", "warehouse.lock", "warehouse.gate"}.isdisjoint(name.partition("/")[0] for name in names)
    assert [name for name in names if name.endswith(".tmp") or "gone" in name] == []


def test_broken_declarations_keep_nobody_from_a_backup(tiny_copy: TinyProject, tmp_path: Path) -> None:
    tiny_copy.declare("orders", "type: ml_assets.RawTable\nattributes: {name: orders}\n")
    made = ml_assets(tiny_copy.home.root, "backup", str(tmp_path / "saved"), project=tiny_copy.root)
    assert made.returncode == 0, made.stderr
    assert "what was out of date is not noted" in made.stdout
    back = ml_assets(tmp_path / "new", "restore", str(tmp_path / "saved"), project=tiny_copy.root)
    assert back.returncode == 0, back.stderr
    assert "Not applicable: what is out of date" in back.stdout
    assert query(tmp_path / "new", "select count(*) from raw.orders")[0][0] > 0


def test_backup_says_what_it_holds_as_json(tiny: TinyProject, tmp_path: Path) -> None:
    backup = saved(tiny, tmp_path / "saved")
    held = json.loads((backup / "manifest.json").read_text(encoding="utf-8"))["backup"]
    assert {"warehouse.duckdb", "now"} < {file["path"] for file in held["files"]}
    assert any(file["path"].startswith("training/") for file in held["files"])
    assert held["out_of_date"] == {}
