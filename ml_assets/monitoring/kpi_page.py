"""The page of the indicators: what each is now, how it went, and what it means, next to the number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from ml_assets.evaluation.page import escaped, page, write_page
from ml_assets.evaluation.svg import Chart
from ml_assets.monitoring.kpi_catalogue import CATALOGUE, KpiDefinition
from ml_assets.monitoring.kpi_words import interval_in_words, parts_in_words, value_in_words
from ml_assets.specs.monitors import OperationsSpec
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

FILE = "kpis.html"
_BETTER = {"higher": "Higher is better", "lower": "Lower is better", None: "Neither is better"}
_MOST_DATES = 6


class StoredKpi(NamedTuple):
    """One row of the indicators' table."""

    day: date
    indicator: str
    value: float | None
    unit: str
    low: float | None
    high: float | None
    numerator: float | None
    denominator: float | None
    span: str
    reason: str


def stored_kpis(bench: Workbench, table: TableName) -> list[StoredKpi]:
    """Inside a reading block: every row of the table, oldest first; none while it was never made."""
    if not bench.has_table(table):
        return []
    listed = ", ".join(StoredKpi._fields)
    return [StoredKpi(*row) for row in bench.rows(f"select {listed} from {table.quoted} order by day, indicator")]


def write_kpi_page(bench: Workbench, table: TableName, spec: OperationsSpec, folder: Path) -> Path:
    """Inside a reading block: write `<folder>/kpis.html`, whole or not at all."""
    return write_page(folder / FILE, render_page(spec, stored_kpis(bench, table)))


def render_page(spec: OperationsSpec, rows: Sequence[StoredKpi]) -> str:
    """The page as HTML: equal rows give equal bytes."""
    known: dict[str, list[StoredKpi]] = {}
    for row in rows:
        known.setdefault(row.indicator, []).append(row)
    newest = max((row.day for row in rows), default=None)
    description = f'<p class="soft">{escaped(spec.description)}</p>' if spec.description else ""
    when = f"Over {spec.window}, as of {newest:%Y-%m-%d}." if newest is not None else "Nothing was computed yet."
    cards = "".join(_card(definition, known[definition.name]) for definition in CATALOGUE if definition.name in known)
    return page(
        "Operational indicators", [f'<h1>Operational indicators</h1>{description}<p class="lead">{escaped(when)}</p>', f'<div class="cards">{cards}</div>']
    )  # fmt: skip


def _card(definition: KpiDefinition, rows: Sequence[StoredKpi]) -> str:
    now = rows[-1]
    beside = [
        interval_in_words(now.low, now.high, now.unit),
        parts_in_words(now.numerator, now.denominator, now.unit),
        now.reason,
    ]
    said = "; ".join(text for text in beside if text)
    shown = "not known" if now.value is None else value_in_words(now.value, now.unit)
    facts = f"{_BETTER[definition.better]}. Counts {definition.over}. No value: {definition.absent}."
    return (
        f'<div class="card"><h3>{escaped(definition.title)}</h3><p class="lead">{escaped(shown)}</p>'
        f"<p>{escaped(said)}</p>{_history(definition, rows)}"
        f'<p class="soft">{_marked(definition.definition)}</p><p class="soft">{escaped(facts)}</p></div>'
    )


def _history(definition: KpiDefinition, rows: Sequence[StoredKpi]) -> str:
    """The values of all days in the newest unit as a line; nothing before there are two."""
    unit = rows[-1].unit
    known = [(row.day, row.value) for row in rows if row.value is not None and row.unit == unit]
    if len(known) < 2:
        return ""
    chart = Chart(f"{definition.title} by day", height=170, margins=(66, 10, 30, 42))
    places = [float(day.toordinal()) for day, _ in known]
    x, y = chart.scales((places[0], places[-1]), _range([value for _, value in known], unit))
    in_percent = unit == "share"
    chart.y_axis(
        y, x, "" if in_percent else unit, lambda value: f"{value * 100:.4g} %" if in_percent else f"{value:.4g}", 4
    )
    every = max(1, -(-len(known) // _MOST_DATES))
    dates = [(places[i], f"{known[i][0]:%d %b}") for i in range(0, len(known), every)]
    chart.x_axis(x, f"day, to {known[-1][0]:%Y-%m-%d}", dates)
    chart.path([(x(place), y(value)) for place, (_, value) in zip(places, known, strict=True)], "line candidate")
    for place, (day, value) in zip(places, known, strict=True):
        chart.dot((x(place), y(value)), "dot candidate", 2.6, f"{day:%Y-%m-%d}: {value_in_words(value, unit)}")
    return chart.svg()


def _range(values: Sequence[float], unit: str) -> tuple[float, float]:
    """What the axis shows: shares up to all, correlations as a whole, everything else from 0."""
    if unit == "correlation":
        return -1.0, 1.0
    if unit == "share":
        return max(min(*values, 0.98) - 0.02, 0.0), 1.0
    return 0.0, max(*values, 0.0) * 1.05 or 1.0


def _marked(text: str) -> str:
    """Text with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped(text))
