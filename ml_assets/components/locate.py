"""The Dagster definitions of the project at a folder."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path

import dagster as dg

from ml_assets.components.definitions_of import resource_of
from ml_assets.errors import DeclarationError
from ml_assets.resources import MlAssetsResource


def definitions_at(root: Path) -> tuple[dg.Definitions, MlAssetsResource]:
    """Definitions of the project's code location (`[tool.dg.project]` of its pyproject.toml), and its resource."""
    module = _target_module(root)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    definitions = importlib.import_module(module).defs
    if callable(definitions) and not isinstance(definitions, dg.Definitions):
        definitions = definitions()
    return definitions, resource_of(str(root))


def _target_module(root: Path) -> str:
    path = root / "pyproject.toml"
    if not path.is_file():
        return "ml_assets.definitions"
    project = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("dg", {}).get("project", {})
    if "root_module" not in project:
        raise DeclarationError(
            "the project does not say which module is its code location", place=path, expected="[tool.dg.project] root_module",
            got="nothing", remedy='add root_module = "…" under [tool.dg.project]',
        )  # fmt: skip
    return str(project.get("code_location_target_module", f"{project['root_module']}.definitions"))
