"""Where SQL files are found."""

from __future__ import annotations

from pathlib import Path


def sql_root(project_root: Path) -> Path:
    """The folder that SQL paths of declarations start from; it need not exist while no declaration names a file."""
    return project_root / "sql"
