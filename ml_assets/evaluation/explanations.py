"""Why a model says what it says: exact contributions of trees, permutation importance of anything else, reasons a row.

Contributions are Shapley values of the tree (Lundberg et al. 2020, path-dependent TreeSHAP), in the model's raw unit (log odds
for a classifier). With the base value they sum to the raw score of the row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import MlAssetsError
from ml_assets.evaluation.column_groups import Codes, Floats
from ml_assets.evaluation.influence import REGRESSION, log_losses, mean_of, t_quantile
from ml_assets.evaluation.tree_paths import PathTables
from ml_assets.training.lightgbm_library import Trees

TREE_SHAP, PERMUTATION = "tree_shap", "permutation"


@dataclass(frozen=True)
class Contributions:
    """`values` (n_rows, n_features) of `features`, and the raw score of a row about which nothing is known.

    `matrix` (n_rows, n_features) is what the model saw; `categories` name the codes of category columns.
    """

    features: tuple[str, ...]
    values: Floats
    base: float
    matrix: Floats
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def raw_scores(self) -> Floats:
        """Base and contributions summed, shape (n_rows,)."""
        found: Floats = self.base + self.values.sum(axis=1)
        return found


def tree_contributions(
    text: str, matrix: Floats, features: Sequence[str], *, trees: Trees | None = None,
    categories: Mapping[str, Sequence[str]] | None = None,
) -> Contributions:  # fmt: skip
    """Exact TreeSHAP contributions of the LightGBM model with this text; `matrix` (n_rows, n_features).

    Many rows are explained from tables of the trees' paths, few by the library (`trees`, where they are loaded already): the
    same numbers within rounding. Raises where the matrix is not of the model's features, and on models without contributions.
    """
    trees = trees or Trees(text)
    if matrix.ndim != 2 or matrix.shape[1] != trees.features or len(features) != trees.features:
        raise MlAssetsError(
            "the matrix is not what the model was trained on", expected=f"{trees.features} features",
            got=f"shape {matrix.shape} and {len(features)} names", remedy="encode the rows with the encoder of the model's package",
        )  # fmt: skip
    tables = PathTables.of(text)
    if tables.worthwhile(len(matrix)):
        return Contributions(tuple(features), tables.contributions(matrix), tables.base, matrix, categories or {})
    # The library sums the trees of a random forest, whose prediction is their mean.
    found = tables.scale * trees.contributions(np.ascontiguousarray(matrix, dtype=np.float64))
    return Contributions(tuple(features), found[:, :-1], tables.base, matrix, categories or {})


def _class_losses(label: Floats, score: Floats) -> Floats:
    """Log loss of each row, from probabilities of shape (n_rows, n_classes)."""
    happened = score[np.arange(len(label)), label.astype(np.intp)]
    found: Floats = -np.log(happened.clip(np.finfo(np.float64).eps))
    return found


_LOSSES: Mapping[str, tuple[Callable[[Floats, Floats], Floats], str]] = {
    "binary": (log_losses, "log loss"),
    "multiclass": (_class_losses, "log loss"),
    "regression": (REGRESSION["mse"], "squared error"),
}


class Importance(NamedTuple):
    """How much a feature matters, by which `method`, in which `unit`; the interval (95 %, by clusters) may be null."""

    feature: str
    method: str
    unit: str
    value: float
    low: float | None
    high: float | None
    share: float | None


def global_importance(
    contributions: Contributions, cluster: Codes, *, unit: str = "log odds"
) -> tuple[Importance, ...]:
    """Mean absolute contribution of each feature, the largest first; `share` of their sum. `cluster` (n_rows,)."""
    sizes = np.abs(contributions.values)
    return _importances(contributions.features, sizes, cluster, TREE_SHAP, unit)


def permutation_importance(
    predict: Callable[[Floats], Floats], matrix: Floats, label: Floats, features: Sequence[str], cluster: Codes, *,
    task: str = "binary", repeats: int = 5, seed: int = 0,
) -> tuple[Importance, ...]:  # fmt: skip
    """How much log loss (or squared error) rises when one feature's values change places among rows, the largest first.

    For models without trees and for several classes. `matrix` (n_rows, n_features), `predict` gives (n_rows,), or
    (n_rows, n_classes) for task `multiclass`, whose labels are positions of classes. A negative value is chance: the
    feature did not help. The interval is of the rows' mean rise over `repeats` draws. Correlated features share what they
    explain, and hide behind each other (Hooker and Mentch 2019).
    """
    if (
        not len(matrix) == len(label) == len(cluster)
        or not len(matrix)
        or matrix.shape[1] != len(features)
        or repeats < 1
    ):
        raise MlAssetsError(
            "importance cannot be measured on these rows", expected="a row, a label and a cluster each, a name a feature, one repeat or more",
            got=f"shape {matrix.shape}, {len(label)} labels, {len(cluster)} clusters, {len(features)} names, {repeats} repeats",
        )  # fmt: skip
    losses, unit = _LOSSES[task]
    random, before = np.random.default_rng(seed), losses(label, predict(matrix))
    rises = np.zeros(matrix.shape)
    changed = matrix.copy(order="F")
    for place in range(matrix.shape[1]):
        for _ in range(repeats):
            changed[:, place] = matrix[random.permutation(len(matrix)), place]
            rises[:, place] += (losses(label, predict(changed)) - before) / repeats
        changed[:, place] = matrix[:, place]
    return _importances(tuple(features), rises, cluster, PERMUTATION, unit)


def _importances(
    features: Sequence[str], effects: Floats, cluster: Codes, method: str, unit: str
) -> tuple[Importance, ...]:
    if not len(effects):
        raise MlAssetsError("importance needs rows", expected="one row or more", got="none")
    codes = np.unique(cluster, return_inverse=True)[1].astype(np.intp)
    count, total = int(codes.max()) + 1, float(effects.mean(axis=0).clip(0).sum())
    found = []
    for place, feature in enumerate(features):
        mean = mean_of(effects[:, place])
        reach = t_quantile(0.975, count - 1) * mean.standard_error(codes) if count > 1 else None
        low, high = (None, None) if reach is None else (mean.value - reach, mean.value + reach)
        if low is not None and method == TREE_SHAP:
            low = max(low, 0.0)
        share = max(mean.value, 0.0) / total if total > 0 else None
        found.append(Importance(feature, method, unit, mean.value, low, high, share))
    return tuple(sorted(found, key=lambda one: (-one.value, one.feature)))


class DependencePoint(NamedTuple):
    """Rows with about this value of the feature (None: missing): the mean contribution and where 80 % of them lie."""

    value: float | None
    shown: str
    contribution: float
    low: float
    high: float
    rows: int


def dependence(contributions: Contributions, feature: str, *, most: int = 200) -> tuple[DependencePoint, ...]:
    """How the feature's contribution goes with its value, in at most `most` points, by value, missing last.

    Of more values than that each point stands for about an equal share of the rows, with their median value; rows of
    equal value are never divided among points.
    """
    if feature not in contributions.features or most < 2:
        raise MlAssetsError(
            "no dependence to show", expected=f"one of: {', '.join(contributions.features)}", got=feature
        )
    place = contributions.features.index(feature)
    values, effects = contributions.matrix[:, place], contributions.values[:, place]
    known = np.flatnonzero(~np.isnan(values))
    distinct, codes, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    if len(distinct) >= most:
        middle = np.cumsum(counts) - (counts + 1) // 2
        codes = np.unique(middle * (most - 1) // len(known), return_inverse=True)[1][codes]
    names = contributions.categories.get(feature)
    parts = [known[codes == code] for code in range(int(codes.max()) + 1)] if len(known) else []
    points = [_point(values[part], effects[part], names) for part in parts]
    absent = effects[np.isnan(values)]
    return (*points, _point(np.array([]), absent, names)) if len(absent) else tuple(points)


def _point(values: Floats, effects: Floats, names: Sequence[str] | None) -> DependencePoint:
    value = float(np.median(values)) if len(values) else None
    shown = "missing" if value is None else f"{value:.6g}" if names is None else names[int(value)]
    low, high = np.quantile(effects, [0.1, 0.9])
    return DependencePoint(value, shown, float(effects.mean()), float(low), float(high), len(effects))


def reason_codes(contributions: Contributions, *, most: int = 3, unit: str = "log odds") -> pa.Table:
    """The `most` largest contributions of each row, by size: row, rank, feature, value, contribution, sentence.

    Rows are positions, ranks begin with 1; the value is text (null where it is missing). Contributions keep their sign.
    """
    values, names = contributions.values, contributions.features
    rows, most = len(values), min(most, values.shape[1])
    sizes = np.abs(values)
    order = (
        np.argpartition(-sizes, most - 1, axis=1)[:, :most]
        if most < values.shape[1]
        else np.tile(np.arange(most), (rows, 1))
    )
    ranked = np.take_along_axis(order, np.lexsort((order, -np.take_along_axis(sizes, order, axis=1))), axis=1)
    features = ranked.ravel()
    effects = np.take_along_axis(values, ranked, axis=1).ravel()
    seen = np.take_along_axis(contributions.matrix, ranked, axis=1).ravel()
    shown = _shown(seen, features, contributions)
    feature = pa.array(names, pa.string()).take(pa.array(features))
    side = pa.array(np.array(["lowers", "raises"])[(effects > 0).astype(np.intp)], pa.string())
    size = pc.cast(pa.array(np.abs(effects).round(3)), pa.string())
    said = pc.fill_null(pc.binary_join_element_wise(" = ", shown, ""), " is missing")
    sentence = pc.binary_join_element_wise(feature, said, " ", side, " the score by ", size, f" {unit}", "")
    return pa.table(
        {
            "row": np.repeat(np.arange(rows), most), "rank": np.tile(np.arange(1, most + 1, dtype=np.int32), rows),
            "feature": feature, "value": shown, "contribution": effects, "sentence": sentence,
        }
    )  # fmt: skip


def _shown(seen: Floats, features: npt.NDArray[np.intp], contributions: Contributions) -> pa.Array:
    """Values as text: numbers in six digits, categories by name, null where missing."""
    digits = np.zeros(len(seen))
    usual = np.isfinite(seen) & (seen != 0)
    scale = 10.0 ** (5 - np.floor(np.log10(np.abs(seen[usual]))))
    digits[usual] = np.where(np.isfinite(scale) & (scale > 0), np.round(seen[usual] * scale) / scale, seen[usual])
    digits[np.isinf(seen)] = seen[np.isinf(seen)]
    shown = pc.cast(pa.array(digits, mask=np.isnan(seen)), pa.string())
    whole = np.isfinite(digits) & (digits == np.round(digits)) & (np.abs(digits) < 1e15)
    integers = pc.cast(pa.array(np.where(whole, digits, 0).astype(np.int64), mask=np.isnan(seen)), pa.string())
    shown = pc.if_else(pa.array(whole), integers, shown)
    for name, categories in contributions.categories.items():
        here = (features == contributions.features.index(name)) & ~np.isnan(seen)
        if here.any():
            named: Any = pa.array(list(categories), pa.string()).take(
                pa.array(np.where(here, seen, 0).astype(np.int64))
            )
            shown = pc.if_else(pa.array(here), named, shown)
    return shown
