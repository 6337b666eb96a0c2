"""From table columns to the matrix a model sees. The encoder travels with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import PackageError

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Encoder:
    """Column order and category codes, fixed when the model was trained.

    Numbers become float64, booleans 0 and 1, missing values NaN. A category becomes its position in `categories`;
    one that was not seen in training becomes NaN, as a missing one does, and is counted.
    """

    features: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, table: pa.Table, features: Sequence[str], categorical: Sequence[str]) -> Encoder:
        """Learn the categories from training rows, in alphabetical order."""
        text = {name for name in features if pa.types.is_string(table.schema.field(name).type) or name in categorical}
        categories = {}
        for name in features:
            if name in text:
                values = pc.unique(pc.cast(table[name], pa.string())).drop_null().to_pylist()
                categories[name] = tuple(sorted(values))
        return cls(tuple(features), categories)

    def encode(self, table: pa.Table) -> tuple[Matrix, dict[str, int]]:
        """Matrix of shape (n_rows, n_features), and how many values of each category column were unseen."""
        missing = [name for name in self.features if name not in table.column_names]
        if missing:
            raise PackageError(
                "columns that the model needs are missing", expected=", ".join(self.features), got=f"without {', '.join(missing)}",
                remedy="score with the feature sets that the model was trained on",
            )  # fmt: skip
        matrix = np.empty((table.num_rows, len(self.features)), dtype=np.float64, order="C")
        unseen: dict[str, int] = {}
        for position, name in enumerate(self.features):
            column = table[name].combine_chunks()
            if name in self.categories:
                text = pc.cast(column, pa.string())
                codes = pc.index_in(text, value_set=pa.array(self.categories[name], pa.string()))
                unseen[name] = codes.null_count - text.null_count
                column = codes
            matrix[:, position] = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
        return matrix, unseen

    def rows(self, table: pa.Table, label: str = "label") -> tuple[Matrix, npt.NDArray[np.float64]]:
        """Matrix and label vector of training rows."""
        return self.encode(table)[0], pc.cast(table[label], pa.float64()).to_numpy()

    @property
    def categorical_positions(self) -> list[int]:
        return [position for position, name in enumerate(self.features) if name in self.categories]

    def to_json(self) -> dict[str, Any]:
        return {"features": list(self.features), "categories": {k: list(v) for k, v in self.categories.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Encoder:
        return cls(tuple(data["features"]), {k: tuple(v) for k, v in data["categories"].items()})


def as_arrow(cursor: Any) -> pa.Table:
    """A DuckDB result as an Arrow table; decimals become doubles, so that models see one kind of number."""
    table = cursor.to_arrow_table()
    fields = [
        pa.field(f.name, pa.float64()) if pa.types.is_decimal(f.type) else f for f in table.schema
    ]
    return table.cast(pa.schema(fields))
