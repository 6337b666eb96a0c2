"""The pictures of a report, as its task has them."""

from __future__ import annotations

import math

from ml_assets.evaluation.catalogue import PRIMARY, metric_info
from ml_assets.evaluation.curve_pictures import (
    confusion_picture,
    cost_picture,
    precision_recall_picture,
    query_picture,
    residual_picture,
    threshold_picture,
)
from ml_assets.evaluation.curves import query_spread, residual_bins, threshold_curve
from ml_assets.evaluation.metrics import calibration_bins, class_metrics
from ml_assets.evaluation.page import card, escaped, table
from ml_assets.evaluation.pictures import (
    calibration_picture,
    distribution_picture,
    importance_picture,
    roc_picture,
    snapshot_picture,
    split_picture,
)
from ml_assets.evaluation.report_facts import ReportFacts
from ml_assets.evaluation.svg import Chart
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.splits import ChronologicalSplitSpec
from ml_assets.training.package import CANDIDATE

_CURVES = (CANDIDATE, "linear", "one_rule")


def pictures_section(facts: ReportFacts) -> str:
    """Every picture in a card with a sentence on how to read it."""
    rows, _ = facts.test_rows
    if not rows:
        return '<h2>Pictures</h2><p class="soft">There are no test rows to draw.</p>'
    of_task = {"binary": _binary, "multiclass": _multiclass, "regression": _regression, "ranking": _ranking}[facts.task]
    cards = [*of_task(facts), *_time(facts), *_importance(facts)]
    return f'<h2>Pictures</h2><div class="cards">{"".join(cards)}</div>'


def roc_chart(facts: ReportFacts) -> Chart:
    """ROC curves of the candidate and the baselines that rank."""
    return roc_picture({name: facts.scored.test(name) for name in _curves(facts)})


def calibration_chart(facts: ReportFacts) -> Chart:
    """Calibration of the candidate on the test rows."""
    return calibration_picture(calibration_bins(*facts.scored.test(CANDIDATE)))


def overview_charts(facts: ReportFacts) -> list[tuple[Chart, str]]:
    """The two pictures that stand for the whole, with their titles."""
    primary = PRIMARY[facts.task]
    value = facts.test[CANDIDATE][primary]
    title = (
        metric_info(facts.task, primary).title
        if value is None
        else f"{metric_info(facts.task, primary).title} {value:.3f}"
    )
    if facts.task == "binary":
        return [(roc_chart(facts), title), (calibration_chart(facts), "Calibration")]
    if facts.task == "multiclass":
        return [(_confusion(facts), title)]
    chart = (
        residual_picture(residual_bins(*facts.scored.test(CANDIDATE)))
        if facts.task == "regression"
        else _queries(facts)
    )
    return [(chart, title)]


def _curves(facts: ReportFacts) -> list[str]:
    return [name for name in _CURVES if facts.score_of(name)]


def _legend(facts: ReportFacts) -> list[tuple[str, str]]:
    return [(name, facts.name_of(name)) for name in _curves(facts)]


def _binary(facts: ReportFacts) -> list[str]:
    label, score = facts.scored.test(CANDIDATE)
    bins, legend, threshold = calibration_bins(label, score), _legend(facts), facts.found.options.threshold
    counted = table(
        ["mean score", "positive", "rows"], [[f"{s:.1%}", f"{p:.1%}", f"{n:,}"] for s, p, n in bins], text_columns=0
    )
    curves = {name: threshold_curve(*facts.scored.test(name)) for name in _curves(facts)}
    marks = [("candidate", "precision"), ("one_rule", "recall"), ("constant", "selected")]
    return [
        card("ROC curve", roc_chart(facts).svg(), "Test rows. Further to the upper left is better; the dashed line is chance.", legend),
        card("Precision and recall", precision_recall_picture(curves, float(label.mean())).svg(),
             "Of the rows taken as positive, how many are; against how many of the positives are found. The dashed line is chance.", legend),
        card("Calibration", calibration_picture(bins).svg() + f"<details><summary>the {len(bins)} bins</summary>{counted}</details>",
             "Of rows with this score, this share is positive; on the dashed line the score is a true probability.", [(CANDIDATE, CANDIDATE)]),
        card("Scores by outcome", distribution_picture(label, score).svg(),
             "The further apart, the easier to tell who will be positive.", [("negative", "negative"), ("positive", "positive")]),
        card("Thresholds", threshold_picture(curves[CANDIDATE], threshold).svg(),
             f"What a yes at this score or above would mean. The dashed line is the threshold in use, {threshold:.3g}.", marks),
        *_costs(facts, threshold),
    ]  # fmt: skip


