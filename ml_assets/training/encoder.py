"""From columns to the matrix a model sees. The encoder travels with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ml_assets.errors import PackageError, TrainingError
from ml_assets.training.rows import Matrix

if TYPE_CHECKING:
    import pyarrow as pa

Columns = Mapping[str, Sequence[Any] | npt.NDArray[Any]]


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
        import pyarrow as pa
        import pyarrow.compute as pc

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
        import pyarrow as pa
        import pyarrow.compute as pc

        self._refuse_missing(table.column_names)
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

    def encode_columns(self, columns: Columns) -> tuple[Matrix, dict[str, int]]:
        """What `encode` gives for a table of these columns, without Arrow; None is missing."""
        self._refuse_missing(list(columns))
        lengths = {name: len(columns[name]) for name in self.features}
        if len(set(lengths.values())) > 1:
            raise PackageError("columns differ in length", expected="one value a row in each", got=lengths)
        rows = next(iter(lengths.values()), 0)
        matrix = np.empty((rows, len(self.features)), dtype=np.float64, order="F")
        unseen: dict[str, int] = {}
        for position, name in enumerate(self.features):
            if name in self.categories:
                codes, unseen[name] = _codes(columns[name], self.categories[name])
                matrix[:, position] = codes
            else:
                matrix[:, position] = _numbers(name, columns[name])
        return matrix, unseen

    def _refuse_missing(self, given: Sequence[str]) -> None:
        missing = [name for name in self.features if name not in given]
        if missing:
            raise PackageError(
                "columns that the model needs are missing", expected=", ".join(self.features), got=f"without {', '.join(missing)}",
                remedy="score with the feature sets that the model was trained on",
            )  # fmt: skip

    def rows(self, table: pa.Table, label: str = "label") -> tuple[Matrix, npt.NDArray[np.float64]]:
        """Matrix and label vector of training rows whose labels are numbers."""
        import pyarrow as pa
        import pyarrow.compute as pc

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


def _codes(values: Sequence[Any] | npt.NDArray[Any], categories: Sequence[str]) -> tuple[npt.NDArray[np.float64], int]:
    """Position of each value among the categories, NaN where there is none, and how many were given yet unknown."""
    texts = [_text(value) for value in (values.tolist() if isinstance(values, np.ndarray) else values)]
    place = {category: float(position) for position, category in enumerate(categories)}
    codes = np.array([place.get(text, np.nan) if text is not None else np.nan for text in texts], dtype=np.float64)
    return codes, int(np.isnan(codes).sum()) - sum(text is None for text in texts)


def _text(value: object) -> str | None:
    """A value as Arrow casts it to text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _numbers(name: str, values: Sequence[Any] | npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    given = values if isinstance(values, np.ndarray) else np.array(list(values), dtype=object)
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise PackageError(
            f"column {name} holds something that is no number", expected="numbers, truth values or None", got=problem,
            remedy=f"give {name} as the feature set declares it",
        ) from problem  # fmt: skip


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
