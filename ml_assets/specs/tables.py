"""Declarations of raw tables and SQL tables."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ml_assets.specs.base import Described, Severity, Spec
from ml_assets.specs.columns import ColumnSpec, ContractSpec
from ml_assets.specs.pulls import PullSpec
from ml_assets.specs.times import CalendarSpec, FreshnessSpec


def _valid_sql_path(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or path.suffix != ".sql":
        raise ValueError(f"{value!r} is not a SQL path: give it relative to sql/, without '..', ending in .sql")
    return value


def _valid_glob(value: str) -> str:
    path = PurePosixPath(value)
    if not value.strip() or path.is_absolute() or ".." in path.parts or "\\" in value:
        raise ValueError(
            f"{value!r} is not a glob of landing files: give it relative to the landing folder, with forward slashes and without '..', such as 'orders/*.csv'"
        )
    return value


LandingGlob = Annotated[str, AfterValidator(_valid_glob)]
SqlPath = Annotated[str, AfterValidator(_valid_sql_path)]


class CsvFormat(Spec):
    """Delimited text, one header line; `.gz` is unpacked."""

    kind: Literal["csv"] = "csv"
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Field separator, one ASCII character.")
    quote: str = Field(
        default='"', min_length=1, max_length=1, description="Quote character (ASCII), doubled to escape."
    )
    encoding: Literal["utf-8", "latin-1", "utf-16"] = Field(default="utf-8", description="Text encoding.")
    decimal: Literal[".", ","] = Field(default=".", description="Decimal separator of numbers.")

    @model_validator(mode="after")
    def _marks_can_be_told_apart(self) -> CsvFormat:
        for word, mark in (("delimiter", self.delimiter), ("quote", self.quote)):
            if not mark.isascii() or mark in "\r\n\0" or mark.isalnum() or (word == "quote" and mark.isspace()):
                raise ValueError(f"{word} {mark!r} must be one ASCII character that is no letter, digit or line break")
        if self.delimiter == self.quote:
            raise ValueError(f"delimiter and quote are both {self.quote!r}: fields could not be told apart")
        return self


class ParquetFormat(Spec):
    """Apache Parquet."""

    kind: Literal["parquet"] = "parquet"


class JsonLinesFormat(Spec):
    """One JSON object a line; `.gz` is unpacked."""

    kind: Literal["jsonl"] = "jsonl"


FileFormat = Annotated[CsvFormat | ParquetFormat | JsonLinesFormat, Field(discriminator="kind")]


class ReferenceSpec(Spec):
    """Every value of `columns` must exist in `to_columns` of `to` (nulls excepted)."""

    columns: tuple[str, ...] = Field(min_length=1, description="Columns of this table.")
    to: str = Field(description="The other table, as `schema.table`.")
    to_columns: tuple[str, ...] = Field(default=(), description="Its columns; by default of the same names.")
    severity: Severity = Field(default="error", description="Severity of the check.")

    @model_validator(mode="after")
    def _columns_pair_up(self) -> ReferenceSpec:
        if self.to_columns and len(self.to_columns) != len(self.columns):
            raise ValueError(
                f"columns {list(self.columns)} and to_columns {list(self.to_columns)} differ in number: name one for one"
            )
        if not re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", self.to):
            raise ValueError(f"to {self.to!r} names no table: write schema.table, such as raw.products")
        return self


class VolumeSpec(Spec):
    """Row count of the newest period against the table's own history."""

    history: int = Field(
        default=28, ge=4, description="How many earlier periods (trading days, partitions) to compare."
    )
    tolerance: float = Field(
        default=6.0, gt=0, description="Allowed distance from the median in robust standard deviations of log rows."
    )
    severity: Severity = Field(default="warn", description="Severity of the check.")


class TableSpec(Described):
    """What raw and SQL tables share."""

    event_time: str | None = Field(
        default=None, description="Column that says when it happened (UTC). Feature SQL may only read tables with one."
    )
    available_at: str | None = Field(
        default=None, description="Column that says when the source could have known it; default: the event time."
    )
    key: tuple[str, ...] = Field(default=(), description="Columns that name a row; checked to be unique.")
    calendar: CalendarSpec = Field(default=CalendarSpec(), description="Days on which data is to be expected.")
    freshness: FreshnessSpec | None = Field(default=None, description="How old the newest data may be.")
    volume: VolumeSpec = Field(default=VolumeSpec(), description="How the row count is judged.")
    references: tuple[ReferenceSpec, ...] = Field(default=(), description="Referential rules.")


class RawTableSpec(TableSpec):
    """Landing files → `raw.<name>` and `raw.<name>__quarantine`."""

    files: LandingGlob = Field(description="Glob of the landing files, relative to the use case's landing folder.")
    format: FileFormat = Field(default=CsvFormat(), description="How the files are written.")
    contract: ContractSpec = Field(description="What the rows must be.")
    pull: PullSpec | None = Field(
        default=None,
        description="Where `ml-assets pull` fetches the landing file from; by default others put it there.",
    )
    repeated_rows: Literal["ignore", "warn", "error"] = Field(
        default="warn", description="How fully repeated rows are reported; they are kept either way."
    )
    max_repeated_share: float = Field(
        default=0.02, ge=0, le=1, description="Share of fully repeated rows above which the check fails."
    )

    @model_validator(mode="after")
    def _roles_are_columns(self) -> RawTableSpec:
        for role, name in (("event_time", self.event_time), ("available_at", self.available_at)):
            if name is not None and name not in self.contract.columns:
                raise ValueError(f"{role} names column {name!r}, which the contract does not declare")
            if name is not None and self.contract.columns[name].type not in ("timestamp", "date"):
                raise ValueError(f"{role} column {name!r} must have type timestamp or date")
        for role, names in (("key", self.key), *(("references", reference.columns) for reference in self.references)):
            unknown = [name for name in names if name not in self.contract.columns]
            if unknown:
                raise ValueError(f"{role} names columns that the contract does not declare: {unknown}")
        if self.freshness is not None and self.event_time is None:
            raise ValueError("freshness is judged by event time: declare event_time, or leave freshness out")
        return self

    @model_validator(mode="after")
    def _pulled_file_is_one_parquet(self) -> RawTableSpec:
        if self.pull is None:
            return self
        if not isinstance(self.format, ParquetFormat) or not re.fullmatch(r"[^*?\[\]]+\.parquet", self.files):
            raise ValueError(
                f"pull writes one Parquet file: declare files as its name, such as '{self.name}.parquet', and format as {{kind: parquet}}"
            )
        return self


class SqlTableSpec(TableSpec):
    """One SQL statement → `<table_schema>.<name>`; dependencies and column lineage are read from the SQL."""

    sql: SqlPath = Field(description="The statement's file, relative to sql/.")
    table_schema: Literal["staging"] = Field(default="staging", description="Warehouse schema of the table.")
    columns: dict[str, ColumnSpec] = Field(
        default_factory=dict, description="Contract of some or all result columns; checked after each run."
    )
    repeated_rows: Literal["ignore", "warn", "error"] = Field(
        default="ignore", description="Whether fully repeated rows are reported."
    )
