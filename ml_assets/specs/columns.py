"""The contract of one column, and of a table's columns."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

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


# What Python's regular expressions know and the engine's (RE2) do not.
_NOT_IN_RE2 = re.compile(r"\(\?(?:<?[=!]|P=|\(|>)|(?<!\\)(?:\\\\)*\\[1-9]")
_DIRECTIVES = set("aAbBcdDfgGHIjmMnpSuUVwWxXyYzZ%")
_COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
Bound = Annotated[float, Field(allow_inf_nan=False)] | str


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
    min: Bound | None = Field(default=None, description="Smallest allowed value (number, date or timestamp).")
    max: Bound | None = Field(default=None, description="Largest allowed value (number, date or timestamp).")
    pattern: str | None = Field(default=None, description="Regular expression that the whole text must match.")
    allowed: tuple[str | int | float | bool, ...] | None = Field(
        default=None, description="The only values allowed, if they can be listed (text and integers)."
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
            unknown = _NOT_IN_RE2.search(value)
            if unknown:
                raise ValueError(
                    f"pattern {value!r} uses {unknown.group()!r}: look-around and back references are not supported (RE2)"
                )
        return value

    @field_validator("format")
    @classmethod
    def _format_reads_a_day(cls, value: str | None) -> str | None:
        if value is not None:
            unknown = [f"%{letter}" for letter in re.findall(r"%-?(.?)", value) if letter not in _DIRECTIVES]
            if unknown:
                raise ValueError(
                    f"format {value!r} has unknown directives {unknown}: write it as for strptime, such as '%d/%m/%Y %H:%M'"
                )
            if not re.search(r"%-?[YycxG]", value):
                raise ValueError(f"format {value!r} reads no year: write it as for strptime, such as '%d/%m/%Y %H:%M'")
        return value

    @model_validator(mode="after")
    def _rules_fit_type(self) -> ColumnSpec:
        for word, value, types in (
            ("pattern", self.pattern, ("string",)), ("max_length", self.max_length, ("string",)),
            ("format", self.format, ("date", "timestamp")), ("allowed", self.allowed, ("string", "integer")),
        ):  # fmt: skip
            if value is not None and self.type not in types:
                raise ValueError(f"{word} applies to {' and '.join(types)}, not {self.type}")
        lowest, highest = self._comparable("min", self.min), self._comparable("max", self.max)
        if lowest is not None and highest is not None and lowest > highest:
            raise ValueError(f"min {self.min} is above max {self.max}: no value could pass")
        self._check_allowed()
        return self

    def _check_allowed(self) -> None:
        if self.allowed is None:
            return
        if not self.allowed:
            raise ValueError("allowed is an empty list: no value could pass; leave it out to allow every value")
        wanted: type = str if self.type == "string" else int
        wrong = [value for value in self.allowed if not isinstance(value, wanted) or isinstance(value, bool)]
        if wrong:
            how = (
                "quote them (YAML takes NO for false and 007 for a number)" if wanted is str else "write whole numbers"
            )
            raise ValueError(f"allowed values {wrong} are no {self.type}s: {how}")

    def _comparable(self, word: str, bound: float | str | None) -> float | None:
        """A bound as a number of its own kind; moments are naive UTC."""
        if bound is None:
            return None
        if self.type in ("string", "boolean"):
            raise ValueError(f"min and max do not apply to type {self.type}")
        temporal = self.type in ("date", "timestamp")
        if temporal != isinstance(bound, str):
            wanted = "a quoted date such as '2011-01-31'" if temporal else "a number"
            raise ValueError(f"{word} {bound!r} of a {self.type} column must be {wanted}")
        if not isinstance(bound, str):
            return bound
        try:
            moment = datetime.fromisoformat(bound)
        except ValueError as problem:
            raise ValueError(
                f"{word} {bound!r} is not a {self.type}: write '2011-01-31' or '2011-01-31 08:26:00'"
            ) from problem
        if moment.tzinfo is not None or (self.type == "date" and len(bound) > len("2011-01-31")):
            raise ValueError(f"{word} {bound!r} must be a {self.type} without a zone: write '2011-01-31', in UTC")
        return moment.replace(tzinfo=UTC).timestamp()

    @property
    def duckdb_type(self) -> str:
        return DUCKDB_TYPES[self.type]

    @property
    def label(self) -> str:
        """Description and unit, as the UI shows them."""
        unit = f" [{self.unit}]" if self.unit else ""
        return f"{self.description}{unit}".strip()


class ColumnGroupSpec(ColumnSpec):
    """One contract for several columns."""

    names: tuple[str | dict[str, str], ...] = Field(
        min_length=1, description="Names of the columns, all with this contract; as `name: header` where they differ."
    )
    source: None = Field(default=None, description="Has no place here: each column has a header of its own.")

    @property
    def headers(self) -> dict[str, str]:
        """Name → header of each column."""
        pairs = [{name: name} if isinstance(name, str) else name for name in self.names]
        return {name: header for pair in pairs for name, header in pair.items()}


class ContractSpec(Spec):
    """Columns of a landing table, and what happens to what does not fit."""

    columns: dict[str, ColumnSpec] = Field(
        default_factory=dict, description="Column name in the warehouse → its contract."
    )
    alike: tuple[ColumnGroupSpec, ...] = Field(
        default=(), description="Contracts that several columns share, each with the columns' `names`."
    )
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
    def _alike_are_columns(self) -> ContractSpec:
        """Columns declared together stand among the others, after them."""
        for group in self.alike:
            shared = ColumnSpec.model_validate(group.model_dump(exclude={"names"}))
            for name, header in group.headers.items():
                own = shared if header == name else shared.model_copy(update={"source": header})
                if self.columns.setdefault(name, own) != own:
                    raise ValueError(f"column {name} has two contracts: leave it in columns or in alike, not in both")
        if not self.columns:
            raise ValueError("no column is declared: name each under columns, or several under alike")
        return self

    @model_validator(mode="after")
    def _columns_are_named_well(self) -> ContractSpec:
        reserved = [name for name in self.columns if name.startswith("_")]
        if reserved:
            raise ValueError(f"column names must not begin with an underscore (provenance columns do): {reserved}")
        odd = [name for name in self.columns if not _COLUMN_NAME.fullmatch(name)]
        if odd:
            raise ValueError(
                f"column names {odd}: use letters, digits and underscores, and give the file's header as `source`"
            )
        alike = sorted({n for n in self.columns if [c.casefold() for c in self.columns].count(n.casefold()) > 1})
        if alike:
            raise ValueError(f"column names {alike} differ in case only, which SQL does not tell apart")
        sources = [spec.source or name for name, spec in self.columns.items()]
        repeated = sorted({s for s in sources if sources.count(s) > 1})
        if repeated:
            raise ValueError(f"two columns read the same header: {repeated}")
        return self

    def header_of(self, name: str) -> str:
        """The header of column `name` in the landing file."""
        return self.columns[name].source or name
