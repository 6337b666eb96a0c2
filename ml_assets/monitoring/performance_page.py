"""Performance on the page of a monitor: what was promised, what is observed, what is estimated until then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ml_assets.evaluation.catalogue import LOSS, PRIMARY, metric_info
from ml_assets.evaluation.page import card, escaped, table
from ml_assets.evaluation.svg import Chart
from ml_assets.monitoring.performance_words import ALL_ROWS

Row = Mapping[str, Any]
_KINDS = (("observed", "candidate"), ("promised", "constant"), ("estimated", "linear"), ("adjusted", "one_rule"))


def performance_sections(rows: Sequence[Row], task: str) -> list[str]:
    """The primary metric and the loss of all rows over time, and each snapshot in a table; [] where nothing is measured yet."""
    whole = [row for row in rows if row["slice"] == ALL_ROWS]
    shown = [name for name in dict.fromkeys((PRIMARY[task], LOSS.get(task, PRIMARY[task]))) if _of(whole, name)]
    if not shown:
        return []
    return ["<h2>Performance</h2>", *(_metric(_of(whole, name), metric_info(task, name).title) for name in shown)]


def base_rate_sections(rates: Sequence[Row]) -> list[str]:
    """Where the rate of positives of each snapshot will end, told from its newest age; [] without a single one."""
    newest = {row["snapshot"]: row for row in sorted(rates, key=lambda row: (row["snapshot"], row["age_days"]))}
    if not newest:
        return []
    cells = [
        [
            f"{moment:%Y-%m-%d}", f"{row['age_days']:g} days", f"{row['positives'] / max(row['rows'], 1):.3f}",
            "" if row["usual_share"] is None else f"{row['usual_share']:.3f}", _projected(row), f"{row['mean_score']:.3f}",
            "" if row["deviations"] is None else f"{row['deviations']:+.1f}",
        ]
        for moment, row in reversed(newest.items())
    ]  # fmt: skip
    header = [
        "snapshot", "age", "positives so far", "usual at this age", "will end at", "the scores say", "deviations",
    ]  # fmt: skip
    return ["<h2>Base rate</h2>", table(header, cells)]


def _projected(row: Row) -> str:
    if row["projected"] is None:
        return ""
    between = f'<span class="range">{row["projected_low"]:.3f} to {row["projected_high"]:.3f}</span>'
    return f"{row['projected']:.3f}{between if row['references'] is not None else ''}"


def _of(rows: Sequence[Row], metric: str) -> list[Row]:
    return [row for row in rows if row["metric"] == metric]


def _metric(rows: Sequence[Row], title: str) -> str:
    moments = [row["snapshot"] for row in rows]
    known = any(row["observed"] is not None or row["estimated"] is not None for row in rows)
    drawn = ""
    if known and None not in moments and len(moments) > 1:
        note = (
            "Observed once outcomes are known, promised by the evaluation of the version, estimated from the scores alone, "
            "adjusted by where early outcomes say that the base rate will end."
        )
        legend = [(colour, kind) for kind, colour in _KINDS]
        drawn = f"<div class='cards'>{card(title, metric_picture(rows, title).svg(), note, legend, wide=True)}</div>"
    header = ["snapshot", "rows", "outcomes known", *(kind for kind, _ in _KINDS)]
    cells = [
        [
            "" if row["snapshot"] is None else f"{row['snapshot']:%Y-%m-%d}", f"{row['rows']:,}", f"{row['matured']:,}",
            *(_interval(row, kind) for kind, _ in _KINDS),
        ]
        for row in reversed(rows)
    ]  # fmt: skip
    return f"{drawn}<h3>{escaped(title)}</h3>{table(header, cells)}"


def metric_picture(rows: Sequence[Row], title: str) -> Chart:
    """Values of one metric by snapshot; intervals of what is observed."""
    chart = Chart(f"{title} by snapshot", 900, 280, (60, 12, 14, 42))
    bounds = ("observed_low", "observed_high", *(kind for kind, _ in _KINDS))
    values = [row[name] for row in rows for name in bounds if row[name] is not None]
    spread = max(max(values) - min(values), 0.02)
    x, y = chart.scales((-0.5, len(rows) - 0.5), (min(values) - spread * 0.1, max(values) + spread * 0.1))
    chart.y_axis(y, x, title, lambda value: f"{value:.3g}", 6)
    for kind, colour in reversed(_KINDS):
        points = [(place, row[kind]) for place, row in enumerate(rows) if row[kind] is not None]
        if points:
            chart.path([(x(place), y(value)) for place, value in points], f"line {colour}")
        for place, value in points:
            hint = f"{rows[place]['snapshot']:%Y-%m-%d} {kind}: {value:.4g}"
            chart.dot((x(place), y(value)), f"dot {colour}", 3.2, hint)
    for place, row in enumerate(rows):
        if row["observed_low"] is not None and row["observed_high"] is not None:
            chart.line((x(place), y(row["observed_low"])), (x(place), y(row["observed_high"])), "axis")
    every = max(1, -(-len(rows) // 8))
    dated = [(place, f"{rows[place]['snapshot']:%Y-%m-%d}") for place in range(0, len(rows), every)]
    chart.x_axis(x, "snapshot", dated)
    return chart


def _interval(row: Row, kind: str) -> str:
    if row[kind] is None:
        return ""
    low, high = row[f"{kind}_low"], row[f"{kind}_high"]
    between = "" if low is None or high is None else f'<span class="range">{low:.4g} to {high:.4g}</span>'
    return f"{row[kind]:.4g}{between}"
