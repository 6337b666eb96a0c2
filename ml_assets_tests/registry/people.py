"""People who act on the versions of a world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_assets.registry.actions import Registrar
from ml_assets.warehouse.aliases import version_at
from ml_assets_tests.training.world import World

SMALLER: dict[str, Any] = {"max_rounds": 5, "early_stopping_rounds": None}
WEAK: dict[str, Any] = {"max_rounds": 1, "early_stopping_rounds": None, "parameters": {"min_data_in_leaf": 5000}}
REFUSING: dict[str, Any] = {"better_than": ("constant", "linear")}


def person(world: World, by: str = "Ann", reason: str = "because") -> Registrar:
    """Somebody who acts at the world's time."""
    return Registrar(world.lab.context(), world.champion, by, reason)


def two_champions(root: Path, **model: Any) -> World:
    """A world in which version 2 took over from version 1."""
    World.trained(root)
    world = World(root, estimator=SMALLER, **model)
    world.train()
    return world


def refused_successor(root: Path) -> World:
    """A world in which version 1 is champion and the gate refused version 2."""
    World.trained(root)
    world = World(root, estimator=WEAK, gate=REFUSING)
    world.train()
    return world


def pointed(world: World, alias: str = "champion") -> int | None:
    with world.lab.warehouse.reading() as bench:
        return version_at(bench, "again", alias)
