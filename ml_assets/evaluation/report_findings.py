"""What was found below the averages: slices, groups, mistakes, features, single facts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from ml_assets.evaluation.catalogue import TASK_METRICS
from ml_assets.evaluation.curve_pictures import dependence_picture
from ml_assets.evaluation.explanations import Contributions, dependence, reason_codes
from ml_assets.evaluation.page import card, code, escaped, table
from ml_assets.evaluation.report_facts import ReportFacts, between, number
from ml_assets.evaluation.slices import WORSE, SliceResult
from ml_assets.warehouse.results import MAX_EVIDENCE_ROWS

_DEPENDENCES, _REASONED, _POINTS = 4, 5, 24
_GAPS = 12
_TITLES = {info.name: info.title for infos in TASK_METRICS.values() for info in infos}


def findings_sections(facts: ReportFacts) -> Iterator[str]:
    """One section each; what was not judged says why."""
    yield _section("Slices", _slices(facts), facts.found.absent.get("search") or "")
    yield _section("Fairness", _fairness(facts), facts.found.absent.get("fairness", ""))
    yield _section("Where it errs", _errors(facts), facts.found.absent.get("errors", ""))
    yield _section("What moves the score", _explained(facts), facts.found.explained.reason)
    yield _section("Suspicions", _suspicions(facts), "")


def _section(title: str, body: str, absent: str) -> str:
    told = f'<p class="soft">Not judged: {escaped(absent)}.</p>' if absent and not body else ""
    return f"<h2>{title}</h2>{body}{told}"


def _slices(facts: ReportFacts) -> str:
    search = facts.found.search
    declared = [
        one for one in facts.found.slices if one.metric == (facts.found.slices[0].metric if facts.found.slices else "")
    ]
    parts = []
    if declared:
        parts.append(_slice_table("Declared", "", declared))
    if search is not None:
        worse = len(search.worse)
        said = (
            f"{search.slices:,} slices of one or two conditions were tried ({search.tests:,} tests, false discoveries held at 5 %): "
            + (f"{worse} of them worse than the scores promise." if worse else "none is worse than the scores promise; what is listed may be chance.")
        )  # fmt: skip
        parts.append(_slice_table("Found by search", search.reason or said, list(search.found)))
    return "".join(parts)


def _slice_table(title: str, said: str, slices: list[SliceResult]) -> str:
    """The slices below a heading that names their metric; of several metrics each row names its own."""
    metrics = list(dict.fromkeys(_metric(one.metric) for one in slices))
    several = len(metrics) > 1
    rows = [
        [escaped(one.slice), *([escaped(_metric(one.metric))] if several else []), number(one.value) + between(one.low, one.high),
         number(one.overall), f"{one.rows:,}", "" if one.q_value is None else f"{one.q_value:.3f}",
         f"<strong>{escaped(one.verdict)}</strong>" if one.verdict == WORSE else escaped(one.reason or one.verdict)]
        for one in slices
    ]  # fmt: skip
    header = ["slice", *(["metric"] if several else []), "value", "all rows", "rows", "q", "verdict"]
    listed = table(header, rows, text_columns=1 + several, text_last=True) if slices else ""
    heading = f"{title}, by {metrics[0]}" if len(metrics) == 1 else title
    return f'<h3>{escaped(heading)}</h3><p class="soft">{escaped(said)}</p>{listed}'


def _metric(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " "))


def _fairness(facts: ReportFacts) -> str:
    found = facts.found.fairness
    if not found:
        return ""
    gaps = [one for one in found if one.group_name is None][: _GAPS * 4]
    groups = [one for one in found if one.group_name is not None]
    note = (
        f"At the threshold {facts.found.options.threshold:.3g}. Groups that are too small are not judged and take no part in a gap. "
        "A gap is a question, not an answer: whether it is unfair, people decide."
    )
    rows = [
        [escaped(one.column_name), escaped(one.measure.replace("_", " ")), number(one.value) + between(one.low, one.high), escaped(one.reason or "")]
        for one in gaps
    ]  # fmt: skip
    each = [
        [escaped(one.column_name), escaped(one.group_name), escaped(one.measure.replace("_", " ")), number(one.value) + between(one.low, one.high),
         f"{one.rows:,}", escaped(one.reason or "")]
        for one in groups
    ]  # fmt: skip
    return (
        f'<p class="soft">{note}</p>{table(["column", "gap over groups", "value", ""], rows, text_columns=2, text_last=True)}'
        f"<details><summary>{len(each)} numbers of single groups</summary>"
        f"{table(['column', 'group', 'measure', 'value', 'rows', ''], each, text_columns=3, text_last=True)}</details>"
    )


def _errors(facts: ReportFacts) -> str:
    errors = facts.found.errors
    if errors is None:
        return ""
    leaves = [
        [escaped(where or "all rows"), f"{leaf.rows:,}", f"{leaf.error_rate:.1%}"]
        for where, leaf in errors.tree.leaves()
    ]
    said = (
        f"Rows on the wrong side of the threshold {errors.threshold:.3g}: {errors.tree.errors:,} of {errors.tree.rows:,} "
        f"({errors.tree.error_rate:.1%}). A small tree says where they lie thick."
    )
    parts = [f'<p class="soft">{said}</p>', table(["rows where", "rows", "wrong"], leaves)]
    if errors.flips is not None:
        flips = errors.flips
        gain = f"{flips.net_gain:+.2%}{between(flips.low, flips.high)}"
        parts.append(
            f"<p>Against {escaped(facts.name_of('champion'))}: {len(flips.righted):,} rows come right that it had wrong, "
            f"{len(flips.spoilt):,} go wrong that it had right; net {gain} of all rows.</p>"
        )
    if errors.mistakes:
        test = facts.scored.table.filter(pa.array(facts.scored.parts["test"]))
        moments, entities = test["snapshot"].to_pylist(), test[facts.spec.entity].to_pylist()
        timeless = None in moments
        rows = [
            [
                "(personal data)" if facts.spec.entity in facts.personal else code(entities[one.row]),
                *([] if timeless else [f"{moments[one.row]:%Y-%m-%d}"]),
                f"{one.score:.3f}",
                str(one.label),
            ]
            for one in errors.mistakes[:MAX_EVIDENCE_ROWS]
        ]
        listed = table(
            [escaped(facts.spec.entity), *([] if timeless else ["snapshot"]), "score", "outcome"], rows, text_columns=2
        )
        parts.append(f"<details><summary>the {len(rows)} most confident mistakes</summary>{listed}</details>")
    return "".join(parts)


def _explained(facts: ReportFacts) -> str:
    explained = facts.found.explained
    if not explained.importance:
        return ""
    rows = [
        [
            code(one.feature),
            f"{one.value:.4f}" + between(one.low, one.high),
            "" if one.share is None else f"{one.share:.1%}",
        ]
        for one in explained.importance
    ]
    method = {"tree_shap": "mean absolute TreeSHAP contribution", "permutation": "permutation importance"}[
        explained.importance[0].method
    ]
    listed = table(["feature", f"{method}, {explained.importance[0].unit}", "share"], rows)
    parts = [f"<details><summary>all {len(rows)} features</summary>{listed}</details>"]
    if explained.contributions is not None:
        unit = explained.importance[0].unit
        cards = [
            card(
                one.feature,
                dependence_picture(
                    dependence(explained.contributions, one.feature, most=_POINTS),
                    one.feature,
                    unit,
                    named=one.feature in explained.contributions.categories,
                ).svg(),
                f"Mean contribution in {unit} by value, and the middle 80 % of the rows{_missing(explained.contributions, one.feature)}.",
            )
            for one in explained.importance[:_DEPENDENCES]
        ]
        parts = [f'<div class="cards">{"".join(cards)}</div>', *parts, _reasons(facts, unit)]
    return "".join(parts)


def _missing(contributions: Contributions, feature: str) -> str:
    column = contributions.matrix[:, contributions.features.index(feature)]
    return "; the dot at the right: rows without a value" if np.isnan(column).any() else ""


def _reasons(facts: ReportFacts, unit: str) -> str:
    contributions = facts.found.explained.contributions
    assert contributions is not None
    codes = reason_codes(contributions, most=3, unit=unit)
    shown = codes.filter(pa.array([row < _REASONED for row in codes["row"].to_pylist()]))
    said: dict[int, list[str]] = {}
    for row, sentence in zip(shown["row"].to_pylist(), shown["sentence"].to_pylist(), strict=True):
        said.setdefault(row, []).append(sentence)
    rows = [[f"test row {row + 1}", escaped("; ".join(sentences))] for row, sentences in said.items()]
    return f"<details><summary>reasons of single rows, as an example</summary>{table(['', 'largest contributions'], rows, text_columns=2)}</details>"


def _suspicions(facts: ReportFacts) -> str:
    golden = [one for one in facts.found.golden if one.golden]
    rows = [[code(one.feature), escaped(one.reason or "")] for one in golden]
    strongest, shared = facts.fact("golden_share"), facts.fact("overlap_rows")
    lines = [
        "No feature explains too much by itself." if not golden and strongest.value is not None else "",
        f"Strongest single feature: {strongest.text}."
        if strongest.value is not None
        else f"Single features were not judged: {strongest.text}.",
        f"Split: {shared.text}." if shared.text else "",
    ]
    told = " ".join(line for line in lines if line)
    found = table(["feature that explains too much", "why"], rows, text_columns=2) if rows else ""
    return f'<p class="soft">{escaped(told)}</p>{found}'
