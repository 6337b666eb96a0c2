"""The contract compiled to SQL: typed values, and for each row the first rule it breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ml_assets.specs.columns import ColumnSpec, ContractSpec
from ml_assets.specs.tables import CsvFormat, FileFormat, ParquetFormat
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.rules import RowRule, column_rules


@dataclass(frozen=True)
class CompiledContract:
    """`typed`: column → SQL over the raw value of the same name. `rules[i]` broken ⇔ `broken` gives i + 1."""

    typed: Mapping[str, str]
    rules: tuple[RowRule, ...]

    @property
    def broken(self) -> str:
        """SQL over typed columns and raw ones under `raw_<name>`: number of the first broken rule, 0 for a good row."""
        if not self.rules:
            return "0"
        branches = " ".join(f"when {rule.bad} then {number}" for number, rule in enumerate(self.rules, 1))
        return f"case {branches} else 0 end"


def raw_name(column: str) -> str:
    """The raw value of a column beside its typed one."""
    return f"raw_{column}"


def compile_contract(contract: ContractSpec, file_format: FileFormat) -> CompiledContract:
    """SQL for one contract. Rules of severity `warn` are left to the checks; they keep no row out."""
    typed = {name: _typed(name, column, file_format) for name, column in contract.columns.items()}
    rules = [
        RowRule(
            "type", name, f"{quoted(name)} is null and {quoted(raw_name(name))} is not null", _type_words(column),
        )
        for name, column in contract.columns.items()
        if column.type != "string"
    ]  # fmt: skip
    rules += [rule for rule in column_rules(contract.columns) if rule.severity == "error"]
    return CompiledContract(typed, tuple(rules))


def _type_words(column: ColumnSpec) -> str:
    spelled = f" written {column.format}" if column.format else ""
    article = "an" if column.type == "integer" else "a"
    return f"{article} {column.type}{spelled}"


def _typed(name: str, column: ColumnSpec, file_format: FileFormat) -> str:
    raw = quoted(raw_name(name))
    if isinstance(file_format, ParquetFormat):
        return _from_native(raw, column)
    if column.type == "string":
        return raw
    text = f"trim({raw})"
    if isinstance(file_format, CsvFormat) and file_format.decimal == "," and column.type in ("float", "decimal", "integer"):
        text = f"replace(replace({text}, '.', ''), ',', '.')"
    if column.format is not None:
        return f"cast(try_strptime({text}, {literal(column.format)}) as {column.duckdb_type})"
    if column.type == "integer":
        # A plain cast would round 17850.5; "17850.0" is how spreadsheets write a whole number beside missing ones.
        number = f"try_cast({text} as double)"
        return f"case when {number} = trunc({number}) then try_cast({text} as bigint) end"
    return f"try_cast({text} as {column.duckdb_type})"


def _from_native(raw: str, column: ColumnSpec) -> str:
    if column.type == "integer":
        number = f"try_cast({raw} as double)"
        return f"case when {number} = trunc({number}) then try_cast({raw} as bigint) end"
    if column.format is not None:
        return f"cast(coalesce(try_strptime(cast({raw} as varchar), {literal(column.format)}), try_cast({raw} as timestamp)) as {column.duckdb_type})"
    return f"try_cast({raw} as {column.duckdb_type})"
