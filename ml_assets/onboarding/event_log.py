"""An event log: features of whoever acts, from the events before each snapshot; the outcome, from those after it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ml_assets.errors import DeclarationError
from ml_assets.onboarding.contracts import Contract
from ml_assets.onboarding.flat import evaluation, model_head
from ml_assets.onboarding.sql import categories, exact, fresh, identifier, numbers, statement
from ml_assets.onboarding.understanding import ColumnFacts, TableFacts, Understanding
from ml_assets.onboarding.yaml_text import comment, document, field
from ml_assets.specs.times import SnapshotSpec

_EVENTS = "dated"
_MUCH = 20_000
_STEP_DAYS = {"day": 1, "week": 7, "month": 30.44}
_MOST_NUMBERS, _MOST_CATEGORIES, _MOST_KEPT = 6, 4, 50


@dataclass(frozen=True)
class SnapshotPlan:
    """The grid of snapshots over the data, how far ahead the outcome reaches, and how snapshots are divided.

    Windows are in days. `scored` are the newest snapshots that scores are made for.
    """

    every: Literal["day", "week", "month"]
    last: int
    horizon: int
    windows: tuple[int, int]
    active: int
    test: int
    validation: int
    scored: int


def newest(u: Understanding) -> datetime:
    """The last moment of the main table's time, UTC."""
    return _bounds(u)[1]


def _bounds(u: Understanding) -> tuple[datetime, datetime]:
    table = u.table(u.main)
    assert u.time is not None
    column = table.column(u.time)
    first, last = (datetime.fromisoformat(str(moment)) for moment in (column.low, column.high))
    return tuple(m.replace(tzinfo=UTC) if m.tzinfo is None else m.astimezone(UTC) for m in (first, last))  # type: ignore[return-value]


def clock_after(moment: datetime) -> datetime:
    """The midnight after `moment`: what a clock shows when a day's events are complete."""
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC) + timedelta(days=1)


