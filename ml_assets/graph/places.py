"""Places (`path:line`) as other programs want them: a file relative to some folder, and a line."""

from __future__ import annotations

from pathlib import Path


def file_and_line(place: str, project_root: Path, shown_from: Path) -> tuple[str, int | None]:
    """File and line of a place. Files inside `shown_from` are given relative to it, others as they are.

    A place itself is relative to the project's root or absolute.
    """
    path, _, line = place.rpartition(":")
    if not line.isdigit():
        path, line = place, ""
    file = project_root / path
    shown = file.relative_to(shown_from).as_posix() if file.is_relative_to(shown_from) else str(file)
    return shown, int(line) if line else None
