"""What the values of a feature do to the score, so that a drifting feature can be told by what it moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ml_assets.evaluation.assessment import explained
from ml_assets.evaluation.explanations import global_importance, tree_contributions
from ml_assets.evaluation.scored import score_rows
from ml_assets.monitoring.sketch import Bins, NumberBins, Sketch
from ml_assets.specs.models import ModelSpec
from ml_assets.training.estimators import Boosted
from ml_assets.training.package import CANDIDATE
from ml_assets.training.rows import Matrix
from ml_assets.training.versions import ModelVersion
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

MOST_EXPLAINED = 2_000
_UNITS = {"binary": "log odds", "regression": "label units", "ranking": "score"}
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Effects:
    """`importance`: feature → share of all movement of the score. `bins`: feature → mean contribution of its values in each
    bin, and of missing ones last, in `unit`; empty where contributions are not defined."""

    importance: Mapping[str, float | None] = field(default_factory=dict)
    bins: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    unit: str = ""


def tree_effects(version: ModelVersion, matrix: Matrix, task: str, bins: Mapping[str, Bins]) -> Effects | None:
    """TreeSHAP on at most `MOST_EXPLAINED` of the rows of `matrix`, evenly spread; `bins` by feature. None without trees of one output."""
    candidate, encoder = version.package.estimators[CANDIDATE], version.package.encoder
    if not isinstance(candidate, Boosted) or task == "multiclass" or not len(matrix):
        return None
    rows = np.unique(np.linspace(0, len(matrix) - 1, min(len(matrix), MOST_EXPLAINED)).round().astype(np.intp))
    some = np.ascontiguousarray(matrix[rows])
    found = tree_contributions(candidate.text, some, encoder.features, trees=candidate.trees)
    importance = {one.feature: one.share for one in global_importance(found, np.arange(len(rows)))}
    by_bin = {
        name: mean_by_bin(bin_of(some[:, place], bins[name], encoder.categories.get(name)), found.values[:, place], len(bins[name]))
        for place, name in enumerate(encoder.features)
        if name in bins
    }  # fmt: skip
    return Effects(importance, by_bin, _UNITS[task])


def permuted_effects(bench: Workbench, version: ModelVersion, training: TableName, spec: ModelSpec) -> Effects:
    """The importance that the evaluation finds, for models without trees; what single values do is not known."""
    found = explained(version, score_rows(bench, version, training, spec))
    return Effects({one.feature: None if one.share is None else max(one.share, 0.0) for one in found.importance})


def bin_of(values: Floats, bins: Bins, codes: tuple[str, ...] | None) -> npt.NDArray[np.intp]:
    """The bin of each value as the encoder gives it, shape (n_rows,); missing ones are behind the last bin."""
    missing = np.isnan(values)
    if isinstance(bins, NumberBins):
        place = np.searchsorted(np.asarray(bins.edges), values, side="left")
    else:
        # A truth value is its own code.
        texts = codes or ("false", "true")
        listed = {text: position for position, text in enumerate(bins.listed)}
        places = np.array([listed.get(text, len(bins.listed)) for text in texts], dtype=np.intp)
        place = places[np.where(missing, 0, values).astype(np.intp)]
    return np.where(missing, len(bins), place).astype(np.intp)


def mean_by_bin(place: npt.NDArray[np.intp], values: Floats, bins: int) -> tuple[float, ...]:
    """Mean of `values` (n_rows,) in each of `bins` and, last, of missing ones; an empty bin takes its nearest neighbour's."""
    counts = np.bincount(place, minlength=bins + 1)
    sums = np.bincount(place, weights=values, minlength=bins + 1)
    filled = np.flatnonzero(counts[:bins])
    overall = float(values.mean()) if len(values) else 0.0
    found = np.full(bins + 1, overall)
    if len(filled):
        nearest = filled[np.abs(np.arange(bins)[:, None] - filled[None, :]).argmin(axis=1)]
        found[:bins] = sums[nearest] / counts[nearest]
    if counts[bins]:
        found[bins] = sums[bins] / counts[bins]
    return tuple(found.tolist())


def movement(reference: Sketch, current: Sketch, bin_effects: tuple[float, ...]) -> float:
    """By how much the mean score moves because this feature's values do, all else as it was: the change of each bin's
    share times the mean contribution of values there."""
    before, now = (np.append(one.counts, one.missing) / max(one.rows, 1) for one in (reference, current))
    return float((now - before) @ np.asarray(bin_effects))
