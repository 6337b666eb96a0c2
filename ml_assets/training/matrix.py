"""Rows of the warehouse as Arrow tables with the types that a model sees."""

from __future__ import annotations

import pyarrow as pa

from ml_assets.training.encoder import Encoder
from ml_assets.training.rows import Matrix
from ml_assets.warehouse.store import Workbench

__all__ = ["Encoder", "Matrix", "arrow_rows"]


def arrow_rows(bench: Workbench, sql: str) -> pa.Table:
    """Rows of a query as an Arrow table; decimals become doubles, so that models see one kind of number."""
    relation = bench.connection.sql(sql)
    table = relation.to_arrow_table()
    if not any(pa.types.is_decimal(field.type) for field in table.schema):
        return table
    return table.cast(
        pa.schema(
            [pa.field(field.name, pa.float64()) if pa.types.is_decimal(field.type) else field for field in table.schema]
        )
    )
