"""Exact TreeSHAP of LightGBM trees from tables of their paths: for deep trees many times faster than the library's own.

A leaf with value v gives feature j, of the d features on its path, v * (o_j - r_j) * integral over t in [0, 1] of the product
over the other features k of (r_k (1 - t) + o_k t): o_k says whether the row passes all of k's nodes, r_k is the share of
training rows that do (the product of the branches' shares). This is the Shapley sum with its weights written as a beta
integral, exact by Gauss-Legendre with d / 2 points; terms are positive, so nothing cancels. It depends on the row by the d
truth values alone: 2^d cases, computed once a leaf, then looked up.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ml_assets.errors import MlAssetsError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MOST_TABLED = 10  # features on a path: 1,024 cases; longer paths are computed for the cases that occur
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_ZERO, _MISSING_NAN = 1, 2
_ZERO = 1e-35
_ROWS_WORTH_TABLES = 500
_LONGEST = 60  # bits of a case
_TREES_AT_ONCE = 100  # tables of so many trees lie in memory


@dataclass(frozen=True)
class _Tree:
    feature: npt.NDArray[np.intp]
    threshold: Floats
    decision: npt.NDArray[np.intp]
    left: npt.NDArray[np.intp]
    right: npt.NDArray[np.intp]
    node_rows: Floats
    leaf_value: Floats
    leaf_rows: Floats
    categories: tuple[npt.NDArray[np.intp], ...]

    def rows(self, child: int) -> float:
        """Training rows below; leaves have negative numbers."""
        return float(self.node_rows[child] if child >= 0 else self.leaf_rows[~child])

    def goes_left(self, node: int, values: Floats) -> Bools:
        """Which rows take the left branch, as LightGBM decides it; `values` (n_rows,) of the node's feature."""
        decision = int(self.decision[node])
        missing = (decision >> 2) & 3
        if decision & _CATEGORICAL:
            whole = np.where(np.isfinite(values) & (np.abs(values) < 2**31), values, -1).astype(np.int64)
            chosen: Bools = np.isin(whole, self.categories[int(self.threshold[node])]) & (values > -1)
            return chosen
        unknown = np.isnan(values)
        known = np.where(unknown, 0.0, values) if missing != _MISSING_NAN and unknown.any() else values
        left: Bools = known <= self.threshold[node]
        if missing == _MISSING_ZERO:
            unknown = np.abs(known) <= _ZERO
        if missing in (_MISSING_ZERO, _MISSING_NAN):
            left = np.where(unknown, bool(decision & _DEFAULT_LEFT), left)
        return left


class _Leaf(NamedTuple):
    """A leaf's value and path: (node, goes left) pairs of each feature on it, and the share of rows passing them."""

    value: float
    features: tuple[int, ...]
    passes: tuple[tuple[tuple[int, bool], ...], ...]
    shares: tuple[float, ...]


class PathTables:
    """The paths of all trees of a model with one output; `scale` makes a mean of them where the model predicts one."""

    def __init__(self, trees: list[_Tree], scale: float) -> None:
        self._trees = trees
        self._leaves = [_paths(tree) for tree in trees]
        self.scale = scale
        self.base = scale * sum(
            float(np.dot(tree.leaf_value, tree.leaf_rows / tree.leaf_rows.sum()))
            if len(tree.feature)
            else tree.leaf_value[0]
            for tree in trees
        )

    @classmethod
    def of(cls, text: str) -> PathTables:
        """From a model text. Raises on models with several outputs or linear leaves, whose contributions are not defined here."""
        head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
        fields = dict(line.partition("=")[::2] for line in head.splitlines() if "=" in line)
        outputs, linear = fields.get("num_tree_per_iteration"), any("\nis_linear=1" in block for block in blocks)
        if outputs != "1" or linear:
            raise MlAssetsError(
                "this model has no TreeSHAP contributions", expected="trees with one output and constant leaves",
                got="linear leaves" if linear else f"{outputs} outputs", remedy="use permutation importance",
            )  # fmt: skip
        trees = [_read(block) for block in blocks]
        return cls(trees, 1 / len(trees) if "\naverage_output" in head and trees else 1.0)

    def worthwhile(self, rows: int) -> bool:
        """Whether making the tables is possible and costs less than it saves."""
        longest = max((len(leaf.features) for leaves in self._leaves for leaf in leaves), default=0)
        counted = all((tree.leaf_rows > 0).all() for tree in self._trees if len(tree.feature))
        return rows >= _ROWS_WORTH_TABLES and longest < _LONGEST and counted

    def contributions(self, matrix: Floats) -> Floats:
        """Shape (n_rows, n_features)."""
        columns = [np.ascontiguousarray(matrix[:, place]) for place in range(matrix.shape[1])]
        found = np.zeros((matrix.shape[1], len(matrix)))
        for start in range(0, len(self._trees), _TREES_AT_ONCE):
            part = slice(start, start + _TREES_AT_ONCE)
            tables = iter(_tables([leaf for leaves in self._leaves[part] for leaf in leaves]))
            for tree, leaves in zip(self._trees[part], self._leaves[part], strict=True):
                left = [tree.goes_left(node, columns[feature]) for node, feature in enumerate(tree.feature)]
                sides = [(~one, one) for one in left]
                for leaf in leaves:
                    _add(found, leaf, next(tables), sides)
        result: Floats = self.scale * found.T
        return result


