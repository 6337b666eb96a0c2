"""How a trained version is kept: named texts, each with its SHA-256, in one row of the warehouse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_assets.errors import PackageError
from ml_assets.training.estimators import Estimator, Vector, estimator_from_json
from ml_assets.training.matrix import Encoder, Matrix

CANDIDATE = "candidate"
BASELINES = ("constant", "one_rule", "linear")


@dataclass(frozen=True)
class Package:
    """An encoder, the candidate and its baselines. Loading parses text and numbers; nothing is executed."""

    encoder: Encoder
    estimators: Mapping[str, Estimator]

    def predict(self, matrix: Matrix, estimator: str = CANDIDATE) -> Vector:
        """Probabilities, shape (n_rows,)."""
        return self.estimators[estimator].predict(matrix)

    def to_files(self) -> dict[str, str]:
        """File name → text."""
        files = {"encoder.json": _dumped(self.encoder.to_json())}
        return files | {f"{name}.json": _dumped(estimator.to_json()) for name, estimator in self.estimators.items()}


def _dumped(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def hashes_of(files: Mapping[str, str]) -> dict[str, str]:
    """File name → SHA-256 of its UTF-8 bytes."""
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(files.items())}


def load_package(files: Mapping[str, str], manifest: Mapping[str, Any], *, version: str) -> Package:
    """Verify every hash in the manifest, then load; a changed byte is refused."""
    expected, found = manifest["files"], hashes_of(files)
    wrong = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    if wrong:
        raise PackageError(
            f"the package of {version} is not what its manifest says", expected="files with the recorded SHA-256",
            got=f"differing: {', '.join(wrong)}", remedy="restore the warehouse from a backup, or train a new version",
        )  # fmt: skip
    estimators = {
        name.removesuffix(".json"): estimator_from_json(json.loads(text))
        for name, text in files.items()
        if name != "encoder.json"
    }
    return Package(Encoder.from_json(json.loads(files["encoder.json"])), estimators)
