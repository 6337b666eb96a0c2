"""Reading trained versions back from the warehouse."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ml_assets.errors import NotMaterializedError
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

if TYPE_CHECKING:
    from ml_assets.training.package import Package


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
    from ml_assets.training.package import load_package

    stored = stored_version(bench, model, version)
    name = f"{model}@{stored.version}"
    package = load_package(stored.files, stored.manifest, version=name)
    return ModelVersion(model, stored.version, stored.package_sha256, stored.manifest, package)


class StoredVersion(NamedTuple):
    """A version as it lies in the warehouse, not verified."""

    version: int
    package_sha256: str
    manifest: dict[str, Any]
    files: dict[str, str]


def stored_version(bench: Workbench, model: str, version: int | None = None) -> StoredVersion:
    """The files of a version by number, or of the one trained last; raises when there is none."""
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
    return StoredVersion(number, sha, json.loads(manifest_text), dict(zip(names, texts, strict=True)))


def export_version(bench: Workbench, model: str, version: int | None, folder: Path) -> Path:
    """Write a verified version with its manifest to a new folder, for `Predictor.load`; whole or not at all."""
    from ml_assets.training.package import load_package
    from ml_assets.training.predictor import write_files

    stored = stored_version(bench, model, version)
    load_package(stored.files, stored.manifest, version=f"{model}@{stored.version}")
    return write_files(stored.files, stored.manifest, folder)
