"""The contract of one column, and of a table's columns."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from ml_assets.specs.base import Severity, Spec

ColumnType = Literal["string", "integer", "float", "decimal", "boolean", "date", "timestamp"]

DUCKDB_TYPES: dict[str, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "decimal": "DECIMAL(18,4)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


class ColumnSpec(Spec):
    """What a column's values must be; nulls are judged by `nullable` and `max_null_share` alone."""

    type: ColumnType = Field(description="Type of the value. `decimal` is exact to four places; times are UTC.")
    source: str | None = Field(default=None, description="Header of the column in the landing file, if it differs.")
    description: str = Field(default="", description="What the value means; shown in the UI's table schema.")
    unit: str | None = Field(default=None, description="Unit of measure, such as GBP, days or kg.")
    nullable: bool = Field(default=True, description="Whether a missing value is allowed at all.")
    max_null_share: float | None = Field(
        default=None, ge=0, le=1, description="Largest share of missing values that the whole table may have."
    )
    min: float | str | None = Field(default=None, description="Smallest allowed value (number, date or timestamp).")
    max: float | str | None = Field(default=None, description="Largest allowed value (number, date or timestamp).")
    pattern: str | None = Field(default=None, description="Regular expression that the whole text must match.")
    allowed: tuple[str | int | float | bool, ...] | None = Field(
        default=None, description="The only values allowed, if they can be listed."
    )
    max_length: int | None = Field(default=None, ge=1, description="Most characters a text may have.")
    format: str | None = Field(
        default=None, description="strptime format of a date or timestamp in text files; default ISO 8601."
    )
    pii: bool = Field(default=False, description="Personal data: never shown in evidence, previews or reports.")
    severity: Severity = Field(
        default="error", description="`warn` reports a break of this column's contract but neither blocks nor fails."
    )

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as problem:
                raise ValueError(f"pattern {value!r} is not a regular expression: {problem}") from problem
        return value

    @model_validator(mode="after")
    def _rules_fit_type(self) -> ColumnSpec:
        if self.pattern is not None and self.type != "string":
            raise ValueError(f"pattern applies to type string, not {self.type}")
        if self.max_length is not None and self.type != "string":
            raise ValueError(f"max_length applies to type string, not {self.type}")
        if self.format is not None and self.type not in ("date", "timestamp"):
            raise ValueError(f"format applies to date and timestamp, not {self.type}")
        for bound in (self.min, self.max):
            self._check_bound(bound)
        if isinstance(self.min, float) and isinstance(self.max, float) and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: no value could pass")
        if self.allowed is not None and not self.allowed:
            raise ValueError("allowed is an empty list: no value could pass; leave it out to allow every value")
        return self

    def _check_bound(self, bound: float | str | None) -> None:
        if bound is None:
            return
        if self.type in ("string", "boolean"):
            raise ValueError(f"min and max do not apply to type {self.type}")
        temporal = self.type in ("date", "timestamp")
        if temporal != isinstance(bound, str):
            wanted = "a quoted date such as '2011-01-31'" if temporal else "a number"
            raise ValueError(f"bound {bound!r} of a {self.type} column must be {wanted}")

    @property
    def duckdb_type(self) -> str:
        return DUCKDB_TYPES[self.type]

    @property
    def label(self) -> str:
        """Description and unit, as the UI shows them."""
        unit = f" [{self.unit}]" if self.unit else ""
        return f"{self.description}{unit}".strip()


class ContractSpec(Spec):
    """Columns of a landing table, and what happens to what does not fit."""

    columns: dict[str, ColumnSpec] = Field(min_length=1, description="Column name in the warehouse → its contract.")
    extra_columns: Literal["freeze", "evolve", "discard"] = Field(
        default="freeze",
        description="A column nobody declared: refuse the file (`freeze`), add it as text (`evolve`), or drop it.",
    )
    bad_rows: Literal["quarantine", "freeze"] = Field(
        default="quarantine",
        description="A row that breaks the contract: put it in the quarantine table, or refuse the whole file.",
    )
    max_quarantine_share: float = Field(
        default=0.1, ge=0, le=1, description="Share of quarantined rows in a file above which the contract check fails."
    )
    missing: tuple[str, ...] = Field(
        default=("", "NA", "NULL", "null", "NaN", "nan", "None"),
        description="Spellings of a missing value in text files.",
    )

    @model_validator(mode="after")
    def _columns_are_named_well(self) -> ContractSpec:
        reserved = [name for name in self.columns if name.startswith("_")]
        if reserved:
            raise ValueError(f"column names must not begin with an underscore (provenance columns do): {reserved}")
        sources = [spec.source or name for name, spec in self.columns.items()]
        repeated = sorted({s for s in sources if sources.count(s) > 1})
        if repeated:
            raise ValueError(f"two columns read the same header: {repeated}")
        return self

    def header_of(self, name: str) -> str:
        """The header of column `name` in the landing file."""
        return self.columns[name].source or name
