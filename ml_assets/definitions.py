"""The code location of the current project: its declared components, and what holds for the whole graph."""

from __future__ import annotations

import dagster as dg

from ml_assets.components.project_definitions import project_definitions
from ml_assets.graph.locate import find_project


@dg.definitions
def defs() -> dg.Definitions:
    """Built when Dagster asks, not on import: of `$ML_ASSETS_PROJECT`, else the nearest project at or above the working folder."""
    return project_definitions(find_project())
