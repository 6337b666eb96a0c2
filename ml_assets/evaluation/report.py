"""The report: one self-contained page a version."""

from __future__ import annotations

from pathlib import Path

from ml_assets.evaluation.catalogue import HEADLINE, LOSS, PRIMARY, MetricInfo, metric_info, task_metrics
from ml_assets.evaluation.page import code, escaped, page, swatch, table, write_page
from ml_assets.evaluation.provenance import provenance_section
from ml_assets.evaluation.report_facts import ReportFacts, between, number
from ml_assets.evaluation.report_findings import findings_sections
from ml_assets.evaluation.report_pictures import pictures_section
from ml_assets.training.package import BASELINES, CANDIDATE
from ml_assets.training.versions import ModelVersion

_GRIDS = {"day": "daily", "week": "weekly", "month": "monthly"}


def write_report(folder: Path, version: ModelVersion, text: str) -> Path:
    """`<folder>/<model>/<version>.html`, written whole or not at all."""
    return write_page(folder / version.model / f"{version.version}.html", text)


def render_report(facts: ReportFacts) -> str:
    """The page as HTML: equal facts give equal bytes."""
    return page(
        f"{facts.version}: evaluation",
        [_head(facts), _metrics_section(facts), _gain_section(facts), _parts_section(facts), pictures_section(facts),
         *findings_sections(facts), _gate_section(facts), provenance_section(facts.spec, facts.version, facts.split)],
    )  # fmt: skip


def summary(facts: ReportFacts) -> str:
    """What a person needs to know first: how good, on what, and the best baseline."""
    rows, positives = facts.test_rows
    info = metric_info(facts.task, PRIMARY[facts.task])
    shares = f", {positives / max(rows, 1):.1%} positive" if facts.task == "binary" else ""
    seen = f"On {_where(facts)} never seen in training ({rows:,} rows{shares})"
    known = {name: value for name in facts.shown if (value := facts.test[name][info.name]) is not None}
    if CANDIDATE not in known:
        only = "there is only one outcome: " if facts.task == "binary" else ""
        return f"{seen}, {only}{info.title} is not defined."
    baselines = [name for name in BASELINES if name in known]
    if not baselines:
        return f"{seen}, {info.title} is {known[CANDIDATE]:.3f}."
    best = (max if info.higher_is_better else min)(baselines, key=lambda name: known[name])
    return f"{seen}, {info.title} is {known[CANDIDATE]:.3f}; the best baseline, {facts.name_of(best)}, reaches {known[best]:.3f}."


def _where(facts: ReportFacts) -> str:
    if facts.spec.split.kind == "time":
        snapshots = sum(row.part == "test" for row in facts.split)
        return f"{snapshots} {_GRIDS[facts.spec.grid.every]} snapshots"
    kinds = {"group": "groups", "stratified": "rows", "random": "rows", "chronological": "the newest rows,"}
    return kinds[facts.spec.split.kind]


def _head(facts: ReportFacts) -> str:
    description = f'<p class="soft">{escaped(facts.spec.description)}</p>' if facts.spec.description else ""
    said = "".join(
        f"<p>{escaped(one.sentence)}</p>"
        for one in facts.found.comparisons
        if one.metric == LOSS[facts.task] and one.other in ("linear", "champion")
    )
    return (
        f"<h1>{escaped(facts.version)}</h1>{description}"
        f'<div class="verdict"><p class="lead">{escaped(summary(facts))}</p>{said}</div>'
    )


def _metrics_section(facts: ReportFacts) -> str:
    rows, positives = facts.test_rows
    report = facts.found.report
    headline = [metric_info(facts.task, name) for name in HEADLINE[facts.task]]
    rest = [info for info in task_metrics(facts.task) if info not in headline]
    counted = f"{rows:,} rows" + (f", {positives:,} positive" if facts.task == "binary" else "")
    note = (
        f"Test part: {counted}, {report.clusters:,} independent {'queries' if facts.task == 'ranking' else 'entities'}. "
        f"↑ higher is better, ↓ lower is better, ● best of the column; below each value its {report.level:.0%} interval from "
        f"{report.draws:,} draws." + (f" Of each query the first {facts.found.options.k} rows count (k)." if facts.task == "ranking" else "")
    )  # fmt: skip
    more = (
        f"<details><summary>{len(rest)} more metric{'s' if len(rest) > 1 else ''}{_options(facts)}</summary>{_metric_table(facts, rest)}</details>"
        if rest else ""
    )  # fmt: skip
    return f'<h2>How good it is</h2><p class="soft">{note}</p>{_metric_table(facts, headline)}{more}'


