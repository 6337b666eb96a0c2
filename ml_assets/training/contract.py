"""The contract of the matrix: whatever reaches a model holds what the feature sets declare of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import MAX_EXAMPLES, MlAssetsError, shortened
from ml_assets.specs.columns import ColumnSpec

if TYPE_CHECKING:
    import pandera.polars as pandera
    import polars as pl

# Arrow types that a column of each declared type has in an ordinary matrix. Moments are no features.
_PLAIN: dict[str, tuple[pa.DataType, ...]] = {
    "string": (pa.string(),), "integer": (pa.int64(),), "float": (pa.float64(),), "decimal": (pa.float64(),),
    "boolean": (pa.bool_(),),
}  # fmt: skip
# What pandera calls the rules that are not given as checks.
_OWN_NAMES = {"not_nullable": "not_null", "column_in_dataframe": "present"}


class Violation(NamedTuple):
    """One rule of one feature, in how many rows it is broken (0: in the column as a whole), and some bad values."""

    feature: str
    rule: str
    rows: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        found = f" in {self.rows:,} rows" if self.rows else ""
        return f"{self.feature}: {self.rule} broken{found}, such as {', '.join(self.examples)}"


def violations(table: pa.Table, contracts: Mapping[str, ColumnSpec]) -> list[Violation]:
    """Every broken rule, in order of the features. Columns whose contract only warns are left to their feature set.

    pandera judges the columns that are not plainly in order: importing it and its work for each of thousands of columns
    takes far longer than seeing that smallest and largest value lie within the bounds.
    """
    contracts = {name: spec for name, spec in contracts.items() if not _is_plainly_kept(table, name, spec)}
    if not contracts:
        return []
    import pandera.errors
    import polars as pl

    names = [name for name in contracts if name in table.column_names]
    frame = pl.from_arrow(table.select(names))
    assert isinstance(frame, pl.DataFrame)  # eager: of a lazy frame pandera looks at the schema alone
    try:
        _schema(contracts).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as problem:
        order = {name: place for place, name in enumerate(contracts)}
        return sorted(_grouped(problem.failure_cases), key=lambda found: order[found.feature])
    return []


def _is_plainly_kept(table: pa.Table, name: str, spec: ColumnSpec) -> bool:
    """Whether a look at nulls and extremes shows that a column holds its contract; False where more has to be seen."""
    if name not in table.column_names or table.schema.field(name).type not in _PLAIN.get(spec.type, ()):
        return False
    column = table[name]
    if (column.null_count and not spec.nullable) or spec.pattern is not None or spec.max_length is not None:
        return False
    if spec.allowed is not None:
        return bool(
            pc.all(pc.is_in(column.drop_null(), value_set=pa.array(spec.allowed, column.type)), min_count=0).as_py()
        )
    if spec.type in ("float", "decimal") and not pc.all(pc.is_finite(column), min_count=0).as_py():
        return False
    if spec.min is None and spec.max is None:
        return True
    ends = pc.min_max(column).as_py()
    if ends["min"] is None:
        return True
    low, high = (bound if isinstance(bound, float) else None for bound in (spec.min, spec.max))
    return not ((low is not None and ends["min"] < low) or (high is not None and ends["max"] > high))


def require_contract(
    table: pa.Table, contracts: Mapping[str, ColumnSpec], error: type[MlAssetsError], subject: str, place: str
) -> None:
    """Raise `error` with every violation when there is one."""
    if found := violations(table, contracts):
        raise error(
            f"{subject}: features break their declared contract", place=place, expected="rows as the feature sets declare them",
            got=f"{len(found)} broken rules in {table.num_rows:,} rows", examples=found,
            remedy="repair the feature SQL or its source; if such values are right, widen the feature's contract",
        )  # fmt: skip


def _schema(contracts: Mapping[str, ColumnSpec]) -> pandera.DataFrameSchema:
    import pandera.polars as pandera
    import polars as pl

    # Decimals reach a model as doubles.
    types: dict[str, Any] = {
        "string": pl.String, "integer": pl.Int64, "float": pl.Float64, "decimal": pl.Float64, "boolean": pl.Boolean,
        "date": pl.Date, "timestamp": pl.Datetime("us"),
    }  # fmt: skip
    return pandera.DataFrameSchema(
        {
            name: pandera.Column(types[spec.type], _checks(spec), nullable=spec.nullable)
            for name, spec in contracts.items()
            if spec.severity == "error"
        }
    )


def _checks(spec: ColumnSpec) -> list[Any]:
    from pandera.polars import Check

    found = []
    if isinstance(spec.min, float):
        found.append(Check.ge(spec.min, error=f"min {spec.min:g}"))
    if isinstance(spec.max, float):
        found.append(Check.le(spec.max, error=f"max {spec.max:g}"))
    if spec.allowed is not None:
        found.append(Check.isin(list(spec.allowed), error="allowed"))
    if spec.pattern is not None:
        found.append(Check.str_matches(f"^(?:{spec.pattern})$", error="pattern"))
    if spec.max_length is not None:
        found.append(Check.str_length(max_value=spec.max_length, error="max_length"))
    if spec.type in ("float", "decimal"):
        found.append(Check(_finite, error="finite"))
    return found


def _finite(data: Any) -> Any:
    import polars as pl

    return data.lazyframe.select(pl.col(data.key).is_finite())


def _grouped(cases: pl.DataFrame) -> list[Violation]:
    found: dict[tuple[str, str], list[tuple[object, object]]] = {}
    for case, context, column, check, index in cases.select(
        "failure_case", "schema_context", "column", "check", "index"
    ).rows():
        missing = context == "DataFrameSchema"
        found.setdefault((case if missing else column, str(check)), []).append((case, index))
    return [
        Violation(
            feature, _rule_name(check), sum(index is not None for _, index in bad),
            tuple(dict.fromkeys(shortened("null" if case is None else case, 40) for case, _ in bad))[:MAX_EXAMPLES],
        )
        for (feature, check), bad in found.items()
    ]  # fmt: skip


def _rule_name(check: str) -> str:
    return "type" if check.startswith("dtype(") else _OWN_NAMES.get(check, check)
