"""Aliases: an append-only log of which version a name points to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.store import Workbench

CHAMPION, CHALLENGER, PINNED = "champion", "challenger", "pinned"
ALIASES = (CHAMPION, CHALLENGER, PINNED)


@dataclass(frozen=True)
class Move:
    """One line of the log. `moved_at` is by the (possibly replayed) clock, UTC."""

    alias: str
    version: int
    moved_at: datetime
    moved_by: str
    reason: str


def version_at(bench: Workbench, model: str, alias: str, moment: datetime | None = None) -> int | None:
    """The version an alias points to at `moment` (now without one); None before it was first set."""
    found = move_at(bench, model, alias, moment)
    return None if found is None else found.version


def move_at(bench: Workbench, model: str, alias: str, moment: datetime | None = None) -> Move | None:
    """The move that decides where an alias points at `moment` (now without one)."""
    until = "" if moment is None else "and moved_at <= ?"
    values = [model, alias] if moment is None else [model, alias, naive_utc(moment)]
    rows = bench.rows(
        "select alias, version, moved_at, moved_by, reason from wh.ops.aliases where model = ? and alias = ? "
        f"{until} order by moved_at desc, rowid desc limit 1",
        values,
    )
    return _move(rows[0]) if rows else None


def history(bench: Workbench, model: str) -> list[Move]:
    """Every move of every alias of a model, oldest first."""
    rows = bench.rows(
        "select alias, version, moved_at, moved_by, reason from wh.ops.aliases where model = ? order by moved_at, rowid",
        [model],
    )
    return [_move(row) for row in rows]


def _move(row: tuple[object, ...]) -> Move:
    alias, version, moved_at, moved_by, reason = row
    assert isinstance(moved_at, datetime)
    return Move(str(alias), int(str(version)), moved_at.replace(tzinfo=UTC), str(moved_by), str(reason))


def champion_before(bench: Workbench, model: str, version: int | None = None) -> int | None:
    """The champion that `version` (the present champion without one) took over from; None for the first.

    Going back to an earlier champion undoes the steps since: rolled back twice leads two steps back, never forth again.
    """
    steps: list[int] = []
    for move_made in history(bench, model):
        if move_made.alias == CHAMPION:
            steps = steps[: steps.index(move_made.version)] if move_made.version in steps else steps
            steps.append(move_made.version)
    asked = version if version is not None else (steps[-1] if steps else None)
    if asked not in steps:
        return steps[-1] if steps else None
    place = steps.index(asked)
    return steps[place - 1] if place else None


def move(bench: Workbench, model: str, alias: str, version: int, *, at: datetime, by: str, reason: str) -> None:
    """Inside a commit: from now on the alias points to `version`. Moving to where it points writes nothing."""
    if version_at(bench, model, alias) != version:
        bench.execute(
            "insert into wh.ops.aliases values (?, ?, ?, ?, ?, ?)", [model, alias, version, naive_utc(at), by, reason]
        )
