"""Who would have been told of what was caught."""

from __future__ import annotations

from collections.abc import Sequence

from ml_assets.operations.drills.ground import Sign, Track
from ml_assets.warehouse.names import TableName


def told_of(track: Track, signs: Sequence[Sign]) -> list[str]:
    """Owners of the assets that complained, each once."""
    graph = track.setting.graph
    names = [TableName.parse(sign.asset) for sign in signs if sign.asset]
    owners = [owner for name in names if name in graph.assets for owner in graph[name].spec.owners]
    return list(dict.fromkeys(owners))
