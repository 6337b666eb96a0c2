"""Data files brought into the landing folder, by copy or by link."""

from __future__ import annotations

import filecmp
import shutil
from dataclasses import dataclass
from pathlib import Path

from ml_assets.errors import UnderstandingError
from ml_assets.onboarding.declare import declared_tables
from ml_assets.onboarding.raw_tables import landing_names
from ml_assets.onboarding.understanding import Understanding

LARGE = 10**9


@dataclass(frozen=True)
class Landing:
    """Which file goes where; those that lie there already, equal in content, are left out."""

    moves: tuple[tuple[Path, Path], ...]
    kept: int

    @property
    def bytes(self) -> int:
        return sum(source.stat().st_size for source, _ in self.moves)


def landing_of(understanding: Understanding, folder: Path) -> Landing:
    """What is to be brought into `folder`, the landing folder of the use case."""
    wanted = [
        (source.resolve(), folder / table.name / name)
        for table in declared_tables(understanding)
        for source, name in landing_names(table).items()
    ]
    moves = tuple(pair for pair in wanted if not _is_there(*pair))
    return Landing(moves, len(wanted) - len(moves))


def _is_there(source: Path, target: Path) -> bool:
    return target.exists() and (source.samefile(target) or filecmp.cmp(source, target, shallow=True))


def refuse_too_little_space(landing: Landing, folder: Path) -> None:
    """Raise where the copies would not fit on the disk."""
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(nearest).free
    if landing.bytes > free:
        raise UnderstandingError(
            "the files do not fit into the landing folder", place=folder, expected=f"{landing.bytes / 1e9:.1f} GB free",
            got=f"{free / 1e9:.1f} GB", remedy="let them stay where they are with --link, or make room",
        )  # fmt: skip


def bring(landing: Landing, *, link: bool) -> None:
    """Copy (or link) the files; each appears whole. What a failure leaves behind is no landing file."""
    for source, target in landing.moves:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.tmp")
        unfinished.unlink(missing_ok=True)
        if link:
            unfinished.symlink_to(source)
        else:
            shutil.copy2(source, unfinished)
        unfinished.replace(target)
