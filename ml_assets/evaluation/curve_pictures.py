"""Pictures of curves: precision and recall, thresholds, costs, residuals, queries, what a feature does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml_assets.evaluation.curves import CostCurve, QuerySpread, ResidualBin, ThresholdPoint
from ml_assets.evaluation.explanations import DependencePoint
from ml_assets.evaluation.pictures import in_percent, in_short
from ml_assets.evaluation.svg import Chart

Points = Sequence[tuple[float, float]]


def precision_recall_picture(curves: Mapping[str, Sequence[ThresholdPoint]], share: float) -> Chart:
    """Estimator → its thresholds; the dashed line is the share of positives, which chance reaches."""
    chart = Chart("Precision and recall of the test rows")
    x, y = chart.scales((0, 1), (0, 1))
    chart.y_axis(y, x, "precision", in_short)
    chart.x_axis(x, "recall", [(tick, in_short(tick)) for tick in x.ticks()])
    chart.path([(x(0), y(share)), (x(1), y(share))], "line chance")
    for name in reversed(list(curves)):
        points = [(x(point.recall), y(point.precision)) for point in curves[name] if point.recall is not None]
        chart.path(points, f"line {name}")
    return chart


def threshold_picture(points: Sequence[ThresholdPoint], threshold: float) -> Chart:
    """Precision, recall and share of rows selected by threshold; a vertical line marks the one in use."""
    chart = Chart("Precision, recall and selected share by threshold")
    high = min(1.0, max(point.threshold for point in points) * 1.05)
    x, y = chart.scales((0, max(high, threshold * 1.05, 0.01)), (0, 1))
    chart.y_axis(y, x, "share", in_percent)
    chart.x_axis(x, "threshold", [(tick, in_short(tick)) for tick in x.ticks()])
    chart.path([(x(threshold), y(0)), (x(threshold), y(1))], "line chance")
    for kind, values in (
        ("constant", [(point.threshold, point.selected) for point in points]),
        ("one_rule", [(point.threshold, point.recall) for point in points if point.recall is not None]),
        ("candidate", [(point.threshold, point.precision) for point in points]),
    ):
        chart.path([(x(at), y(value)) for at, value in values if at <= 1], f"line {kind}")
    return chart


def cost_picture(curve: CostCurve, threshold: float) -> Chart:
    """Expected cost a row by threshold, the cheapest as a dot and the one in use as a vertical line."""
    points = [(at, cost) for at, cost in curve.points if 0 <= at <= 1]
    low, high = min(cost for _, cost in points), max(cost for _, cost in points)
    chart = Chart("Expected cost a row by threshold")
    x, y = chart.scales((0, 1), (low - (high - low) * 0.08, high * 1.02 if high > 0 else high + 1e-9))
    chart.y_axis(y, x, "cost a row", _number)
    chart.x_axis(x, "threshold", [(tick, in_short(tick)) for tick in x.ticks()])
    chart.path([(x(threshold), y.start), (x(threshold), y.end)], "line chance")
    chart.path([(x(at), y(cost)) for at, cost in points], "line candidate")
    if curve.threshold.value is not None and curve.cost.value is not None:
        at = (x(min(curve.threshold.value, 1.0)), y(curve.cost.value))
        chart.dot(at, "dot candidate", 4.5, f"cheapest at {curve.threshold.value:.3f}: {curve.cost.value:.4g} a row")
    return chart


def residual_picture(bins: Sequence[ResidualBin]) -> Chart:
    """Mean label of rows with about this prediction, against the diagonal, with the middle 80 % of the labels."""
    values = [
        value
        for one in bins
        for value in (one.predicted, one.predicted + one.residual_p10, one.predicted + one.residual_p90)
    ]
    low, high = min(values), max(values)
    chart = Chart("Prediction and what came of it")
    x, y = chart.scales(
        (min(one.predicted for one in bins), max(one.predicted for one in bins) + 1e-12), (low, high + 1e-12)
    )
    chart.y_axis(y, x, "label", _number)
    chart.x_axis(x, "mean prediction of the bin", [(tick, _number(tick)) for tick in x.ticks()])
    ends = (bins[0].predicted, bins[-1].predicted)
    chart.path([(x(end), y(end)) for end in ends], "line chance")
    for one in bins:
        foot, top = one.predicted + one.residual_p10, one.predicted + one.residual_p90
        chart.path([(x(one.predicted), y(foot)), (x(one.predicted), y(top))], "line constant")
        hint = f"predicted {one.predicted:.4g}, actual {one.actual:.4g}, {one.rows:,} rows"
        chart.dot((x(one.predicted), y(one.actual)), "dot candidate", 3.6, hint)
    return chart


def query_picture(spreads: Mapping[str, QuerySpread]) -> Chart:
    """Estimator → how NDCG spreads over queries: the share of queries that reach at most this value."""
    chart = Chart("NDCG over the queries")
    x, y = chart.scales((0, 1), (0, 1))
    chart.y_axis(y, x, "share of queries", in_percent)
    chart.x_axis(x, "NDCG reached at most", [(tick, in_short(tick)) for tick in x.ticks()])
    for name in reversed(list(spreads)):
        chart.path([(x(value), y(share)) for share, value in spreads[name].points], f"line {name}")
    return chart


def confusion_picture(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> Chart:
    """Rows by actual class (down) and predicted class (across); a cell is the fuller the larger its share of the row."""
    size, left, top = 44, 130, 34
    chart = Chart("Confusion of classes", width=left + size * len(classes) + 40, height=top + size * len(classes) + 20)
    for row, (name, cells) in enumerate(zip(classes, counts, strict=True)):
        chart.text(left - 8, top + (row + 0.6) * size, name[:18], "tick", "end")
        chart.text(left + (row + 0.5) * size, top - 8, name[:6], "tick", "middle")
        total = max(sum(cells), 1)
        for column, count in enumerate(cells):
            reach = (size - 4) * (count / total) ** 0.5 / 2
            middle = (left + (column + 0.5) * size, top + (row + 0.5) * size)
            hint = f"{name} taken for {classes[column]}: {count:,} of {total:,}"
            kind = "bar positive" if row == column else "bar negative"
            chart.bar((middle[0] - reach, middle[1] + reach), (middle[0] + reach, middle[1] - reach), kind, hint)
    return chart


def dependence_picture(points: Sequence[DependencePoint], feature: str, unit: str) -> Chart:
    """Mean contribution by value of the feature, with the middle 80 % of the rows; missing values as a dot at the right."""
    known = [point for point in points if point.value is not None]
    chart = Chart(f"What {feature} does to the score", height=240)
    low, high = min(point.low for point in points), max(point.high for point in points)
    order = [float(place) for place in range(len(known))]
    x, y = chart.scales((-0.5, max(len(known) - 0.5 + (len(points) > len(known)), 0.5)), (low, high + 1e-12))
    chart.y_axis(y, x, unit, _number, 5)
    step = max(1, -(-len(known) // 6))
    ticks = [(order[place], known[place].shown) for place in range(0, len(known), step)]
    chart.x_axis(x, f"{feature}, in equally filled steps", ticks)
    for bound in ("low", "high"):
        chart.path(
            [(x(place), y(getattr(point, bound))) for place, point in zip(order, known, strict=True)], "line constant"
        )
    chart.path([(x(place), y(point.contribution)) for place, point in zip(order, known, strict=True)], "line candidate")
    for point in points:
        if point.value is None:
            chart.dot((x(len(known)), y(point.contribution)), "dot linear", 4, f"missing: {point.contribution:.3g}")
    return chart


def _number(value: float) -> str:
    return f"{value:.3g}"