def _options(facts: ReportFacts) -> str:
    options = facts.found.options
    if facts.task == "binary":
        return f" (threshold {options.threshold:.3g}, top {options.top:.0%} of the rows)"
    return ""


def _metric_table(facts: ReportFacts, infos: list[MetricInfo]) -> str:
    best = {info.name: _best(facts, info) for info in infos}
    estimates = facts.found.report.estimates
    body = []
    for name in facts.shown:
        cells = [f"{swatch(name)}{escaped(facts.name_of(name))}"]
        for info in infos:
            one = estimates[name][info.name]
            cells.append(number(one.value, marked=name == best[info.name]) + between(one.low, one.high))
        body.append(cells)
    return table(["", *map(_title, infos)], body, main_row=0)


def _title(info: MetricInfo) -> str:
    return f"{info.title}&nbsp;{'↑' if info.higher_is_better else '↓'}"


def _best(facts: ReportFacts, info: MetricInfo) -> str | None:
    known = {name: value for name in facts.shown if (value := facts.test[name][info.name]) is not None}
    return (max if info.higher_is_better else min)(known, key=lambda name: known[name]) if known else None


def _gain_section(facts: ReportFacts) -> str:
    judged = list(dict.fromkeys((LOSS[facts.task], PRIMARY[facts.task])))
    rows = [
        [f"{swatch(one.other)}{escaped(facts.name_of(one.other))}", escaped(metric_info(facts.task, one.metric).title),
         number(one.difference), between(one.low, one.high), f"<strong>{escaped(one.verdict)}</strong>"]
        for metric in judged for one in facts.found.comparisons if one.metric == metric
    ]  # fmt: skip
    absent = facts.found.absent.get("champion")
    told = f'<p class="soft">Not compared with the champion: {escaped(absent)}.</p>' if absent else ""
    return (
        "<h2>Whether the gain is real</h2>"
        '<p class="soft">The candidate against each other estimator on the same rows and the same draws; a positive difference is '
        "a gain, whichever way the metric counts. Only an interval that does not hold zero tells them apart.</p>"
        f"{table(['against', 'metric', 'gain', '95 % interval', 'the candidate is'], rows, text_columns=2, text_last=True)}{told}"
    )


def _parts_section(facts: ReportFacts) -> str:
    headline = [metric_info(facts.task, name) for name in HEADLINE[facts.task]]
    body = []
    for part in ("train", "validation", "test"):
        rows = {
            row.metric: row
            for row in facts.values
            if row.estimator == CANDIDATE and row.part == part and row.snapshot is None
        }
        if rows:
            first = next(iter(rows.values()))
            share = [] if first.positives is None else [f"{first.positives / max(first.rows, 1):.1%}"]
            values = [number(rows[info.name].value) for info in headline]
            body.append([f"{swatch(part)}{part}", f"{first.rows:,}", *share, *values])
    refit = " It was trained again on training and validation rows together." if facts.spec.estimator.refit else ""
    steady = facts.fact("seed_spread")
    seeds = (
        f" With other seeds the result moves by {steady.value:.4f} ({escaped(steady.text)})." if steady.value is not None else ""
    )  # fmt: skip
    counted = ["rows", "positive"] if facts.task == "binary" else ["rows"]
    return (
        '<h2>The candidate by part</h2><p class="soft">A large fall from training to test means that the model learnt its rows '
        f"by heart.{refit}{seeds}</p>{table(['', *counted, *map(_title, headline)], body)}"
    )


def _gate_section(facts: ReportFacts) -> str:
    loss = metric_info(facts.task, LOSS[facts.task])
    rows = [
        [f"test {escaped(loss.title)} below {escaped(facts.name_of(name))}", number(facts.test[CANDIDATE][loss.name]),
         number(facts.test[name][loss.name])]
        for name in BASELINES if name in facts.spec.gate.better_than and name in facts.test
    ]  # fmt: skip
    rows += [[escaped(_rule_in_words(rule.model_dump())), "", ""] for rule in facts.spec.gate.rules]
    if not rows:
        return '<h2>Gate</h2><p class="soft">No rules are declared: every version passes.</p>'
    where = code(f"models.{facts.spec.name}__champion")
    return (
        f'<h2>Gate</h2><p class="soft">All rules must hold before this version may become champion. The verdict, with the value '
        f"of each rule, is stored in {where} and shown by {code(f'ml-assets registry show {facts.version}')}.</p>"
        f"{table(['rule', 'candidate', 'bound'], rows)}"
    )


def _rule_in_words(rule: dict[str, object]) -> str:
    told = ", ".join(f"{name} {value}" for name, value in rule.items() if name != "kind" and value is not None)
    return f"{rule['kind']}: {told}".replace("_", " ")
