"""The page of all indicators, from their catalogue."""

from __future__ import annotations

from ml_assets.monitoring.kpi_catalogue import CATALOGUE, KpiDefinition

_INTRODUCTION = """\
# Indicators

What `ml-assets kpi`, the table `monitoring.<name>` of declared [operations](operations.md) and the page `reports/kpis.html` tell.
How to read them: `docs/monitoring/kpis.md`.
"""
_BETTER = {"higher": "higher is better", "lower": "lower is better", None: "neither is better"}


def indicator_page() -> str:
    """Every indicator with its definition, in the order in which they are shown."""
    return "\n".join([_INTRODUCTION, *(line for one in CATALOGUE for line in _lines(one))]).rstrip() + "\n"


def _lines(one: KpiDefinition) -> list[str]:
    return [
        f"## {one.title}", "",
        f"`{one.name}`, {one.unit}; {_BETTER[one.better]}.", "",
        one.definition, "",
        f"- counts: {one.over}",
        f"- no value: {one.absent}", "",
    ]  # fmt: skip
