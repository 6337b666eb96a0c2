"""Finding the project that a command is about."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from ml_assets import __version__
from ml_assets.errors import DeclarationError, SelectionError
from ml_assets.graph.compile import Graph, compile_graph
from ml_assets.graph.project import load_project
from ml_assets.sql_files import sql_root
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.store import Warehouse


@dataclass(frozen=True)
class OpenProject:
    """A project's root, its compiled graph and its state."""

    root: Path
    graph: Graph
    home: Home

    def context(self, *, retrain: bool = False) -> RunContext:
        """What reading and judging need; the clock is read once."""
        return RunContext(
            Warehouse(self.home.warehouse, self.home.scratch), self.home, sql_root(self.root), self.home.clock()(), __version__,
            log=lambda text: sys.stderr.write(f"{text}\n"), retrain=retrain,
        )  # fmt: skip


def open_project(given: Path | None) -> OpenProject:
    """The project at `given`, or the nearest above the current folder, or the one this package was installed from."""
    root = found_root(given)
    defs = defs_folder(root)
    if defs is None:
        raise DeclarationError(
            "this is no ml_assets project", place=root, expected="a folder with defs/ (declarations) and sql/", got="no defs folder",
            remedy="go to the project's folder, or name it with --project",
        )  # fmt: skip
    graph = compile_graph(load_project(defs, sql_root(root), root))
    return OpenProject(root, graph, Home.locate(root))


def defs_folder(root: Path) -> Path | None:
    """Where a project's declarations lie; None where there are none yet."""
    places = (root / "ml_assets" / "defs", root / "defs", *root.glob("*/defs"), *root.glob("src/*/defs"))
    return next((path for path in places if path.is_dir()), None)


def project_root_here(given: Path | None) -> Path:
    """The project at `given` or nearest above the current folder; else that folder, which is to become one."""
    return (given or _nearest(Path.cwd()) or Path.cwd()).resolve()


def found_root(given: Path | None) -> Path:
    """The folder in which `open_project` looks."""
    return (given or _nearest(Path.cwd()) or Path(__file__).resolve().parents[2]).resolve()


def _nearest(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (folder / "sql").is_dir() and (
            (folder / "workspace.yaml").is_file() or (folder / "pyproject.toml").is_file() or (folder / "defs").is_dir()
        ):
            return folder
    return None


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
