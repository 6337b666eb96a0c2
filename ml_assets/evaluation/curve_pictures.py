"""Pictures of curves: precision and recall, thresholds, costs, residuals, queries, what a feature does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml_assets.errors import shortened
from ml_assets.evaluation.curves import CostCurve, QuerySpread, ResidualBin, ThresholdPoint
from ml_assets.evaluation.explanations import DependencePoint
from ml_assets.evaluation.pictures import in_percent, in_short
from ml_assets.evaluation.svg import Chart

_WIDTH = 440
_MOST_VALUES, _LONGEST_VALUE = 6, 9


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
    left, top, right = 120, 34, 20
    size = max(44.0, min(96.0, (_WIDTH - left - right) / len(classes)))
    width = max(_WIDTH, left + size * len(classes) + right)
    chart = Chart("Confusion of classes", width=width, height=top + size * len(classes) + 14)
    for row, (name, cells) in enumerate(zip(classes, counts, strict=True)):
        chart.text(left - 8, top + (row + 0.5) * size + 4, shortened(name, 16), "tick", "end")
        chart.text(left + (row + 0.5) * size, top - 10, shortened(name, int(size / 7)), "tick", "middle")
        total = max(sum(cells), 1)
        for column, count in enumerate(cells):
            reach = (size - 4) * (count / total) ** 0.5 / 2
            middle = (left + (column + 0.5) * size, top + (row + 0.5) * size)
            hint = f"{name} taken for {classes[column]}: {count:,} of {total:,}"
            kind = "bar positive" if row == column else "bar negative"
            chart.bar((middle[0] - reach, middle[1] + reach), (middle[0] + reach, middle[1] - reach), kind, hint)
            chart.text(middle[0], middle[1] + 4, f"{count:,}", "tick", "middle")
    return chart


def dependence_picture(points: Sequence[DependencePoint], feature: str, unit: str, *, named: bool = False) -> Chart:
    """Mean contribution by value of the feature, with the middle 80 % of the rows; missing values as a dot at the right.

    `named`: the values are categories, which have no order: each is a dot of its own.
    """
    known = [point for point in points if point.value is not None]
    chart = Chart(f"What {feature} does to the score", height=240)
    low, high = min(point.low for point in points), max(point.high for point in points)
    room = max(high - low, 1e-9) * 0.06
    order = [float(place) for place in range(len(known))]
    x, y = chart.scales((-0.5, max(len(known) - 0.5 + (len(points) > len(known)), 0.5)), (low - room, high + room))
    chart.y_axis(y, x, unit, _number, 5)
    step = max(1, -(-len(known) // _MOST_VALUES))
    ticks = [(order[place], shown_value(known[place], named)) for place in range(0, len(known), step)]
    chart.x_axis(x, feature if named else f"{feature}, in steps of about as many rows", ticks)
    spans = [((x(place), y(point.low)), (x(place), y(point.high))) for place, point in zip(order, known, strict=True)]
    means = [(x(place), y(point.contribution)) for place, point in zip(order, known, strict=True)]
    for bound in spans if named else zip(*spans, strict=True):
        chart.path(bound, "line constant")
    if named or len(known) == 1:
        for at, point in zip(means, known, strict=True):
            chart.dot(at, "dot candidate", 4, f"{point.shown}: {point.contribution:.3g}, {point.rows:,} rows")
    elif known:
        chart.path(means, "line candidate")
    for point in points:
        if point.value is None:
            chart.dot((x(len(known)), y(point.contribution)), "dot linear", 4, f"missing: {point.contribution:.3g}")
    return chart


def shown_value(point: DependencePoint, named: bool) -> str:
    """A value below an axis: whole numbers below a million as they are, others in three significant digits."""
    if named or point.value is None:
        return shortened(point.shown, _LONGEST_VALUE)
    if point.value == round(point.value) and abs(point.value) < 1e6:
        return f"{point.value:.0f}"
    return f"{point.value:.3g}"


def _number(value: float) -> str:
    return f"{value:.3g}"
