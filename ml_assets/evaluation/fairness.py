"""Rates and calibration by group of declared sensitive columns and of their pairs, with the gaps among groups.

Measures and aggregates are those of Fairlearn (Weerts et al. 2023): a difference is the largest less the smallest group
value, a ratio the smallest over the largest, equalized odds the larger of the two rate gaps. Intervals come from drawing
clusters with replacement. The interval of a gap is the basic one (Davison and Hinkley 1997, section 5.2): a largest
difference is too large by chance, in each draw once more, and this turns the excess back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ml_assets.errors import MlAssetsError
from ml_assets.evaluation.column_groups import Codes, Floats, Groups, columns_of, grouped
from ml_assets.evaluation.influence import checked_rows
from ml_assets.evaluation.slices import MinimumSize

CALIBRATION_BINS = 10
_TRUE_POSITIVE, _FALSE_POSITIVE, _FALSE_NEGATIVE, _TRUE_NEGATIVE = range(4)
_SUMS = 4 + CALIBRATION_BINS
_DRAWS_AT_ONCE = 50
_UNDEFINED_DRAWS = 0.05


class FairnessValue(NamedTuple):
    """One row of `evaluation.<model>__fairness` (without the version); a null group is the gap over all groups."""

    column_name: str
    group_name: str | None
    measure: str
    value: float | None
    low: float | None
    high: float | None
    rows: int
    reason: str | None


def fairness(
    label: Floats, score: Floats, sensitive: Mapping[str, Any], cluster: Codes, *, threshold: float = 0.5,
    intersections: bool = True, minimum: MinimumSize | None = None, draws: int = 1000, seed: int = 0, bins: int = 4,
) -> tuple[FairnessValue, ...]:  # fmt: skip
    """Every measure of every group and every gap; a row is selected where its score is at least `threshold`.

    `label`, `score`, `cluster` (n_rows,), `sensitive` name → (n_rows,); missing values are a group. Numbers of more than
    `bins` values are cut into that many bins. Pairs of columns are named `a x b`. What is too small is "not judged", with
    the reason, and takes no part in a gap. Raises on labels besides 0 and 1, on scores that are no probabilities.
    """
    label, score, cluster = checked_rows(label, score, cluster, "binary")
    if not draws > 0 or not np.isfinite(threshold):
        raise MlAssetsError(
            "fairness cannot be measured like this", expected="a threshold and one draw or more", got=(threshold, draws)
        )
    minimum = minimum or MinimumSize()
    parts = {name: grouped(column, bins=bins) for name, column in columns_of(sensitive, len(label)).items()}
    if intersections:
        parts |= {f"{one} x {two}": parts[one].crossed(parts[two]) for one, two in combinations(parts, 2)}
    if not parts:
        return ()
    state = _states(label, score, threshold)
    offsets = np.cumsum([0, *(len(groups.conditions) for groups in parts.values())])
    drawn = _drawn_sums(list(parts.values()), state, cluster, offsets, draws, seed)
    found: list[FairnessValue] = []
    for place, (name, groups) in enumerate(parts.items()):
        sums = drawn[:, offsets[place] : offsets[place + 1]]
        found += _Partition(name, groups, sums, cluster, minimum).measured()
    return tuple(found)


def _states(label: Floats, score: Floats, threshold: float) -> tuple[Codes, Codes, Floats]:
    """Of each row its cell of the confusion matrix, its score bin of equal width, and score minus label."""
    selected, positive = score >= threshold, label == 1
    cell = np.where(
        positive,
        np.where(selected, _TRUE_POSITIVE, _FALSE_NEGATIVE),
        np.where(selected, _FALSE_POSITIVE, _TRUE_NEGATIVE),
    )
    place = np.minimum((score * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    return cell.astype(np.intp), place, score - label


def _drawn_sums(
    parts: list[Groups], state: tuple[Codes, Codes, Floats], cluster: Codes, offsets: Codes, draws: int, seed: int
) -> Floats:
    """Sums of shape (1 + draws, n_groups, 4 + bins): the rows as they are, then each draw of clusters."""
    from scipy.sparse import coo_array

    cell, place, error = state
    width, count = int(offsets[-1]) * _SUMS, int(cluster.max()) + 1
    targets, weights = [], []
    for groups, offset in zip(parts, offsets[:-1], strict=True):
        start = (groups.codes + offset) * _SUMS
        targets += [start + cell, start + 4 + place]
        weights += [np.ones(len(cell)), error]
    rows = np.tile(cluster, len(targets))
    sums = coo_array((np.concatenate(weights), (np.concatenate(targets), rows)), shape=(width, count)).tocsr()
    found = np.empty((1 + draws, width))
    found[0] = sums @ np.ones(count)
    random = np.random.default_rng(seed)
    for start in range(1, draws + 1, _DRAWS_AT_ONCE):
        size = min(_DRAWS_AT_ONCE, draws + 1 - start)
        times = [np.bincount(random.integers(0, count, count), minlength=count) for _ in range(size)]
        found[start : start + size] = (sums @ np.stack(times, axis=1).astype(np.float64)).T
    sums_drawn: Floats = found.reshape(1 + draws, int(offsets[-1]), _SUMS)
    return sums_drawn


def _ratio(part: Floats, whole: Floats) -> Floats:
    found: Floats = np.full(np.broadcast(part, whole).shape, np.nan)
    return np.divide(part, whole, out=found, where=whole > 0)


def _measures(sums: Floats) -> dict[str, Floats]:
    """Each measure of sums (..., 4 + bins), NaN where it is not defined."""
    true, false, missed, rest = (sums[..., cell] for cell in range(4))
    positives, negatives = true + missed, false + rest
    rows, errors = positives + negatives, sums[..., 4:]
    return {
        "selection_rate": _ratio(true + false, rows),
        "true_positive_rate": _ratio(true, positives),
        "false_positive_rate": _ratio(false, negatives),
        "false_negative_rate": _ratio(missed, positives),
        "precision": _ratio(true, true + false),
        "calibration_gap": _ratio(errors.sum(axis=-1), rows),
        "expected_calibration_error": _ratio(np.abs(errors).sum(axis=-1), rows),
    }


_TOO_LARGE_BY_CHANCE = frozenset({"expected_calibration_error"})
_BASES = {
    "true_positive_rate": ("positives", "positives"),
    "false_negative_rate": ("positives", "positives"),
    "false_positive_rate": ("negatives", "negatives"),
    "precision": ("selected rows", "positives"),
}


def _spread(values: Floats) -> Floats:
    found: Floats = values.max(axis=1) - values.min(axis=1)
    return found


def _smallest_share(values: Floats) -> Floats:
    return _ratio(values.min(axis=1), values.max(axis=1))


_GAPS: dict[str, tuple[tuple[str, ...], Callable[[Floats], Floats]]] = {
    "demographic_parity_difference": (("selection_rate",), _spread),
    "demographic_parity_ratio": (("selection_rate",), _smallest_share),
    "true_positive_rate_difference": (("true_positive_rate",), _spread),
    "false_positive_rate_difference": (("false_positive_rate",), _spread),
    "equalized_odds_difference": (("true_positive_rate", "false_positive_rate"), _spread),
}


class _Partition:
    """One column's (or pair's) groups with their sums, (1 + draws, n_groups, 4 + bins)."""

    def __init__(self, name: str, groups: Groups, sums: Floats, cluster: Codes, minimum: MinimumSize) -> None:
        self.name, self.groups, self.minimum = name, groups, minimum
        self.values = _measures(sums)
        true, false, missed, rest = (sums[0, :, cell] for cell in range(4))
        self.rows = (true + false + missed + rest).astype(np.intp)
        self.bases = {"positives": true + missed, "negatives": false + rest, "selected rows": true + false}
        pairs = np.unique(np.stack([groups.codes, cluster]), axis=1)[0]
        self.clusters = np.bincount(pairs, minlength=len(groups.conditions))

    def measured(self) -> list[FairnessValue]:
        found, why = [], {}
        for measure, values in self.values.items():
            for group, shown in enumerate(self.groups.conditions):
                reason = why[measure, group] = self._lacking(measure, group)
                value = (
                    _judged(values[:, group], basic=measure in _TOO_LARGE_BY_CHANCE)
                    if reason is None
                    else _nothing(reason)
                )
                found.append(FairnessValue(self.name, shown, measure, *value[:3], int(self.rows[group]), value[3]))
        for gap, (measures, summary) in _GAPS.items():
            judged = [[group for group in range(len(self.rows)) if why[measure, group] is None] for measure in measures]
            if min(len(groups) for groups in judged) < 2:
                value = _nothing("fewer than two groups are big enough to judge")
            else:
                gaps = [summary(self.values[one][:, groups]) for one, groups in zip(measures, judged, strict=True)]
                value = _judged(np.max(gaps, axis=0), basic=True)
            rows = int(self.rows[sorted({group for groups in judged for group in groups})].sum())
            found.append(FairnessValue(self.name, None, gap, *value[:3], rows, value[3]))
        return found

    def _lacking(self, measure: str, group: int) -> str | None:
        needed = self.minimum.lacking(rows=int(self.rows[group]), positives=None, clusters=int(self.clusters[group]))
        if needed is None and measure in _BASES:
            base, demanded = _BASES[measure]
            count, least = int(self.bases[base][group]), max(getattr(self.minimum, demanded), 1)
            needed = f"too few to judge: {count} {base} of {least}" if count < least else None
        return None if needed is None else f"not judged: {needed}"


_Value = tuple[float | None, float | None, float | None, str | None]


def _nothing(reason: str) -> _Value:
    return None, None, None, reason if reason.startswith("not judged") else f"not judged: {reason}"


def _judged(values: Floats, *, basic: bool) -> _Value:
    """Value and 95 % interval from (1 + draws,) values, the first being the rows as they are."""
    value, drawn = float(values[0]), values[1:]
    if np.isnan(value):
        return _nothing("no row is selected in any group")
    if np.isnan(drawn).mean() > _UNDEFINED_DRAWS:
        return value, None, None, "no interval: often undefined when clusters are drawn"
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    if basic:
        low, high = np.clip([2 * value - high, 2 * value - low], 0, 1)
    return value, float(low), float(high), None
