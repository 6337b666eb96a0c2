"""Features that explain too much by themselves: signs that the outcome has leaked into them.

Each feature alone is made a rule: its bins (or values), each with the share of positives that the other clusters have there.
No row's own outcome, nor its cluster's, is in its prediction, so that an identifier with a value for each row explains nothing
unless its order does: texts of many values are looked at in alphabetical order as well.

Ordinary strong features stay silent, even where the model is hardly more than one of them: a share of the model's gain counts
only beside an area under the ROC curve that one honest feature seldom has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ml_assets.errors import MlAssetsError
from ml_assets.evaluation.column_groups import Codes, Column, Floats, columns_of, grouped
from ml_assets.evaluation.influence import checked_rows, log_losses, roc_auc

FOLDS = 5
BINS = 50
PRIOR_ROWS = 5.0
PURE, PURE_ROWS = 0.98, 30


@dataclass(frozen=True)
class GoldenLimits:
    """From where a feature explains too much.

    `separation`: its area under the ROC curve alone. Or `strong` by that area and at least `share` of the model's gain.
    Or values that hold `pure_share` of the rarer class and next to nothing else. `missing_auc`: the area of the mere fact
    of being missing. Below `rows` or `each_class` nothing is judged.
    """

    separation: float = 0.95
    strong: float = 0.8
    share: float = 0.75
    pure_share: float = 0.3
    missing_auc: float = 0.75
    rows: int = 200
    each_class: int = 20


class GoldenFeature(NamedTuple):
    """What one feature explains alone; `golden` None is not judged, `reason` says why in each case but an innocent one.

    `share` is its gain in log loss over a constant as a share of the model's gain; None where the model gains nothing.
    """

    feature: str
    roc_auc: float | None
    share: float | None
    pure_share: float | None
    golden: bool | None
    reason: str | None


def golden_features(
    label: Floats,
    score: Floats,
    columns: Mapping[str, Any],
    cluster: Codes,
    *,
    limits: GoldenLimits | None = None,
    seed: int = 0,
) -> tuple[GoldenFeature, ...]:
    """Every column judged alone, the one that explains most first, those not judged last.

    `label`, `score` (the model's probability), `cluster` (n_rows,); `columns` name → (n_rows,).
    """
    label, score, cluster = checked_rows(label, score, cluster, "binary")
    limits, named = limits or GoldenLimits(), columns_of(columns, len(label))
    lacking = _lacking(label, cluster, limits)
    if lacking is not None:
        return tuple(GoldenFeature(name, None, None, None, None, lacking) for name in named)
    folds = _folds(cluster, seed)
    gain = _gain(label, score)
    found = [_judged(column, label, folds, gain, limits) for column in named.values()]
    return tuple(sorted(found, key=lambda one: (one.golden is None, -(one.roc_auc or 0.0), one.feature)))


def missingness_leaks(
    label: Floats, columns: Mapping[str, Any], cluster: Codes, *, limits: GoldenLimits | None = None, seed: int = 0
) -> tuple[GoldenFeature, ...]:
    """Whether the mere fact that values are missing tells the outcome: each column that has gaps, and all of them together.

    A field that is filled in only after the outcome is known is full for one class and empty for the other. The pattern of
    all gaps together is named `(pattern of missing values)`. Columns without gaps are left out.
    """
    label, _, cluster = checked_rows(label, np.zeros(len(label)), cluster, "binary")
    limits = limits or GoldenLimits()
    gaps = {name: column.missing for name, column in columns_of(columns, len(label)).items()}
    gaps = {name: missing for name, missing in gaps.items() if missing.any()}
    flags = {name: missing.astype(np.float64) for name, missing in gaps.items()}
    if len(gaps) > 1:
        flags["(pattern of missing values)"] = combined_codes(list(flags.values())).astype(np.float64)
    lacking = _lacking(label, cluster, limits)
    if lacking is not None:
        return tuple(GoldenFeature(name, None, None, None, None, lacking) for name in flags)
    folds, found = _folds(cluster, seed), []
    for name, codes in flags.items():
        area, _, pure = _alone(codes.astype(np.intp), label, folds)
        reason = None
        if area >= limits.missing_auc:
            reason = f"which values are missing alone has a ROC AUC of {area:.3f} (limit {limits.missing_auc:g})"
        elif pure >= limits.pure_share:
            reason = f"where values are missing or known, {pure:.0%} of the rarer class lie by themselves (limit {limits.pure_share:.0%})"
        found.append(GoldenFeature(name, area, None, pure, reason is not None, reason))
    return tuple(sorted(found, key=lambda one: (-(one.roc_auc or 0.0), one.feature)))


def combined_codes(vectors: list[Floats]) -> Codes:
    """One number for each distinct row of the vectors, (n_rows,); NaN equals NaN."""
    codes = np.zeros(len(vectors[0]), dtype=np.intp)
    for values in vectors:
        one = np.unique(values, return_inverse=True)[1]
        codes = np.unique(codes * (int(one.max()) + 1) + one, return_inverse=True)[1]
    return codes


def _lacking(label: Floats, cluster: Codes, limits: GoldenLimits) -> str | None:
    positives = int(label.sum())
    rarer = min(positives, len(label) - positives)
    if len(label) < limits.rows or rarer < limits.each_class:
        return f"not judged: {len(label)} rows of {limits.rows}, {rarer} of the rarer class of {limits.each_class}"
    if int(cluster.max()) + 1 < FOLDS:
        return f"not judged: {int(cluster.max()) + 1} clusters of {FOLDS}"
    return None


def _folds(cluster: Codes, seed: int) -> Codes:
    count = int(cluster.max()) + 1
    found: Codes = (np.random.default_rng(seed).permutation(count) % FOLDS)[cluster]
    return found


def _gain(label: Floats, score: Floats) -> float:
    constant = np.full(len(label), label.mean())
    return float(log_losses(label, constant).mean() - log_losses(label, score).mean())


def _alone(codes: Codes, label: Floats, folds: Codes) -> tuple[float, float, float]:
    """ROC AUC, gain in log loss and pure share of the rule that gives each group the positive share of the other folds."""
    size = int(codes.max()) + 1
    place = codes * FOLDS + folds
    rows = np.bincount(place, minlength=size * FOLDS).reshape(size, FOLDS).astype(np.float64)
    positives = np.bincount(place, label, minlength=size * FOLDS).reshape(size, FOLDS)
    others = rows.sum(axis=1, keepdims=True) - rows
    known = positives.sum(axis=1, keepdims=True) - positives
    base = (positives.sum() - positives.sum(axis=0)) / (rows.sum() - rows.sum(axis=0))
    rule = ((known + PRIOR_ROWS * base) / (others + PRIOR_ROWS)).ravel()[place]
    return roc_auc(label, rule).value, _gain(label, rule), _pure_share(rows.sum(axis=1), positives.sum(axis=1), label)


def _pure_share(rows: Floats, positives: Floats, label: Floats) -> float:
    """Share of the rarer class in groups of 30 rows or more that hold next to nothing else."""
    rarer = positives if 2 * label.sum() <= len(label) else rows - positives
    pure = (rarer >= PURE * rows) & (rows >= PURE_ROWS)
    return float(rarer[pure].sum() / rarer.sum())


def _judged(column: Column, label: Floats, folds: Codes, gain: float, limits: GoldenLimits) -> GoldenFeature:
    codes = [grouped(column, bins=BINS, most=BINS).codes]
    if len(column.texts) > BINS:
        codes.append(grouped(Column(column.name, "number", column.values), bins=BINS).codes)
    if all(int(one.max()) == 0 for one in codes):
        return GoldenFeature(column.name, None, None, None, None, "not judged: one value in all rows")
    area, alone, pure = max(_alone(one, label, folds) for one in codes)
    share = alone / gain if gain > 0 else None
    reason = _reason(area, share, pure, limits)
    return GoldenFeature(column.name, area, share, pure, reason is not None, reason)


def _reason(area: float, share: float | None, pure: float, limits: GoldenLimits) -> str | None:
    words = f"alone it has a ROC AUC of {area:.3f}"
    if area >= limits.separation:
        return f"{words} (limit {limits.separation:g}): it nearly separates the classes"
    if area >= limits.strong and share is not None and share >= limits.share:
        return f"{words} (limit {limits.strong:g}) and {share:.0%} of the model's gain in log loss (limit {limits.share:.0%})"
    if pure >= limits.pure_share:
        return f"some of its values hold {pure:.0%} of the rarer class and next to nothing else (limit {limits.pure_share:.0%})"
    return None


class SplitOverlap(NamedTuple):
    """What train and test share; a null count was not asked for, `reason` says why. `holds` None: not applicable.

    `identical_share` is the share of test rows whose every column, label included, has a twin in train.
    """

    holds: bool | None
    entities: int | None
    entity_rows: int | None
    examples: tuple[str, ...]
    identical_rows: int | None
    identical_share: float | None
    reason: str | None


def split_overlap(
    train: Mapping[str, Any], test: Mapping[str, Any], entities: tuple[Any, Any] | None, *, groups_apart: bool,
    most_identical: float = 0.01,
) -> SplitOverlap:  # fmt: skip
    """Whether an entity stands on both sides of a split that keeps entities apart, and how many test rows train knows.

    `train`, `test`: the same columns, the label among them where there is one; `entities`: the entity of each row of train
    and of test. A split by time has its customers on both sides by design (`groups_apart` False): entities are then not
    applicable, and identical rows are counted but not held against it. Without train or test rows nothing is applicable.
    """
    if sorted(train) != sorted(test):
        raise MlAssetsError("train and test differ in their columns", expected=", ".join(train), got=", ".join(test))
    if groups_apart and entities is None:
        raise MlAssetsError(
            "a split that keeps groups apart needs the group of each row", expected="entities of train and of test"
        )
    parts = [{name: Column.of(name, values) for name, values in part.items()} for part in (train, test)]
    sizes = [len(next(iter(part.values())).values) if part else 0 for part in parts]
    if entities is not None and not sizes[0]:
        sizes = [len(Column.of("entity", one).values) for one in entities]
    if not min(sizes):
        return SplitOverlap(None, None, None, (), None, None, "not applicable: train or test has no rows")
    twins = _known_rows(parts[0], parts[1]) if parts[0] else np.zeros(sizes[1], dtype=np.bool_)
    share = float(twins.mean())
    if not groups_apart:
        reason = "entities are not applicable: the split keeps times apart, not groups"
        return SplitOverlap(None, None, None, (), int(twins.sum()), share, reason)
    assert entities is not None
    shared, rows = _shared_entities(*entities)
    reasons = []
    if shared:
        reasons.append(f"{len(shared)} entities with {rows} test rows are in train too")
    if share > most_identical:
        reasons.append(f"{share:.1%} of the test rows have a twin in train (limit {most_identical:.1%})")
    return SplitOverlap(
        not reasons, len(shared), rows, tuple(shared[:5]), int(twins.sum()), share, "; ".join(reasons) or None
    )


def _shared_entities(train: Any, test: Any) -> tuple[list[str], int]:
    one, two = (Column.of("entity", values) for values in (train, test))
    values = _in_common(one, two)
    inside = np.isin(values[1], values[0]) & ~np.isnan(values[1])
    shown = two if two.kind != "text" else Column("entity", "text", values[1], _texts(one, two))
    return [shown.shown(float(value)) for value in np.unique(values[1][inside])], int(inside.sum())


def _known_rows(train: Mapping[str, Column], test: Mapping[str, Column]) -> npt.NDArray[np.bool_]:
    pairs = [_in_common(train[name], test[name]) for name in train]
    rows = len(pairs[0][0])
    codes = combined_codes([np.concatenate(pair) for pair in pairs])
    found: npt.NDArray[np.bool_] = np.isin(codes[rows:], codes[:rows])
    return found


def _texts(one: Column, two: Column) -> tuple[str, ...]:
    return tuple(sorted({*one.texts, *two.texts}))


def _in_common(one: Column, two: Column) -> tuple[Floats, Floats]:
    """Values of both on one scale: the same text has the same number."""
    if one.kind != "text" and two.kind != "text":
        return one.values, two.values
    for column in (one, two):
        if column.kind != "text" and not column.missing.all():
            raise MlAssetsError(
                f"{one.name} of train and of test are of different types", expected=one.kind, got=two.kind
            )
    place = {text: float(position) for position, text in enumerate(_texts(one, two))}

    def moved(column: Column) -> Floats:
        target = np.array([*(place[text] for text in column.texts), math.nan])
        found: Floats = target[np.where(column.missing, len(column.texts), column.values).astype(np.intp)]
        return found

    return moved(one), moved(two)
