"""Which columns of a table hold personal data, also under another name: values of them are never shown."""

from __future__ import annotations

from ml_assets.graph.compile import Graph
from ml_assets.graph.declared import statement_of
from ml_assets.graph.origin import columns_of
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench


def hidden_columns(bench: Workbench, graph: Graph, name: TableName) -> frozenset[str]:
    """Inside a reading block: columns declared personal, those of such a name, and those computed from one and still text
    or of its type. What only counts persons is of another type and stays visible; of what lineage cannot tell, text is
    hidden."""
    asset = graph.assets.get(name)
    if asset is None:
        return frozenset()
    found = set(asset.personal) | {column for column, spec in columns_of(asset).items() if spec.pii}
    statement = statement_of(asset)
    if statement is None or not bench.has_table(name):
        return frozenset(found)
    known = {table: bench.columns(table.quoted) for table in statement.tables if bench.has_table(table)}
    personal = {
        (table, column): kind
        for table, columns in known.items()
        for column in hidden_columns(bench, graph, table)
        if (kind := columns.get(column)) is not None and column in statement.columns_in_use(["", column])
    }
    lineage = statement.column_lineage(known) if personal else {}
    for column, kind in bench.columns(name.quoted).items() if personal else ():
        origins = lineage.get(column, personal.keys())
        kinds = {personal[origin] for origin in origins if origin in personal}
        if kinds and kind in kinds | {"VARCHAR"}:
            found.add(column)
    return frozenset(found)
