"""Single numbers about a version that the gate may bind: size, speed, over-fit, steadiness, golden features, overlap."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml_assets.errors import MlAssetsError
from ml_assets.evaluation.assessment import Assessment
from ml_assets.evaluation.bootstrap import Estimate
from ml_assets.evaluation.catalogue import PRIMARY, MetricOptions, metric_info
from ml_assets.evaluation.golden import split_overlap
from ml_assets.evaluation.measured_values import MeasuredValue
from ml_assets.evaluation.metrics import measure
from ml_assets.evaluation.scored import ScoredRows
from ml_assets.evaluation.slices import NOT_JUDGED
from ml_assets.specs.models import ModelSpec
from ml_assets.training.archive import read_archive
from ml_assets.training.fitting import fit_package
from ml_assets.training.package import CANDIDATE
from ml_assets.training.versions import ModelVersion
from ml_assets.warehouse.home import Home

_MOST_TIMED = 10_000
_TIMINGS = 3


@dataclass(frozen=True)
class Fact:
    """A measured number, or None with the reason; `text` also names what the number is of."""

    name: str
    value: float | None
    text: str = ""


def facts_of(
    spec: ModelSpec, version: ModelVersion, scored: ScoredRows, values: Sequence[MeasuredValue], found: Assessment, home: Home
) -> list[Fact]:  # fmt: skip
    """Every fact of one version, in a fixed order."""
    estimates = found.report.estimates[CANDIDATE]
    searched = found.search.found if found.search is not None else ()
    gaps = [one for one in found.fairness if one.group_name is None]
    return [
        Fact("package_bytes", float(version.manifest["facts"].get("package_bytes", 0)), "bytes of all package files"),
        prediction_time(version, scored),
        train_test_gap(spec.task, values),
        calibration_error(spec.task, estimates.get("calibration_error")),
        seed_spread(spec, version, scored, found.options, home),
        golden_share(found),
        overlap(spec, scored),
        Fact("champion_version", found.champion, "the champion that the comparisons are with")
        if found.champion is not None
        else Fact("champion_version", None, found.absent.get("champion", "there was no champion to compare with")),
        judged("slices", [one.reason for one in (*found.slices, *searched) if one.verdict == NOT_JUDGED],
               sum(one.verdict != NOT_JUDGED for one in (*found.slices, *searched)), found.absent.get("search") or found.absent.get("slices")),
        judged("fairness", [one.reason for one in gaps if one.value is None], sum(one.value is not None for one in gaps), found.absent.get("fairness")),
    ]  # fmt: skip


def judged(name: str, reasons: Sequence[str | None], count: int, absent: str | None) -> Fact:
    """How many slices or gaps could be judged; None with the commonest reason where it was none."""
    if count:
        return Fact(f"{name}_judged", float(count), f"{name}, of {count + len(reasons)}")
    known = Counter(reason for reason in reasons if reason)
    said = absent or (known.most_common(1)[0][0] if known else f"no {name} were found")
    return Fact(f"{name}_judged", None, said)


def calibration_error(task: str, estimate: Estimate | None) -> Fact:
    """Expected calibration error of the candidate on the test rows."""
    if estimate is None:
        return Fact("calibration_error", None, f"not defined for task {task}")
    if estimate.value is None:
        return Fact("calibration_error", None, estimate.reason or "not defined on the test rows")
    return Fact("calibration_error", estimate.value, "expected calibration error on the test rows")


def prediction_time(version: ModelVersion, scored: ScoredRows) -> Fact:
    """Microseconds a row of the candidate in a batch of up to 10,000 test rows: the fastest of three times."""
    rows = np.flatnonzero(scored.parts["test"])[:_MOST_TIMED]
    if not len(rows):
        return Fact("prediction_us", None, "there are no test rows")
    matrix, best = np.ascontiguousarray(scored.matrix[rows]), math.inf
    for _ in range(_TIMINGS):
        started = time.perf_counter()
        version.package.predict(matrix)
        best = min(best, time.perf_counter() - started)
    return Fact("prediction_us", best / len(rows) * 1e6, f"microseconds a row, in a batch of {len(rows):,}")


def train_test_gap(task: str, values: Sequence[MeasuredValue]) -> Fact:
    """By how much the task's primary metric is better on training than on test rows."""
    info = metric_info(task, PRIMARY[task])
    found = {
        row.part: row.value
        for row in values
        if row.estimator == CANDIDATE and row.metric == info.name and row.snapshot is None
    }
    train, test = found.get("train"), found.get("test")
    if train is None or test is None:
        return Fact("train_test_gap", None, f"{info.title} is not defined on training or test rows")
    return Fact(
        "train_test_gap", train - test if info.higher_is_better else test - train, f"{info.title}, training less test"
    )


