"""The embedded predictor: a package in any Python process, with numpy and LightGBM's library alone.

scikit-learn and skops are needed where the model is one of scikit-learn's. Neither Arrow, DuckDB, Dagster nor pydantic
is imported. Answers are those of batch scoring to the last bit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ml_assets.errors import PackageError
from ml_assets.training.encoder import Columns
from ml_assets.training.package import CANDIDATE, Package, load_package, refuse_odd_names
from ml_assets.training.rows import Vector
from ml_assets.training.signature import Signature

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Prediction:
    """Answers (n_rows,) or (n_rows, n_classes), and category column → rows whose category training had not seen."""

    answers: Vector
    unseen: Mapping[str, int]


@dataclass(frozen=True)
class Predictor:
    """A verified package, its manifest, and how to ask it."""

    package: Package
    manifest: Mapping[str, Any]

    @classmethod
    def load(cls, source: Path | str | Mapping[str, str]) -> Self:
        """From a folder that `write_files` made, or its files as name → text, `manifest.json` among them.

        Raises PackageError on a file that is missing, added, changed in one byte, or named so that it leaves the folder.
        """
        files = _read_folder(Path(source)) if isinstance(source, Path | str) else dict(source)
        if MANIFEST not in files:
            raise PackageError(
                "the package has no manifest", expected=MANIFEST, got=", ".join(sorted(files)) or "no files"
            )
        manifest = json.loads(files.pop(MANIFEST))
        return cls(load_package(files, manifest, version=f"{manifest['model']}@{manifest['version']}"), manifest)

    @property
    def signature(self) -> Signature:
        return self.package.signature

    def predict(self, columns: Columns) -> Vector:
        """Answers for columns of equal length: (n_rows,), of several classes (n_rows, n_classes). None is missing."""
        return self.answer(columns).answers

    def answer(self, columns: Columns, estimator: str = CANDIDATE) -> Prediction:
        """Answers with the count of unseen categories; raises where the package refuses those."""
        matrix, unseen = self.package.encode(columns)
        return Prediction(self.package.predict(matrix, estimator), {name: n for name, n in unseen.items() if n})


def write_files(files: Mapping[str, str], manifest: Mapping[str, Any], folder: Path) -> Path:
    """Write a package with its manifest into a new folder, whole or not at all; an existing one is not touched."""
    name = f"{manifest['model']}@{manifest['version']}"
    refuse_odd_names(files, name)
    if folder.exists():
        raise PackageError(
            f"{folder} is already there", expected="a folder that does not exist yet", got="a file or folder",
            remedy="name another folder, or remove this one first",
        )  # fmt: skip
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    unfinished.mkdir(parents=True)
    for file, text in {**files, MANIFEST: json.dumps(manifest, sort_keys=True, indent=1) + "\n"}.items():
        (unfinished / file).write_bytes(text.encode())
    return unfinished.rename(folder)


def _read_folder(folder: Path) -> dict[str, str]:
    """Every file of a folder; links are refused, since they may lead out of it."""
    if not folder.is_dir():
        raise PackageError("there is no package", expected=f"the folder {folder}", got="no folder")
    paths = sorted(folder.iterdir())
    odd = [path.name for path in paths if path.is_symlink() or not path.is_file()]
    if odd:
        raise PackageError(
            f"the package in {folder} has what is no plain file", expected="files alone, no folders and no links", got=", ".join(odd),
            remedy="export the version again",
        )  # fmt: skip
    return {path.name: path.read_bytes().decode() for path in paths}
