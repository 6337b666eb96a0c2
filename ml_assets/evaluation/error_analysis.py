"""Where the model is wrong: the most confident mistakes, a small tree over them, and the rows that flipped against another.

These describe the rows that they were found in. Whether a group is worse than chance would make it is for the slice search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ml_assets.errors import MlAssetsError
from ml_assets.evaluation.column_groups import Codes, Column, Floats, columns_of
from ml_assets.evaluation.influence import checked_rows, mean_of, t_quantile

COMMONEST = 10
_LARGEST = float(np.finfo(np.float32).max)


class Mistake(NamedTuple):
    """A row (its position in the vectors given) on the wrong side of the threshold, with what was said and what happened."""

    row: int
    score: float
    label: int
    cluster: int


def confident_mistakes(
    label: Floats, score: Floats, cluster: Codes, *, most: int = 20, threshold: float = 0.5
) -> tuple[Mistake, ...]:
    """The mistakes furthest from their outcome, worst first, one a cluster; empty where there is none.

    `label`, `score`, `cluster` (n_rows,). Equal errors come in order of rows.
    """
    given = np.asarray(cluster)
    label, score, cluster = checked_rows(label, score, cluster, "binary")
    wrong = np.flatnonzero((score >= threshold) != (label == 1))
    ranked = wrong[np.argsort(-np.abs(label - score)[wrong], kind="stable")]
    first = np.sort(np.unique(cluster[ranked], return_index=True)[1])[:most]
    return tuple(Mistake(int(row), float(score[row]), int(label[row]), int(given[row])) for row in ranked[first])


@dataclass(frozen=True)
class ErrorNode:
    """Rows that fulfil `condition` and those of all nodes above; a leaf has no children."""

    condition: str
    rows: int
    errors: int
    error_rate: float
    children: tuple[ErrorNode, ...] = ()

    def leaves(self, above: str = "") -> list[tuple[str, ErrorNode]]:
        """Each leaf with all its conditions, the highest error rate first."""
        path = f"{above} and {self.condition}" if above else self.condition
        below = [
            found for child in self.children for found in child.leaves(path if self.condition != "all rows" else "")
        ]
        return sorted(below, key=lambda one: -one[1].error_rate) or [(path, self)]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def error_tree(
    label: Floats, score: Floats, columns: Mapping[str, Any], cluster: Codes, *, threshold: float = 0.5, depth: int = 3,
    least_share: float = 0.02, least_rows: int = 50,
) -> ErrorNode:  # fmt: skip
    """A regression tree of at most `depth` levels over which rows lie on the wrong side of the threshold.

    `label`, `score`, `cluster` (n_rows,), `columns` name → (n_rows,). A leaf has at least `least_rows` rows and `least_share`
    of all. Texts are split by one of their ten commonest values at a time. Where errors are equally frequent everywhere, the
    root is the only node.
    """
    label, score, _ = checked_rows(label, score, cluster, "binary")
    wrong = ((score >= threshold) != (label == 1)).astype(np.float64)
    questions = [one for column in columns_of(columns, len(label)).values() for one in _asked(column)]
    root = ErrorNode("all rows", len(wrong), int(wrong.sum()), float(wrong.mean()))
    least = max(least_rows, int(np.ceil(least_share * len(wrong))))
    if not questions or wrong.min() == wrong.max() or 2 * least > len(wrong):
        return root
    return _grown(wrong, questions, root, depth, least)


class _Asked(NamedTuple):
    """A column of the tree's matrix, shape (n_rows,), and the value that it tells apart (None: an order)."""

    column: Column
    values: Floats
    value: str | None


def _asked(column: Column) -> list[_Asked]:
    if column.kind != "text":
        # the tree computes in single precision, which cannot hold infinity
        return [] if column.missing.all() else [_Asked(column, column.values.clip(-_LARGEST / 2, _LARGEST / 2), None)]
    counts = np.bincount(column.values[~column.missing].astype(np.intp), minlength=len(column.texts))
    common = np.argsort(-counts, kind="stable")[:COMMONEST]
    found = [_Asked(column, (column.values == code).astype(np.float64), column.texts[code]) for code in common]
    if column.missing.any():
        found.append(_Asked(column, column.missing.astype(np.float64), ""))
    return found


def _grown(wrong: Floats, questions: list[_Asked], root: ErrorNode, depth: int, least: int) -> ErrorNode:
    from sklearn.tree import DecisionTreeRegressor

    matrix = np.column_stack([one.values for one in questions])
    grower = DecisionTreeRegressor(
        max_depth=depth, min_samples_leaf=least, min_impurity_decrease=1e-12, random_state=0
    ).fit(matrix, wrong)
    tree = grower.tree_

    def node(place: int, condition: str) -> ErrorNode:
        rows, rate = int(tree.n_node_samples[place]), float(tree.value[place].ravel()[0])
        children: tuple[ErrorNode, ...] = ()
        if tree.children_left[place] >= 0:
            asked = questions[tree.feature[place]]
            names = _conditions(asked, float(tree.threshold[place]), bool(tree.missing_go_to_left[place]))
            sides = (tree.children_left[place], tree.children_right[place])
            children = tuple(node(side, name) for side, name in zip(sides, names, strict=True))
        return ErrorNode(condition, rows, round(rate * rows), rate, children)

    return node(0, root.condition)


def _conditions(asked: _Asked, threshold: float, missing_left: bool) -> tuple[str, str]:
    name = asked.column.name
    if asked.value is not None:
        if not asked.value:
            return f"{name} is known", f"{name} is missing"
        return f"{name} is not {asked.value}", f"{name} = {asked.value}"
    shown = asked.column.shown(threshold)
    low, high = f"{name} <= {shown}", f"{name} > {shown}"
    if not asked.column.missing.any():
        return low, high
    return (f"{low} or missing", high) if missing_left else (low, f"{high} or missing")


class Flips(NamedTuple):
    """Rows that two scores put on different sides: `righted` only the candidate has right, `spoilt` only the other.

    Positions, largest change of score first. `net_gain` is righted less spoilt, as a share of all rows, with its 95 %
    interval by clusters (None where rows of fewer than two clusters are there, or nothing flipped).
    """

    righted: npt.NDArray[np.intp]
    spoilt: npt.NDArray[np.intp]
    rows: int
    net_gain: float
    low: float | None
    high: float | None


def flipped(
    label: Floats,
    score: Floats,
    other: Floats,
    cluster: Codes,
    *,
    threshold: float = 0.5,
    other_threshold: float | None = None,
) -> Flips:
    """What changes where `score` takes the place of `other`, each with its own threshold; all vectors (n_rows,)."""
    if len(other) != len(label):
        raise MlAssetsError("the two scores are not of the same rows", expected=f"{len(label)} scores", got=len(other))
    other = checked_rows(label, other, cluster, "binary")[1]
    label, score, cluster = checked_rows(label, score, cluster, "binary")
    new, old = score >= threshold, other >= (threshold if other_threshold is None else other_threshold)
    gained = (new == label).astype(np.float64) - (old == label)
    change = -np.abs(score - other)
    righted, spoilt = (np.flatnonzero(gained == sign) for sign in (1, -1))
    gain, clusters = mean_of(gained), int(cluster.max()) + 1
    error = gain.standard_error(cluster)
    reach = t_quantile(0.975, clusters - 1) * error if error > 0 else None
    return Flips(
        righted[np.argsort(change[righted], kind="stable")], spoilt[np.argsort(change[spoilt], kind="stable")], len(label),
        gain.value, None if reach is None else gain.value - reach, None if reach is None else gain.value + reach,
    )  # fmt: skip
