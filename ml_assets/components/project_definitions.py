"""Everything that a project declares, as one Dagster code location; no Python file of the project's own is needed."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from types import ModuleType

import dagster as dg

from ml_assets.components.graph_wide import graph_wide_definitions
from ml_assets.components.previews import known_previews
from ml_assets.errors import DeclarationError
from ml_assets.graph.locate import ProjectFolder, nothing_declared


def project_definitions(folder: ProjectFolder) -> dg.Definitions:
    """Assets, checks, sensors, schedules and jobs of all declarations, with what holds for the whole graph.

    A project that declares nothing yet gives a code location without assets, and a warning that says what to do.
    """
    with known_previews():
        found = _declared(folder)
        if not found.assets:
            logging.getLogger("ml_assets").warning(nothing_declared(folder))
        return dg.Definitions.merge(found, graph_wide_definitions())


def _declared(folder: ProjectFolder) -> dg.Definitions:
    # Dagster's tree fails on a folder in which there is nothing for it.
    if not any(found for pattern in ("*.py", "defs.y*ml") for found in folder.defs.rglob(pattern)):
        return dg.Definitions()
    tree = dg.ComponentTree.from_module(defs_module=declarations_module(folder), project_root=folder.root)
    return tree.build_defs()


def declarations_module(folder: ProjectFolder) -> ModuleType:
    """The folder of declarations as a module, which is how Dagster's component tree wants it.

    A package that the project names is imported, from its own folder where it is not installed. A bare `defs/` belongs to
    no package and need not lie on the import path, so it is made a module by its path; Python files in it can be
    imported as `defs.<file>` then.
    """
    return _imported(folder) if folder.packaged else _by_path(folder)


def _imported(folder: ProjectFolder) -> ModuleType:
    package = folder.module.partition(".")[0]
    spec = find_spec(package)
    if spec is None:
        sys.path.insert(0, str(folder.base))
    elif not (folder.base / package).samefile(next(iter(spec.submodule_search_locations or ()), spec.origin or "")):
        raise DeclarationError(
            f"Python knows another package {package}", place=folder.root, expected=folder.base / package,
            got=spec.origin or "a package without a file",
            remedy="install this project into the environment (pip install -e .), or remove the other one from it",
        )  # fmt: skip
    return import_module(folder.module)


def _by_path(folder: ProjectFolder) -> ModuleType:
    known = sys.modules.get(folder.module)
    if known is not None and list(known.__path__) == [str(folder.defs)]:
        return known
    # A process serves one project at a time: what another one's folder of the same name holds is forgotten.
    for name in [name for name in sys.modules if name == folder.module or name.startswith(f"{folder.module}.")]:
        del sys.modules[name]
    file = folder.defs / "__init__.py"
    if not file.is_file():
        spec: ModuleSpec | None = ModuleSpec(folder.module, None, is_package=True)
        assert spec is not None
        spec.submodule_search_locations = [str(folder.defs)]
    else:
        spec = spec_from_file_location(folder.module, file, submodule_search_locations=[str(folder.defs)])
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[folder.module] = module
    if spec.loader is not None:
        spec.loader.exec_module(module)
    return module
