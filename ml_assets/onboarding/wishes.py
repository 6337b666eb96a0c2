"""What a user said on the command line, and the columns that are meant by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml_assets.errors import UnknownNameError
from ml_assets.onboarding.understanding import TableFacts
from ml_assets.specs.models import Task


@dataclass(frozen=True)
class Wishes:
    """What was said; None (or nothing) where nothing was. Columns as in the file, in any case, or by warehouse name.

    `positive` is the value of a binary target that counts as 1. `keep` columns stay features though they look
    suspicious. `tables` are table names with their files.
    """

    name: str
    tables: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    target: str | None = None
    time: str | None = None
    entity: str | None = None
    group: str | None = None
    query: str | None = None
    task: Task | None = None
    sensitive: tuple[str, ...] = ()
    positive: str | None = None
    horizon_days: int | None = None
    keep: tuple[str, ...] = ()


def column_meant(said: str, table: TableFacts) -> str | None:
    """The warehouse name of the column that `said` names; exact spellings go first. None where there is none."""
    wanted = said.strip()
    spellings = [
        {column.header: column.name for column in table.columns},
        {column.name: column.name for column in table.columns},
    ]
    for read in (str, str.casefold):
        for spelling in spellings:
            found = {read(word): name for word, name in reversed(spelling.items())}.get(read(wanted))
            if found is not None:
                return found
    return None


def column_named(said: str, table: TableFacts, flag: str) -> str:
    """The column that a flag names; raises UnknownNameError with the nearest headers."""
    found = column_meant(said, table)
    if found is None:
        raise unknown_column(said, [table], flag)
    return found


def unknown_column(said: str, tables: Iterable[TableFacts], flag: str) -> UnknownNameError:
    """Nobody has the column that a flag names."""
    listed = list(tables)
    return UnknownNameError(
        f"column of --{flag}", said, [column.header for table in listed for column in table.columns], place=f"table {', '.join(t.name for t in listed)}",
        remedy=f"name --{flag} as the file's header does",
    )  # fmt: skip
