"""Pictures of drift: a column now against its reference, and how far it was from it over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from ml_assets.evaluation.pictures import in_percent
from ml_assets.evaluation.svg import Chart
from ml_assets.monitoring.distances import shares
from ml_assets.monitoring.sketch import Bins, NumberBins, Sketch

_WIDTH, _HEIGHT = 440, 250
_MOST_TICKS, _LONGEST_TICK = 7, 12
_MOST_CATEGORIES = 12
LINES = ("candidate", "linear", "one_rule", "constant")


def histogram_picture(title: str, bins: Bins, reference: Sketch, counts: Sequence[int], missing: int) -> Chart:
    """Share of rows in each bin, reference beside now, missing rows last. Bins of numbers hold equally many reference rows,
    so that a level line is no drift; their edges are written below."""
    labels, before, now = _bars(bins, reference, counts, missing)
    chart = Chart(title, _WIDTH, _HEIGHT, (52, 12, 12, 50))
    x, y = chart.scales((0, len(labels)), (0, max([*before, *now, 0.01]) * 1.08))
    chart.y_axis(y, x, "share of rows", in_percent, 5)
    for place, (label, was, is_now) in enumerate(zip(labels, before, now, strict=True)):
        for begin, share, kind, when in ((0.08, was, "negative", "reference"), (0.5, is_now, "positive", "now")):
            if share:
                corner, opposite = (x(place + begin), y(0)), (x(place + begin + 0.42), y(share))
                chart.bar(corner, opposite, f"bar {kind}", f"{label}: {share:.2%} {when}")
    chart.x_axis(x, "value, missing last" if missing or reference.missing else "value", _ticks(bins, labels))
    return chart


def _bars(
    bins: Bins, reference: Sketch, counts: Sequence[int], missing: int
) -> tuple[list[str], list[float], list[float]]:
    before = shares([*reference.counts.tolist(), reference.missing]).tolist()
    now = shares([*counts, missing]).tolist()
    if isinstance(bins, NumberBins):
        ends = [f"{edge:.4g}" for edge in bins.edges]
        inner = [f"{low} to {high}" for low, high in pairwise(ends)]
        labels = [f"up to {ends[0]}", *inner, f"above {ends[-1]}"] if ends else ["any"]
    else:
        labels = [*bins.listed, "other"]
    labels.append("missing")
    kept = [place for place in range(len(labels)) if before[place] > 0 or now[place] > 0]
    if not isinstance(bins, NumberBins) and len(kept) > _MOST_CATEGORIES:
        kept = [*kept[: _MOST_CATEGORIES - 1], *kept[-1:]]
    return [labels[place] for place in kept], [before[place] for place in kept], [now[place] for place in kept]


def _ticks(bins: Bins, labels: Sequence[str]) -> list[tuple[float, str]]:
    every = max(1, -(-len(labels) // _MOST_TICKS))
    if isinstance(bins, NumberBins):
        found = [(place + 0.5, label.split(" to ")[-1].removeprefix("up to ")) for place, label in enumerate(labels)]
    else:
        found = [(place + 0.5, label) for place, label in enumerate(labels)]
    return [(at, _short(label)) for at, label in found[::every]]


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_TICK else f"{label[: _LONGEST_TICK - 1]}…"


def history_picture(ratios: Mapping[str, Sequence[float | None]], moments: Sequence[datetime]) -> Chart:
    """Column → its largest distance in thresholds at each snapshot; above the dashed line it has drifted."""
    chart = Chart("Distance in thresholds by snapshot", 900, 260, (60, 12, 14, 42))
    known = [value for values in ratios.values() for value in values if value is not None]
    x, y = chart.scales((-0.5, len(moments) - 0.5), (0, max([*known, 1.0]) * 1.08))
    chart.y_axis(y, x, "times its threshold", lambda value: f"{value:.3g}", 5)
    chart.path([(x.start, y(1)), (x.end, y(1))], "line chance")
    for kind, (name, values) in zip(LINES, ratios.items(), strict=False):
        points = [(x(place), y(value)) for place, value in enumerate(values) if value is not None]
        if points:
            chart.path(points, f"line {kind}")
        for place, value in enumerate(values):
            if value is not None:
                chart.dot((x(place), y(value)), f"dot {kind}", 3.2, f"{moments[place]:%Y-%m-%d} {name}: {value:.2f}")
    every = max(1, -(-len(moments) // 8))
    chart.x_axis(x, "snapshot", [(place, f"{moments[place]:%Y-%m-%d}") for place in range(0, len(moments), every)])
    return chart
