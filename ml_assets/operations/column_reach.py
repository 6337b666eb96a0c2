"""Which tables a column reaches, where column lineage tells: trouble in a column that nobody reads explains nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml_assets.graph.declared import statement_of
from ml_assets.graph.reach import reach
from ml_assets.operations.signals import Signal
from ml_assets.operations.watch import Watch
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

Reached = Mapping[tuple[str, str], frozenset[str]]


def columns_reach(bench: Workbench, watch: Watch, signals: Sequence[Signal]) -> Reached:
    """Inside a reading block: (table, column) of each signal → the tables made from that column.

    Columns of which lineage is known by table only are left out, and so is everything where there is one signal alone.
    """
    asked = {(one.subject, one.column) for one in signals if one.column and watch.asset(one.subject) is not None}
    if len(signals) < 2 or not asked:
        return {}
    known: dict[TableName, list[str]] = {}
    for schema, table, column in bench.rows(
        "select schema_name, table_name, column_name from duckdb_columns() where database_name = 'wh' and schema_name <> 'ops' "
        "order by schema_name, table_name, column_index"
    ):
        known.setdefault(TableName(schema, table), []).append(column)
    found = {}
    for table, column in sorted(asked):
        reached = reach(watch.graph, known, TableName.parse(table), frozenset({column}))
        if reached.exact:
            found[table, column] = _with_what_has_no_statement(watch, set(reached.columns)) - {table}
    return found


def _with_what_has_no_statement(watch: Watch, tables: set[TableName]) -> frozenset[str]:
    """Training sets, models, scores and monitors read whole tables."""
    for asset in watch.graph:
        if statement_of(asset) is None and tables.intersection(asset.deps):
            tables.add(asset.name)
    return frozenset(map(str, tables))
