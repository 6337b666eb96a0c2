"""Experiment tracking: every training run as one row, read from what the warehouse holds; nothing is kept beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from ml_assets.registry.book import verdicts
from ml_assets.registry.changes import flattened
from ml_assets.registry.facts import Metric
from ml_assets.warehouse.aliases import ALIASES, version_at
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

Gate = Literal["passed", "refused", "not judged"]
_LEARNING = ("tuning", "calibration", "costs", "categorical", "unseen_categories", "exclude")
_FOUND = ("rounds", "features", "rows_trained_on")


@dataclass(frozen=True)
class TrainingRun:
    """One training run, which made one version. Times in seconds; `trained_at` by the (possibly replayed) clock, UTC.

    `parameters`: declared and found ones by dotted path, as texts. `metrics`: the candidate on the test part as a whole,
    with the 95 % interval where one is stored; empty while it is not evaluated. `files`: file of the package → SHA-256.
    `data`: table → hash of the content that was read. `trained_by` is None where nobody is recorded.
    """

    model: str
    version: int
    trained_at: datetime
    trained_by: str | None
    machine: Mapping[str, str]
    packages: Mapping[str, str]
    parameters: Mapping[str, str]
    metrics: Mapping[str, Metric]
    timings: Mapping[str, float]
    package_sha256: str
    files: Mapping[str, str]
    training_content: str | None
    archive: str | None
    data: Mapping[str, str]
    gate: Gate
    gate_reasons: str
    aliases: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data but for the time."""
        return asdict(self) | {"metrics": {name: found._asdict() for name, found in self.metrics.items()}}


def runs_of(bench: Workbench, model: str) -> list[TrainingRun]:
    """Inside a reading block: every training run of a model, newest first; none where nothing was trained."""
    table = TableName("models", model)
    if not bench.has_table(table):
        return []
    measured, pointed = _metrics(bench, model), {alias: version_at(bench, model, alias) for alias in ALIASES}
    judged = {given.version: given for given in verdicts(bench, model)}
    found = []
    for version, sha, trained_at, text in bench.rows(
        f"select version, package_sha256, trained_at, manifest from {table.quoted} order by version desc"
    ):
        manifest, given = json.loads(text), judged.get(version)
        training = manifest.get("training_set", {})
        found.append(TrainingRun(
            model, version, trained_at.replace(tzinfo=UTC), manifest.get("trained_by"), flattened(manifest.get("machine", {})),
            manifest.get("packages", {}), _parameters(manifest), measured.get(version, {}), _timings(manifest.get("facts", {})), sha,
            manifest["files"], training.get("content"), training.get("archive"),
            {name: read["content"] for name, read in manifest.get("data", {}).items()},
            "not judged" if given is None else "passed" if given.passed else "refused", given.reasons if given else "",
            tuple(alias for alias, at in pointed.items() if at == version),
        ))  # fmt: skip
    return found


def parameters_divided(runs: Sequence[TrainingRun]) -> tuple[dict[str, str], list[str]]:
    """Parameters that are equal in every run, and the names of those that are not, each in order of name."""
    names = sorted({name for run in runs for name in run.parameters})
    differing = [name for name in names if len({run.parameters.get(name) for run in runs}) > 1]
    return {name: runs[0].parameters[name] for name in names if name not in differing}, differing


def _parameters(manifest: Mapping[str, Any]) -> dict[str, str]:
    """How it was told to learn, and what tuning, early stopping and the rows made of it (below `found`)."""
    facts, spec = manifest.get("facts", {}), manifest.get("spec", {})
    learning = {name: spec.get(name) for name in _LEARNING}
    found = {name: facts.get(name) for name in _FOUND} | {
        "tuned": facts.get("tuning", {}).get("parameters"), "threshold": facts.get("threshold", {}).get("value"),
        "calibration": facts.get("calibration", {}).get("kind"),
    }  # fmt: skip
    return flattened({
        "task": manifest.get("task"), **manifest.get("estimator", {}), **learning, "split": manifest.get("split"), "found": found,
    })  # fmt: skip


def _timings(facts: Mapping[str, Any]) -> dict[str, float]:
    whole = {"whole": facts.get("seconds"), "cpu": facts.get("cpu_seconds")}
    return {name: float(value) for name, value in (whole | dict(facts.get("timings", {}))).items() if value is not None}


def _metrics(bench: Workbench, model: str) -> dict[int, dict[str, Metric]]:
    table = TableName("evaluation", model)
    if not bench.has_table(table):
        return {}
    known = bench.columns(table.quoted)
    bounds = ", ".join(name if name in known else f"null::double as {name}" for name in ("low", "high"))
    found: dict[int, dict[str, Metric]] = {}
    for version, metric, *values in bench.rows(
        f"select version, metric, value, {bounds} from {table.quoted} "
        "where estimator = 'candidate' and part = 'test' and snapshot is null order by version, metric"
    ):
        found.setdefault(version, {})[metric] = Metric(*(_defined(value) for value in values))
    return found


def _defined(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
