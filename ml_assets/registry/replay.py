"""Replay: a version is trained again from its manifest and archived rows, and compared with what is stored.

Nothing is written: rows come from the archive, which is verified, and the package made anew is thrown away.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from ml_assets.errors import NotMaterializedError, RegistryError
from ml_assets.registry.changes import flattened
from ml_assets.registry.golden import Answer, answer_golden
from ml_assets.registry.replay_causes import Cause, causes_of
from ml_assets.specs.models import ModelSpec
from ml_assets.training.archive import read_archive
from ml_assets.training.fitting import fit_package
from ml_assets.training.package import CANDIDATE, Package, hashes_of, load_package
from ml_assets.training.provenance import data_snapshots
from ml_assets.training.versions import ModelVersion, StoredVersion, stored_version
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.names import TableName

FileState = Literal["equal", "different", "not made again", "new"]


class FileReplay(NamedTuple):
    """One file of the package. `where`: the first place in it that differs, with what stood and what stands there."""

    name: str
    state: FileState
    then: str | None
    now: str | None
    where: str | None


class PredictionReplay(NamedTuple):
    """Answers of one estimator to the archived rows: how many rows differ in any bit, and by at most how much.

    `largest` is None where the answers have another shape or are no numbers.
    """

    estimator: str
    rows: int
    differing: int
    largest: float | None


@dataclass(frozen=True)
class ReplayReport:
    """What was compared. `golden` is None, with `golden_reason`, where the version has no golden rows.

    `causes`: what of the manifest is not as it is now; those that explain a difference first.
    """

    model: str
    version: int
    package_sha256: str
    rows: int
    files: tuple[FileReplay, ...]
    predictions: tuple[PredictionReplay, ...]
    golden: Answer | None
    golden_reason: str
    causes: tuple[Cause, ...]
    seconds: float

    @property
    def equal(self) -> bool:
        """Every file has the same bytes, and every answer the same bits."""
        return (
            all(file.state == "equal" for file in self.files) and not any(found.differing for found in self.predictions)
            and (self.golden is None or self.golden.exact)
        )  # fmt: skip

    @property
    def sentence(self) -> str:
        """The outcome in words, with the likely causes where it is not equal."""
        name = f"{self.model}@{self.version}"
        if self.equal:
            return f"{name} was made again from {self.rows} archived rows, equal to the last byte"
        changed = [file.name for file in self.files if file.state != "equal"]
        what = f"{', '.join(changed)} differ" if changed else "its files are equal, but its answers are not"
        likely = [str(cause) for cause in self.causes if cause.explains]
        why = "; ".join(likely) or "nothing that the manifest records differs: look at what it does not record"
        return f"{name} was not made again: {what}. Likely cause: {why}"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {
            "files": [file._asdict() for file in self.files], "predictions": [one._asdict() for one in self.predictions],
            "causes": [cause._asdict() for cause in self.causes], "equal": self.equal, "sentence": self.sentence,
        }  # fmt: skip


def replay_version(context: RunContext, declared: ModelSpec, version: int) -> ReplayReport:
    """Train `declared.name`@`version` again from its manifest and compare; `declared` is what its declaration says today.

    Raises PackageError where the stored package or the archive is damaged, NotMaterializedError where the archive or the
    version is missing, RegistryError where the manifest does not say enough, TrainingError where training refuses.
    """
    started, model = time.monotonic(), declared.name
    with context.warehouse.reading() as bench:
        stored = stored_version(bench, model, version)
        data = data_snapshots(bench, TableName("training", model))
    then = load_package(stored.files, stored.manifest, version=f"{model}@{version}")
    spec, features = _recorded(model, stored)
    rows = read_archive(context.home, model, stored.manifest["training_set"]["archive"])
    now, facts = fit_package(rows, repeatable(spec, stored.manifest), features, f"{model}@{version}", context.progress)
    files = now.to_files()
    remade = ModelVersion(model, version, stored.package_sha256, stored.manifest, load_again(files))
    golden, reason = _golden(context, remade)
    causes = causes_of(stored.manifest, spec, declared, facts, data, context.package_version)
    return ReplayReport(
        model, version, stored.package_sha256, rows.num_rows, _files(stored, files), _predictions(then, remade.package, rows),
        golden, reason, causes, round(time.monotonic() - started, 3),
    )  # fmt: skip


def repeatable(spec: ModelSpec, manifest: Mapping[str, Any]) -> ModelSpec:
    """The same declaration; a search that the clock ended gets the number of trials it came to instead of minutes.

    Trials are seeded and follow each other, so that as many of them find the same parameters.
    """
    if spec.tuning is None or spec.tuning.minutes is None:
        return spec
    trials = manifest["facts"]["tuning"]["trials"]
    return spec.model_copy(update={"tuning": spec.tuning.model_copy(update={"trials": trials, "minutes": None})})


def load_again(files: Mapping[str, str]) -> Package:
    """The package as it is after a way through its files: what is compared is what would be stored."""
    return load_package(files, {"files": hashes_of(files)}, version="the package made again")


def _recorded(model: str, stored: StoredVersion) -> tuple[ModelSpec, dict[str, str]]:
    from pydantic import ValidationError

    manifest, name = stored.manifest, f"{model}@{stored.version}"
    missing = [key for key in ("spec", "features", "training_set") if key not in manifest]
    if not missing and "archive" not in manifest["training_set"]:
        missing = ["training_set.archive"]
    if missing:
        raise RegistryError(
            f"the manifest of {name} does not say how to train it again", expected="spec, features and archived rows",
            got=f"without {', '.join(missing)}", remedy="only versions trained with an archive can be replayed; train a new one",
        )  # fmt: skip
    try:
        return ModelSpec.model_validate(manifest["spec"]), dict(manifest["features"])
    except ValidationError as problem:
        raise RegistryError(
            f"the declaration in the manifest of {name} cannot be read by this ml_assets", expected="a declaration of a Model",
            got="; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problem.errors()),
            remedy=f"replay it with ml_assets {manifest.get('packages', {}).get('ml_assets', 'of its time')}",
        ) from problem  # fmt: skip


def _golden(context: RunContext, remade: ModelVersion) -> tuple[Answer | None, str]:
    try:
        with context.warehouse.reading() as bench:
            return answer_golden(bench, remade), ""
    except NotMaterializedError as problem:
        return None, f"not applicable: {problem.subject}"


def _files(stored: StoredVersion, now: Mapping[str, str]) -> tuple[FileReplay, ...]:
    then_hashes, now_hashes = stored.manifest["files"], hashes_of(now)
    return tuple(
        FileReplay(name, *_compared(stored.files, then_hashes, now, now_hashes, name))
        for name in sorted({*then_hashes, *now_hashes})
    )


def _compared(
    then: Mapping[str, str], then_hashes: Mapping[str, str], now: Mapping[str, str], now_hashes: Mapping[str, str], name: str
) -> tuple[FileState, str | None, str | None, str | None]:  # fmt: skip
    before, after = then_hashes.get(name), now_hashes.get(name)
    if before == after:
        return "equal", before, after, None
    if before is None or after is None:
        return "new" if before is None else "not made again", before, after, None
    return "different", before, after, first_difference(then[name], now[name])


def first_difference(then: str, now: str) -> str | None:
    """The first place at which two JSON texts say different things; a long text is compared line by line."""
    before, after = flattened(json.loads(then)), flattened(json.loads(now))
    for path in dict.fromkeys([*before, *after]):
        one, other = before.get(path), after.get(path)
        if one != other:
            return f"{path}: {_line(one, other)} → {_line(other, one)}"
    return None


def _line(text: str | None, other: str | None) -> str:
    if text is None:
        return "(none)"
    lines, others = text.splitlines(), (other or "").splitlines()
    at = next((n for n, line in enumerate(lines) if n >= len(others) or line != others[n]), None)
    shown = lines[at] if at is not None else "(ends here)"
    return shown if len(shown) <= 80 else shown[:79] + "…"


def _predictions(then: Package, now: Package, rows: pa.Table) -> tuple[PredictionReplay, ...]:
    names = sorted({*then.estimators} & {*now.estimators}, key=lambda name: (name != CANDIDATE, name))
    before, after = then.encode(rows)[0], now.encode(rows)[0]
    return tuple(_distance(name, then.predict(before, name), now.predict(after, name)) for name in names)


def _distance(estimator: str, then: np.ndarray[Any, Any], now: np.ndarray[Any, Any]) -> PredictionReplay:
    if then.shape != now.shape:
        return PredictionReplay(estimator, len(then), len(then), None)
    apart = (then != now) & ~(np.isnan(then) & np.isnan(now))
    largest = float(np.max(np.abs(then - now)[apart], initial=0.0))
    rows_apart = int(apart.reshape(len(then), -1).any(axis=1).sum())
    return PredictionReplay(estimator, len(then), rows_apart, largest if np.isfinite(largest) else None)
