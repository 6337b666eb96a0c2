"""The page of a monitor of scores: drift and performance, as the warehouse knows them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from ml_assets.evaluation.page import escaped, page, write_page
from ml_assets.monitoring.drift_page import DriftFacts, drift_sections
from ml_assets.monitoring.performance_page import base_rate_sections, performance_sections
from ml_assets.monitoring.reference_rows import load_reference
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

_MOST_SNAPSHOTS = 26
_ONE_AT_A_TIME = threading.Lock()


def write_monitor_page(context: RunContext, spec: MonitorSpec, scores: ScoresAsset) -> Path:
    """`<reports>/monitoring/<monitor>.html` from what is stored now, written whole or not at all; whichever asset of the monitor was
    made last has the page written, so that it shows all of them."""
    # Drift and performance are made side by side: who writes last has to have read last.
    with _ONE_AT_A_TIME:
        return _write(context, spec, scores)


def _write(context: RunContext, spec: MonitorSpec, scores: ScoresAsset) -> Path:
    with context.warehouse.reading() as bench:
        sections = [
            *drift_sections(stored_drift(bench, spec, scores)),
            *performance_sections(
                _newest(bench, TableName("monitoring", f"{spec.name}__performance")), scores.model.task
            ),
            *base_rate_sections(_newest(bench, TableName("monitoring", f"{spec.name}__base_rate"))),
        ]
    return write_page(context.home.reports / "monitoring" / f"{spec.name}.html", render_page(spec, sections))


def render_page(spec: MonitorSpec, sections: list[str]) -> str:
    """The page as HTML: equal sections give equal bytes."""
    head = f"<h1>{escaped(spec.name)}</h1><p class='lead'>{escaped(spec.description)}</p>"
    return page(f"{spec.name}: monitor", [head, *sections])


def stored_drift(bench: Workbench, spec: MonitorSpec, scores: ScoresAsset) -> DriftFacts:
    """Inside a reading block: drift of the newest snapshots, with the reference of the version behind the newest one."""
    rows = _newest(bench, TableName("monitoring", f"{spec.name}__drift"))
    reference = TableName("models", f"{scores.model.name}__reference")
    columns = load_reference(bench, reference, rows[-1]["model_version"]) if rows else []
    return DriftFacts(spec, str(scores.name), rows, columns)


def _newest(bench: Workbench, table: TableName) -> list[dict[str, Any]]:
    """Rows of the newest snapshots, oldest first; none where the table was never made."""
    if not bench.has_table(table):
        return []
    return bench.records(
        f"select * from {table.quoted} qualify dense_rank() over (order by snapshot desc) <= {_MOST_SNAPSHOTS} order by all"
    )
