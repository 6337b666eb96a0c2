"""Where state lives, and what time it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ml_assets.errors import DeclarationError

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Home:
    """The folder of one project's state; everything below it can be rebuilt or is the warehouse itself."""

    root: Path

    @classmethod
    def locate(cls, project_root: Path) -> Home:
        """`$ML_ASSETS_HOME`, or `.ml_assets` in the project root."""
        declared = os.environ.get("ML_ASSETS_HOME")
        return cls(Path(declared).expanduser().resolve() if declared else project_root / ".ml_assets")

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def replay_file(self) -> Path:
        return self.root / "now"

    def landing(self, use_case: str) -> Path:
        """The folder in which a use case's files arrive."""
        return self.root / "landing" / use_case

    def clock(self) -> Clock:
        """`$ML_ASSETS_NOW`, else the instant in `<home>/now` (history is being replayed), else the real time."""
        declared = os.environ.get("ML_ASSETS_NOW")
        place = "ML_ASSETS_NOW"
        if not declared and self.replay_file.exists():
            declared, place = self.replay_file.read_text(encoding="utf-8").strip(), str(self.replay_file)
        if not declared:
            return lambda: datetime.now(UTC)
        moment = parse_instant(declared, place)
        return lambda: moment

    @property
    def replays_history(self) -> bool:
        """Whether the clock stands still because history is being replayed."""
        return bool(os.environ.get("ML_ASSETS_NOW")) or self.replay_file.exists()


def parse_instant(text: str, place: str) -> datetime:
    """An ISO 8601 date or instant as aware UTC; a naive one is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as problem:
        raise DeclarationError(
            "not an instant", place=place, expected="ISO 8601 such as 2011-12-10 or 2011-12-10T06:00:00Z", got=text,
            remedy="correct it, or leave it out to use the real time",
        ) from problem  # fmt: skip
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
