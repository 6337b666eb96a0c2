"""What a changed column reaches: columns, features, models and scores made from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ml_assets.features.statement import Statement
from ml_assets.graph.compile import Graph
from ml_assets.graph.declared import statement_of
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs.models import ModelSpec
from ml_assets.training.model import ModelAsset
from ml_assets.warehouse.names import TableName

KnownColumns = Mapping[TableName, Iterable[str]]


@dataclass(frozen=True)
class ModelReach:
    """One model: which of its features are made from what changed, whether its label or population is, its scores."""

    model: str
    features: tuple[str, ...]
    outcome: tuple[str, ...]
    scores: tuple[str, ...]

    def __str__(self) -> str:
        parts = [*self.outcome, *([_listed(self.features)] if self.features else [])]
        scores = f", {', '.join(self.scores)}" if self.scores else ""
        return f"model {self.model} ({'; '.join(parts)}){scores}"


@dataclass(frozen=True)
class Reach:
    """Table → columns that may hold other values (None: all of them, other rows too). `exact`: by column lineage alone;
    else some step is known by table only."""

    columns: dict[TableName, frozenset[str] | None] = field(default_factory=dict)
    models: tuple[ModelReach, ...] = ()
    exact: bool = True

    @property
    def lineage(self) -> str:
        return "column lineage" if self.exact else "table lineage"


def _listed(names: Iterable[str], most: int = 3) -> str:
    found = list(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def reach(graph: Graph, known: KnownColumns, start: TableName, columns: frozenset[str] | None) -> Reach:
    """Everything made from these columns of `start` (None: from whatever it holds), `start` itself included.

    `known` are the columns of the tables that statements read. A column that only filters, joins or groups changes rows,
    so that all columns of what is made are reached: this is said as table lineage.
    """
    found: dict[TableName, frozenset[str] | None] = {start: columns}
    exact = columns is not None
    for asset in graph:
        statement = statement_of(asset)
        if statement is None or asset.name == start:
            continue
        for table in set(statement.tables) & found.keys():
            through, sure = _through(statement, known, table, found[table])
            if through is None or through:
                exact &= sure
                before = found.get(asset.name, frozenset())
                found[asset.name] = None if through is None or before is None else before | through
    models = tuple(_models(graph, found))
    return Reach(found, models, exact)


def _through(
    statement: Statement, known: KnownColumns, table: TableName, changed: frozenset[str] | None
) -> tuple[frozenset[str] | None, bool]:
    """Output columns that may change with these columns of a source, and whether that is told by column lineage."""
    if changed is None:
        return None, False
    used = frozenset(name for name in changed if _is_named(statement, name))
    if not used:
        return frozenset(), True
    if not statement.is_quickly_followed or any(statement.shapes_rows_by(name) for name in used):
        return None, False
    lineage = statement.column_lineage(known)
    outputs = {name for name, origins in lineage.items() if any((table, column) in origins for column in used)}
    return (frozenset(outputs), True) if outputs else (None, False)


def _is_named(statement: Statement, column: str) -> bool:
    """`columns_in_use` names one column of any table, to count rows by; a `*` names all."""
    return column in statement.columns_in_use(["", column])


def _models(graph: Graph, found: Mapping[TableName, frozenset[str] | None]) -> Iterator[ModelReach]:
    scores = [asset for asset in graph if isinstance(asset, ScoresAsset)]
    for asset in graph:
        if not isinstance(asset, ModelAsset):
            continue
        features = tuple(name for name in asset.features if _is_reached(name, sources_of(asset.spec), found))
        outcome = tuple(_outcome(asset.spec, found))
        if features or outcome:
            readers = tuple(str(one.name) for one in scores if one.model.name == asset.spec.name)
            yield ModelReach(asset.spec.name, features, outcome, readers)


def sources_of(spec: ModelSpec) -> tuple[TableName, ...]:
    """The tables that hold a model's features."""
    source = getattr(spec, "source", None)
    return (TableName.parse(source),) if source else tuple(TableName("features", name) for name in spec.features)


def _is_reached(column: str, tables: Iterable[TableName], found: Mapping[TableName, frozenset[str] | None]) -> bool:
    return any(table in found and ((changed := found[table]) is None or column in changed) for table in tables)


def _outcome(spec: ModelSpec, found: Mapping[TableName, frozenset[str] | None]) -> Iterator[str]:
    column = getattr(spec.label, "column", None)
    if column is not None:
        if _is_reached(column, sources_of(spec), found):
            yield "label"
        return
    for word, table in (
        ("label", TableName("labels", spec.name)),
        ("population", TableName("labels", f"{spec.name}__population")),
    ):
        if (found.get(table, None) is None and table in found) or found.get(table):
            yield word
