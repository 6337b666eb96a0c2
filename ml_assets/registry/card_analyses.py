"""The quantitative analyses of a model card: what was compared, sliced, weighed and measured, and what could not be."""

from __future__ import annotations

from collections.abc import Iterable

from ml_assets.evaluation.catalogue import HEADLINE, TASK_METRICS
from ml_assets.registry.card_text import CardText, in_brackets, number
from ml_assets.registry.facts import GateFacts, evaluation_tables
from ml_assets.specs.models import ModelSpec
from ml_assets.warehouse.names import TableName

# Fact → its title for people; a fact without one is shown by its name.
_TITLES = {
    "package_bytes": "Size of the package",
    "prediction_us": "Time of a prediction",
    "train_test_gap": "Gap of train and test",
    "calibration_error": "Calibration",
    "seed_spread": "Spread over seeds",
    "golden_share": "Share of the gain that the strongest feature has alone",
    "overlap_rows": "Test rows of entities that the split should keep out of training",
    "champion_version": "Version compared with",
}
_OTHERS = ("constant", "one_rule", "linear", "champion")


def analyses(card: CardText, spec: ModelSpec, facts: GateFacts) -> None:
    """Append the section. What was not judged is said once, with its reason; a table that is not there is named."""
    card.section("Quantitative analyses")
    tables = evaluation_tables(spec.name)
    _comparisons(card, spec, facts, tables["comparisons"])
    _slices(card, facts, tables["slices"])
    _fairness(card, facts, tables["fairness"])
    for name, fact in sorted(facts.facts.items()):
        source = card.source(f"{tables['facts']}, version {facts.version}, fact {name}")
        title = _TITLES.get(name, name)
        if fact.value is None:
            card.item(f"{title}: not known ({fact.text or 'no reason given'}) {source}")
        else:
            card.item(f"{title}: {number(fact.value)} {source}" + (f" ({fact.text})" if fact.text else ""))
    for short in ("comparisons", "slices", "fairness", "facts"):
        if short in facts.absent:
            card.item(f"{short}: not measured ({facts.absent[short]})")


def _comparisons(card: CardText, spec: ModelSpec, facts: GateFacts, table: TableName) -> None:
    shown = [
        (other, metric)
        for other in in_order((who for who, _ in facts.comparisons), _OTHERS)
        for metric in HEADLINE[spec.task]
        if (other, metric) in facts.comparisons
    ]
    rows = []
    for other, metric in shown:
        paired = facts.comparisons[other, metric]
        source = card.source(f"{table}, version {facts.version}, other {other}, metric {metric}")
        gain = (
            "not defined"
            if paired.difference is None
            else f"{number(paired.difference)}{in_brackets(paired.low, paired.high)} {source}"
        )
        rows.append([other, metric, gain, paired.sentence])
    if rows:
        card.table(["against", "metric", "gain, positive is better", "in words"], rows)
        rest = len(facts.comparisons) - len(shown)
        if rest:
            card.say(f"The comparisons by other metrics are in `{table}`.")


def _slices(card: CardText, facts: GateFacts, table: TableName) -> None:
    rows: list[list[str]] = []
    left_out = []
    for row in sorted(facts.slices, key=lambda row: (row.kind, row.slice, row.metric)):
        if row.value is None or row.verdict == "not judged":
            left_out.append((row.slice, row.reason or "no reason given"))
            continue
        source = card.source(f"{table}, version {facts.version}, slice {row.slice}, metric {row.metric}")
        rows.append([
            f"{row.slice} ({row.kind})", row.metric, f"{number(row.value)}{in_brackets(row.low, row.high)} {source}",
            *("-" if value is None else f"{number(value)} {source}" for value in (row.overall, row.rows)), row.verdict,
        ])  # fmt: skip
    if rows:
        card.table(["slice", "metric", "value", "on all test rows", "rows", "verdict"], rows)
    for name, reason in dict.fromkeys(left_out):
        source = card.source(f"{table}, version {facts.version}, slice {name}")
        card.item(f"Slice {name}: not judged ({_without_prefix(reason)}) {source}")


def _fairness(card: CardText, facts: GateFacts, table: TableName) -> None:
    rows: list[list[str]] = []
    left_out: dict[tuple[str, str], list[str]] = {}
    for gap in sorted(facts.fairness, key=lambda gap: (gap.column, gap.measure)):
        if gap.value is None:
            left_out.setdefault((gap.column, gap.reason or "no reason given"), []).append(gap.measure)
            continue
        source = card.source(f"{table}, version {facts.version}, column {gap.column}, measure {gap.measure}")
        value = f"{number(gap.value)}{in_brackets(gap.low, gap.high)} {source}"
        rows.append([gap.column, gap.measure, value, gap.reason or ""])
    if rows:
        card.table(["sensitive column", "measure", "over all groups", "remark"], rows)
    for (column, reason), measures in left_out.items():
        source = card.source(f"{table}, version {facts.version}, column {column}")
        every = len(measures) == sum(gap.column == column for gap in facts.fairness)
        which = "every measure" if every else ", ".join(measures)
        card.item(f"Sensitive column {column}, {which}: not judged ({_without_prefix(reason)}) {source}")


def _without_prefix(reason: str) -> str:
    return reason.removeprefix("not judged: ").removeprefix("too few to judge: ")


def in_catalogue_order(task: str, metrics: Iterable[str]) -> list[str]:
    """Metrics as the task lists them, those that it does not know at the end."""
    return in_order(metrics, [info.name for info in TASK_METRICS.get(task, ())])


def in_order(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Each name once: the known ones in their order, the others sorted behind them."""
    found, listed = set(names), list(known)
    return [name for name in listed if name in found] + sorted(found - set(listed))
