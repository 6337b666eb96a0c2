"""What is in production, and whether somebody looks after it."""

from __future__ import annotations

from ml_assets.graph.compile import Graph
from ml_assets.graph.production import production_of
from ml_assets.monitoring.production import ProductionAsset


def production_assets(graph: Graph) -> tuple[ProductionAsset, ...]:
    """Every scored output, the champion behind it and every raw table upstream of it, in order of their names.

    Each says who owns it, which monitors watch it, and which runbooks its monitors declare.
    """
    return production_of(graph.assets, graph.project)