def _costs(facts: ReportFacts, threshold: float) -> list[str]:
    curve = facts.found.costs
    if curve is None or curve.threshold.value is None:
        return []
    reach = (
        ""
        if curve.threshold.low is None or curve.threshold.high is None
        else f", interval {curve.threshold.low:.3f} to {curve.threshold.high:.3f}"
    )
    note = f"Declared costs of each error. Cheapest on these rows at {curve.threshold.value:.3f}{reach}; the dashed line is the threshold in use."
    return [card("Costs", cost_picture(curve, threshold).svg(), note, [(CANDIDATE, CANDIDATE)])]


def _confusion(facts: ReportFacts) -> Chart:
    found = class_metrics(*facts.scored.test(CANDIDATE))
    return confusion_picture(found.confusion.tolist(), facts.version.package.signature.target.class_names)


def _multiclass(facts: ReportFacts) -> list[str]:
    found = class_metrics(*facts.scored.test(CANDIDATE))
    names = facts.version.package.signature.target.class_names
    rows = [
        [escaped(name), *("none" if math.isnan(value) else f"{value:.3f}" for value in values), f"{count:,}"]
        for name, *values, count in zip(
            names, found.precision, found.recall, found.f1, found.rows.astype(int), strict=True
        )
    ]
    counted = table(["class", "precision", "recall", "F1", "rows"], rows)
    note = "Actual class down, predicted class across; a square is as large as its share of the row, the number counts rows."
    return [card("Confusion", _confusion(facts).svg(), note, [("positive", "right"), ("negative", "wrong")]),
            card("By class", counted, "Precision: of those called so, how many are. Recall: of those who are, how many are called so; none: not defined.")]  # fmt: skip


def _regression(facts: ReportFacts) -> list[str]:
    bins = residual_bins(*facts.scored.test(CANDIDATE))
    note = "Rows of similar prediction: their mean label as a dot, the middle 80 % of the labels as a line. On the dashed line the prediction is right."
    return [card("Residuals", residual_picture(bins).svg(), note, [(CANDIDATE, CANDIDATE)])]


def _queries(facts: ReportFacts) -> Chart:
    label, query = facts.scored.test(CANDIDATE)[0], facts.scored.test_query
    assert query is not None
    spreads = {
        name: query_spread(label, facts.scored.test(name)[1], query, facts.found.options.k)["ndcg"] for name in _curves(facts)
    }  # fmt: skip
    return query_picture(spreads)


def _ranking(facts: ReportFacts) -> list[str]:
    note = "Every query counts once; the further to the right a curve rises, the better are its bad queries."
    return [card("Queries", _queries(facts).svg(), note, _legend(facts))]


def _time(facts: ReportFacts) -> list[str]:
    parts = [
        (part, part)
        for part in ("train", "validation", "test", "embargo")
        if any(row.part == part for row in facts.split)
    ]
    if facts.spec.split.kind not in ("time", "chronological"):
        return []
    info = metric_info(facts.task, PRIMARY[facts.task])
    moments = sorted({row.snapshot for row in facts.values if row.snapshot is not None})
    found = {
        (row.estimator, row.snapshot): row.value
        for row in facts.values
        if row.metric == info.name and row.snapshot is not None
    }
    values = {name: [found[name, moment] for moment in moments] for name in _curves(facts)}
    tested = {row.snapshot: row.share for row in facts.split if row.part == "test"}
    positive = [share for moment in moments if (share := tested.get(moment)) is not None]
    steady = snapshot_picture(values, positive, moments, info.title).svg()
    return [
        card("By test snapshot", steady, "Whether quality and outcome are steady over time.", _legend(facts)),
        card("Split by time", split_picture([row for row in facts.split if row.snapshot is not None]).svg(),
             _divided(facts.spec), parts, wide=True),
    ]  # fmt: skip


def _divided(spec: ModelSpec) -> str:
    if isinstance(spec.split, ChronologicalSplitSpec):
        return "The newest rows test, those before validate: nothing was learnt from rows later than those judged."
    return f"Outcome windows are {spec.outcome.horizon} long; the embargo keeps them from reaching into a later part."


def _importance(facts: ReportFacts) -> list[str]:
    importance = facts.found.explained.importance
    if not importance:
        return []
    how = {"tree_shap": "Share of all movement of the score (mean absolute TreeSHAP contribution)",
           "permutation": "Share of the loss that shuffling a feature adds (permutation importance)"}[importance[0].method]  # fmt: skip
    note = f"{how}, the {min(15, len(importance))} largest; no statement on causes."
    return [card("Feature importance", importance_picture(importance).svg(), note, wide=True)]