def seed_spread(spec: ModelSpec, version: ModelVersion, scored: ScoredRows, options: MetricOptions, home: Home) -> Fact:
    """Largest less smallest primary metric on test of the candidate trained with other seeds, its own among them."""
    if not spec.evaluation.seeds:
        return Fact("seed_spread", None, "not measured: evaluation.seeds is 0")
    try:
        rows = read_archive(home, version.model, version.manifest["training_set"]["archive"])
    except MlAssetsError as problem:
        return Fact("seed_spread", None, problem.subject)
    metric, test, values = PRIMARY[spec.task], scored.parts["test"], []
    title = metric_info(spec.task, metric).title
    for seed in range(spec.estimator.seed, spec.estimator.seed + spec.evaluation.seeds + 1):
        estimator = spec.estimator.model_copy(update={"seed": seed})
        package, _ = fit_package(
            rows,
            spec.model_copy(update={"estimator": estimator, "tuning": None}),
            version.manifest["features"],
            "",
            _silent,
        )
        matrix, _ = package.encoder.encode(scored.table.filter(test))
        label, query = scored.of(test)
        values.append(measure(spec.task, label, package.predict(matrix), query, options)[metric])
    if any(map(math.isnan, values)):
        return Fact("seed_spread", None, f"{title} is not defined on the test rows")
    return Fact("seed_spread", max(values) - min(values), f"{title} on test over {len(values)} seeds")


def _silent(_label: str, _done: int, _total: int) -> None:
    """Progress nobody looks at."""


def golden_share(found: Assessment) -> Fact:
    """1 where a single feature tells too much (`golden.GoldenLimits`), 0 where none does; the text names the strongest."""
    judged = [one for one in found.golden if one.golden is not None]
    if not judged:
        reason = found.absent.get("golden") or next(
            (one.reason for one in found.golden if one.reason), "no feature could be judged"
        )
        return Fact("golden_share", None, reason)
    strongest = max(judged, key=lambda one: (one.golden or False, one.share or 0.0))
    if strongest.golden:
        return Fact("golden_share", 1.0, f"{strongest.feature}: {strongest.reason}")
    return Fact("golden_share", 0.0, f"none is suspicious; {strongest.feature} alone: ROC AUC {strongest.roc_auc:.3f}")


def overlap(spec: ModelSpec, scored: ScoredRows) -> Fact:
    """Test rows that training knows: of entities where the split keeps them apart, else identical rows alone."""
    kept = [name for name in scored.table.column_names if name not in ("part", "reason", "snapshot", spec.entity)]
    whole = [scored.table.filter(scored.parts[part]) for part in ("train", "test")]
    train, test = ({name: table[name] for name in kept} for table in whole)
    apart = spec.split.kind == "group"
    group = getattr(spec.split, "column", None) or spec.entity
    shared = split_overlap(train, test, (whole[0][group], whole[1][group]), groups_apart=apart)
    if shared.identical_rows is None or not apart:
        twins = f"; {shared.identical_rows:,} test rows have a twin in training" if shared.identical_rows else ""
        return Fact("overlap_rows", None, f"{shared.reason or 'not applicable'}{twins}")
    said = shared.reason or "no entity is in both"
    return Fact(
        "overlap_rows",
        float(shared.entity_rows or 0),
        f"{said}; {shared.identical_rows:,} test rows have a twin in training",
    )
