"""What a version was made from: data, logic, packages and machine."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version as package_version
from typing import Any

from ml_assets.warehouse.manifest import ManifestRow, fingerprint, whole_manifest
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

_PACKAGES = ("lightgbm", "numpy", "duckdb", "pyarrow", "scipy", "scikit-learn")


def data_snapshots(bench: Workbench, table: TableName) -> dict[str, dict[str, Any]]:
    """Every table that `table` was made from, near and far → its newest batch, content and fingerprints of its logic.

    The logic of a table made by SQL holds the fingerprint of its statement. Only partitions that were read count.
    """
    known, found, waiting = whole_manifest(bench), {}, [str(table)]
    while waiting:
        name = waiting.pop()
        rows = known.get(name)
        if rows is None or name in found:
            continue
        found[name] = _summary(rows)
        waiting += sorted({read.partition("/")[0] for row in rows.values() for read in row.inputs})
    return dict(sorted(found.items()))


def _summary(rows: Mapping[str, ManifestRow]) -> dict[str, Any]:
    return {
        "batch": max(row.batch for row in rows.values()),
        "content": fingerprint({key: row.content for key, row in rows.items()}),
        "logic": sorted({row.logic for row in rows.values()}),
    }


def packages(ml_assets: str, *extra: str) -> dict[str, str]:
    """Versions of what a model's numbers depend on."""
    return {name: package_version(name) for name in (*_PACKAGES, *extra)} | {"ml_assets": ml_assets}


def machine() -> dict[str, Any]:
    """Where it was trained."""
    return {
        "python": platform.python_version(), "system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count(),
    }  # fmt: skip


def trained_by() -> str:
    """Who started the training: the user of this process as the system names them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process of a user without a name, as in some containers
        return f"user {os.getuid()}"
