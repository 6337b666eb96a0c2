"""What was understood of someone's data, and why: the facts that declarations are written from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ml_assets.specs.columns import ColumnType
from ml_assets.specs.models import Task
from ml_assets.specs.tables import FileFormat

Shape = Literal["flat", "related", "event_log", "ranking"]
Value = bool | int | float | str


@dataclass(frozen=True)
class Note:
    """One thing that was understood: `subject` (a column, a table, the task), what, and why.

    `doubt` marks what a person should look at; `answered_by` names the flag that decides otherwise.
    """

    subject: str
    said: str
    because: str = ""
    doubt: bool = False
    answered_by: str = ""


@dataclass(frozen=True)
class ColumnFacts:
    """One column as it is in the data.

    `header` is its name there, `name` its valid, unique name in the warehouse. `rows`, `missing` and `distinct` count the
    rows that were looked at. `low` and `high` are the smallest and largest value (numbers; ISO text of moments; lengths of
    texts), null where all are missing. `values` lists all distinct values where there are few, in order, else nothing.
    """

    header: str
    name: str
    type: ColumnType
    rows: int
    missing: int
    distinct: int
    low: float | str | None = None
    high: float | str | None = None
    values: tuple[Value, ...] = ()
    examples: tuple[str, ...] = ()
    format: str | None = None
    unit: str | None = None
    constant: bool = False
    id_like: bool = False
    personal: str = ""
    suspicious: str = ""
    free_text: bool = False

    @property
    def missing_share(self) -> float:
        return self.missing / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class TableFacts:
    """One table: files of one layout, or one table of a database (`pulled_from`, as `env:NAME` where a variable
    holds its URL; then without files).

    `rows` is exact when `counted`, else an estimate from the files' size. `key` names a row, () where nothing does.
    `missing` are all spellings of a missing value. `discarded` are headers without a name: where there are some, the
    contract has to say `extra_columns: discard`. `sampled`: facts of columns are those of an evenly spread sample, so that
    smaller, larger and other values may exist; the key is proved on all rows all the same.
    """

    name: str
    files: tuple[Path, ...]
    format: FileFormat
    columns: tuple[ColumnFacts, ...]
    rows: int
    counted: bool = True
    missing: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    event_time: str | None = None
    pulled_from: str | None = None
    pulled_table: str | None = None
    discarded: tuple[str, ...] = ()
    sampled: bool = False

    def column(self, name: str) -> ColumnFacts:
        """The facts of a column by its warehouse name."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Relation:
    """Rows of `child` belong to one row of `parent` each: `child_column` holds values of `parent_column`."""

    child: str
    child_column: str
    parent: str
    parent_column: str
    matched: float


@dataclass(frozen=True)
class Understanding:
    """Everything that the declarations follow from. Columns are given by their warehouse names.

    `main` is the table whose rows are examples (flat, related, ranking) or events (event log). `target` is a column of it;
    of an event log: the number to be summed over the horizon, or None for "whether the entity comes again". `positive` is the
    value that counts as 1 of a binary target that is not 0 and 1 already. `entity` names a row of the main table (an
    event log: who acts), None where no column does. `time` is its event time, `group` keeps rows together in the split,
    `query` ranks within. `left_out`: column of the main table → why it is no feature.
    """

    name: str
    shape: Shape
    task: Task
    tables: tuple[TableFacts, ...]
    main: str
    target: str | None
    positive: Value | None = None
    classes: tuple[str | int, ...] = ()
    entity: str | None = None
    time: str | None = None
    group: str | None = None
    query: str | None = None
    sensitive: tuple[str, ...] = ()
    horizon_days: int | None = None
    relations: tuple[Relation, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    def table(self, name: str) -> TableFacts:
        """A table by its name."""
        return next(table for table in self.tables if table.name == name)
