"""What every other database can be asked: its tables, a relation's columns, and its rows in batches of one schema."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ml_assets.errors import UnknownNameError
from ml_assets.specs.columns import ColumnType
from ml_assets.specs.pulls import PullSpec
from ml_assets.warehouse.names import quoted


@dataclass(frozen=True)
class SourceColumn:
    """A column: its type in the words of the source, and the contract type that its values fit.

    `read` is SQL over the relation that gives the value, lossless, in a type that Arrow shares; `arrow` is that type.
    """

    name: str
    declared: str
    type: ColumnType
    read: str
    arrow: pa.DataType


@dataclass(frozen=True)
class SourceTable:
    """A table or view of the source, as a preview shows it."""

    name: str
    columns: tuple[SourceColumn, ...]
    rows: int


class Source(ABC):
    """One open database, read in one transaction: everything that is asked of it is of one moment.

    `shown` names it without its password.
    """

    shown: str

    @abstractmethod
    def tables(self) -> Mapping[str, str]:
        """Name of each table and view → how its SQL calls it. Outside the default schema a name is `schema.table`."""

    @abstractmethod
    def columns(self, relation: str) -> list[SourceColumn]:
        """The columns of a relation (SQL that may follow `from`); raises `PullError` for what the database refuses."""

    @abstractmethod
    def rows(self, relation: str) -> int:
        """How many rows a relation has."""

    @abstractmethod
    def batches(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The rows of a statement, a bounded number at a time; columns by position, of the schema's types."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    def relation(self, pull: PullSpec, place: str) -> str:
        """What a declaration asks for, as SQL that may follow `from`; `UnknownNameError` for a table that is not there."""
        if pull.query is not None:
            # The line break ends a comment that the query may end with.
            return f"({pull.query.strip().rstrip(';')}\n)"
        name = str(pull.table)
        found = self.tables()
        if name not in found:
            raise UnknownNameError(f"table of {self.shown}", name, found, place=place)
        return found[name]

    def select(self, relation: str, columns: Sequence[SourceColumn], order_by: Sequence[str]) -> str:
        """The statement that reads these columns in this order of rows."""
        read = ", ".join(f"{column.read} as {quoted(column.name)}" for column in columns)
        order = f" order by {', '.join(f'q.{quoted(name)}' for name in order_by)}" if order_by else ""
        return f"select {read} from {relation} as q{order}"

    def preview(self) -> list[SourceTable]:
        """Every table and view with its columns and number of rows, in order of name."""
        return [
            SourceTable(name, tuple(self.columns(relation)), self.rows(relation))
            for name, relation in sorted(self.tables().items())
        ]


def table_name(schema: str, table: str, default: str) -> str:
    """How a table is named in declarations."""
    return table if schema == default else f"{schema}.{table}"
