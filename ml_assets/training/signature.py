"""What a model takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_assets.errors import PackageError
from ml_assets.training.target import Target

_FORMAT = 1
_OUTPUTS = {"binary": "probability", "multiclass": "probabilities", "regression": "value", "ranking": "score"}


@dataclass(frozen=True)
class Signature:
    """Columns with their declared types in model order, what becomes of unseen categories, and the output."""

    target: Target = field(default_factory=Target)
    columns: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unseen_categories: str = "missing"

    @property
    def output(self) -> str:
        """Name of the output: probability, probabilities, value or score."""
        return _OUTPUTS[self.target.task]

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of the output; None stands for the number of rows."""
        return (None, self.target.outputs) if self.target.task == "multiclass" else (None,)

    def to_json(self) -> dict[str, Any]:
        columns = [
            {"name": name, "type": kind}
            | ({"categories": list(self.categories[name])} if name in self.categories else {})
            for name, kind in self.columns.items()
        ]
        return {
            "format": _FORMAT, "target": self.target.to_json(), "columns": columns, "unseen_categories": self.unseen_categories,
            "output": {"name": self.output, "shape": list(self.shape)},
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Signature:
        if data.get("format") != _FORMAT:
            raise PackageError(
                "the package's format is not known", expected=f"format {_FORMAT}", got=data.get("format"),
                remedy="load it with the version of ml_assets that trained it",
            )  # fmt: skip
        columns = data["columns"]
        return cls(
            Target.from_json(data["target"]),
            {column["name"]: column["type"] for column in columns},
            {column["name"]: tuple(column["categories"]) for column in columns if "categories" in column},
            data["unseen_categories"],
        )
