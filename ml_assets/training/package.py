"""How a trained version is kept: named texts, each with its SHA-256, in one row of the warehouse."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ml_assets.errors import PackageError
from ml_assets.training.calibration import Calibration
from ml_assets.training.encoder import Columns, Encoder
from ml_assets.training.estimators import Estimator, estimator_from_json
from ml_assets.training.rows import Matrix, Vector
from ml_assets.training.signature import Signature

if TYPE_CHECKING:
    import pyarrow as pa

CANDIDATE = "candidate"
BASELINES = ("constant", "one_rule", "linear")
_PARTS = ("encoder.json", "signature.json", "calibration.json")
_FILE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\.json")


@dataclass(frozen=True)
class Package:
    """An encoder, the candidate and its baselines. Loading parses text and numbers; nothing is executed."""

    encoder: Encoder
    estimators: Mapping[str, Estimator]
    signature: Signature = field(default_factory=Signature)
    calibration: Calibration | None = None

    def predict(self, matrix: Matrix, estimator: str = CANDIDATE) -> Vector:
        """Probability of the positive class, number or ranking score, shape (n_rows,); of several classes (n_rows, n_classes).

        The candidate's probabilities are the calibrated ones where the package has a calibration.
        """
        found = self.estimators[estimator].predict(matrix)
        return self.calibration.apply(found) if estimator == CANDIDATE and self.calibration is not None else found

    def encode(self, rows: pa.Table | Columns) -> tuple[Matrix, dict[str, int]]:
        """Matrix and unseen categories a column, as declared: counted, or refused with PackageError."""
        encode = self.encoder.encode_columns if isinstance(rows, Mapping) else self.encoder.encode
        matrix, unseen = encode(rows)
        found = {name: count for name, count in unseen.items() if count}
        if found and self.signature.unseen_categories == "error":
            raise PackageError(
                "categories that training has not seen", expected="categories of the signature (unseen_categories: error)",
                got=", ".join(f"{name} in {count} rows" for name, count in found.items()),
                remedy="train a version that has seen them, or declare unseen_categories: missing",
            )  # fmt: skip
        return matrix, unseen

    def to_files(self) -> dict[str, str]:
        """File name → text."""
        files = {"encoder.json": _dumped(self.encoder.to_json()), "signature.json": _dumped(self.signature.to_json())}
        if self.calibration is not None:
            files["calibration.json"] = _dumped(self.calibration.to_json())
        return files | {f"{name}.json": _dumped(estimator.to_json()) for name, estimator in self.estimators.items()}


def size_bytes(files: Mapping[str, str]) -> int:
    """Bytes of all files of a package."""
    return sum(len(text.encode()) for text in files.values())


def _dumped(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def hashes_of(files: Mapping[str, str]) -> dict[str, str]:
    """File name → SHA-256 of its UTF-8 bytes."""
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(files.items())}


def refuse_odd_names(names: Mapping[str, Any], version: str) -> None:
    """Raise unless every file name is a plain one, which can leave no folder."""
    odd = [name for name in names if not _FILE_NAME.fullmatch(name)]
    if odd:
        raise PackageError(
            f"the package of {version} has file names that are not allowed", expected="plain names such as candidate.json",
            got="; ".join(map(repr, odd)), remedy="take the package from where it was trained",
        )  # fmt: skip


def load_package(files: Mapping[str, str], manifest: Mapping[str, Any], *, version: str) -> Package:
    """Verify every hash in the manifest, then load; a changed byte is refused."""
    expected, found = manifest["files"], hashes_of(files)
    refuse_odd_names({**expected, **found}, version)
    wrong = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    if wrong:
        raise PackageError(
            f"the package of {version} is not what its manifest says", expected="files with the recorded SHA-256",
            got=f"differing: {', '.join(wrong)}", remedy="restore the warehouse from a backup, or train a new version",
        )  # fmt: skip
    absent = [name for name in _PARTS[:2] if name not in files]
    if absent:
        raise PackageError(
            f"the package of {version} lacks {', '.join(absent)}", expected="encoder.json and signature.json", got=", ".join(files),
            remedy="train a new version: this one was made by an earlier ml_assets",
        )  # fmt: skip
    data = {name: json.loads(text) for name, text in files.items()}
    return Package(
        Encoder.from_json(data["encoder.json"]),
        {name.removesuffix(".json"): estimator_from_json(found) for name, found in data.items() if name not in _PARTS},
        Signature.from_json(data["signature.json"]),
        Calibration.from_json(data["calibration.json"]) if "calibration.json" in data else None,
    )
