"""The smallest project: `defs/` and `sql/` in a folder, with what the tiny project declares, and no Python at all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ml_assets_tests.tiny import TinyProject

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "your-own-project.md"


def guide_block(language: str, position: int) -> str:
    """A block of the guide, so that what it says is what is tested."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)[position]


# What `dg` needs beside: the command line and Dagster's own commands do not.
DG = guide_block("toml", 0)


def smallest_project(root: Path, tiny: Path) -> Path:
    """Declarations, statements and landing files of the tiny project, laid out without a package."""
    TinyProject.create(tiny)
    shutil.copytree(tiny / "tiny" / "defs" / "shop", root / "defs" / "shop")
    shutil.copytree(tiny / "sql", root / "sql")
    shutil.copytree(tiny / ".ml_assets", root / ".ml_assets")
    return root
