"""Rows that something is learnt from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


class LabelledRows(NamedTuple):
    """Matrix (n_rows, n_features), columns together in memory; label, weight and query of each row (n_rows,).

    A label is 0 or 1, the position of a class, a number, or a relevance grade. Rows of one query lie together.
    """

    matrix: Matrix
    label: Vector
    weight: Vector | None = None
    query: npt.NDArray[np.int64] | None = None

    def chosen(self, wanted: npt.NDArray[np.bool_]) -> LabelledRows:
        """The rows where `wanted` is true, in the same order."""
        return LabelledRows(
            np.asfortranarray(self.matrix[wanted]), self.label[wanted],
            None if self.weight is None else self.weight[wanted], None if self.query is None else self.query[wanted],
        )  # fmt: skip

    @property
    def query_sizes(self) -> npt.NDArray[np.int32] | None:
        """Rows of each query, in order; None without queries."""
        if self.query is None:
            return None
        starts = np.flatnonzero(np.r_[True, self.query[1:] != self.query[:-1]]) if len(self.query) else np.array([])
        return np.asarray(np.diff(np.r_[starts, len(self.query)]), dtype=np.int32)
