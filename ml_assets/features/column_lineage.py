"""Which source columns an output column is computed from, read from the parsed statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, to_node
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope
from sqlglot.schema import MappingSchema

from ml_assets.warehouse.names import TableName

ColumnLineage = Mapping[str, frozenset[tuple[TableName, str]]]
KnownColumns = tuple[tuple[TableName, tuple[str, ...]], ...]
# What the parser's own optimizer raises for SQL that it does not understand (`ValueError`: a column it cannot find).
_NOT_UNDERSTOOD = (SqlglotError, ValueError, KeyError, RecursionError)


@dataclass(frozen=True)
class _Question:
    fingerprint: str
    known: KnownColumns
    tree: exp.Query = field(compare=False)


def column_lineage(fingerprint: str, known: KnownColumns, tree: exp.Query) -> ColumnLineage:
    """Output column → (table, column) pairs; the empty set for a constant or `count(*)`.

    A column whose origin cannot be told for certain is left out. `known` are the columns of the source tables, which
    `*` and unqualified names need. Answers are kept by `fingerprint` and `known`.
    """
    return _answer(_Question(fingerprint, known, tree))


@lru_cache(maxsize=512)
def _answer(question: _Question) -> ColumnLineage:
    return {name: _origins(nodes) for name, nodes in column_nodes(question.known, question.tree).items()}


def column_nodes(known: KnownColumns, tree: exp.Query) -> dict[str, list[Node]]:
    """Output column → the parser's nodes on its way to the sources, the output first; columns that it cannot follow and
    whole statements that it does not understand are left out."""
    tables: dict[str, object] = {}
    for schema_name in {table.schema for table, _ in known}:
        # Types do not matter here, but the optimizer wants some.
        tables[schema_name] = {
            table.table: dict.fromkeys(columns, "VARCHAR") for table, columns in known if table.schema == schema_name
        }
    schema = MappingSchema(tables, dialect="duckdb")
    try:
        qualified = qualify(
            tree.copy(), dialect="duckdb", schema=schema, validate_qualify_columns=False, identify=False
        )
        scope = build_scope(qualified)
    except _NOT_UNDERSTOOD:
        return {}
    if scope is None or qualified.is_star:
        return {}
    found = {name: _nodes(name, scope, schema) for name in qualified.named_selects}
    return {name: nodes for name, nodes in found.items() if nodes is not None}


def _nodes(column: str, scope: Scope, schema: MappingSchema) -> list[Node] | None:
    try:
        nodes = list(to_node(column, scope, "duckdb", schema, trim_selects=False).walk())
    except _NOT_UNDERSTOOD:
        return None
    unknown = (
        isinstance(node.expression, exp.Placeholder) or "*" in node.name.split(".")
        for node in nodes
        if not node.downstream
    )
    return None if any(unknown) else nodes


def _origins(nodes: list[Node]) -> frozenset[tuple[TableName, str]]:
    tables = [node for node in nodes if isinstance(node.expression, exp.Table)]
    return frozenset(origin_of(node) for node in tables if node.expression.args.get("db"))


def origin_of(node: Node) -> tuple[TableName, str]:
    """Table and column of a node that is a source's."""
    return _table(node), _column(node)


def _table(node: Node) -> TableName:
    table = node.expression
    assert isinstance(table, exp.Table)
    return TableName(table.db.lower(), table.name.lower())


def _column(node: Node) -> str:
    """The last part of `alias.column`, without quotes."""
    return exp.to_column(node.name, dialect="duckdb").name
