"""The newest days of a table in one picture: how many rows, what is usual, and which figures were unusual on which day."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ml_assets.evaluation.page import flat_picture_style
from ml_assets.evaluation.svg import Chart
from ml_assets.warehouse.store import Workbench

_MOST_DAYS, _MOST_FIGURES, _EVERY = 60, 12, 10
_WIDTH, _ROWS_HEIGHT, _LINE_HEIGHT = 900, 240, 18


def days_picture(bench: Workbench, relation: str) -> str:
    """Markdown of one SVG; the empty text where no day has rows."""
    rows = bench.records(
        f"select day, value, low, high, unusual from (select * from {relation} where signal = 'rows' and value is not null "
        f"order by day desc limit {_MOST_DAYS}) order by day"
    )
    if not rows:
        return ""
    unusual = bench.records(
        "select day, signal, column_name, value, expected, affected, note, "
        "trim(signal || ' ' || column_name) as figure, max(day) over (partition by signal, column_name) as newest "
        f"from {relation} where unusual and day >= ? order by newest desc, figure, day",
        [rows[0]["day"]],
    )
    return _markdown(rows, unusual)


def _markdown(rows: Sequence[Mapping[str, Any]], unusual: Sequence[Mapping[str, Any]]) -> str:
    figures = list(dict.fromkeys(str(row["figure"]) for row in unusual))[:_MOST_FIGURES]
    height = _ROWS_HEIGHT + 24 + _LINE_HEIGHT * max(len(figures), 1) + 34
    chart = Chart("rows of each day, and unusual figures", width=_WIDTH, height=height, margins=(190, 24, 14, 34))
    days = [row["day"] for row in rows]
    _draw_rows(chart, rows, days)
    top = _ROWS_HEIGHT + 24
    for place, figure in enumerate(figures):
        y = top + place * _LINE_HEIGHT
        chart.text(182, y + 4, figure, "tick", "end")
        chart.line((190, y), (_WIDTH - 14, y), "grid")
    if not figures:
        chart.text(190, top + 4, "nothing was unusual on these days", "tick")
    x, _ = chart.scales((-0.5, len(days) - 0.5), (0, 1))
    position = {day: place for place, day in enumerate(days)}
    for row in unusual:
        if row["figure"] in figures and row["day"] in position:
            at = (x(position[row["day"]]), top + figures.index(row["figure"]) * _LINE_HEIGHT)
            chart.dot(at, "dot linear", 4, _hint(row))
    chart.x_axis(x, "day", [(place, f"{days[place]:%d %b %Y}") for place in range(0, len(days), _EVERY)])
    svg = chart.svg().replace(
        "<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" ', 1
    )
    styled = svg.replace(
        ">", f'><style>{flat_picture_style()}</style><rect width="{_WIDTH}" height="{height}" fill="#fff"/>', 1
    )
    return f"![unusual days](data:image/svg+xml;base64,{base64.b64encode(styled.encode()).decode()})"


def _draw_rows(chart: Chart, rows: Sequence[Mapping[str, Any]], days: Sequence[date]) -> None:
    """Rows of each day as dots over the band of what is usual; the band is cut where it leaves the picture."""
    most = max(float(row["value"]) for row in rows) * 1.25 or 1.0
    frame = Chart("", width=_WIDTH, height=_ROWS_HEIGHT, margins=(190, 24, 14, 10))
    x, y = frame.scales((-0.5, len(days) - 0.5), (0, most))
    chart.text(190, 14, "rows a day (dots), what is usual (band); below, what was unusual", "tick")
    chart.y_axis(y, x, "", lambda value: f"{value:,.0f}")
    for place, row in enumerate(rows):
        if row["low"] is not None:
            bounds = (min(float(row["low"]), most), min(float(row["high"]), most))
            chart.bar((x(place - 0.5), y(bounds[0])), (x(place + 0.5), y(bounds[1])), "bar part-embargo")
    for place, row in enumerate(rows):
        at = (x(place), y(float(row["value"])))
        if row["unusual"]:
            chart.dot(at, "dot linear", 4, f"{row['day']}: {row['value']:,.0f} rows")
        else:
            chart.dot(at, "dot candidate", 2.4)


def _hint(row: Mapping[str, Any]) -> str:
    usual = "" if row["expected"] is None else f", usual {row['expected']:.4g}"
    note = f" ({row['note']})" if row["note"] else ""
    return f"{row['day']}: {row['figure']} {row['value']:.4g}{usual}{note}, {row['affected']:,} affected"
