"""What is in production, as plain data: scored outputs, the champions behind them, and the raw tables they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ml_assets.warehouse.names import TableName

Role = Literal["scores", "champion", "raw"]


@dataclass(frozen=True)
class ProductionAsset:
    """One asset that somebody depends on, and what its declarations say about its being looked after.

    `watched_by`: names of monitors; `rules`: what its own declaration watches, in words, without which nobody would notice
    that it stands still. `runbooks`: declared ones of its monitors; `lost_runbooks`: those of them that are no file of the
    project. `model` and `scores`: of scores and champions, the model and the (first) scored output that it makes.
    """

    name: TableName
    role: Role
    use_case: str
    owners: tuple[str, ...]
    place: str
    model: str | None = None
    scores: str | None = None
    watched_by: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    runbooks: tuple[str, ...] = ()
    lost_runbooks: tuple[str, ...] = ()

    @property
    def is_watched(self) -> bool:
        return bool(self.watched_by or self.rules)

    @property
    def remedy(self) -> str:
        """The declaration that would have it watched, as YAML. Scores and their champion are watched by one monitor."""
        name = self.name.table if self.role == "raw" else self.scores
        watched = f"table: {self.name}" if self.role == "raw" else f"scores: {self.scores}"
        owners = f"  owners: [{', '.join(self.owners)}]\n" if self.owners else ""
        return f"type: ml_assets.Monitor\nattributes:\n  name: {name}\n{owners}  {watched}\n"

    @property
    def remedy_file(self) -> str:
        """Where that declaration may be put, below the project's package."""
        name = self.name.table if self.role == "raw" else self.scores
        return f"defs/{self.use_case}/monitoring/{name}/defs.yaml"

    def to_json(self) -> dict[str, Any]:
        return {
            "asset": str(self.name), "role": self.role, "use_case": self.use_case, "owners": list(self.owners), "place": self.place,
            "watched_by": list(self.watched_by), "rules": list(self.rules), "runbooks": list(self.runbooks),
        }  # fmt: skip
