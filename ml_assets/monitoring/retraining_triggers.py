"""When a new version is to be asked for: each trigger with its value, its limit, and whether it is met, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ml_assets.monitoring.performance_checks import AS_PROMISED
from ml_assets.specs.monitors import RetrainSpec
from ml_assets.specs.times import span_length
from ml_assets.warehouse.manifest import manifest_of
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

# By how much a single feature has to move the mean score: at a score of 0.3 it is two hundredths.
LARGE_EFFECT, EFFECT_UNIT = 0.1, "log odds"
# Drift of one snapshot may be a bank holiday.
_SNAPSHOTS_OF_DRIFT, _SNAPSHOTS_OF_DECAY = 2, 1
_FEATURES_DRIFT, _SCORES_DRIFT = "features_have_not_drifted", "scores_have_not_drifted"


class TriggerState(NamedTuple):
    """One row of `monitoring.<monitor>__retraining`. `met` is null where it cannot be told; only a declared trigger asks."""

    trigger: str
    value: float | None
    limit: float
    unit: str
    met: bool | None
    declared: bool
    said: str


class StoredFinding(NamedTuple):
    """What a check said last of one partition."""

    partition: str
    check: str
    status: str
    summary: str
    evidence: Sequence[Mapping[str, Any]]


class LearntFrom(NamedTuple):
    """What a version was trained on: rows it learnt from, and rows with an outcome that it has not seen in any part."""

    version: int
    trained_at: datetime
    learnt: int
    new: int


def findings_of(bench: Workbench, asset: TableName, checks: Sequence[str]) -> list[StoredFinding]:
    """Inside a reading block: what these checks said of the partitions as they are, newest first."""
    rows = bench.rows(
        "select c.partition, c.check_name, c.status, c.summary, c.evidence from wh.ops.checks c join wh.ops.manifest m "
        "on m.asset = c.asset and m.partition = c.partition and m.content = c.content "
        "where c.asset = ? and list_contains(?, c.check_name) order by c.partition desc, c.check_name",
        [str(asset), list(checks)],
    )
    return [
        StoredFinding(key, check, status, summary, json.loads(evidence))
        for key, check, status, summary, evidence in rows
    ]


def drift_findings(bench: Workbench, drift: TableName) -> list[StoredFinding]:
    """Inside a reading block: what is on record about drift of features and scores, newest snapshot first."""
    return findings_of(bench, drift, (_FEATURES_DRIFT, _SCORES_DRIFT))


def decay_findings(bench: Workbench, performance: TableName) -> list[StoredFinding]:
    """Inside a reading block: whether performance was as promised, newest snapshot first."""
    return [one for one in findings_of(bench, performance, (AS_PROMISED,)) if one.status != "not_applicable"]


def drift_state(spec: RetrainSpec, findings: Sequence[StoredFinding], *, snapshots: bool) -> TriggerState:
    """Drift that matters: of the scores, or of a feature that moves them much; in two snapshots in a row."""
    limit = _SNAPSHOTS_OF_DRIFT if snapshots else 1
    keys = list(dict.fromkeys(one.partition for one in findings))
    row: list[str] = []
    said = ""
    for key in keys:
        why = next((word for one in findings if one.partition == key and (word := _matters(one))), "")
        if not why:
            break
        row.append(key)
        said = said or why
    words = f"{len(row)} snapshots in a row to {keys[0]}: {said}" if row and snapshots else said
    if not keys:
        words = "no drift has been judged"
    return _state(
        spec, "drift", float(len(row)) if keys else None, limit, "snapshots in a row",
        words or "no drift of the scores, and no feature drifts that moves them much",
    )  # fmt: skip


def _matters(finding: StoredFinding) -> str:
    """Why a finding of drift counts; the empty text where it does not."""
    if finding.status != "failed":
        return ""
    if finding.check == _SCORES_DRIFT:
        return f"scores: {finding.summary}"
    large = [
        row
        for row in finding.evidence
        if row.get("effect_unit") == EFFECT_UNIT and abs(row.get("effect") or 0.0) >= LARGE_EFFECT
    ]
    return f"{large[0].get('column')} moves the score by {large[0]['effect']:+.2f} {EFFECT_UNIT}" if large else ""


def decay_state(
    spec: RetrainSpec, findings: Sequence[StoredFinding], versions: Mapping[str, int], serving: int
) -> TriggerState:
    """The newest snapshots with outcomes, scored by the version that serves now, are worse than promised."""
    row = 0
    own = [one for one in findings if versions.get(one.partition) == serving]
    for one in own:
        if one.status != "failed":
            break
        row += 1
    words = own[0].summary if own else f"no outcomes of version {serving} yet"
    return _state(spec, "decay", float(row) if own else None, _SNAPSHOTS_OF_DECAY, "snapshots in a row", words)


def age_state(spec: RetrainSpec, learnt: LearntFrom, now: datetime) -> TriggerState:
    """How long ago the version that serves was trained."""
    age, limit = now - learnt.trained_at, span_length(spec.max_age)
    return _state(
        spec, "age", float(age // timedelta(days=1)), limit / timedelta(days=1), "days",
        f"version {learnt.version} was trained on {learnt.trained_at:%Y-%m-%d}",
    )  # fmt: skip


def labels_state(spec: RetrainSpec, learnt: LearntFrom) -> TriggerState:
    """How many outcomes have come since, against those it has learnt from."""
    share = learnt.new / learnt.learnt if learnt.learnt else None
    words = f"{learnt.new:,} new outcomes, {learnt.learnt:,} learnt from by version {learnt.version}"
    return _state(spec, "labels", share, spec.new_labels, "of those learnt from", words)


def _state(spec: RetrainSpec, trigger: Any, value: float | None, limit: float, unit: str, said: str) -> TriggerState:
    met = None if value is None else value >= limit
    return TriggerState(trigger, value, float(limit), unit, met, trigger in spec.when, said)


def in_words(states: Sequence[TriggerState]) -> str:
    """The triggers that ask, such as `decay: log_loss 0.56, promised 0.50 …; age: 95 days, limit 90`."""
    return "; ".join(
        f"{one.trigger}: {one.said} ({one.value:.3g} {one.unit}, limit {one.limit:.3g})"
        for one in states
        if one.met and one.declared
    )


def rows_since(bench: Workbench, labels: TableName, read: Mapping[str, str]) -> int:
    """Inside a reading block: labelled rows of snapshots behind the newest one that a training set has read."""
    known = [name.removeprefix(f"{labels}/") for name in read if name.startswith(f"{labels}/")]
    newest = max(known, default="")
    return sum(row.rows for key, row in manifest_of(bench, labels).items() if key > newest)
