"""Aliases: an append-only log of which version a name points to."""

from __future__ import annotations

from datetime import datetime

from ml_assets.errors import NotMaterializedError
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.store import Workbench


def version_at(bench: Workbench, model: str, alias: str, moment: datetime | None = None) -> int | None:
    """The version an alias points to at `moment` (now without one); None before it was first set."""
    until = "" if moment is None else "and moved_at <= ?"
    values = [model, alias] if moment is None else [model, alias, naive_utc(moment)]
    found = bench.value(
        f"select version from wh.ops.aliases where model = ? and alias = ? {until} order by moved_at desc, rowid desc limit 1",
        values,
    )
    return None if found is None else int(found)


def resolve(bench: Workbench, model: str, alias: str, version: int | None) -> int:
    """The pinned version, or the one the alias points to; an alias that points nowhere is an error."""
    if version is not None:
        return version
    found = version_at(bench, model, alias)
    if found is None:
        raise NotMaterializedError(
            f"{model} has no {alias}", expected=f"a version that passed the gate and became {alias}", got="none so far",
            remedy=f"ml-assets run models.{model}__{alias} trains, judges and promotes one",
        )  # fmt: skip
    return found


def move(bench: Workbench, model: str, alias: str, version: int, *, at: datetime, by: str, reason: str) -> None:
    """Inside a commit: from now on the alias points to `version`. Moving to where it points writes nothing."""
    if version_at(bench, model, alias) != version:
        bench.execute(
            "insert into wh.ops.aliases values (?, ?, ?, ?, ?, ?)", [model, alias, version, naive_utc(at), by, reason]
        )
