"""The report: one self-contained page a version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ml_assets.evaluation.metrics import HIGHER_IS_BETTER, METRICS, calibration_bins
from ml_assets.evaluation.page import card, code, escaped, page, swatch, table
from ml_assets.evaluation.pictures import (
    SplitRow,
    calibration_picture,
    distribution_picture,
    importance_picture,
    roc_picture,
    snapshot_picture,
    split_picture,
)
from ml_assets.evaluation.provenance import provenance_section
from ml_assets.evaluation.scored import MeasuredValue, ScoredRows, whole_test
from ml_assets.evaluation.svg import Chart
from ml_assets.specs.models import ModelSpec
from ml_assets.training.estimators import Boosted
from ml_assets.training.package import BASELINES, CANDIDATE
from ml_assets.training.versions import ModelVersion

METRIC_NAMES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "log_loss": "log loss",
}
_SHOWN = (CANDIDATE, "linear", "one_rule", "constant")
_CURVES = (CANDIDATE, "linear", "one_rule")


@dataclass(frozen=True)
class ReportFacts:
    """Everything the page says; nothing in it depends on when or how fast it was made."""

    spec: ModelSpec
    version: ModelVersion
    scored: ScoredRows
    values: Sequence[MeasuredValue]
    split: Sequence[SplitRow]

    @cached_property
    def test(self) -> dict[str, dict[str, float | None]]:
        """Estimator → metric → value on the whole test part."""
        return whole_test(self.values)

    @property
    def test_rows(self) -> tuple[int, int]:
        """Rows and positives of the test part."""
        label, _ = self.scored.test(CANDIDATE)
        return len(label), int(label.sum())

    @property
    def gains(self) -> dict[str, float]:
        """Feature → total gain of the candidate's splits on it."""
        candidate = self.version.package.estimators[CANDIDATE]
        assert isinstance(candidate, Boosted)
        return dict(zip(self.version.package.encoder.features, candidate.trees.gains().tolist(), strict=True))

    def name_of(self, estimator: str) -> str:
        """How the page calls an estimator: the one rule by its feature."""
        rule = self.version.manifest["facts"].get("rule_feature")
        return f"one rule ({rule})" if estimator == "one_rule" and rule else estimator.replace("_", " ")


def write_report(folder: Path, version: ModelVersion, text: str) -> Path:
    """`<folder>/<model>/<version>.html`, written whole or not at all."""
    path = folder / version.model / f"{version.version}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    return path


def render_report(facts: ReportFacts) -> str:
    """The page as HTML: equal facts give equal bytes."""
    return page(
        f"{facts.version}: evaluation",
        [_head(facts), _metrics_section(facts), _pictures_section(facts), _gate_section(facts), provenance_section(facts.spec, facts.version, facts.split)],
    )  # fmt: skip


def summary(facts: ReportFacts) -> str:
    """What a person needs to know first, in two sentences."""
    rows, positives = facts.test_rows
    snapshots = sum(row.part == "test" for row in facts.split)
    auc = {name: found["roc_auc"] for name, found in facts.test.items() if found["roc_auc"] is not None}
    grid = {"day": "daily", "week": "weekly", "month": "monthly"}[facts.spec.snapshots.every]
    seen = f"On {snapshots} {grid} snapshots never seen in training ({rows:,} rows, {positives / max(rows, 1):.1%} positive)"
    if CANDIDATE not in auc:
        return f"{seen}, there is only one outcome: ROC AUC is not defined."
    best = max((name for name in auc if name != CANDIDATE), key=lambda name: auc[name])
    gain = auc[CANDIDATE] - auc[best]
    judged = f"better than it by {gain:.3f}" if gain > 0 else "no better than it"
    return f"{seen}, ROC AUC is {auc[CANDIDATE]:.3f}; the best baseline, {facts.name_of(best)}, reaches {auc[best]:.3f}: {judged}."


def roc_chart(facts: ReportFacts) -> Chart:
    """ROC curves of the candidate and the baselines that rank."""
    return roc_picture({name: facts.scored.test(name) for name in _CURVES if name in facts.scored.scores})


def calibration_chart(facts: ReportFacts) -> Chart:
    """Calibration of the candidate on the test rows."""
    return calibration_picture(calibration_bins(*facts.scored.test(CANDIDATE)))


def _head(facts: ReportFacts) -> str:
    description = f'<p class="soft">{escaped(facts.spec.description)}</p>' if facts.spec.description else ""
    said = (
        "The candidate is what training chose; the baselines beside it were fitted on the same rows. "
        "Small differences may be chance: this page gives no intervals yet."
    )
    return f'<h1>{escaped(facts.version)}</h1>{description}<div class="verdict"><p class="lead">{escaped(summary(facts))}</p><p class="soft">{said}</p></div>'


