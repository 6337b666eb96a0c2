"""What an output column rests on besides source columns: expressions, filters, joins and groups on its way."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.lineage import Node

from ml_assets.features.column_lineage import KnownColumns, column_nodes, origin_of
from ml_assets.warehouse.manifest import fingerprint
from ml_assets.warehouse.names import TableName

_SHAPING = (exp.Where, exp.Join, exp.Group, exp.Having, exp.Qualify, exp.Order, exp.Limit)


def column_logic(known: KnownColumns, tree: exp.Query) -> dict[str, str]:
    """Output column → fingerprint of the expressions and of the clauses (from, where, group, …) of every part of the
    statement that it comes through. A column whose way cannot be followed is left out."""
    clauses: dict[int, str] = {}
    return {
        name: fingerprint([(_expression(node), _clauses(node, clauses)) for node in nodes])
        for name, nodes in column_nodes(known, tree).items()
    }


def _expression(node: Node) -> str:
    return str(node.expression.sql(dialect="duckdb"))


def _clauses(node: Node, known: dict[int, str]) -> str:
    """What decides the rows of the query that a node is part of, without the columns that it returns."""
    source = node.source
    if not isinstance(source, exp.Query):
        return str(source.sql(dialect="duckdb"))
    if id(source) not in known:
        bare = source.copy()
        for word in ("with", "with_"):
            bare.args.pop(word, None)
        if isinstance(bare, exp.Select):
            bare.set("expressions", [exp.Literal.number(1)])
        known[id(source)] = str(bare.sql(dialect="duckdb"))
    return known[id(source)]


def copied_columns(known: KnownColumns, tree: exp.Query) -> dict[str, tuple[TableName, str]]:
    """Output column → the source column that it repeats unchanged.

    Empty for a statement that groups or combines: its rows are not rows of a source.
    """
    if not isinstance(tree, exp.Select) or any(tree.find_all(exp.Group, exp.AggFunc, exp.SetOperation)):
        return {}
    found = {}
    for name, nodes in column_nodes(known, tree).items():
        *way, last = nodes
        plain = all(len(node.downstream) == 1 and isinstance(node.expression.unalias(), exp.Column) for node in way)
        if plain and isinstance(last.expression, exp.Table) and last.expression.args.get("db"):
            found[name] = origin_of(last)
    return found


def shapes_rows_by(column: str, tree: exp.Query) -> bool:
    """Whether a column, or a name that a part of the statement gives to something made of it, decides which rows there are.

    Judged by name, so it may say yes where another table's column of that name is meant; it never says no wrongly.
    """
    names = {column.lower()}
    aliases = list(tree.find_all(exp.Alias))
    while True:
        made_of = {a.alias.lower() for a in aliases if any(c.name.lower() in names for c in a.find_all(exp.Column))}
        if made_of <= names:
            break
        names |= made_of
    return any(found.name.lower() in names and _decides(found) for found in tree.find_all(exp.Column, exp.Identifier))


def _decides(node: exp.Expression) -> bool:
    clause = node.find_ancestor(*_SHAPING, exp.Filter, exp.Window)
    # `filter (where …)` and windows belong to the value that they stand at.
    return (
        clause is not None
        and not isinstance(clause, exp.Window)
        and not isinstance(clause.parent, exp.Filter | exp.Window | exp.AggFunc)
    )
