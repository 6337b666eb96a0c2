"""From table columns to the matrix a model sees. The encoder travels with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import PackageError, TrainingError
from ml_assets.warehouse.store import Workbench

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
    def fit(cls, table: pa.Table, features: Sequence[str], categorical: Sequence[str], place: str = "") -> Encoder:
        """Learn the categories from training rows, in alphabetical order. Raises on a column that is no number or text."""
        categories = {}
        for name in features:
            kind = table.schema.field(name).type
            if _is_text(kind) or name in categorical:
                values = pc.unique(pc.cast(table[name], pa.string())).drop_null().to_pylist()
                categories[name] = tuple(sorted(values))
            elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
                raise TrainingError(
                    f"feature {name} is no number, truth value or text", place=place, expected="a type that a model can learn from",
                    got=kind, remedy=f"declare the span to the snapshot instead (days since {name}), or exclude {name}",
                )  # fmt: skip
        return cls(tuple(features), categories)

    def encode(self, table: pa.Table) -> tuple[Matrix, dict[str, int]]:
        """Matrix of shape (n_rows, n_features), columns contiguous, and the count of unseen values of each category column."""
        missing = [name for name in self.features if name not in table.column_names]
        if missing:
            raise PackageError(
                "columns that the model needs are missing", expected=", ".join(self.features), got=f"without {', '.join(missing)}",
                remedy="score with the feature sets that the model was trained on",
            )  # fmt: skip
        matrix = np.empty((table.num_rows, len(self.features)), dtype=np.float64, order="F")
        unseen: dict[str, int] = {}
        for position, name in enumerate(self.features):
            column = table[name]
            if name in self.categories:
                text = pc.cast(column, pa.string())
                column = pc.index_in(text, value_set=pa.array(self.categories[name], pa.string()))
                unseen[name] = column.null_count - text.null_count
            # Not safe: an integer above 2^53 loses its last digits rather than stopping the run.
            matrix[:, position] = pc.cast(column, pa.float64(), safe=False).to_numpy()
        return matrix, unseen

    def rows(self, table: pa.Table, label: str = "label") -> tuple[Matrix, npt.NDArray[np.float64]]:
        """Matrix and label vector of training rows."""
        return self.encode(table)[0], pc.cast(table[label], pa.float64()).to_numpy()

    @property
    def categorical_positions(self) -> list[int]:
        return [position for position, name in enumerate(self.features) if name in self.categories]

    def to_json(self) -> dict[str, Any]:
        return {
            "features": list(self.features),
            "categories": {name: list(found) for name, found in self.categories.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Encoder:
        return cls(tuple(data["features"]), {name: tuple(found) for name, found in data["categories"].items()})


def arrow_rows(bench: Workbench, sql: str) -> pa.Table:
    """Rows of a query as an Arrow table; decimals become doubles, so that models see one kind of number."""
    relation = bench.connection.sql(sql)
    table = relation.to_arrow_table()
    if not any(pa.types.is_decimal(field.type) for field in table.schema):
        return table
    return table.cast(
        pa.schema(
            [pa.field(field.name, pa.float64()) if pa.types.is_decimal(field.type) else field for field in table.schema]
        )
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
