"""Where SQL files are found: in the project, or in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from ml_assets.errors import DeclarationError


def sql_root(project_root: Path) -> Path:
    """The folder of SQL files: `sql/` of the project, or the copy inside an installed wheel."""
    beside = project_root / "sql"
    shipped = Path(__file__).parent / "_sql"
    for folder in (beside, shipped):
        if folder.is_dir():
            return folder
    raise DeclarationError(
        "there is no sql folder", place=project_root, expected=f"{beside.name}/ in the project root", got="nothing",
        remedy="create sql/<use case>/ with one SELECT a file",
    )  # fmt: skip
