"""Models of a table with one example a row: what they name is there, and can mean what it is taken for."""

from __future__ import annotations

from collections.abc import Iterator

from ml_assets.errors import DeclarationError, UnknownNameError
from ml_assets.graph.project import Declaration
from ml_assets.specs.columns import ColumnSpec
from ml_assets.specs.models import ROW_ID, ModelSpec, ScoredOutputSpec
from ml_assets.specs.splits import ChronologicalSplitSpec
from ml_assets.specs.tables import RawTableSpec, SqlTableSpec
from ml_assets.training.examples import ExampleFeatures, ExampleTable
from ml_assets.warehouse.names import TableName

_WHOLE = ("boolean", "integer")
_FITTING = {
    "binary": _WHOLE, "ranking": ("integer",), "multiclass": ("string", "integer", "boolean"),
    "regression": ("integer", "float", "decimal"),
}  # fmt: skip


def examples_of(declaration: Declaration, spec: ModelSpec, source: RawTableSpec | SqlTableSpec) -> ExampleTable:
    """The table that a model learns from. Raises where the model names what the table does not declare, or cannot use."""
    table = example_table(source)
    if not table.columns:
        raise DeclarationError(
            f"{table.name} declares no columns", place=declaration.place_of("source"), expected="columns with their types, which become features",
            got="none", remedy=f"declare `columns:` of the SqlTable {source.name}",
        )  # fmt: skip
    for field, name in _named(spec):
        if name not in table.columns:
            raise UnknownNameError("column", name, table.columns, place=declaration.place_of(*field))
    _refuse_label(declaration, spec, table)
    _refuse_split(declaration, spec, table)
    _refuse_entity(declaration, spec, table)
    _refuse_moments(declaration, spec, table)
    return table


def scored_examples(
    declaration: Declaration, spec: ScoredOutputSpec, model: ModelSpec, source: RawTableSpec | SqlTableSpec,
    learnt: ExampleFeatures,
) -> ExampleTable:  # fmt: skip
    """The table whose rows are scored. Raises where it lacks a column that the model needs, or has it of another type."""
    if spec.snapshots is not None:
        raise DeclarationError(
            f"model {model.name} has no snapshots", place=declaration.place_of("snapshots"), expected="no snapshots: every row of a table is scored",
            got="snapshots", remedy="take them away",
        )  # fmt: skip
    table = example_table(source)
    _refuse_entity(declaration, model, table)
    others = [
        f"{name}: {column.type}"
        for name, column in learnt.columns.items()
        if name not in model.exclude and (name not in table.columns or table.columns[name].type != column.type)
    ]
    if others:
        raise DeclarationError(
            f"{table.name} lacks columns that model {model.name} learns from", place=declaration.place_of("source"),
            expected="the features of the model, by name and type", got=f"without {', '.join(others)}",
            remedy=f"declare them, or score rows of {model.source}",
        )  # fmt: skip
    return table


def refuse_misplaced_scores(declaration: Declaration, spec: ScoredOutputSpec, model: ModelSpec) -> None:
    """Raise where scores of a model with snapshots have none, or name a source."""
    if spec.snapshots is None or spec.source is not None:
        raise DeclarationError(
            f"model {model.name} has snapshots, its scores too", place=declaration.place_of("source"), expected="snapshots, and no source",
            got="no snapshots" if spec.snapshots is None else f"source {spec.source}",
            remedy=f"declare `snapshots:` among those of {model.name}",
        )  # fmt: skip


def example_table(source: RawTableSpec | SqlTableSpec) -> ExampleTable:
    """A declared table as one of examples."""
    raw = isinstance(source, RawTableSpec)
    columns = source.contract.columns if isinstance(source, RawTableSpec) else source.columns
    name = TableName("raw" if raw else "staging", source.name)
    return ExampleTable(name, columns, source.event_time, source.available_at)


def _named(spec: ModelSpec) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where the model names a column of its source, and which."""
    label = spec.label_column
    yield ("label", "column"), label.column
    if label.query is not None:
        yield ("label", "query"), label.query
    if spec.entity != ROW_ID:
        yield ("entity",), spec.entity
    for name in spec.carried:
        if name != label.query:
            yield ("split", "column"), name


def _refuse_label(declaration: Declaration, spec: ModelSpec, table: ExampleTable) -> None:
    label = spec.label_column
    kind = table.columns[label.column].type
    if label.positive is None and kind not in _FITTING[spec.task]:
        remedy = (
            "say with label.positive which value counts as 1, or declare another task"
            if spec.task == "binary"
            else "name another column, or declare another task"
        )
        raise DeclarationError(
            f"column {label.column} cannot be the label of a {spec.task} task", place=declaration.place_of("label", "column"),
            expected=" or ".join(_FITTING[spec.task]), got=kind, remedy=remedy,
        )  # fmt: skip


def _refuse_split(declaration: Declaration, spec: ModelSpec, table: ExampleTable) -> None:
    if isinstance(spec.split, ChronologicalSplitSpec) and table.event_time is None:
        raise DeclarationError(
            f"{table.name} has no event time to divide its rows by", place=declaration.place_of("split"), expected="a source that declares event_time",
            got="none", remedy=f"declare event_time of {table.name}, or another kind of split",
        )  # fmt: skip


def _refuse_entity(declaration: Declaration, spec: ModelSpec, table: ExampleTable) -> None:
    if spec.entity in table.columns:
        return
    if spec.entity == ROW_ID and table.name.schema == "raw":
        return
    raise DeclarationError(
        f"nothing names a row of {table.name}", place=declaration.place_of("entity"), expected="entity: a column whose values are unique",
        got="none declared" if spec.entity == ROW_ID else f"{spec.entity}, which {table.name} does not declare",
        remedy="declare `entity:` of the model" if spec.entity == ROW_ID else f"let {table.name} have {spec.entity}",
    )  # fmt: skip


def _refuse_moments(declaration: Declaration, spec: ModelSpec, table: ExampleTable) -> None:
    """A moment as it stands is no feature: a model would learn dates that never come again."""
    features: dict[str, ColumnSpec] = dict(table.features(spec).columns)
    moments = [n for n, c in features.items() if c.type in ("date", "timestamp") and n not in spec.exclude]
    if moments:
        raise DeclarationError(
            f"{', '.join(moments)} of {table.name}: a moment is no feature", place=declaration.place_of("source"),
            expected="numbers, truth values and texts", got=", ".join(f"{name}: {features[name].type}" for name in moments),
            remedy=f"list {', '.join(moments)} under exclude, or turn them into spans or parts of a date in a SqlTable",
        )  # fmt: skip
    if not set(features) - set(spec.exclude):
        raise DeclarationError(
            f"{table.name} has no column left to be a feature", place=declaration.place_of("source"), expected="at least one",
            got="only label, entity, times, personal data and excluded columns", remedy="exclude fewer, or use another source",
        )  # fmt: skip
