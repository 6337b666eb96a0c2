"""Model cards: Markdown from stored facts only, each number with its source; equal facts give equal bytes.

Sections follow Mitchell et al., "Model Cards for Model Reporting" (2019).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from ml_assets.registry.book import actions, verdicts
from ml_assets.registry.card_text import NOT_STATED, CardText, number
from ml_assets.registry.facts import GateFacts, evaluation_tables, read_facts
from ml_assets.registry.release_notes import release_notes
from ml_assets.specs.models import ModelSpec
from ml_assets.training.versions import ModelVersion, load_version
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

_ESTIMATORS = ("candidate", "constant", "one_rule", "linear")


def write_card(bench: Workbench, reports: Path, spec: ModelSpec, version: int) -> Path:
    """Inside a reading block: write `<reports>/<model>/<version>.card.md`, whole or not at all."""
    path = card_path(reports, spec.name, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_text(render_card(bench, spec, version), encoding="utf-8")
    unfinished.replace(path)
    return path


def card_path(reports: Path, model: str, version: int) -> Path:
    """Where a version's card lies."""
    return reports / model / f"{version}.card.md"


def render_card(bench: Workbench, spec: ModelSpec, version: int) -> str:
    """Inside a reading block: the card of one stored version. Knows no time but stored ones."""
    loaded = load_version(bench, spec.name, version)
    given = verdicts(bench, spec.name, version)
    facts = read_facts(bench, spec, version, given[-1].champion if given else None)
    card = CardText(f"Model card: {loaded}")
    if not (missing := spec.card.missing):
        card.say("Every text that people have to state is stated.")
    else:
        card.say(
            f"**{len(missing)} of {len(type(spec.card).model_fields)} texts are not stated:** {', '.join(missing)}."
        )
    _details(card, spec, loaded)
    _intended_use(card, spec)
    _factors(card, spec, facts)
    _metrics(card, spec, facts)
    _evaluation_data(card, bench, spec, version)
    _training_data(card, spec, loaded)
    _analyses(card, spec, facts)
    card.section("Ethical considerations")
    card.say(spec.card.ethical or NOT_STATED)
    card.section("Caveats and recommendations")
    card.say(spec.card.limitations or NOT_STATED)
    _gate(card, bench, spec, version)
    champion = given[-1].champion if given else None
    release_notes(card, bench, loaded, champion, facts)
    return card.text()


def _details(card: CardText, spec: ModelSpec, version: ModelVersion) -> None:
    manifest, place = version.manifest, f"models.{spec.name}, version {version.version}"
    known = card.source(f"{place}, manifest")
    card.section("Model details")
    card.pairs([
        ("Model", f"{spec.name}, version {version.version}"),
        ("What it says", spec.description or NOT_STATED),
        ("Owners", ", ".join(spec.owners) or NOT_STATED),
        ("Contact", spec.card.contact or NOT_STATED),
        ("Task", f"{manifest.get('task', spec.task)} {known}"),
        ("Trained at", f"{manifest.get('trained_at', NOT_STATED)} {known}"),
        ("Trained by", f"{manifest.get('trained_by') or NOT_STATED}"),
        ("Package", f"`{version.package_sha256}` {card.source(f'{place}, package_sha256')}"),
        ("Estimator", f"{_said(manifest.get('estimator'))} {known}"),
        ("Packages", f"{_said(manifest.get('packages'))} {known}"),
    ])  # fmt: skip


def _said(data: Any) -> str:
    """A mapping as `name=value` texts in order of names; empty parts left out."""
    if not isinstance(data, dict):
        return NOT_STATED if data is None else str(data)
    parts = []
    for name, value in sorted(data.items()):
        if value not in (None, {}, [], ""):
            parts.append(f"{name}: ({_said(value)})" if isinstance(value, dict) else f"{name}={value}")
    return ", ".join(parts)


def _intended_use(card: CardText, spec: ModelSpec) -> None:
    card.section("Intended use")
    card.pairs([
        ("Intended use", spec.card.intended_use or NOT_STATED),
        ("Out of scope", spec.card.out_of_scope or NOT_STATED),
    ])  # fmt: skip


def _factors(card: CardText, spec: ModelSpec, facts: GateFacts) -> None:
    card.section("Factors")
    tables = evaluation_tables(spec.name)
    declared = sorted({row.slice for row in facts.slices if row.kind == "declared"})
    sensitive = sorted({gap.column for gap in facts.fairness})
    for title, names, short in (("Declared slices", declared, "slices"), ("Sensitive columns", sensitive, "fairness")):
        if names:
            card.item(f"**{title}:** {', '.join(names)} {card.source(str(tables[short]))}")
        else:
            card.item(f"**{title}:** none measured ({facts.absent.get(short, 'none declared')})")


def _metrics(card: CardText, spec: ModelSpec, facts: GateFacts) -> None:
    card.section("Metrics")
    names = sorted({metric for estimator, part, metric in facts.metrics if (estimator, part) == ("candidate", "test")})
    if not names:
        card.say(f"None was measured: {facts.absent.get('metrics', 'no metric of the test part is stored')}.")
        return
    others = [name for name in _ESTIMATORS if any(who == name for who, _, _ in facts.metrics)]
    rows = []
    for metric in names:
        source = card.source(f"evaluation.{spec.name}, version {facts.version}, part test, metric {metric}")
        cells = [_with_interval(facts, estimator, metric) for estimator in others]
        rows.append([metric, *(f"{cell} {source}" for cell in cells)])
    card.say("On the test part as a whole; brackets hold 95 % intervals.")
    card.table(["metric", *others], rows)