def _add(found: Floats, leaf: _Leaf, table: Floats | None, sides: list[tuple[Bools, Bools]]) -> None:
    """Add what the leaf gives its features to `found` (n_features, n_rows)."""
    cases = _cases(leaf, sides)
    if table is None:
        occurring, cases = np.unique(cases, return_inverse=True)
        table = _shapley(np.array([leaf.value]), np.array([leaf.shares]), _outcomes(occurring, len(leaf.features)))[0]
    for place, feature in enumerate(leaf.features):
        found[feature] += table[place].take(cases)


def _cases(leaf: _Leaf, sides: list[tuple[Bools, Bools]]) -> npt.NDArray[np.intp]:
    """Which of the 2^d cases each row is: bit k says whether it passes all nodes of the leaf's k-th feature."""
    cases = np.zeros(len(sides[0][0]), dtype=np.intp)
    for place, passes in enumerate(leaf.passes):
        passed = sides[passes[0][0]][passes[0][1]]
        for node, side in passes[1:]:
            passed = passed & sides[node][side]
        cases |= passed.astype(np.intp) << place
    return cases


def _outcomes(cases: npt.NDArray[np.intp], size: int) -> Floats:
    """The truth values of each case, shape (n_cases, size)."""
    found: Floats = ((cases[:, None] >> np.arange(size)) & 1).astype(np.float64)
    return found


def _tables(leaves: list[_Leaf]) -> list[Floats | None]:
    """The table of each leaf, shape (d, 2^d), made together for leaves of one d; None where d is large."""
    found: list[Floats | None] = [None] * len(leaves)
    sizes = np.array([len(leaf.features) for leaf in leaves])
    for size in range(1, MOST_TABLED + 1):
        chosen = np.flatnonzero(sizes == size)
        if len(chosen):
            values = np.array([leaves[place].value for place in chosen])
            shares = np.array([leaves[place].shares for place in chosen])
            made = _shapley(values, shares, _outcomes(np.arange(2**size), size))
            for place, table in zip(chosen, made, strict=True):
                found[place] = table
    return found


def _shapley(values: Floats, shares: Floats, outcomes: Floats) -> Floats:
    """Contributions (n_leaves, d, n_cases) for leaves with `shares` (n_leaves, d) and cases `outcomes` (n_cases, d)."""
    size = shares.shape[1]
    points, weights = np.polynomial.legendre.leggauss((size + 1) // 2)
    points, weights = (points + 1) / 2, weights / 2
    total = np.zeros((len(values), size, len(outcomes)))
    passed = outcomes.T[None]
    for point, weight in zip(points, weights, strict=True):
        factors = shares[:, :, None] * (1 - point) + passed * point
        total += weight * factors.prod(axis=1, keepdims=True) / factors
    found: Floats = values[:, None, None] * (passed - shares[:, :, None]) * total
    return found


def _paths(tree: _Tree) -> list[_Leaf]:
    """Every leaf that lies below a split."""
    if not len(tree.feature):
        return []
    found: list[_Leaf] = []
    waiting: list[tuple[int, dict[int, tuple[tuple[tuple[int, bool], ...], float]]]] = [(0, {})]
    while waiting:
        node, path = waiting.pop()
        if node < 0:
            features = tuple(path)
            passes, shares = tuple(path[one][0] for one in features), tuple(path[one][1] for one in features)
            found.append(_Leaf(float(tree.leaf_value[~node]), features, passes, shares))
            continue
        feature = int(tree.feature[node])
        nodes, share = path.get(feature, ((), 1.0))
        for child, side in ((int(tree.left[node]), True), (int(tree.right[node]), False)):
            passed = ((*nodes, (node, side)), share * tree.rows(child) / tree.rows(node))
            waiting.append((child, {**path, feature: passed}))
    return found


def _read(block: str) -> _Tree:
    fields = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)

    def numbers(name: str) -> Floats:
        return np.array([float(one) for one in fields.get(name, "").split()])

    def whole(name: str) -> npt.NDArray[np.intp]:
        return np.array([int(one) for one in fields.get(name, "").split()], dtype=np.intp)

    return _Tree(
        whole("split_feature"), numbers("threshold"), whole("decision_type"), whole("left_child"), whole("right_child"),
        numbers("internal_count"), numbers("leaf_value"), numbers("leaf_count"),
        _category_sets(whole("cat_boundaries"), whole("cat_threshold")),
    )  # fmt: skip


def _category_sets(boundaries: npt.NDArray[np.intp], words: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], ...]:
    """The categories that go left, of each categorical split: bits of 32-bit words."""
    bits = [np.flatnonzero((words[low:high, None] >> np.arange(32)) & 1) for low, high in pairwise(boundaries)]
    return tuple(one.astype(np.intp) for one in bits)
