"""Release notes: what a version changes against the champion that served when it was judged."""

from __future__ import annotations

from ml_assets.errors import MlAssetsError
from ml_assets.registry.card_analyses import in_catalogue_order
from ml_assets.registry.card_text import CardText, in_brackets, number
from ml_assets.registry.changes import SECTIONS, changes_between
from ml_assets.registry.facts import GateFacts
from ml_assets.training.versions import ModelVersion, load_version
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

_TITLES = {"data": "Data", "features": "Features", "parameters": "Parameters", "code": "Code and packages"}


def release_notes(
    card: CardText, bench: Workbench, version: ModelVersion, champion: int | None, facts: GateFacts
) -> None:
    """Append the section; with no champion before there is nothing to compare with, and it says so."""
    card.section("Release notes")
    if champion is None:
        card.say("The first version to be judged: there was no champion to compare it with.")
        return
    try:
        before = load_version(bench, version.model, champion)
    except MlAssetsError as problem:
        card.say(f"Version {champion} was champion, but cannot be read any more: {problem.subject}.")
        return
    old, new = (
        card.source(f"models.{version.model}, version {number}, manifest") for number in (champion, version.version)
    )
    card.say(f"What changed against version {champion}, the champion when this version was judged.")
    found = changes_between(before, version)
    for section in SECTIONS:
        changed = [change for change in found if change.section == section]
        if not changed:
            card.item(f"{_TITLES[section]}: no change {new}")
        for change in changed:
            card.item(
                f"{_TITLES[section]}, `{change.name}`: {_shown(change.before)} {old} → {_shown(change.after)} {new}"
            )
    _metrics(card, bench, version, champion, facts)


def _shown(value: str | None) -> str:
    return "(none)" if value is None else f"`{value}`"


def _metrics(card: CardText, bench: Workbench, version: ModelVersion, champion: int, facts: GateFacts) -> None:
    table = TableName("evaluation", version.model)
    old: dict[str, float | None] = dict(
        bench.rows(
            f"select metric, value from {table.quoted} where version = ? and estimator = 'candidate' and part = 'test' "
            "and snapshot is null order by metric",
            [champion],
        )
        if bench.has_table(table)
        else []
    )
    rows = []
    measured = {
        metric: found for (who, part, metric), found in facts.metrics.items() if (who, part) == ("candidate", "test")
    }
    for metric in in_catalogue_order(version.manifest["task"], measured):
        found = measured[metric]
        marks = [
            card.source(f"{table}, version {which}, part test, metric {metric}")
            for which in (champion, version.version)
        ]
        paired = facts.comparisons.get(("champion", metric))
        said = "not compared on the same rows"
        if paired is not None:
            source = card.source(
                f"{table.sibling('comparisons')}, version {version.version}, other champion, metric {metric}"
            )
            said = f"{number(paired.difference)}{in_brackets(paired.low, paired.high)} {source}"
        rows.append([metric, f"{number(old.get(metric))} {marks[0]}", f"{number(found.value)} {marks[1]}", said])
    if rows:
        card.say("Each version on its own test rows; the paired difference is on the same rows, positive is better.")
        card.table(["metric", f"version {champion}", f"version {version.version}", "paired difference"], rows)
