"""Which project a command or a code location is about, and where its declarations lie. One rule for all of them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ml_assets.errors import DeclarationError
from ml_assets.graph.project import PREFIX

VARIABLE = "ML_ASSETS_PROJECT"
_RULE = (
    "a folder with defs/ (declarations) and sql/, or one whose [tool.dg.project] names the module of its declarations"
)


@dataclass(frozen=True)
class ProjectFolder:
    """A project: its root, the folder of its declarations, and how Python calls that folder.

    `base` is the folder from which `module` can be imported: the root, or `src/` in it. `packaged` says whether the
    project's own configuration names the module; without it `defs/` belongs to no package.
    """

    root: Path
    defs: Path
    base: Path
    module: str
    packaged: bool
    settings: Mapping[str, Any]

    @property
    def shown(self) -> str:
        """The folder of declarations relative to the root, as `shop/defs`."""
        return self.defs.relative_to(self.root).as_posix()


def find_project(given: Path | None = None) -> ProjectFolder:
    """The project at `given`, else at `$ML_ASSETS_PROJECT`, else the nearest at or above the current folder.

    A named folder has to be a project itself. Raises DeclarationError where there is none.
    """
    named = _named(given)
    start = (named or Path.cwd()).resolve()
    for folder in (start,) if named else (start, *start.parents):
        found = next(_projects_at(folder), None)
        if found is not None:
            return found if named else _claimed(found)
    source = "" if named is None else " (named by --project)" if given else f" (named by {VARIABLE})"
    raise DeclarationError(
        f"no ml_assets project is {'here' if named else 'at or above this folder'}{source}", place=start, expected=_RULE,
        got=_what_is_there(start),
        remedy=f"go to the project's folder, or name it with --project or {VARIABLE}; "
        "`ml-assets init NAME --data FILE --target COLUMN` makes a new one from data, and by hand it needs no more than "
        "defs/<use case>/<name>/defs.yaml and sql/",
    )  # fmt: skip


def new_project(given: Path | None = None) -> ProjectFolder:
    """The same where there is none yet: what the named or current folder becomes with its first declaration."""
    root = (_named(given) or Path.cwd()).resolve()
    settings = _settings(root)
    if not settings:
        return ProjectFolder(root, root / "defs", root, "defs", packaged=False, settings={})
    package = str(settings.get("root_module"))
    module = str(settings.get("defs_module") or f"{package}.defs")
    base = root / "src" if (root / "src" / module.partition(".")[0]).is_dir() else root
    return ProjectFolder(root, base.joinpath(*module.split(".")), base, module, packaged=True, settings=settings)


def _named(given: Path | None) -> Path | None:
    return given or (Path(os.environ[VARIABLE]).expanduser() if os.environ.get(VARIABLE) else None)


def _claimed(found: ProjectFolder) -> ProjectFolder:
    """A package's own `defs/` looks like a bare project; it belongs to the project above whose settings name it."""
    above = (project for folder in found.root.parents for project in _projects_at(folder))
    return next((project for project in above if project.defs == found.defs), found)


def nothing_declared(folder: ProjectFolder) -> DeclarationError:
    """What to say, and to do, where a project has no declaration yet."""
    return DeclarationError(
        "nothing is declared in this project yet", place=folder.root,
        expected=f"declarations such as {folder.shown}/shop/orders/defs.yaml, with `type: {PREFIX}RawTable`",
        got=f"no ml_assets declaration below {folder.shown}/",
        remedy="write one: `ml-assets components RawTable --document` prints one to begin with",
    )  # fmt: skip


def _projects_at(root: Path) -> Iterator[ProjectFolder]:
    settings = _settings(root)
    if settings:
        package = settings.get("root_module")
        module = str(settings.get("defs_module") or f"{package}.defs")
        for base in (root, root / "src"):
            defs = base.joinpath(*module.split("."))
            if defs.is_dir():
                yield ProjectFolder(root, defs, base, module, packaged=True, settings=settings)
    elif (root / "defs").is_dir() and ((root / "sql").is_dir() or _declares(root / "defs")):
        yield ProjectFolder(root, root / "defs", root, "defs", packaged=False, settings={})


def _settings(root: Path) -> dict[str, Any]:
    """The project table of `dg.toml`, else of `pyproject.toml`; empty where neither has one."""
    for name, path in (("dg.toml", ("project",)), ("pyproject.toml", ("tool", "dg", "project"))):
        file = root / name
        if not file.is_file():
            continue
        try:
            found: Any = tomllib.loads(file.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as problem:
            raise DeclarationError(
                "not valid TOML", place=file, expected="a TOML document", got=str(problem), remedy="correct the file"
            ) from problem
        for part in path:
            found = found.get(part, {}) if isinstance(found, dict) else {}
        if isinstance(found, dict) and (found.get("root_module") or found.get("defs_module")):
            return found
    return {}


def _declares(defs: Path) -> bool:
    """Whether any document below a folder is one of ours; a file that cannot be read is told of where it is loaded."""
    return any(_is_ours(path) for path in sorted(defs.rglob("defs.yaml")))


def _is_ours(path: Path) -> bool:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return False
    return isinstance(data, dict) and str(data.get("type", "")).startswith(PREFIX)


def _what_is_there(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())[:8] if folder.is_dir() else []
    return ", ".join(names) or "an empty folder"