def _with_interval(facts: GateFacts, estimator: str, metric: str) -> str:
    found = facts.metrics.get((estimator, "test", metric))
    if found is None or found.value is None:
        return "not defined"
    interval = "" if found.low is None or found.high is None else f" [{number(found.low)}, {number(found.high)}]"
    return number(found.value) + interval


def _evaluation_data(card: CardText, bench: Workbench, spec: ModelSpec, version: int) -> None:
    card.section("Evaluation data")
    table = TableName("evaluation", spec.name)
    rows = (
        bench.rows(
            f"select part, max(rows), max(positives), min(snapshot), max(snapshot), count(distinct snapshot) from {table.quoted} "
            "where version = ? and estimator = 'candidate' group by part order by part",
            [version],
        )
        if bench.has_table(table)
        else []
    )
    if not rows:
        card.say(f"Not known: {table} has no rows of version {version}.")
        return
    source = card.source(f"{table}, version {version}, estimator candidate, columns rows, positives and snapshot")
    card.table(
        ["part", "rows", "positives", "snapshots"],
        [[part, f"{count} {source}", f"{_or_none(positives)} {source}", f"{_span(first, last, number_of)} {source}"]
         for part, count, positives, first, last, number_of in rows],
    )  # fmt: skip


def _or_none(value: object) -> str:
    return "not applicable" if value is None else str(value)


def _span(first: datetime | None, last: datetime | None, count: int) -> str:
    return "as a whole" if first is None or last is None else f"{count}, {first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _training_data(card: CardText, spec: ModelSpec, version: ModelVersion) -> None:
    card.section("Training data")
    manifest = version.manifest
    training, source = (
        manifest.get("training_set", {}),
        card.source(f"models.{spec.name}, version {version.version}, manifest"),
    )
    features = manifest.get("features", {})
    card.pairs([
        ("Training set", f"`training.{spec.name}`, {training.get('rows', NOT_STATED)} rows, content `{training.get('content', NOT_STATED)}` {source}"),
        ("Learnt from", f"{manifest.get('facts', {}).get('rows_trained_on', NOT_STATED)} rows {source}"),
        ("Label", f"{_said(manifest.get('label'))} {source}"),
        ("Split", f"{_said(manifest.get('split'))} {source}"),
        ("Features", f"{len(features)}: {', '.join(sorted(features))} {source}"),
    ])  # fmt: skip


def _analyses(card: CardText, spec: ModelSpec, facts: GateFacts) -> None:
    card.section("Quantitative analyses")
    tables = evaluation_tables(spec.name)
    if facts.comparisons:
        rows = []
        for (other, metric), paired in sorted(facts.comparisons.items()):
            source = card.source(f"{tables['comparisons']}, version {facts.version}, other {other}, metric {metric}")
            interval = f"[{number(paired.low)}, {number(paired.high)}]"
            rows.append([other, metric, f"{number(paired.difference)} {interval} {source}", paired.sentence])
        card.table(["against", "metric", "difference, positive is better", "in words"], rows)
    if facts.slices:
        rows = []
        for row in sorted(facts.slices, key=lambda row: (row.kind, row.slice, row.metric)):
            source = card.source(f"{tables['slices']}, version {facts.version}, slice {row.slice}, metric {row.metric}")
            rows.append([f"{row.slice} ({row.kind})", row.metric, f"{number(row.value)} {source}", row.verdict])
        card.table(["slice", "metric", "value", "verdict"], rows)
    if facts.fairness:
        rows = []
        for gap in sorted(facts.fairness, key=lambda gap: (gap.column, gap.measure)):
            source = card.source(
                f"{tables['fairness']}, version {facts.version}, column {gap.column}, measure {gap.measure}"
            )
            rows.append([gap.column, gap.measure, f"{number(gap.value)} {source}", gap.reason or ""])
        card.table(["sensitive column", "measure", "gap over all groups", "remark"], rows)
    for name, fact in sorted(facts.facts.items()):
        source = card.source(f"{tables['facts']}, version {facts.version}, fact {name}")
        card.item(f"{name}: {number(fact.value)} {source}" + (f" ({fact.text})" if fact.text else ""))
    for short in ("comparisons", "slices", "fairness", "facts"):
        if short in facts.absent:
            card.item(f"{short}: not measured ({facts.absent[short]})")


def _gate(card: CardText, bench: Workbench, spec: ModelSpec, version: int) -> None:
    card.section("Verdict of the gate")
    given = verdicts(bench, spec.name, version)
    if not given:
        card.say("The gate has not judged this version.")
        return
    last = given[-1]
    source = card.source(
        f"ops.verdicts, model {spec.name}, version {version}, judged at {last.judged_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    card.say(f"**{'Passed' if last.passed else 'Refused'}**: {last.reasons} {source}")
    if last.rules:
        card.table(
            ["rule", "value", "bound", "status", "reason"],
            [[rule.rule, f"{number(rule.value)} {source}", f"{number(rule.bound)} {source}", rule.status.replace("_", " "), rule.reason]
             for rule in last.rules],
        )  # fmt: skip
    for action in actions(bench, spec.name, version):
        if action.action in ("override", "approve"):
            of = card.source(
                f"ops.registry_actions, model {spec.name}, version {version}, {action.action} by {action.done_by}"
            )
            void = (
                ""
                if action.action == "override" or action.hashes == last.hashes
                else " (void: " + ", ".join(action.hashes.differences(last.hashes)) + " changed)"
            )
            card.item(f"{action}{void} {of}")
