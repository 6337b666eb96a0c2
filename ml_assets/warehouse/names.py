"""Names of tables: `schema.table`, the same as the asset's key."""

from __future__ import annotations

from typing import NamedTuple

SCHEMAS = ("raw", "staging", "features", "labels", "training", "models", "evaluation", "scores", "monitoring", "ops")


class TableName(NamedTuple):
    """A table of the warehouse and, equally, an asset of the graph."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"

    @classmethod
    def parse(cls, text: str) -> TableName:
        schema, _, table = text.partition(".")
        return cls(schema, table)

    @property
    def quoted(self) -> str:
        """For use in SQL inside a workbench, where the warehouse is attached as `wh`."""
        return f"wh.{quoted(self.schema)}.{quoted(self.table)}"

    def sibling(self, suffix: str) -> TableName:
        """`schema.table__suffix`."""
        return TableName(self.schema, f"{self.table}__{suffix}")


def quoted(identifier: str) -> str:
    """A SQL identifier, safe whatever characters it has."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
