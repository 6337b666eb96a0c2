"""Running the installed command line on a state folder of the test's own, and looking into its warehouse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

from ml_assets.warehouse.lock import WarehouseLock

ROOT = Path(__file__).resolve().parents[2]
REAL_FILES = ROOT.parent / "shared" / "data" / "online_retail"


def ml_assets(
    home: Path, *words: str, now: str | None = None, project: Path = ROOT, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run `ml-assets` in a process of its own."""
    environment = {**os.environ, "ML_ASSETS_HOME": str(home), "DO_NOT_TRACK": "1"}
    for name in ("ML_ASSETS_NOW", "ML_ASSETS_PROJECT"):
        environment.pop(name, None)
    if now is not None:
        environment["ML_ASSETS_NOW"] = now
    return subprocess.run(
        [sys.executable, "-m", "ml_assets.cli", "--project", str(project), *words],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip


def summary_of(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON object that a command printed last."""
    return dict(json.loads(result.stdout.strip().splitlines()[-1]))


def query(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the warehouse, read as any DuckDB client would, when nobody writes."""
    with (
        WarehouseLock(home / "warehouse.duckdb", 20).shared(),
        duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection,
    ):
        return connection.execute(sql).fetchall()


def batches(home: Path) -> dict[tuple[str, str], int]:
    """(asset, partition) → number of the batch that made it last."""
    return {
        (asset, partition): batch
        for asset, partition, batch in query(home, "select asset, partition, batch from ops.manifest")
    }