def _metrics_section(facts: ReportFacts) -> str:
    rows, positives = facts.test_rows
    shown = [name for name in _SHOWN if name in facts.test]
    best = {metric: _best(facts, metric) for metric in METRICS}
    body = [
        [f"{swatch(name)}{escaped(facts.name_of(name))}"]
        + [_number(facts.test[name][metric], marked=name == best[metric]) for metric in METRICS]
        for name in shown
    ]
    arrows = [f"{METRIC_NAMES[metric]}&nbsp;{'↑' if HIGHER_IS_BETTER[metric] else '↓'}" for metric in METRICS]
    return (
        "<h2>How good it is</h2>"
        f'<p class="soft">Test part: {rows:,} rows, {positives:,} positive. ↑ higher is better, ↓ lower is better, ● best of the column.</p>'
        f"{table(['', *arrows], body, main_row=0)}<h2>The candidate by part</h2>"
        '<p class="soft">A large fall from training to test means that the model learnt its rows by heart.'
        f"{' It was trained again on training, embargo and validation rows together.' if facts.spec.estimator.refit else ''}</p>"
        f"{table(['', 'rows', 'positive', *arrows], _part_rows(facts))}"
    )


def _part_rows(facts: ReportFacts) -> list[list[str]]:
    found = []
    for part in ("train", "validation", "test"):
        chosen = [
            row for row in facts.values if row.estimator == CANDIDATE and row.part == part and row.snapshot is None
        ]
        if chosen:
            share = chosen[0].positives / max(chosen[0].rows, 1)
            found.append(
                [
                    f"{swatch(part)}{part}",
                    f"{chosen[0].rows:,}",
                    f"{share:.1%}",
                    *(_number(row.value) for row in chosen),
                ]
            )
    return found


def _best(facts: ReportFacts, metric: str) -> str | None:
    known = {name: value for name, found in facts.test.items() if (value := found[metric]) is not None}
    if not known:
        return None
    return (max if HIGHER_IS_BETTER[metric] else min)(known, key=lambda name: known[name])


def _number(value: float | None, *, marked: bool = False) -> str:
    text = "none" if value is None else f"{value:.4f}"
    return f'<span class="best">{text}</span>' if marked else text


def _pictures_section(facts: ReportFacts) -> str:
    legend = [(name, facts.name_of(name)) for name in _CURVES if name in facts.test]
    bins = calibration_bins(*facts.scored.test(CANDIDATE))
    counted = table(
        ["mean score", "positive", "rows"], [[f"{s:.1%}", f"{p:.1%}", f"{n:,}"] for s, p, n in bins], text_columns=0
    )
    moments = sorted({row.snapshot for row in facts.values if row.snapshot is not None})
    split_parts = [
        (part, part)
        for part in ("train", "validation", "test", "embargo")
        if any(row.part == part for row in facts.split)
    ]
    cards = [
        card("ROC curve", roc_chart(facts).svg(), "Test rows. Further to the upper left is better; the dashed line is chance.", legend),
        card("Calibration", calibration_picture(bins).svg() + f"<details><summary>the {len(bins)} bins</summary>{counted}</details>",
             "Of rows with this score, this share is positive; on the dashed line the score is a true probability.", [(CANDIDATE, CANDIDATE)]),
        card("Scores by outcome", distribution_picture(*facts.scored.test(CANDIDATE)).svg(),
             "The further apart, the easier to tell who will be positive.", [("negative", "negative"), ("positive", "positive")]),
        card("By test snapshot", _by_snapshot(facts, moments).svg(), "Whether quality and outcome are steady over time.", legend),
        card("Split by time", split_picture(facts.split).svg(),
             f"Outcome windows are {facts.spec.label.horizon} long; the embargo keeps them from reaching into a later part.", split_parts, wide=True),
        card("Feature importance", importance_picture(facts.gains).svg(), f"Share of all gain that the trees got by splitting on a feature, the {min(15, len(facts.gains))} largest; no statement on causes.", wide=True),
    ]  # fmt: skip
    return f'<h2>Pictures</h2><div class="cards">{"".join(cards)}</div>'


def _by_snapshot(facts: ReportFacts, moments: Sequence[object]) -> Chart:
    found = {
        (row.estimator, row.snapshot): row
        for row in facts.values
        if row.metric == "roc_auc" and row.snapshot is not None
    }
    values = {name: [found[name, moment].value for moment in moments] for name in _CURVES if name in facts.test}  # type: ignore[index]
    tested = [row for row in facts.split if row.part == "test"]
    return snapshot_picture(
        values, [row.positives / max(row.rows, 1) for row in tested], [row.snapshot for row in tested]
    )


def _gate_section(facts: ReportFacts) -> str:
    loss = {name: found["log_loss"] for name, found in facts.test.items()}
    rows = [
        [f"test log loss below {escaped(facts.name_of(name))}", _number(loss.get(CANDIDATE)), _number(loss.get(name))]
        for name in BASELINES if name in facts.spec.gate.better_than
    ]  # fmt: skip
    if not rows:
        return '<h2>Gate</h2><p class="soft">No rules are declared: every version passes.</p>'
    where = code(f"models.{facts.spec.name}__champion")
    return (
        f'<h2>Gate</h2><p class="soft">All rules must hold before this version may become champion. The verdict is stored in {where}.</p>'
        f"{table(['rule', 'candidate', 'bound'], rows)}"
    )
