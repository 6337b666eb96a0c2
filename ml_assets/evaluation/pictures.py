"""The pictures of an evaluation, each from plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ml_assets.evaluation.explanations import Importance
from ml_assets.evaluation.metrics import Vector, roc_points
from ml_assets.evaluation.svg import Chart

_DISTRIBUTION_BINS = 25
_MOST_DATES = 6
_TOP_FEATURES = 15
_ROW = 22
_LONGEST_NAME = 34

Bin = tuple[float, float, int]


class SplitRow(NamedTuple):
    """How many rows of a snapshot or period went into a part, and how many of them are positive (None: not binary).

    Rows that have no order in time have no snapshot.
    """

    snapshot: datetime | None
    part: str
    rows: int
    positives: int | None

    @property
    def share(self) -> float | None:
        """Share of positives."""
        return None if self.positives is None else self.positives / max(self.rows, 1)


def roc_picture(test: Mapping[str, tuple[Vector, Vector]]) -> Chart:
    """Estimator → (label, score); one curve each, and chance."""
    chart = Chart("ROC curves of the test rows")
    x, y = chart.scales((0, 1), (0, 1))
    chart.y_axis(y, x, "true positive rate", in_short)
    chart.x_axis(x, "false positive rate", [(tick, in_short(tick)) for tick in x.ticks()])
    chart.path([(x(0), y(0)), (x(1), y(1))], "line chance")
    # The candidate last, so that it lies on top.
    for name in reversed(list(test)):
        chart.path([(x(false), y(true)) for false, true in roc_points(*test[name])], f"line {name}")
    return chart


def calibration_picture(bins: Sequence[Bin]) -> Chart:
    """(mean score, positive share, rows) of each bin against the diagonal of perfect probabilities."""
    chart = Chart("Mean score and share of positives in ten equally filled bins")
    high = min(1.0, max((max(score, share) for score, share, _ in bins), default=1.0) * 1.08)
    x, y = chart.scales((0, high), (0, high))
    chart.y_axis(y, x, "share of positives", in_percent)
    chart.x_axis(x, "mean score of the bin", [(tick, in_percent(tick)) for tick in x.ticks()])
    chart.path([(x(0), y(0)), (x(high), y(high))], "line chance")
    chart.path([(x(score), y(share)) for score, share, _ in bins], "line candidate")
    for score, share, rows in bins:
        chart.dot(
            (x(score), y(share)), "dot candidate", 4, f"mean score {score:.1%}, positive {share:.1%}, {rows:,} rows"
        )
    return chart


def distribution_picture(label: Vector, score: Vector) -> Chart:
    """How the scores of each class are spread over [0, 1]: share of the class in each bin."""
    chart = Chart("Distribution of scores by outcome")
    edges = np.linspace(0, 1, _DISTRIBUTION_BINS + 1)
    shares = {name: _shares(score[label == value], edges) for name, value in (("negative", 0), ("positive", 1))}
    x, y = chart.scales((0, 1), (0, max(float(max(found.max() for found in shares.values())) * 1.08, 0.01)))
    chart.y_axis(y, x, "share of the class", in_percent, 5)
    for name, found in shares.items():
        for (low, high), share in zip(pairwise(edges), found, strict=True):
            if share:
                chart.bar(
                    (x(low) + 0.5, y(0)),
                    (x(high) - 0.5, y(share)),
                    f"bar {name}",
                    f"{name}: {share:.1%} between {low:.2f} and {high:.2f}",
                )
    chart.x_axis(x, "score", [(tick, in_short(tick)) for tick in x.ticks()])
    return chart


def snapshot_picture(
    values: Mapping[str, Sequence[float | None]],
    positive: Sequence[float],
    moments: Sequence[datetime],
    title: str = "ROC AUC",
) -> Chart:
    """A metric of each estimator by test snapshot, above the share of positives there (empty: no such share)."""
    chart = Chart(f"{title} by test snapshot", height=330, margins=(60, 12, 14, 136 if positive else 42))
    known = [value for found in values.values() for value in found if value is not None] or [0.5, 1.0]
    spread = max(max(known) - min(known), 0.02)
    x, y = chart.scales((-0.5, len(moments) - 0.5), (min(known) - spread * 0.1, max(known) + spread * 0.1))
    chart.y_axis(y, x, title, lambda value: f"{value:.3g}", 7)
    for name in reversed(list(values)):
        points = [(x(place), y(value)) for place, value in enumerate(values[name]) if value is not None]
        if points:
            chart.path(points, f"line {name}")
        for at, value in zip(points, [value for value in values[name] if value is not None], strict=True):
            chart.dot(at, f"dot {name}", 3.2, f"{name}: {value:.4f}")
    if positive:
        _positive_bars(chart, x.start, x.end, positive, moments)
    else:
        chart.x_axis(x, _years("test snapshot", moments), _dated(list(range(len(moments))), moments))
    return chart


def _positive_bars(
    chart: Chart, start: float, end: float, positive: Sequence[float], moments: Sequence[datetime]
) -> None:
    base, height = chart.height - 42, 62
    lower = Chart("", chart.width, chart.height, (start, base - height, chart.width - end, 42))
    x, y = lower.scales((-0.5, len(moments) - 0.5), (0, max([*positive, 0.01]) * 1.05))
    lower.y_axis(y, x, "positive", in_percent, 3)
    for place, share in enumerate(positive):
        lower.bar(
            (x(place - 0.3), y(0)),
            (x(place + 0.3), y(share)),
            "bar share",
            f"{moments[place]:%Y-%m-%d}: {share:.1%} positive",
        )
    lower.x_axis(x, _years("test snapshot", moments), _dated(list(range(len(moments))), moments))
    chart.parts += lower.parts


def split_picture(split: Sequence[SplitRow]) -> Chart:
    """Rows of each labelled snapshot on a time axis, coloured by part. Every row of `split` has a snapshot."""
    chart = Chart("Rows by snapshot and part", width=900, height=230, margins=(64, 10, 14, 42))
    moments = [row.snapshot for row in split if row.snapshot is not None]
    days = [moment.replace(tzinfo=UTC).timestamp() / 86400 for moment in moments]
    step = min((b - a for a, b in pairwise(days) if b > a), default=1.0)
    x, y = chart.scales((min(days) - step / 2, max(days) + step / 2), (0, max(row.rows for row in split) * 1.05))
    chart.y_axis(y, x, "rows", lambda value: f"{value:,.0f}", 5)
    for day, row in zip(days, split, strict=True):
        positive = "" if row.share is None else f", {row.share:.1%} positive"
        hint = f"{row.snapshot:%Y-%m-%d} {row.part}: {row.rows:,} rows{positive}"
        chart.bar((x(day - step * 0.38), y(0)), (x(day + step * 0.38), y(row.rows)), f"bar part-{row.part}", hint)
    chart.x_axis(x, "snapshot", _dated(days, moments, 8))
    return chart


def importance_picture(importance: Sequence[Importance]) -> Chart:
    """The features that move the predictions most, by their share of all movement."""
    top = [(one.share or 0.0, one.feature) for one in importance[:_TOP_FEATURES]]
    chart = Chart("Importance by feature", width=900, height=_ROW * len(top) + 30, margins=(230, 6, 60, 24))
    x, _ = chart.scales((0, max([share for share, _ in top] + [0.01])), (0, 1))
    for place, (share, name) in enumerate(top):
        below = chart.margins[1] + (place + 1) * _ROW - 4
        chart.bar((x(0), below - _ROW + 7), (x(share), below), "bar candidate", f"{name}: {share:.2%} of all")
        chart.text(
            x.start - 10,
            below - 4,
            name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…",
            "tick",
            "end",
        )
        chart.text(x(share) + 7, below - 4, f"{share:.1%}", "tick")
    return chart


def _shares(scores: Vector, edges: Vector) -> Vector:
    return np.histogram(scores, edges)[0] / max(len(scores), 1)


def _dated(places: Sequence[float], moments: Sequence[datetime], most: int = _MOST_DATES) -> list[tuple[float, str]]:
    """Evenly spaced dates, at most `most`."""
    every = max(1, -(-len(places) // most))
    return [
        (places[i], f"{moments[i]:%Y-%m-%d}" if most > _MOST_DATES else f"{moments[i]:%d %b}")
        for i in range(0, len(places), every)
    ]


def _years(label: str, moments: Sequence[datetime]) -> str:
    """The label with the years that the short dates above it leave out."""
    years = sorted({moment.year for moment in moments})
    return f"{label}, {years[0]}" + (f" and {years[-1]}" if len(years) > 1 else "") if years else label


def in_short(value: float) -> str:
    """Two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def in_percent(value: float) -> str:
    """A share with one decimal at most."""
    return f"{value * 100:.1f}".rstrip("0").rstrip(".") + " %"
