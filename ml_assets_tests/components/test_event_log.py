"""The pooled event log keeps the same events as Dagster's own, and several processes may write at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from ml_assets.components.event_log import PooledSqliteEventLogStorage
from ml_assets.components.instance import prepare_instance, project_instance
from ml_assets.warehouse.home import Home

EVENTS, PROCESSES = 60, 2
_WRITER = """\
import sys
from pathlib import Path
import dagster as dg
from ml_assets.components.instance import project_instance
from ml_assets.warehouse.home import Home

with project_instance(Home(Path(sys.argv[1]))) as instance:
    for number in range(int(sys.argv[3])):
        instance.report_runless_asset_event(dg.AssetMaterialization(sys.argv[2], metadata={"number": number}))
"""


@dg.asset
def numbers() -> None:
    """An asset with a check."""


@dg.asset_check(asset=numbers)
def holds() -> dg.AssetCheckResult:
    """Always."""
    return dg.AssetCheckResult(passed=True)


def storage_of(instance: dg.DagsterInstance) -> PooledSqliteEventLogStorage:
    storage = instance.event_log_storage
    assert isinstance(storage, PooledSqliteEventLogStorage)
    return storage


def story(instance: dg.DagsterInstance, run_id: str) -> list[tuple[str | None, str | None]]:
    """Type and step of every event of a run."""
    found = [record.event_log_entry.dagster_event for record in instance.get_records_for_run(run_id).records]
    return [(event.event_type_value, event.step_key) for event in found if event is not None]


def latest(instance: dg.DagsterInstance, asset: str) -> int | None:
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is None or event.asset_materialization is not None
    return None if event is None else int(str(event.asset_materialization.metadata["number"].value))  # type: ignore[union-attr]


def note(instance: dg.DagsterInstance, asset: str, number: int) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, metadata={"number": number}))


def kept(storage: SqliteEventLogStorage) -> list[str]:
    """Assets that have a materialisation."""
    keys = [dg.AssetKey(f"a{number}") for number in range(3)]
    return sorted(record.asset_entry.asset_key.to_user_string() for record in storage.get_asset_records(keys))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _note_and_fail(instance: dg.DagsterInstance) -> None:
    with storage_of(instance).one_transaction():
        note(instance, "a", 1)
        raise ZeroDivisionError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state")


def test_events_are_those_of_dagsters_own_storage(home: Home, tmp_path: Path) -> None:
    with project_instance(home) as pooled, dg.DagsterInstance.local_temp(str(_made(tmp_path / "own"))) as own:
        stories = [
            story(instance, dg.materialize([numbers, holds], instance=instance).run_id) for instance in (pooled, own)
        ]
        assert isinstance(own.event_log_storage, SqliteEventLogStorage)
        assert stories[0] == stories[1]
        for instance in (pooled, own):
            check = instance.event_log_storage.get_asset_check_execution_history(
                dg.AssetCheckKey(numbers.key, "holds"), limit=5
            )
            assert [record.status.value for record in check] == ["SUCCEEDED"]


def test_dagsters_own_storage_reads_the_same_files(home: Home) -> None:
    with project_instance(home) as instance:
        run_id = dg.materialize([numbers, holds], instance=instance).run_id
        count = len(story(instance, run_id))
    assert len(SqliteEventLogStorage(str(home.dagster / "history")).get_records_for_run(run_id).records) >= count


def test_burst_becomes_visible_together(home: Home) -> None:
    with project_instance(home) as writer:
        other = SqliteEventLogStorage(str(home.dagster / "history"))
        with storage_of(writer).one_transaction():
            for number in range(3):
                note(writer, f"a{number}", number)
            assert kept(other) == []
        assert kept(other) == ["a0", "a1", "a2"]


def test_burst_that_fails_leaves_nothing(home: Home) -> None:
    with project_instance(home) as writer:
        with pytest.raises(ZeroDivisionError):
            _note_and_fail(writer)
        assert writer.all_asset_keys() == []
        note(writer, "a", 2)
        assert latest(writer, "a") == 2


def test_two_processes_write_at_once_and_lose_nothing(home: Home) -> None:
    prepare_instance(home)
    words = [[sys.executable, "-c", _WRITER, str(home.root), f"asset_{name}", str(EVENTS)] for name in range(PROCESSES)]
    running = [subprocess.Popen(word, stderr=subprocess.PIPE, text=True) for word in words]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    with project_instance(home) as instance:
        for name in range(PROCESSES):
            found = instance.fetch_materializations(dg.AssetKey(f"asset_{name}"), limit=1000).records
            assert sorted(
                int(str(r.asset_materialization.metadata["number"].value)) for r in found if r.asset_materialization
            ) == list(range(EVENTS))


def test_state_folder_may_be_moved(home: Home, tmp_path: Path) -> None:
    with project_instance(home) as instance:
        note(instance, "a", 1)
    moved = Home(home.root.rename(tmp_path / "elsewhere"))
    with project_instance(moved) as instance:
        assert latest(instance, "a") == 1
        note(instance, "a", 2)
    assert not home.root.exists()


def test_telemetry_is_off_from_the_start(home: Home) -> None:
    with project_instance(home) as instance:
        assert instance.telemetry_enabled is False
        assert json.dumps(instance.get_settings("nux")) == '{"enabled": false}'
