"""Reading trained versions back from the warehouse."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ml_assets.errors import NotMaterializedError
from ml_assets.training.package import Package, load_package
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench


@dataclass(frozen=True)
class ModelVersion:
    """One trained version, verified against its hashes."""

    model: str
    version: int
    package_sha256: str
    manifest: dict[str, Any]
    package: Package

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"


def load_version(bench: Workbench, model: str, version: int | None = None) -> ModelVersion:
    """A version by number; without one the candidate trained last (to evaluate it, never to serve it)."""
    table = TableName("models", model)
    wanted = "version = ?" if version is not None else "version = (select max(version) from " + table.quoted + ")"
    rows = (
        bench.rows(
            f"select version, package_sha256, manifest, map_keys(files), map_values(files) from {table.quoted} where {wanted}",
            [version] if version is not None else None,
        )
        if bench.has_table(table)
        else []
    )
    if not rows:
        raise NotMaterializedError(
            f"there is no {model}@{version or 'candidate'}", expected=f"a row of {table}", got="none",
            remedy=f"train it first: ml-assets run {table}",
        )  # fmt: skip
    number, sha, manifest_text, names, texts = rows[0]
    manifest = json.loads(manifest_text)
    files = dict(zip(names, texts, strict=True))
    return ModelVersion(model, number, sha, manifest, load_package(files, manifest, version=f"{model}@{number}"))
