"""Finding the project that a command is about."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from ml_assets.errors import DeclarationError, NotMaterializedError, SelectionError
from ml_assets.graph.compile import Graph, compile_graph
from ml_assets.graph.locate import ProjectFolder, find_project, nothing_declared
from ml_assets.graph.profile import Profile, load_profile
from ml_assets.graph.project import load_project
from ml_assets.sql_files import sql_root
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.store import Warehouse


@dataclass(frozen=True)
class OpenProject:
    """A project's folder, its compiled graph and its state."""

    folder: ProjectFolder
    graph: Graph
    profile: Profile
    home: Home

    @property
    def root(self) -> Path:
        return self.folder.root

    def context(self, *, retrain: bool = False) -> RunContext:
        """What reading and judging need; the clock is read once."""
        from ml_assets import __version__

        return RunContext(
            Warehouse(self.home.warehouse, self.home.scratch, self.profile.engine), self.home, sql_root(self.root), self.home.clock()(), __version__,
            log=lambda text: sys.stderr.write(f"{text}\n"), retrain=retrain,
        )  # fmt: skip


def open_project(given: Path | None, *, may_be_empty: bool = False) -> OpenProject:
    """The project that `find_project` finds. One without any declaration is refused unless it may be empty."""
    folder = find_project(given)
    graph = compiled(folder)
    if not graph.assets and not may_be_empty:
        raise nothing_declared(folder)
    profile = load_profile(folder.root)
    return OpenProject(folder, graph, profile, profile.home)


def compiled(folder: ProjectFolder) -> Graph:
    """The graph of a project's declarations."""
    return compile_graph(load_project(folder.defs, sql_root(folder.root), folder.root))


def output_root(given: Path | None) -> Path:
    """The folder that places are given relative to: the project's, or where one was looked for in vain."""
    try:
        return find_project(given).root
    except DeclarationError:
        return (given or Path.cwd()).resolve()


def partition_range(text: str | None) -> tuple[str, str] | None:
    """`KEY` or `FIRST..LAST` as a pair of keys."""
    if text is None:
        return None
    first, _, last = text.partition("..")
    for key in (first, last or first):
        try:
            date.fromisoformat(key)
        except ValueError as problem:
            raise SelectionError(
                f"{key!r} is not a partition key",
                expected="2011-10-03, or 2011-10-03..2011-11-07",
                got=text,
                remedy="correct --partitions",
            ) from problem
    return first, last or first


def keys_within(span: tuple[str, str], assets: Sequence[TableAsset], now: datetime) -> list[str]:
    """The snapshots of these assets between two keys; a span without any is refused."""
    grid = sorted({key for asset in assets if asset.snapshots is not None for key in asset.partitions(now)})
    found = [key for key in grid if span[0] <= key <= span[1]]
    if not found:
        raise SelectionError(
            "no snapshot lies in the asked span", expected=f"keys from {grid[0]} to {grid[-1]}" if grid else "an asset with snapshots",
            got="..".join(span), remedy="correct --partitions" if grid else "leave --partitions out, or select other assets",
        )  # fmt: skip
    return found


def open_made(project: Path | None, subject: str) -> OpenProject:
    """The project, once something was made in it; else `NotMaterializedError` with `subject`, what there is not."""
    opened = open_project(project)
    if not opened.home.warehouse.exists():
        raise NotMaterializedError(
            subject, place=opened.home.warehouse, expected="what `ml-assets run` makes", got="nothing",
            remedy="run it first, or name the state folder in ML_ASSETS_HOME",
        )  # fmt: skip
    return opened
