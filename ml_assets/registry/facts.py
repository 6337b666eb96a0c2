"""What is known of one version when the gate judges it, read from the tables of its evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ml_assets.errors import UnknownNameError
from ml_assets.evaluation.catalogue import LOSS
from ml_assets.specs.gate import FairnessRule, GateSpec, MetricRule, SliceFloorRule
from ml_assets.specs.models import ModelSpec
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

SIBLINGS = ("comparisons", "slices", "fairness", "facts")
# A fact that another measurement of the very same version may change: a clock decided.
CLOCKED = "prediction_us"


class Metric(NamedTuple):
    """A value on a part as a whole; a metric that is not defined has none. `low`, `high`: 95 % interval where known."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Comparison(NamedTuple):
    """Candidate minus other on the same rows, turned so that positive is better; NaN-free, null where not defined."""

    difference: float | None
    low: float | None
    high: float | None
    sentence: str = ""


class SliceValue(NamedTuple):
    """One metric on one slice; a slice that is too small is `not judged`, with the reason."""

    slice: str
    kind: str
    metric: str
    value: float | None
    rows: int | None
    verdict: str
    reason: str | None
    low: float | None = None
    high: float | None = None
    overall: float | None = None


class Gap(NamedTuple):
    """A fairness measure's gap over all groups of a column."""

    column: str
    measure: str
    value: float | None
    reason: str | None
    low: float | None = None
    high: float | None = None


class Fact(NamedTuple):
    """One measured number, or the reason why there is none."""

    value: float | None
    text: str | None


@dataclass(frozen=True)
class GateFacts:
    """Everything the gate may look at. `absent`: table → why nothing of it is known of this version.

    `loss` is the metric that the task calls its loss. `metrics`: (estimator, part, metric) → value; `comparisons`:
    (other, metric) → paired difference. `champion` is the version that serves now, None while there is none.
    `undocumented`: what people have not stated.
    """

    version: int
    champion: int | None = None
    loss: str = "log_loss"
    metrics: Mapping[tuple[str, str, str], Metric] = field(default_factory=dict)
    comparisons: Mapping[tuple[str, str], Comparison] = field(default_factory=dict)
    slices: Sequence[SliceValue] = ()
    fairness: Sequence[Gap] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    undocumented: Mapping[str, Sequence[str]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)


def evaluation_tables(model: str) -> dict[str, TableName]:
    """The tables of an evaluation by their short names; `metrics` is the evaluation itself."""
    whole = TableName("evaluation", model)
    return {"metrics": whole, **{name: whole.sibling(name) for name in SIBLINGS}}


def read_facts(bench: Workbench, spec: ModelSpec, version: int, champion: int | None) -> GateFacts:
    """Inside a reading block: the facts of one version. A table or row that is not there is told in `absent`."""
    found: dict[str, list[dict[str, Any]]] = {}
    absent: dict[str, str] = {}
    for short, table in evaluation_tables(spec.name).items():
        found[short] = _rows_of(bench, table, version)
        if not found[short]:
            absent[short] = (
                f"{table} does not exist"
                if not bench.has_table(table)
                else (_undeclared(spec, short) if found["metrics"] else "")
                or f"{table} has no rows of version {version}"
            )
    return GateFacts(
        version, champion, LOSS[spec.task],
        {(row["estimator"], row["part"], row["metric"]): Metric(row["value"], row.get("low"), row.get("high"))
         for row in found["metrics"] if row["snapshot"] is None},
        {(row["other"], row["metric"]): Comparison(row["difference"], row["low"], row["high"], row["sentence"] or "")
         for row in found["comparisons"]},
        [SliceValue(*(row[name] for name in SliceValue._fields)) for row in found["slices"]],
        [Gap(row["column_name"], row["measure"], row["value"], row["reason"], row["low"], row["high"]) for row in found["fairness"] if row["group_name"] is None],
        {row["fact"]: Fact(row["value"], row["text"]) for row in found["facts"]},
        undocumented(spec), absent,
    )  # fmt: skip


def _undeclared(spec: ModelSpec, short: str) -> str:
    """Why an evaluation has nothing of a table, where its declaration did not ask for it; empty where it did."""
    if short == "slices" and not spec.evaluation.slices:
        return "no slices are declared, and none were found"
    return "no sensitive columns are declared" if short == "fairness" and not spec.evaluation.sensitive else ""


def undocumented(spec: ModelSpec) -> dict[str, tuple[str, ...]]:
    """What of owner, description and card is not stated, each by its field's name."""
    return {
        "owner": () if spec.owners else ("owners",),
        "description": () if spec.description.strip() else ("description",),
        "card": tuple(f"card.{name}" for name in spec.card.missing),
    }


def refuse_unknown_names(facts: GateFacts, gate: GateSpec, place: str) -> None:
    """Raise for a rule about a metric, slice metric, measure or column that the evaluation does not know at all.

    Such a rule could never hold. Where a whole table is absent, nothing is known of its names, and nothing is raised.
    """
    for rule in gate.rules:
        if isinstance(rule, MetricRule):
            _require("metric", rule.metric, {metric for _, _, metric in facts.metrics}, place)
        elif isinstance(rule, SliceFloorRule):
            _require("metric of slices", rule.metric, {row.metric for row in facts.slices}, place)
        elif isinstance(rule, FairnessRule):
            _require("sensitive column", rule.column, {gap.column for gap in facts.fairness}, place)
            _require("fairness measure", rule.measure, {gap.measure for gap in facts.fairness}, place)
        elif rule.kind in ("beats", "no_worse_than_champion"):
            _require("compared metric", rule.metric or facts.loss, {metric for _, metric in facts.comparisons}, place)


def _require(kind: str, name: str, known: Iterable[str], place: str) -> None:
    names = set(known)
    if names and name not in names:
        raise UnknownNameError(kind, name, names, place=place)


def _rows_of(bench: Workbench, table: TableName, version: int) -> list[dict[str, Any]]:
    if not bench.has_table(table):
        return []
    listed = ", ".join(quoted(column) for column in bench.columns(table.quoted))
    rows = bench.records(f"select {listed} from {table.quoted} where version = ? order by all", [version])
    return [{name: _defined(value) for name, value in row.items()} for row in rows]


def _defined(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
