"""Model cards: Markdown from stored facts only, each number with its source; equal facts give equal bytes.

Sections follow Mitchell et al., "Model Cards for Model Reporting" (2019).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from ml_assets.registry.book import actions, same_person, verdicts
from ml_assets.registry.card_analyses import analyses, in_catalogue_order
from ml_assets.registry.card_text import NOT_STATED, CardText, in_brackets, number
from ml_assets.registry.changes import written
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
    _metrics(card, spec, loaded, facts)
    _evaluation_data(card, bench, spec, version)
    _training_data(card, spec, loaded)
    analyses(card, spec, facts)
    card.section("Ethical considerations")
    card.say(spec.card.ethical or NOT_STATED)
    card.section("Caveats and recommendations")
    card.say(spec.card.limitations or NOT_STATED)
    _gate(card, bench, spec, loaded)
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
        ("Trained by", f"{manifest.get('trained_by') or NOT_STATED} {known}"),
        ("Trained because", f"{manifest.get('because') or NOT_STATED} {known}"),
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
            shown = written(value)
            parts.append(f"{name}: ({_said(value)})" if isinstance(value, dict) else f"{name}={shown}")
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
            card.item(f"**{title}:** none ({facts.absent.get(short, 'none declared')})")


def _metrics(card: CardText, spec: ModelSpec, version: ModelVersion, facts: GateFacts) -> None:
    card.section("Metrics")
    threshold = version.manifest.get("facts", {}).get("threshold")
    known = card.source(f"models.{spec.name}, version {version.version}, manifest")
    measured = {metric for estimator, part, metric in facts.metrics if (estimator, part) == ("candidate", "test")}
    names = in_catalogue_order(spec.task, measured)
    if not names:
        card.say(f"None was measured: {facts.absent.get('metrics', 'no metric of the test part is stored')}.")
        return
    others = [name for name in _ESTIMATORS if any(who == name for who, _, _ in facts.metrics)]
    rows = []
    for metric in names:
        source = card.source(f"evaluation.{spec.name}, version {facts.version}, part test, metric {metric}")
        cells = [_with_interval(facts, estimator, metric) for estimator in others]
        rows.append([metric, *(f"{cell} {source}" for cell in cells)])
    at = (
        ""
        if threshold is None
        else f" A row is selected at a score of at least {number(threshold['value'])} {known} ({threshold['source']})."
    )
    card.say(f"On the test part as a whole; brackets hold 95 % intervals.{at}")
    card.table(["metric", *others], rows)


def _with_interval(facts: GateFacts, estimator: str, metric: str) -> str:
    found = facts.metrics.get((estimator, "test", metric))
    if found is None or found.value is None:
        return "not defined"
    return number(found.value) + in_brackets(found.low, found.high)


def _evaluation_data(card: CardText, bench: Workbench, spec: ModelSpec, version: int) -> None:
    card.section("Evaluation data")
    table = TableName("evaluation", spec.name)
    rows = (
        bench.rows(
            f"select part, max(rows), max(positives), min(snapshot), max(snapshot), count(distinct snapshot) from {table.quoted} "
            "where version = ? and estimator = 'candidate' group by part order by list_position(['train', 'validation', 'test'], part)",
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
        [[part, f"{count} {source}", _counted(positives, source), _span(first, last, number_of, source)]
         for part, count, positives, first, last, number_of in rows],
    )  # fmt: skip


def _counted(value: int | None, source: str) -> str:
    return "not applicable" if value is None else f"{value} {source}"


def _span(first: datetime | None, last: datetime | None, count: int, source: str) -> str:
    whole = first is None or last is None
    return "measured as a whole" if whole else f"{count}, {first:%Y-%m-%d} to {last:%Y-%m-%d} {source}"


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


def _gate(card: CardText, bench: Workbench, spec: ModelSpec, loaded: ModelVersion) -> None:
    version = loaded.version
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
            [[rule.rule, *("-" if value is None else f"{number(value)} {source}" for value in (rule.value, rule.bound)),
              rule.status.replace("_", " "), rule.reason] for rule in last.rules],
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
            trainer = loaded.manifest.get("trained_by") or ""
            also = " (who trained it too)" if trainer and same_person(trainer) == same_person(action.done_by) else ""
            card.item(f"{action}{also}{void} {of}")
