"""The project's own Dagster instance: the folder that `make ui` shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import dagster as dg
from dagster._core.storage.runs import SqlRunStorage

from ml_assets.components.setup_lock import alone_in
from ml_assets.warehouse.home import Home

_INSTANCE = """\
# Written once by ml-assets; yours to change.
telemetry:
  enabled: false
nux:
  enabled: false
# Dagster's SQLite event log with connections kept open (see ml_assets/components/event_log.py).
event_log_storage:
  module: ml_assets.components.event_log
  class: PooledSqliteEventLogStorage
# One warehouse file has one writer; waiting in the queue is cheaper than waiting for the lock.
concurrency:
  runs:
    max_concurrent_runs: 1
run_monitoring:
  enabled: true
freshness:
  enabled: true
"""


def prepare_instance(home: Home, template: Path | None = None) -> Path:
    """Dagster's own folder with its `dagster.yaml`: the template's, or telemetry off, pooled event log, one run at a time.

    A file that is there already is left as it is.
    """
    home.dagster.mkdir(parents=True, exist_ok=True)
    path = home.dagster / "dagster.yaml"
    if not path.exists():
        # Renamed when complete: a webserver and a daemon may start at the same time.
        unfinished = path.with_name(f".dagster.yaml.{uuid4().hex}")
        unfinished.write_text(_INSTANCE if template is None else template.read_text(encoding="utf-8"), encoding="utf-8")
        unfinished.rename(path)
    return home.dagster


@contextmanager
def project_instance(home: Home, template: Path | None = None) -> Iterator[dg.DagsterInstance]:
    """The project's Dagster instance, the one that the UI shows."""
    os.environ["DAGSTER_HOME"] = str(prepare_instance(home, template))
    with alone_in(home.dagster):
        instance = dg.DagsterInstance.get()
    with instance:
        yield instance


def listener_of(instance: dg.DagsterInstance) -> str:
    """By which name the book of steps knows an instance: that of its run storage, which a new folder has anew."""
    storage = instance.run_storage
    return storage.get_run_storage_id() if isinstance(storage, SqlRunStorage) else instance.root_directory
