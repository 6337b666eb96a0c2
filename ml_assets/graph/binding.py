"""The columns that every table will have once it is made, found by letting the engine bind each statement to empty tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from ml_assets.errors import MlAssetsError
from ml_assets.features.feature_set import FeatureSetAsset
from ml_assets.features.labels import LabelAsset, PopulationAsset, refuse_missing_columns, refuse_other_label_columns
from ml_assets.features.snapshots import engine_error, snapshot_select
from ml_assets.features.statement import Statement
from ml_assets.graph.compile import Graph
from ml_assets.graph.declared import statement_of
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.warehouse.asset import SNAPSHOT_COLUMN, TableAsset
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

Columns = Mapping[str, str]
# Naive like the warehouse's columns; any one will do.
_MOMENT = datetime(2000, 1, 3)  # noqa: DTZ001
_PROVENANCE = {"_file": "VARCHAR", "_row": "BIGINT", "_batch": "BIGINT"}


@dataclass(frozen=True)
class PlannedColumns:
    """Table → column → DuckDB type, and for each table whose statement would not run what it would say.

    A table that reads one of those has no columns here: what it would have cannot be told.
    """

    tables: dict[TableName, Columns] = field(default_factory=dict)
    problems: dict[TableName, MlAssetsError] = field(default_factory=dict)


def planned_columns(bench: Workbench, graph: Graph, there: Mapping[TableName, Columns]) -> PlannedColumns:
    """Columns of all raw tables and of all tables that a statement makes. `there` are those in the warehouse.

    Works in tables of the workbench that hold no rows; reads and writes nothing of the warehouse.
    """
    found = PlannedColumns()
    for asset in graph:
        statement = statement_of(asset)
        if isinstance(asset, RawTableAsset):
            found.tables[asset.name] = _raw_columns(asset, there.get(asset.name, {}))
        elif statement is None or any(table not in found.tables for table in statement.tables):
            continue
        else:
            try:
                columns = _bound(bench, asset, statement)
            except MlAssetsError as problem:
                found.problems[asset.name] = problem
                continue
            if isinstance(asset, LabelAsset):
                continue
            found.tables[asset.name] = columns
        _make_empty(bench, asset.name, found.tables[asset.name])
    return found


def _raw_columns(asset: RawTableAsset, there: Columns) -> dict[str, str]:
    declared = {name: column.duckdb_type for name, column in asset.spec.contract.columns.items()}
    evolved = there if asset.spec.contract.extra_columns == "evolve" else {}
    return {**declared, **{name: kind for name, kind in evolved.items() if name not in declared}, **_PROVENANCE}


def _make_empty(bench: Workbench, name: TableName, columns: Columns) -> None:
    bench.execute(f"create schema if not exists {quoted(name.schema)}")
    listed = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns.items())
    bench.execute(f"create or replace table {quoted(name.schema)}.{quoted(name.table)} ({listed})")


def _bound(bench: Workbench, asset: TableAsset, statement: Statement) -> dict[str, str]:
    made = _described(bench, statement, snapshots=asset.snapshots is not None)
    if isinstance(asset, FeatureSetAsset):
        asset.refuse_other_columns(made)
        return {**made, **{name: column.duckdb_type for name, column in asset.spec.columns.items()}}
    if isinstance(asset, PopulationAsset):
        kept = (SNAPSHOT_COLUMN, asset.spec.entity, *asset.spec.carried)
        refuse_missing_columns(made, kept, statement)
        return {name: made[name] for name in kept}
    if isinstance(asset, LabelAsset):
        refuse_other_label_columns(made, asset.spec.entity, statement, asset.spec.task)
    return made


def _described(bench: Workbench, statement: Statement, *, snapshots: bool) -> dict[str, str]:
    select = snapshot_select(statement) if snapshots else f"select * from (\n{statement.body}\n)"
    try:
        bench.execute(
            f"create or replace table bound as {select} limit 0", {"snapshot": _MOMENT} if snapshots else None
        )
    except duckdb.Error as problem:
        raise engine_error(statement, problem) from problem
    return bench.columns("bound")
