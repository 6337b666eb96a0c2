"""Tables with one example a row: which column is the label, which are features, and what names a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ml_assets.specs.columns import ColumnSpec
from ml_assets.specs.models import ROW_ID, ModelSpec
from ml_assets.specs.splits import ChronologicalSplitSpec
from ml_assets.warehouse.names import TableName, literal, quoted

_LABEL_TYPES = {"binary": "bigint", "ranking": "bigint", "regression": "double", "multiclass": "varchar"}


class FeatureColumns(Protocol):
    """Something that offers feature columns by contract: a feature set, or a table of examples."""

    @property
    def columns(self) -> Mapping[str, ColumnSpec]: ...


def feature_contracts(spec: ModelSpec, sets: Mapping[str, FeatureColumns]) -> dict[str, ColumnSpec]:
    """Feature column → contract, in the order of the feature sets and their columns; excluded ones left out."""
    return {
        name: column
        for offered in sets.values()
        for name, column in offered.columns.items()
        if name not in spec.exclude
    }


@dataclass(frozen=True)
class ExampleFeatures:
    """The columns of a table of examples that are features."""

    columns: Mapping[str, ColumnSpec]


@dataclass(frozen=True)
class ExampleTable:
    """A raw or staging table, its declared columns and its times."""

    name: TableName
    columns: Mapping[str, ColumnSpec]
    event_time: str | None = None
    available_at: str | None = None

    def features(self, spec: ModelSpec) -> ExampleFeatures:
        """Every column without another part in the model; personal data is no feature."""
        taken = {spec.entity, spec.label_column.column, *spec.carried, self.event_time, self.available_at}
        return ExampleFeatures(
            {name: column for name, column in self.columns.items() if name not in taken and not column.pii}
        )

    def entity_sql(self, spec: ModelSpec) -> str:
        """SQL: what names a row: a column, or file and row of a raw table."""
        if spec.entity == ROW_ID and ROW_ID not in self.columns:
            return "_file || ':' || _row"
        return quoted(spec.entity)

    def snapshot_sql(self, spec: ModelSpec) -> str:
        """SQL: when a row happened, where the split asks for it; else null: rows without an order in time."""
        if isinstance(spec.split, ChronologicalSplitSpec) and self.event_time is not None:
            return f"cast({quoted(self.event_time)} as timestamp)"
        return "cast(null as timestamp)"

    def label_sql(self, spec: ModelSpec) -> str:
        """SQL: the label as the task wants it; null where the outcome is missing."""
        label = spec.label_column
        column, kind = quoted(label.column), _LABEL_TYPES[spec.task]
        if label.positive is None:
            return f"cast({column} as {kind})"
        wanted = f"cast({literal(str(label.positive))} as {self.columns[label.column].duckdb_type})"
        return f"cast({column} = {wanted} as {kind})"

    def rows_sql(self, spec: ModelSpec, names: Sequence[str], *, labelled: bool) -> str:
        """SQL: snapshot, entity, columns `names` and, where asked for, carried columns and label of every row."""
        carried = (*map(quoted, spec.carried), f"{self.label_sql(spec)} as label") if labelled else ()
        entity = f"{self.entity_sql(spec)} as {quoted(spec.entity)}"
        listed = ", ".join((f"{self.snapshot_sql(spec)} as snapshot", entity, *carried, *map(quoted, names)))
        return f"select {listed} from {self.name.quoted}"
