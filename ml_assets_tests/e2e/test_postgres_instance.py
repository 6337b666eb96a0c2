"""Dagster on Postgres, for real: the shipped instance file, several processes at once, and every event read back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.components.event_log import PooledSqliteEventLogStorage
from ml_assets.components.instance import project_instance
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.postgres_server import PostgresServer
from ml_assets_tests.tiny import TinyProject

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("postgres")]
INSTANCE_FILE = ROOT / "deploy" / "dagster" / "postgres.yaml"
_STEPS_IN_PROCESSES = """\
import sys
from pathlib import Path

import dagster as dg

from ml_assets.components.definitions_of import definitions_of
from ml_assets.components.instance import project_instance
from ml_assets.warehouse.home import Home
from ml_assets_tests.tiny import TinyProject

root = Path(sys.argv[1])
project = TinyProject(root, Home(root / ".ml_assets"))
# Every step is a process of its own, in which the imports are made already.
warm = dg.multiprocess_executor.configured(
    {"start_method": {"forkserver": {"preload_modules": ["ml_assets.components.definitions_of", "dagster_postgres"]}}}
)


def job():
    assets = [asset for asset in project.graph() if str(asset.name) in ("raw.orders", "staging.sales")]
    return dg.Definitions.merge(
        definitions_of(assets, root), dg.Definitions(jobs=[dg.define_asset_job("two_steps", executor_def=warm)])
    ).resolve_job_def("two_steps")


if __name__ == "__main__":
    with project_instance(project.home) as instance:
        sys.exit(not dg.execute_job(dg.reconstructable(job), instance).success)
"""
_WRITER = """\
import sys
from pathlib import Path

import dagster as dg

from ml_assets.components.instance import project_instance
from ml_assets.warehouse.home import Home

with project_instance(Home(Path(sys.argv[1]))) as instance:
    for number in range(int(sys.argv[2])):
        instance.report_runless_asset_event(dg.AssetMaterialization("noise", metadata={"number": number}))
"""
NOISE = 25


@pytest.fixture
def project(tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> TinyProject:
    """The tiny project, nothing made, whose Dagster keeps its books in a database of its own."""
    postgres.new_database("dagster")
    for name, value in postgres.variables("dagster").items():
        monkeypatch.setenv(name, value)
    for name in ("ML_ASSETS_HOME", "ML_ASSETS_NOW", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    return TinyProject.create(tmp_path / "project")


@contextmanager
def instance_of(project: TinyProject) -> Iterator[dg.DagsterInstance]:
    with project_instance(project.home, INSTANCE_FILE) as instance:
        yield instance


def finished(commands: Sequence[Sequence[str]], folder: Path) -> list[tuple[int, str]]:
    """Exit code and error text of processes that run side by side."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    processes = [
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    return [(process.returncode, said) for process in processes for said in [process.communicate(timeout=120)[1]]]


def events_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.DagsterEvent]:
    records = instance.get_records_for_run(run.run_id, limit=1_000).records
    return [event for record in records if (event := record.event_log_entry.dagster_event) is not None]


def test_processes_side_by_side_leave_runs_and_check_results_in_postgres(
    project: TinyProject, postgres: PostgresServer, tmp_path: Path
) -> None:
    with instance_of(project) as instance:
        assert not isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
        assert "postgres" in type(instance.event_log_storage).__module__
    script = tmp_path / "steps.py"
    script.write_text(_STEPS_IN_PROCESSES, encoding="utf-8")
    steps = [sys.executable, str(script), str(project.root)]
    writer = [sys.executable, "-c", _WRITER, str(project.home.root), str(NOISE)]
    (code, said), written = finished([steps, writer], tmp_path)
    assert code == 0, said
    assert written == (0, "")

    with instance_of(project) as instance:
        [run] = instance.get_runs()
        assert (run.job_name, run.status) == ("two_steps", dg.DagsterRunStatus.SUCCESS)
        events = events_of(instance, run)
        assert len({event.pid for event in events if event.event_type == dg.DagsterEventType.STEP_START}) >= 2
        judged = [
            e.asset_check_evaluation_data for e in events if e.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ]
        results = {(check.asset_key.to_user_string(), check.check_name): check.passed for check in judged}
        assert results["raw/orders", "every_row_read_is_kept_or_quarantined"] is True
        assert results["staging/sales", "rows_keep_the_contract"] is True
        assert len(instance.fetch_materializations(dg.AssetKey("noise"), limit=100).records) == NOISE
    made = "select asset_key, count(*) from event_logs where dagster_event_type = 'ASSET_MATERIALIZATION' group by 1"
    assert dict(postgres.rows(made, "dagster")) == {
        '["raw", "orders"]': 1,
        '["staging", "sales"]': 1,
        '["noise"]': NOISE,
    }
    assert list(project.home.dagster.rglob("*.db")) == []
