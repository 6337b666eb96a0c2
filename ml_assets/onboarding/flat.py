"""A model on a table of examples: one row an example, a column the outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ml_assets.onboarding.contracts import is_personal
from ml_assets.onboarding.understanding import ColumnFacts, TableFacts, Understanding
from ml_assets.onboarding.yaml_text import comment, document, field

_MOST_SLICES = 3
_ROWS_FOR_CALIBRATION = 1000


def model(understanding: Understanding, source: str, features: list[ColumnFacts], entity: str | None) -> str:
    """`defs.yaml` of the model. `features` are the columns of `source` that it could learn from."""
    u = understanding
    assert u.target is not None
    lines = [*field("name", u.name), *field("description", _purpose(u)), "  # owners: [team:name]"]
    lines += [*(field("task", u.task) if u.task != "binary" else []), *field("source", source)]
    lines += field("entity", entity) if entity else []
    lines += field("label", _label(u))
    lines += _exclude(u, features)
    lines += _split(u)
    # Probabilities set right on an earlier period are set wrong for a later one as soon as the outcomes' share moves.
    if u.task == "binary" and u.time is None and u.table(u.main).rows >= _ROWS_FOR_CALIBRATION:
        lines += field("calibration", "auto")
    lines += evaluation(u, slice_columns(features, u))
    lines += comment(
        "gate: {better_than: [constant, one_rule, linear]}: the default asks for better than a constant", 2
    )
    return document(model_head(u), "Model", lines)


def model_head(u: Understanding) -> list[str]:
    """What the file of a model says at its top."""
    return [
        f"What {u.name} predicts, from what, and how it is judged. Written by `ml-assets init {u.name}`, now yours.",
        f"All fields: ml-assets components Model. After an edit: ml-assets run {u.name}",
    ]


def scores(understanding: Understanding) -> str:
    """`defs.yaml` of the scores of every row."""
    name = understanding.name
    head = [f"scores.{name}: what the version in service says of every row, those without an outcome included."]
    attributes = {"name": name, "description": f"Score of every row by {name}", "model": name}
    return "\n".join([*comment(head[0]), "type: ml_assets.ScoredOutput", *field("attributes", attributes, 0)]) + "\n"


def _purpose(u: Understanding) -> str:
    what = {
        "binary": f"Whether {u.target} is {u.positive}" if u.positive is not None else f"Whether {u.target} holds",
        "multiclass": f"Which value {u.target} has",
        "regression": f"How large {u.target} is",
        "ranking": f"Which rows of one {u.query} come first by {u.target}",
    }[u.task]
    return f"{what}, for each row of {u.main}."


def _label(u: Understanding) -> dict[str, Any]:
    found: dict[str, Any] = {"column": u.target}
    if u.positive is not None and u.task == "binary":
        found["positive"] = u.positive
    return found | ({"query": u.query} if u.query is not None and u.task == "ranking" else {})


def _exclude(u: Understanding, features: list[ColumnFacts]) -> list[str]:
    reasons = {column.name: u.left_out[column.name] for column in features if column.name in u.left_out}
    elsewhere = {relation.child_column: relation.parent for relation in u.relations if relation.child == u.main}
    for column in features:
        if column.type in ("date", "timestamp"):
            reasons.setdefault(column.name, "a date; days since it, from a SqlTable, would be a feature")
        elif column.name in elsewhere:
            reasons.setdefault(column.name, f"names a row of {elsewhere[column.name]}")
        elif column.name == u.group:
            reasons.setdefault(column.name, "names a group")
    lines: list[str] = []
    if reasons:
        by_reason: dict[str, list[str]] = {}
        for name, reason in reasons.items():
            by_reason.setdefault(reason, []).append(name)
        said = "; ".join(f"{_few(names)} ({reason})" for reason, names in by_reason.items())
        lines += [*comment(f"left out: {said}", 2), *field("exclude", list(reasons))]
    main = u.table(u.main)
    personal = [c.name for c in main.columns if is_personal(u, main, c) and c.name not in (u.entity, *reasons)]
    lines += comment(f"never a feature: {_few(personal)} (personal data, pii)", 2) if personal else []
    kept = [column for column in features if column.suspicious and column.name not in reasons]
    for column in kept[:_MOST_SLICES]:
        lines += comment(f"kept, but look at it: {column.name} ({column.suspicious})", 2)
    return lines


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:7])} and {len(names) - 7} more"


def _split(u: Understanding) -> list[str]:
    table = u.table(u.main)
    if u.query is not None and u.task == "ranking":
        return [*comment("a query's rows stay together", 2), *field("split", {"kind": "group", "column": u.query})]
    if u.time is not None:
        note = "the newest rows are the test; should an outcome be known only later, say so with embargo: 30 days"
        if u.group is not None:
            note += f". Rows of one {u.group} may stand on both sides; {{kind: group, column: {u.group}}} keeps them together"
        return [*comment(note, 2), *field("split", {"kind": "chronological", "every": _every(table, u.time)})]
    if u.group is not None:
        note = f"rows of one {u.group} stay together, so that the test holds none that training has met"
        return [*comment(note, 2), *field("split", {"kind": "group", "column": u.group})]
    return field("split", {"kind": "stratified" if u.task in ("binary", "multiclass") else "random"})


def _every(table: TableFacts, time: str) -> str:
    """Length of the periods of the report, so that a fifth of the data holds a handful."""
    days = span_days(table.column(time))
    return "day" if days <= 90 else "week" if days <= 730 else "month"


def span_days(column: ColumnFacts) -> int:
    """Days from the first to the last moment of a time column; 0 where it has none."""
    if column.low is None or column.high is None:
        return 0
    first, last = (datetime.fromisoformat(str(moment)) for moment in (column.low, column.high))
    return (last.replace(tzinfo=None) - first.replace(tzinfo=None)).days


def slice_columns(features: list[ColumnFacts], u: Understanding) -> list[str]:
    """Few-valued texts by which a report is readable, at most three."""
    found = [
        column.name for column in features
        if column.type == "string" and 2 <= len(column.values) <= 12 and not column.free_text
        and column.name not in u.sensitive and column.name not in u.left_out
    ]  # fmt: skip
    return found[:_MOST_SLICES]


def evaluation(u: Understanding, slices: list[str]) -> list[str]:
    """What is looked at beside the metrics."""
    found: dict[str, Any] = {}
    if slices:
        found["slices"] = [{"columns": [name]} for name in slices]
    if u.sensitive:
        found["sensitive"] = list(u.sensitive)
    return field("evaluation", found) if found else []


def feature_candidates(u: Understanding, table: TableFacts) -> list[ColumnFacts]:
    """Columns of a table of examples without another part in the model: what it may learn from."""
    taken = {u.entity, u.target, u.query, table.event_time}
    if not (u.query is not None and u.task == "ranking") and u.time is None:
        taken.add(u.group)
    return [
        column for column in table.columns
        if column.name not in taken and not is_personal(u, u.table(u.main), column)
    ]  # fmt: skip
