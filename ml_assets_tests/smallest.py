"""The smallest project: `defs/` and `sql/` in a folder, with what the tiny project declares, and no Python at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from ml_assets_tests.docs.reader import DOCS, texts
from ml_assets_tests.tiny import TinyProject

GUIDE = DOCS / "your-own-project.md"

# What `dg` needs beside: the command line and Dagster's own commands do not.
DG = texts(GUIDE, "toml")[0]


def smallest_project(root: Path, tiny: Path) -> Path:
    """Declarations, statements and landing files of the tiny project, laid out without a package."""
    TinyProject.create(tiny)
    shutil.copytree(tiny / "tiny" / "defs" / "shop", root / "defs" / "shop")
    shutil.copytree(tiny / "sql", root / "sql")
    shutil.copytree(tiny / ".ml_assets", root / ".ml_assets")
    return root
