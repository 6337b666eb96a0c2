"""The typed sample of a table, made and judged as the ingest will make and judge its rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ml_assets.ingest.contract import compile_contract
from ml_assets.onboarding.column_types import BATCH, TypedColumn, TypedTable
from ml_assets.onboarding.naming import ID_WORDS, plain_words
from ml_assets.onboarding.reading import Loaded, stored, written
from ml_assets.onboarding.understanding import Note
from ml_assets.specs.columns import ColumnSpec, ContractSpec
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.store import Workbench

FEW_VALUES = 50
_JUDGED_TOGETHER = 20
_CAST_TOGETHER = 100
# A column whose values the ingest would refuse more often than this is text after all; so are all, if too many rows would go.
_MOST_BROKEN = 0.005
_MOST_BROKEN_IN_ALL = 0.02


@dataclass(frozen=True)
class TypedSample:
    """`rows` is SQL: good rows of the sample under warehouse names. `notes` say what its making has changed."""

    columns: tuple[TypedColumn, ...]
    contract: ContractSpec
    rows: str
    notes: tuple[Note, ...]


def typed_sample(bench: Workbench, loaded: Loaded, names: Sequence[str], typed: TypedTable, table: str) -> TypedSample:
    """What is declared from it is what the ingest loads: columns that it would refuse have become text."""
    columns = _whole_numbers(bench, loaded, typed)
    contract = _contract(names, columns, typed)
    plain = {name for name, column in zip(names, columns, strict=True) if column.plain}
    broken = _judge(bench, loaded, contract, table, plain)
    settled, notes = _settled(loaded, contract, columns, broken)
    retyped = {name for name, old, new in zip(names, columns, settled, strict=True) if old != new}
    if retyped:
        contract = _contract(names, settled, typed)
        _judge(bench, loaded, contract, table, plain, retyped)
    return TypedSample(tuple(settled), contract, _join(bench, contract, table, plain), tuple(notes))


def _contract(names: Sequence[str], columns: Sequence[TypedColumn], typed: TypedTable) -> ContractSpec:
    declared = {
        name: ColumnSpec(
            type=column.type, format=column.format, source=None if column.header == name else column.header
        )
        for name, column in zip(names, columns, strict=True)
    }
    return ContractSpec(columns=declared, missing=typed.missing)


def _whole_numbers(bench: Workbench, loaded: Loaded, typed: TypedTable) -> list[TypedColumn]:
    """Numbers such as 1.0 and 0.0 that are few different ones, or ids, are integers."""
    asked = [(raw, column) for raw, column in zip(loaded.raws, typed.columns, strict=True) if column.whole]
    whole: set[str] = set()
    for start in range(0, len(asked), BATCH):
        batch = asked[start : start + BATCH]
        sql = ", ".join(
            f"approx_count_distinct({raw}), coalesce(bool_and({_is_whole(raw, loaded)}), false)" for raw, _ in batch
        )
        row = bench.rows(f"select {sql} from {loaded.sample}")[0]
        for (_, column), distinct, fits in zip(batch, row[0::2], row[1::2], strict=True):
            if fits and (distinct <= FEW_VALUES or set(plain_words(column.header)) & ID_WORDS):
                whole.add(column.header)
    return [replace(column, type="integer") if column.header in whole else column for column in typed.columns]


def _is_whole(raw: str, loaded: Loaded) -> str:
    return f"{raw} = trunc({raw}) and abs({raw}) < 9e15" if loaded.natives else "true"


def judged_rows(
    loaded: Loaded, contract: ContractSpec, names: Sequence[str], relation: str, where: str = "true", more: str = ""
) -> str:
    """SQL: some columns of raw rows as the ingest would make them; `_broken` may be asked for among `more`, or in `where`."""
    at = {name: position for position, name in enumerate(contract.columns)}
    part = contract.model_copy(update={"columns": {name: contract.columns[name] for name in names}})
    natives = [loaded.natives[at[name]] for name in names] if loaded.natives else ()
    compiled = compile_contract(part, loaded.format, [f"_c{at[name]}" for name in names], natives)
    listed = ", ".join(quoted(name) for name in names)
    if not loaded.natives:
        spelled = literal("|".join(re.escape(spelling) for spelling in contract.missing))
        raws = ", ".join(
            f"case when not regexp_full_match({raw}, {spelled}) then nullif({raw}, '') end as {raw}"
            for raw in (f"_c{at[name]}" for name in names)
        )
        relation = f"(select {raws} from {relation})"
    return f"select {listed}{more} from ({compiled.judged(relation)}) where {where}"


def _rules(loaded: Loaded, contract: ContractSpec, names: Sequence[str]) -> list[str]:
    """The column of each rule, in order of their numbers."""
    part = contract.model_copy(update={"columns": {name: contract.columns[name] for name in names}})
    natives = ["VARCHAR"] * len(names) if loaded.natives else ()
    return [rule.column for rule in compile_contract(part, loaded.format, list(names), natives).rules]


def _batches(contract: ContractSpec, plain: Collection[str]) -> list[list[str]]:
    judged = [name for name in contract.columns if name not in plain]
    cast = [name for name in contract.columns if name in plain]
    return [
        names[start : start + size]
        for names, size in ((judged, _JUDGED_TOGETHER), (cast, _CAST_TOGETHER))
        for start in range(0, len(names), size)
    ]


def _judge(
    bench: Workbench,
    loaded: Loaded,
    contract: ContractSpec,
    table: str,
    plain: Collection[str],
    among: Collection[str] = (),
) -> dict[str, int]:
    """Make the typed sample in parts (only those with `among`, if given); column → values that the ingest would refuse.

    Parts, since the engine plans very long statements slowly. `plain` numbers need no judge: a cast is all there is to it.
    """
    broken: dict[str, int] = {}
    for number, names in enumerate(_batches(contract, plain)):
        if among and not set(names) & set(among):
            continue
        part = bench.folder / f"{table}_{number}.parquet"
        if names[0] in plain:
            written(bench, f"select {_cast(contract, names)}, 0 as _broken_{number} from {loaded.sample}", part)
            continue
        written(bench, judged_rows(loaded, contract, names, loaded.sample, more=f", _broken as _broken_{number}"), part)
        rules = _rules(loaded, contract, names)
        counted = f"select _broken_{number}, count(*) from {stored(part)} where _broken_{number} > 0 group by 1"
        for rule, count in bench.rows(counted):
            broken[rules[rule - 1]] = broken.get(rules[rule - 1], 0) + count
    return broken


def _cast(contract: ContractSpec, names: Sequence[str]) -> str:
    """SQL: plain numbers of the sample as values."""
    at = {name: f"_c{position}" for position, name in enumerate(contract.columns)}
    return ", ".join(
        f"nullif(try_cast({at[name]} as double), 'nan'::double) as {quoted(name)}"
        if contract.columns[name].type == "float"
        else f"try_cast({at[name]} as bigint) as {quoted(name)}"
        for name in names
    )


def _settled(
    loaded: Loaded, contract: ContractSpec, columns: Sequence[TypedColumn], broken: Mapping[str, int]
) -> tuple[list[TypedColumn], list[Note]]:
    """Columns as the ingest's own judgement leaves them: one that would cost more than a few rows is text."""
    limit = loaded.sampled * _MOST_BROKEN
    costly = {name for name, count in broken.items() if count > limit}
    if sum(broken.values()) > loaded.sampled * _MOST_BROKEN_IN_ALL:
        costly = set(broken)
    settled, notes = [], []
    for name, column in zip(contract.columns, columns, strict=True):
        if name in costly:
            why = f"{broken[name]:,} of {loaded.sampled:,} values are no {column.type} that can be loaded"
            notes.append(Note(column.header, "text, because its values are of several kinds", why, doubt=True))
            column = TypedColumn(column.header, "string")
        elif name in broken and not column.misfits:
            said = f"{broken[name]:,} of {loaded.sampled:,} values are no {column.type}"
            notes.append(
                Note(
                    column.header,
                    said,
                    "so few are taken for faults: their rows will stand in the quarantine",
                    doubt=True,
                )
            )
        settled.append(column)
    return settled, notes


def _join(bench: Workbench, contract: ContractSpec, table: str, plain: Collection[str]) -> str:
    """SQL: one table of the parts' good rows, columns in the contract's order."""
    numbers = range(len(_batches(contract, plain)))
    parts = [stored(bench.folder / f"{table}_{number}.parquet") for number in numbers]
    good = " and ".join(f"_broken_{number} = 0" for number in numbers)
    listed = ", ".join(quoted(name) for name in contract.columns)
    whole = bench.folder / f"{table}.parquet"
    written(bench, f"select {listed} from {' positional join '.join(parts)} where {good}", whole)
    return stored(whole)
