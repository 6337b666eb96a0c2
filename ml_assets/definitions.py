"""The code location: the declared components, and what holds for the whole graph."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

import ml_assets.defs
from ml_assets.components.graph_wide import graph_wide_definitions
from ml_assets.components.previews import known_previews

PROJECT_ROOT = Path(__file__).resolve().parent.parent

with known_previews():
    tree = dg.ComponentTree.from_module(defs_module=ml_assets.defs, project_root=PROJECT_ROOT)
    defs = dg.Definitions.merge(tree.build_defs(), graph_wide_definitions())