def snapshot_plan(u: Understanding) -> SnapshotPlan:
    """Snapshots that fit the data's span: the first after a run-up, labelled ones enough for three parts with embargoes.

    Raises DeclarationError where the span is too short for the horizon.
    """
    first, last = _bounds(u)
    days = (last - first).days + 1
    horizon = u.horizon_days or (30 if days >= 210 else 7 if days >= 49 else 1)
    every: Literal["day", "week", "month"] = "day" if days <= 100 else "week" if days <= 1500 else "month"
    if every == "day" and horizon >= 7:
        every = "week"
    grid = SnapshotSpec(every=every, last=1)
    run_up = min(90, max(days // 4, 1))
    clock = grid.floor(clock_after(last))
    earliest = first + timedelta(days=run_up)
    count, moment = 0, clock
    while moment >= earliest:
        count, moment = count + 1, grid.step(moment, -1)
    steps = math.ceil(horizon / _STEP_DAYS[every])
    free = count - steps - 2 * max(steps - 1, 0)
    if free < 3:
        raise DeclarationError(
            f"the history is too short to predict {horizon} days ahead", place=u.main,
            expected=f"three labelled snapshots (every {every}) with {horizon} days between the parts, after {run_up} days of history",
            got=f"{days} days, {first:%Y-%m-%d} to {last:%Y-%m-%d}", remedy=f"a shorter horizon: --horizon '{max(1, days // 12)} days'",
        )  # fmt: skip
    test, validation = max(1, round(free * 0.25)), max(1, round(free * 0.2))
    windows = (30, 90) if days >= 210 else (7, 28)
    return SnapshotPlan(every, count, horizon, windows, max(3 * horizon, windows[1]), test, validation, min(count, 8))


def files(u: Understanding, base: str) -> dict[str, str]:
    """Feature set, label and population with their SQL, the model and the scores."""
    plan, table = snapshot_plan(u), u.table(u.main)
    features = _features(u, table, plan)
    history = f"{u.name}_history"
    return {
        f"{base}/features/{history}/defs.yaml": _feature_set(u, plan, history, features),
        f"sql/{u.name}/features/{history}.sql": _feature_sql(u, plan, features),
        f"sql/{u.name}/labels/{u.name}.sql": _label_sql(u, table, plan),
        f"sql/{u.name}/labels/{u.name}_population.sql": _population_sql(u, plan),
        f"{base}/model/defs.yaml": _model(u, plan, history, features),
        f"{base}/scores/defs.yaml": _scores(u, plan),
    }


@dataclass(frozen=True)
class _Feature:
    name: str
    sql: str
    contract: Contract
    of: ColumnFacts | None = None


def _features(u: Understanding, table: TableFacts, plan: SnapshotPlan) -> list[_Feature]:
    short, long = plan.windows
    count: Contract = {"type": "integer", "nullable": False, "min": 0}
    ratio: Contract = {"type": "float", "min": 0}
    found = [
        _Feature(f"events_{short}d", f"count(*) {_within(short)}", count),
        _Feature(f"events_{long}d", f"count(*) {_within(long)}", count),
        _Feature("events", "count(*)", count),
        _Feature(f"days_active_{long}d", f"count(distinct age_days) {_within(long)}", count),
        _Feature("days_active", "count(distinct age_days)", count),
        _Feature("days_since_last", "min(age_days)", count),
        _Feature("days_since_first", "max(age_days)", count),
        _Feature(
            "mean_gap_days", "(max(age_days) - min(age_days))::double / nullif(count(distinct age_days) - 1, 0)", ratio
        ),
        _Feature(
            "trend", f"{long / short:.1f} * count(*) {_within(short)} / nullif(count(*) {_within(long)}, 0)", ratio
        ),
    ]  # fmt: skip
    for column in numbers(table, {u.entity, u.time}, _MOST_NUMBERS):
        found += _number_features(column, plan, [feature.name for feature in found])
    for column in categories(table, {u.entity, u.time}, _MOST_CATEGORIES):
        found += _category_features(column, u, plan, [feature.name for feature in found])
    return found


def _within(days: int) -> str:
    return f"filter (where age_days <= {days})"


def _number_features(column: ColumnFacts, plan: SnapshotPlan, taken: list[str]) -> list[_Feature]:
    if exact(column, "") is None:
        return []
    number, cast = _summable(column), "::double"
    total: Contract = {"type": "float", "nullable": False} | ({"min": 0} if _never_negative(column) else {})
    short, long = plan.windows
    found = [
        (f"{column.name}_{short}d", f"coalesce(sum({number}) {_within(short)}, 0){cast}", total),
        (f"{column.name}_{long}d", f"coalesce(sum({number}) {_within(long)}, 0){cast}", total),
        (f"{column.name}_total", f"coalesce(sum({number}), 0){cast}", total),
        (f"{column.name}_mean", f"avg({number}){cast}", {"type": "float"}),
    ]
    return [_Feature(fresh(name, taken), sql, contract, column) for name, sql, contract in found]


def _never_negative(column: ColumnFacts) -> bool:
    return isinstance(column.low, int | float) and column.low >= 0


def _category_features(column: ColumnFacts, u: Understanding, plan: SnapshotPlan, taken: list[str]) -> list[_Feature]:
    assert u.time is not None
    name, time = identifier(column.name), identifier(u.time)
    days = plan.windows[1]
    distinct = fresh(f"distinct_{column.name}_{days}d", taken)
    count: Contract = {"type": "integer", "nullable": False, "min": 0}
    found = [_Feature(distinct, f"count(distinct {name}) {_within(days)}", count, column)]
    if 2 <= column.distinct <= _MOST_KEPT or column.name in u.sensitive:
        last = column.name if column.name in u.sensitive else f"last_{column.name}"
        sql = f"last({name} order by {time}, {name})"
        found.append(_Feature(fresh(last, taken), sql, {"type": "string"}, column))
    return found


def _feature_set(u: Understanding, plan: SnapshotPlan, history: str, features: list[_Feature]) -> str:
    lines = [
        *field("name", history), *field("description", f"What {u.entity} did before each snapshot."),
        *field("entity", u.entity), *field("snapshots", {"every": plan.every, "last": plan.last}),
        *field("sql", f"{u.name}/features/{history}.sql"), "  columns:",
    ]  # fmt: skip
    for feature in features:
        lines += field(feature.name, feature.contract, 4)
    head = [
        f"features.{history}: one row a {u.entity} and snapshot. Written by `ml-assets init {u.name}`, now yours to edit.",
        f"A feature more is a column more in sql/{u.name}/features/{history}.sql and here.",
    ]
    return document(head, "FeatureSet", lines)


def _feature_sql(u: Understanding, plan: SnapshotPlan, features: list[_Feature]) -> str:
    assert u.time is not None
    entity, time, table = identifier(str(u.entity)), identifier(u.time), u.table(u.main)
    read = list(dict.fromkeys(feature.of.name for feature in features if feature.of is not None))
    columns = [
        entity,
        time,
        *(_read(table.column(name)) for name in read),
        f"$snapshot::date - {time}::date as age_days",
    ]
    events = f"with {_EVENTS} as (\n    select\n        " + ",\n        ".join(columns)
    events += f"\n    from raw.{u.main}\n    where {entity} is not null\n)\n\n"
    selected = ",\n".join([f"    {entity}", *(f"    {feature.sql} as {feature.name}" for feature in features)])
    short, long = plan.windows
    notes = [f"trend: the last {short} days against the last {long}; above 1, events have become more frequent."]
    if any("::decimal" in column for column in columns):
        notes.append("Sums are of decimals, so that they do not depend on the order of rows.")
    return statement(
        f"how often, how recently and how much, for each {u.entity}", f"one {u.entity} with an event before the snapshot",
        str(u.entity), "rows before $snapshot only (the engine sees to it); age_days counts back from it", notes,
        f"{events}select\n{selected}\nfrom {_EVENTS}\ngroup by {entity}", _names(u),
    )  # fmt: skip


def _read(column: ColumnFacts) -> str:
    """A column as the features read it: numbers such that they can be summed exactly."""
    name = identifier(column.name)
    number = exact(column, name)
    return name if number in (None, name) else f"{number} as {_summable(column)}"


def _summable(column: ColumnFacts) -> str:
    """What a number is called where it can be summed exactly."""
    name = identifier(column.name)
    return name if exact(column, name) == name else f"{column.name.lower()}_exact"


def _names(u: Understanding) -> list[str]:
    return [column.name for column in u.table(u.main).columns]


def _label_sql(u: Understanding, table: TableFacts, plan: SnapshotPlan) -> str:
    entity = identifier(str(u.entity))
    label, purpose = "1", f"who comes again; a {u.entity} of the population without a row here did not (label 0)"
    if u.target is not None:
        number = exact(table.column(u.target), identifier(u.target)) or identifier(u.target)
        label = f"coalesce(sum({number}), 0)::double"
        purpose = f"{u.target} summed up; a {u.entity} of the population without a row here had none (label 0)"
        if u.task == "binary":
            label = f"(sum({number}) > 0)::integer"
    grouped = (
        f"select\n    {entity},\n    {label} as label\nfrom raw.{u.main}\nwhere {entity} is not null\ngroup by {entity}"
    )
    return statement(
        purpose, f"one {u.entity}", str(u.entity), f"rows in [$snapshot, $snapshot + {plan.horizon} days) only (the engine sees to it)",
        [], grouped, _names(u),
    )  # fmt: skip


def _population_sql(u: Understanding, plan: SnapshotPlan) -> str:
    assert u.time is not None
    entity, time = identifier(str(u.entity)), identifier(u.time)
    return statement(
        f"whom the label is about: a {u.entity} with an event in the {plan.active} days before the snapshot", f"one {u.entity}",
        str(u.entity), "rows before $snapshot only (the engine sees to it)", [],
        f"select distinct {entity}\nfrom raw.{u.main}\nwhere\n    {entity} is not null\n"
        f"    and {time} >= $snapshot - interval {plan.active} day", _names(u),
    )  # fmt: skip


def _model(u: Understanding, plan: SnapshotPlan, history: str, features: list[_Feature]) -> str:
    what = f"Whether a {u.entity} comes again" if u.target is None else f"{u.target} of a {u.entity}"
    label: dict[str, Any] = {
        "sql": f"{u.name}/labels/{u.name}.sql", "population": f"{u.name}/labels/{u.name}_population.sql",
        "horizon": f"{plan.horizon} days",
    }  # fmt: skip
    lines = [
        *field("name", u.name), *field("description", f"{what} within {plan.horizon} days."), "  # owners: [team:name]",
        *field("task", u.task), *field("entity", u.entity), *field("snapshots", {"every": plan.every, "last": plan.last}),
        *field("label", label), *field("features", [history]),
        *comment(f"the outcome window of {plan.horizon} days is kept free between the parts", 2),
        *field("split", {"kind": "time", "test_snapshots": plan.test, "validation_snapshots": plan.validation}),
    ]  # fmt: skip
    lines += _estimator(u)
    slices = [f.name for f in features if f.name.startswith("last_") and f.of is not None and f.of.distinct <= 12]
    lines += evaluation(u, [*slices[:2], "days_since_last"])
    lines += comment(
        "gate: {better_than: [constant, one_rule, linear]}: the default asks for better than a constant", 2
    )
    return document(model_head(u), "Model", lines)


def _estimator(u: Understanding) -> list[str]:
    """Small trees where there is much data: rows of one entity at neighbouring snapshots are nearly the same row."""
    if u.table(u.main).rows < _MUCH:
        return []
    parameters = {"num_leaves": 7, "learning_rate": 0.05, "min_data_in_leaf": 200, "feature_fraction": 0.5}
    said = f"one {u.entity} at neighbouring snapshots is nearly one row: small trees, or it is learnt by heart"
    return [*comment(said, 2), *field("estimator", {"parameters": parameters})]


def _scores(u: Understanding, plan: SnapshotPlan) -> str:
    head = f"scores.{u.name}: what the version in service says of everybody in the population at each snapshot."
    lines = [
        *field("name", u.name), *field("description", f"Score of every {u.entity} at each snapshot."),
        *field("model", u.name), *field("snapshots", {"every": plan.every, "last": plan.scored}),
    ]  # fmt: skip
    return document([head], "ScoredOutput", lines)
