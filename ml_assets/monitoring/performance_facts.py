"""What stands beside a materialisation of performance: the decision in words, and a picture of all snapshots."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ml_assets.evaluation.catalogue import PRIMARY, metric_info
from ml_assets.evaluation.page import flat_picture_style
from ml_assets.evaluation.svg import Chart, Scale
from ml_assets.monitoring.performance_checks import BASE_RATE
from ml_assets.monitoring.performance_verdicts import Verdict
from ml_assets.monitoring.performance_words import ALL_ROWS, POSITIVE_RATE
from ml_assets.warehouse.names import TableName, literal
from ml_assets.warehouse.store import Workbench

Row = Mapping[str, Any]
_KINDS = {"observed": "candidate", "estimated": "one_rule", "adjusted": "linear"}
_MOST_SNAPSHOTS, _MOST_TICKS = 60, 6
_GAP, _TITLE_HEIGHT = 12, 44


def performance_facts(
    bench: Workbench, table: TableName, task: str, judges: Mapping[str, Callable[[Sequence[Row]], Verdict]]
) -> dict[str, Any]:
    """Inside a reading block, the new rows in `measured` and `rated`: what is decided of the newest snapshots that can be
    judged, the values of the newest and of the newest with outcomes, and all snapshots as Markdown of one SVG."""
    metrics = [PRIMARY[task], *([POSITIVE_RATE] if task == "binary" else [])]
    shown = {metric: _rows(bench, table, metric) for metric in metrics}
    facts = _decisions(bench, judges)
    for metric, rows in shown.items():
        ended = [row for row in rows if row["observed"] is not None]
        for name, row in (("newest_with_outcomes", ended[-1:]), ("newest", rows[-1:])):
            if row and not (name == "newest" and row == ended[-1:]):
                facts[f"{metric}_{name}"] = _said(row[0])
    if all(row["snapshot"] is not None for row in shown[PRIMARY[task]]) and len(shown[PRIMARY[task]]) > 1:
        facts["picture"] = _picture(task, shown)
    return facts


def _decisions(bench: Workbench, judges: Mapping[str, Callable[[Sequence[Row]], Verdict]]) -> dict[str, Any]:
    """Check → what it says of the newest new snapshot that does not hold, else of the newest that it can judge."""
    found = {}
    for check, judge in judges.items():
        made = "rated" if check == BASE_RATE else "measured"
        by_snapshot: dict[Any, list[Row]] = {}
        for row in bench.records(f"select * from {made} order by snapshot desc"):
            by_snapshot.setdefault(row["snapshot"], []).append(row)
        judged = [
            (moment, verdict) for moment, rows in by_snapshot.items() if (verdict := judge(rows)).held is not None
        ]
        # `max` keeps the first of equals, which is the newest.
        if judged:
            moment, verdict = max(judged, key=lambda one: not one[1].held)
            at = f"{moment:%Y-%m-%d}: " if moment is not None else ""
            found[check] = f"{at}{'yes' if verdict.held else 'no'}: {verdict.said}"
    return found


def _rows(bench: Workbench, table: TableName, metric: str) -> list[Row]:
    """One metric of all rows, oldest snapshot first: those that were just made, and those that stay."""
    wanted = f"slice = {literal(ALL_ROWS)} and metric = {literal(metric)}"
    stored = ""
    if bench.has_table(table):
        made = "(select distinct snapshot from measured where snapshot is not null)"
        stored = f" union all by name select * from {table.quoted} where {wanted} and snapshot not in {made}"
    found: list[Row] = list(
        bench.records(
            f"select * from (select * from measured where {wanted}{stored}) order by snapshot desc limit {_MOST_SNAPSHOTS}"
        )
    )
    return found[::-1]


def _said(row: Row) -> str:
    """Such as `2011-11-07, version 3, 3,900 rows: observed 0.74 (0.72 to 0.76), promised 0.742, estimated 0.75`."""
    parts = [
        f"{name} {row[name]:.4g}{_within(row, name)}"
        for name in ("observed", "promised", "estimated", "adjusted")
        if row[name] is not None
    ]
    at = f"{row['snapshot']:%Y-%m-%d}, " if row["snapshot"] is not None else ""
    return f"{at}version {row['model_version']}, {row['rows']:,} rows: {', '.join(parts) or row['reason']}"


def _within(row: Row, name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if low is None or high is None else f" ({low:.4g} to {high:.4g})"


def _picture(task: str, shown: Mapping[str, Sequence[Row]]) -> str:
    """Markdown of one SVG: a chart for each metric, side by side."""
    titles = {POSITIVE_RATE: "share of positives"}
    charts = [
        (_chart(rows, name := titles.get(metric) or metric_info(task, metric).title), name)
        for metric, rows in shown.items()
    ]
    place, drawn = 0.0, []
    for chart, title in charts:
        chart.text(chart.margins[0], -24, title, "title")
        chart.text(
            chart.margins[0], -8, "promised (band), observed (dots), estimated (dotted), adjusted (dashed)", "tick"
        )
        drawn.append(chart.group((place, _TITLE_HEIGHT)))
        place += chart.width + _GAP
    width, height = place - _GAP, max(chart.height for chart, _ in charts) + _TITLE_HEIGHT
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
        f'<style>{flat_picture_style()}</style><rect width="{width:g}" height="{height:g}" fill="#fff"/>{"".join(drawn)}</svg>'
    )
    return f"![performance by snapshot](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _chart(rows: Sequence[Row], title: str) -> Chart:
    chart = Chart(f"{title} by snapshot", width=520)
    x, y = chart.scales((-0.5, len(rows) - 0.5), _range(rows))
    chart.y_axis(y, x, title, lambda value: f"{value:.3g}")
    every = -(-len(rows) // _MOST_TICKS)
    chart.x_axis(x, "snapshot", [(place, f"{rows[place]['snapshot']:%d %b}") for place in range(0, len(rows), every)])
    _band(chart, x, y, rows)
    for name in ("estimated", "adjusted"):
        for run in _runs(rows, name):
            chart.path([(x(place), y(rows[place][name])) for place in run], f"line {_KINDS[name]}")
            for place in run:
                chart.dot((x(place), y(rows[place][name])), f"dot {_KINDS[name]}", 1.8, f"{name} {_said(rows[place])}")
    for place, row in enumerate(rows):
        if row["observed"] is not None:
            if row["observed_low"] is not None:
                chart.line((x(place), y(row["observed_low"])), (x(place), y(row["observed_high"])), "axis")
            chart.dot((x(place), y(row["observed"])), f"dot {_KINDS['observed']}", 3.6, _said(row))
    return chart


def _band(chart: Chart, x: Scale, y: Scale, rows: Sequence[Row]) -> None:
    for place, row in enumerate(rows):
        if row["promised_low"] is not None and row["promised_high"] is not None:
            chart.bar((x(place - 0.5), y(row["promised_low"])), (x(place + 0.5), y(row["promised_high"])), "bar share")


def _range(rows: Sequence[Row]) -> tuple[float, float]:
    names = [
        f"{name}{end}" for name in ("observed", "promised", "estimated", "adjusted") for end in ("", "_low", "_high")
    ]
    values = [row[name] for row in rows for name in names if row[name] is not None] or [0.0, 1.0]
    edge = (max(values) - min(values)) * 0.06 or 0.01
    return min(values) - edge, max(values) + edge


def _runs(rows: Sequence[Row], name: str) -> Iterator[list[int]]:
    """Places of consecutive snapshots that have the value."""
    run: list[int] = []
    for place, row in enumerate(rows):
        if row[name] is None:
            if run:
                yield run
            run = []
        else:
            run.append(place)
    if run:
        yield run
