"""The page of all metrics, from their catalogue."""

from __future__ import annotations

from docs.generate.markdown import code, table
from ml_assets.operations.telemetry.catalogue import CATALOGUE

_INTRODUCTION = """\
# Metrics

What `ml-assets metrics` gives. A value that is not known is absent, not 0. Times are UTC; ages go by the project's clock, which
stands still while history is replayed.
"""


def metric_page() -> str:
    """Every metric with kind, labels and meaning, in the order of the exposition."""
    rows = (
        (code(metric.series), metric.kind, ", ".join(map(code, metric.labels)), metric.help)
        for metric in CATALOGUE.values()
    )
    return "\n".join([_INTRODUCTION, *table(("metric", "kind", "labels", "says"), rows)]) + "\n"
