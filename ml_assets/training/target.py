"""What is predicted: the task, its classes, and a label column as the numbers that an estimator learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ml_assets.errors import TrainingError

if TYPE_CHECKING:
    import pyarrow as pa

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """`binary`, `multiclass`, `regression` or `ranking`; `classes` of a multiclass label as text, in order of the output."""

    task: str = "binary"
    classes: tuple[str, ...] = ()

    @classmethod
    def fit(cls, task: str, label: pa.ChunkedArray, declared: Sequence[object] | None, place: str = "") -> Target:
        """Classes as declared, or those of these labels: whole numbers by size, texts by alphabet."""
        if task != "multiclass":
            return cls(task)
        found = {str(value) for value in label.unique().to_pylist() if value is not None}
        numbers = all(name.removeprefix("-").isdecimal() for name in found)
        found_in_order = sorted(found, key=int) if numbers else sorted(found)
        classes = tuple(str(name) for name in (found_in_order if declared is None else declared))
        if len(classes) < 2:
            raise TrainingError(
                "a multiclass label needs at least two classes", place=place, expected="two classes or more",
                got=", ".join(classes) or "no label", remedy="widen the population or the snapshots, or declare `classes`",
            )  # fmt: skip
        return cls(task, classes)

    @property
    def classifies(self) -> bool:
        return self.task in ("binary", "multiclass")

    @property
    def outputs(self) -> int:
        """Numbers that a prediction holds for a row."""
        return len(self.classes) if self.task == "multiclass" else 1

    @property
    def class_names(self) -> tuple[str, ...]:
        """Classes as text; a binary label has 0 and 1, a number none."""
        return ("0", "1") if self.task == "binary" else self.classes

    def vector(self, label: pa.ChunkedArray, place: str = "") -> Vector:
        """Labels as float64, shape (n_rows,): 0 or 1, position of the class, the number, or the grade.

        Raises TrainingError on a label that the task cannot have.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.task == "multiclass":
            text = pc.cast(label, pa.string())
            codes = pc.index_in(text, value_set=pa.array(self.classes, pa.string()))
            found = pc.cast(codes, pa.float64()).to_numpy()
        else:
            found = pc.cast(label, pa.float64(), safe=False).to_numpy()
        wrong = self._wrong(found)
        if wrong.any():
            bad = pc.unique(pc.filter(label, pa.array(wrong))).to_pylist()
            raise TrainingError(
                f"{int(wrong.sum()):,} labels are none of a {self.task} task", place=place, expected=self._expected, got=f"{len(bad)} other values",
                examples=sorted(map(str, bad)), remedy="correct the label SQL, or declare what it returns (`task`, `label.classes`)",
            )  # fmt: skip
        return np.asarray(found, dtype=np.float64)

    def _wrong(self, found: Vector) -> npt.NDArray[np.bool_]:
        if self.task == "binary":
            return ~np.isin(found, (0.0, 1.0))
        if self.task == "ranking":
            return np.asarray(~((found >= 0) & (found == np.floor(found)) & (found <= MOST_GRADE)))
        return ~np.isfinite(found)

    @property
    def _expected(self) -> str:
        return {
            "binary": "0 or 1", "multiclass": f"one of {', '.join(self.classes)}", "regression": "finite numbers",
            "ranking": f"whole grades from 0 to {MOST_GRADE}",
        }[self.task]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        return {"task": self.task, "classes": list(self.classes)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Target:
        return cls(data["task"], tuple(data["classes"]))


# LightGBM's gain of a grade is 2^grade - 1, of which it keeps a table of 31.
MOST_GRADE = 30
