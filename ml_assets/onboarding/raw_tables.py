"""Raw tables as declarations: files, format, contract."""

from __future__ import annotations

from pathlib import Path, PurePath

from ml_assets.onboarding.contract_groups import contract_lines
from ml_assets.onboarding.contracts import column_contract, is_personal, roles_of
from ml_assets.onboarding.understanding import TableFacts, Understanding
from ml_assets.onboarding.yaml_text import comment, document, field
from ml_assets.specs.columns import ContractSpec
from ml_assets.specs.tables import CsvFormat

# What it costs to join a column of this role with others; a target's values are worth most.
_WORTH = {"target": 10.0}
_PACKED = (".gz", ".zst", ".bz2")


def landing_names(table: TableFacts) -> dict[Path, str]:
    """File → its name in the table's landing folder; files of one name from different folders get a number."""
    found: dict[Path, str] = {}
    taken: set[str] = set()
    for path in table.files:
        name, number = path.name if table.pulled_from is None else f"{table.name}.parquet", 2
        while name in taken:
            name = f"{number}-{path.name}"
            number += 1
        taken.add(name)
        found[path] = name
    return found


def landing_glob(table: TableFacts) -> str:
    """The glob of a table's landing files, relative to the use case's landing folder."""
    endings = {_ending(path) for path in table.files}
    ending = endings.pop() if len(endings) == 1 else ""
    return f"{table.name}/*{ending}"


def _ending(path: PurePath) -> str:
    suffixes = path.suffixes[-2:] if path.suffix in _PACKED else path.suffixes[-1:]
    ending = "".join(suffixes)
    return ending if not set(ending) & set("*?[] ") else ""


def raw_table(understanding: Understanding, table: TableFacts, most_lines: int) -> str:
    """`defs.yaml` of one raw table, its columns in at most `most_lines` lines if that can be done honestly."""
    lines = [*field("name", table.name), *field("description", described(table))]
    lines += ["  # owners: [team:name]", *source_lines(table)]
    if table.event_time is not None:
        lines += field("event_time", table.event_time)
    lines += field("key", list(table.key)) if table.key else []
    lines += _contract(understanding, table, most_lines)
    if table.event_time is not None:
        lines += comment("Once files arrive regularly: freshness: {max_age: 2 days}, and calendar: {kind: learnt}", 2)
    return document(_head(understanding, table), "RawTable", lines)


def source_lines(table: TableFacts) -> list[str]:
    """Where the rows come from, and how they are written down."""
    if table.pulled_from is not None:
        variable = table.pulled_from.removeprefix("env:")
        database = table.pulled_from if variable == table.pulled_from else {"env": variable}
        pull = {"database": database, "table": table.pulled_table}
        return [
            *field("files", f"{table.name}/{table.name}.parquet"), *field("format", {"kind": "parquet"}),
            *field("pull", pull, after="ml-assets pull fetches the file"),
        ]  # fmt: skip
    lines = field("files", landing_glob(table))
    declared = table.format.model_dump(exclude_defaults=True)
    if not isinstance(table.format, CsvFormat) or declared:
        lines += field("format", {"kind": table.format.kind} | declared)
    return lines


def described(table: TableFacts) -> str:
    """What a row is, as far as it can be known."""
    if table.pulled_table is not None:
        return f"Rows of {table.pulled_table}, a table of another database."
    names = sorted({path.name for path in table.files})
    listed = names[0] if len(names) == 1 else f"{len(names)} files such as {names[0]}"
    return f"Rows of {listed}."


def _head(understanding: Understanding, table: TableFacts) -> list[str]:
    rows = f"{table.rows:,} rows" if table.counted else f"about {table.rows:,} rows"
    return [
        f"raw.{table.name}: what its rows have to be. Written by `ml-assets init {understanding.name}` from {rows}, now yours to edit.",
        "All fields: ml-assets components RawTable",
    ]


def _contract(understanding: Understanding, table: TableFacts, most_lines: int) -> list[str]:
    roles = roles_of(understanding, table)
    contracts = {
        column.name: column_contract(
            column, roles.get(column.name, "other"), table, pii=is_personal(understanding, table, column)
        )
        for column in table.columns
    }
    lines = ["  contract:"]
    if any("max" in contract for contract in contracts.values()):
        lines += comment(
            f"Bounds leave room above what was seen; rows beyond them go to raw.{table.name}__quarantine.",
            4,
        )
    own = {name: _WORTH.get(role, 5.0) for name, role in roles.items() if name in contracts}
    own |= {name: 5.0 for name, contract in contracts.items() if contract.get("pii")}
    lines += contract_lines(contracts, own, most_lines)
    if table.discarded:
        lines += field("extra_columns", "discard", 4, after=f"{len(table.discarded)} columns have no name")
    if table.missing and table.missing != ContractSpec.model_fields["missing"].default:
        lines += field("missing", list(table.missing), 4)
    return lines
