"""How a table was declared when it was last made or judged, so that a plan can say which part of it has changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ml_assets.features.statement import Statement
from ml_assets.graph.compile import Graph
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.manifest import insert_rows, naive_utc
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench


@dataclass(frozen=True)
class DeclaredAs:
    """One asset's declaration as plain data. `sql`: path as shown → text of the statements that it rests on itself."""

    asset: TableName
    kind: str
    place: str
    spec: Mapping[str, Any]
    sql: Mapping[str, str]


def statement_of(asset: TableAsset) -> Statement | None:
    """The statement that makes a table; None where none does."""
    statement = getattr(asset, "statement", None)
    return statement if isinstance(statement, Statement) else None


def declared_as(asset: TableAsset) -> DeclaredAs:
    """The declaration as it stands now."""
    statement = statement_of(asset)
    sql = {} if statement is None else {statement.shown: statement.text}
    kind = type(asset.spec).__name__.removesuffix("Spec")
    return DeclaredAs(asset.name, kind, asset.place, asset.spec.model_dump(mode="json"), sql)


def all_declared(graph: Graph) -> dict[TableName, DeclaredAs]:
    """Every asset's declaration as it stands in a graph."""
    return {asset.name: declared_as(asset) for asset in graph}


def remember(bench: Workbench, asset: TableAsset) -> None:
    """Inside a commit: keep the declaration beside its logic; the last one said of a logic holds."""
    said = declared_as(asset)
    insert_rows(
        bench, "ops.declarations",
        [[str(said.asset), asset.logic, said.kind, said.place, json.dumps(said.spec, sort_keys=True),
          json.dumps(said.sql, sort_keys=True), naive_utc(datetime.now(UTC))]],
    )  # fmt: skip


def remembered(bench: Workbench) -> dict[TableName, DeclaredAs]:
    """Inside a reading block: asset → declaration under which its newest partition was made. Assets that were made before
    declarations were kept are left out."""
    if not bench.has_table(TableName("ops", "declarations")):
        return {}
    rows = bench.rows(
        "select d.asset, d.kind, d.place, d.spec, d.sql from wh.ops.declarations d join wh.ops.manifest m using (asset, logic) "
        "qualify row_number() over (partition by d.asset order by m.batch desc, m.partition desc) = 1"
    )
    return {
        TableName.parse(asset): DeclaredAs(TableName.parse(asset), kind, place, json.loads(spec), json.loads(sql))
        for asset, kind, place, spec, sql in rows
    }
