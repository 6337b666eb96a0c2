"""A table as it is: typed values of its sample, and the facts of each column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ml_assets.onboarding.column_types import BATCH, TypedColumn, typed_parquet, typed_text
from ml_assets.onboarding.headers import header_notes, nested_notes
from ml_assets.onboarding.naming import ID_WORDS, plain_words, warehouse_names
from ml_assets.onboarding.personal import LEAST_SHARE, pattern_counts, personal_by_header
from ml_assets.onboarding.reading import Loaded
from ml_assets.onboarding.typed_sample import FEW_VALUES, judged_rows, typed_sample
from ml_assets.onboarding.understanding import ColumnFacts, Note, TableFacts, Value
from ml_assets.specs.columns import ContractSpec
from ml_assets.specs.tables import CsvFormat
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.store import Workbench

_LONG_BATCH = 200
_LOOKED_AT = 2_000
_MOST_BOUNDED = 60
_SENTINELS = (-99, -999, -9999, -99999, -999999)
_LONG_VALUE = 60
_UNITS = {
    "eur": "EUR", "usd": "USD", "gbp": "GBP", "chf": "CHF", "kg": "kg", "km": "km", "cm": "cm", "mm": "mm", "pct": "percent", "percent": "percent",
    "days": "days", "hours": "hours", "minutes": "minutes", "seconds": "seconds", "secs": "seconds", "mins": "minutes", "ms": "ms", "months": "months",
    "years": "years", "celsius": "°C", "fahrenheit": "°F", "kwh": "kWh", "mph": "mph", "kmh": "km/h", "sqft": "sq ft", "sqm": "m²",
}  # fmt: skip


@dataclass(frozen=True)
class Examined:
    """A table with its typed sample: `rows` is SQL: good rows under warehouse names."""

    loaded: Loaded
    facts: TableFacts
    rows: str
    contract: ContractSpec
    notes: tuple[Note, ...]

    @property
    def everything(self) -> str:
        """SQL: all rows of the files, with typed values and warehouse names."""
        if self.loaded.complete:
            return f"select * from {self.rows}"
        return self.narrowed(tuple(self.contract.columns))

    def narrowed(self, names: Sequence[str]) -> str:
        """SQL: some columns of all rows of the files, as the ingest would make them."""
        if self.loaded.complete:
            return f"select {', '.join(quoted(name) for name in names)} from {self.rows}"
        return judged_rows(self.loaded, self.contract, names, f"({self.loaded.everything})", "_broken = 0")

    def raw(self, names: Sequence[str]) -> str:
        """SQL: some columns of all rows of the files as they stand there, which is quick to scan."""
        at = {name: position for position, name in enumerate(self.contract.columns)}
        return (
            f"select {', '.join(f'_c{at[name]} as {quoted(name)}' for name in names)} from ({self.loaded.everything})"
        )


def examined(bench: Workbench, loaded: Loaded, number: int) -> Examined:
    """Types and facts of a table's columns. What is declared from it is what the ingest loads, since it judges here too."""
    first = [*header_notes(bench, loaded), *nested_notes(bench, loaded)]
    typed = typed_parquet(bench, loaded) if loaded.natives else typed_text(bench, loaded)
    if isinstance(loaded.format, CsvFormat):
        loaded = replace(loaded, format=loaded.format.model_copy(update={"decimal": typed.decimal}))
    names = warehouse_names(loaded.headers)
    sample = typed_sample(bench, loaded, names, typed, f"rows_{number}")
    facts, sentinels = _facts(bench, sample.rows, names, sample.columns)
    if not loaded.complete:
        facts = _with_true_bounds(bench, loaded, sample.contract, facts)
    said = [
        *loaded.notes,
        *first,
        *typed.notes,
        *_renamed(loaded.name, facts),
        *(note for column in sample.columns for note in column.notes),
        *sample.notes,
        *sentinels,
    ]
    return Examined(
        loaded,
        TableFacts(
            loaded.name, loaded.files, loaded.format, tuple(facts), loaded.rows, loaded.counted, typed.missing, discarded=loaded.discarded, sampled=not loaded.complete,
        ),
        sample.rows, sample.contract, (*_sizes(loaded), *said),
    )  # fmt: skip


def _sizes(loaded: Loaded) -> list[Note]:
    files = "1 file" if len(loaded.files) == 1 else f"{len(loaded.files):,} files of one layout"
    rows = f"{loaded.rows:,}" if loaded.counted else f"about {loaded.rows:,} (estimated from the files' size)"
    looked = "" if loaded.complete else f"; {loaded.sampled:,} of them, evenly spread, were looked at"
    plural = "row" if loaded.rows == 1 else "rows"
    return [
        Note(
            loaded.name,
            f"{rows} {plural}, {len(loaded.headers):,} {'column' if len(loaded.headers) == 1 else 'columns'}, {files}{looked}",
        )
    ]


def _renamed(table: str, facts: Sequence[ColumnFacts]) -> list[Note]:
    other = [fact for fact in facts if fact.name != fact.header and fact.name != fact.header.lower()]
    if not other:
        return []
    listed = ", ".join(f"{fact.header[:30]!r} → {fact.name}" for fact in other[:5])
    more = f" and {len(other) - 5} more" if len(other) > 5 else ""
    return [Note(table, f"columns get names that SQL knows: {listed}{more}", "headers stay as they are in the files")]


def _facts(
    bench: Workbench, table: str, names: Sequence[str], columns: Sequence[TypedColumn]
) -> tuple[list[ColumnFacts], list[Note]]:
    rows = int(bench.value(f"select count(*) from {table}"))
    found: list[ColumnFacts] = []
    sentinels: list[Note] = []
    pairs = list(zip(names, columns, strict=True))
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        measured = bench.records(
            "select "
            + ", ".join(_measures(name, column, number) for number, (name, column) in enumerate(batch))
            + f" from {table}"
        )[0]
        found += [_column_facts(name, column, rows, measured, number) for number, (name, column) in enumerate(batch)]
        sentinels += [note for number, (_, column) in enumerate(batch) for note in _sentinel(column, measured, number)]
    found = _with_personal(bench, table, found)
    values = _few_values(bench, table, found)
    examples = _examples(bench, table, found)
    told = [replace(fact, values=values.get(fact.name, ()), examples=examples.get(fact.name, ())) for fact in found]
    return told, sentinels


def _sentinel(column: TypedColumn, measured: Mapping[str, Any], number: int) -> list[Note]:
    """A number such as -999 among numbers that are never negative probably stands for a missing value."""
    count, next_low = measured.get(f"m{number}"), measured.get(f"b{number}")
    if not count or next_low is None or next_low < 0:
        return []
    low = measured[f"a{number}"]
    why = f"it stands {count:,} times, and no other value is negative: write such values as nothing, if so"
    return [Note(column.header, f"{low:g} may stand for a missing value", why, doubt=True)]


def _measures(name: str, column: TypedColumn, number: int) -> str:
    sql = quoted(name)
    size = f"length({sql})" if column.type == "string" else sql
    extremes = "null, null" if column.type == "boolean" else f"min({size}), max({size})"
    low, high = extremes.split(", ", 1)
    shape = (
        f", avg(length({sql})) as l{number}, avg(length({sql}) - length(replace({sql}, ' ', ''))) as s{number}"
        if column.type == "string"
        else ""
    )
    if column.type in ("integer", "float"):
        shape = f", count(*) filter ({sql} in {_SENTINELS}) as m{number}, min({sql}) filter ({sql} not in {_SENTINELS}) as b{number}"
    return (
        f"count({sql}) as n{number}, count(distinct {sql}) as d{number}, {low} as a{number}, {high} as z{number}{shape}"
    )


def _column_facts(name: str, column: TypedColumn, rows: int, measured: Mapping[str, Any], number: int) -> ColumnFacts:
    present, distinct = int(measured[f"n{number}"]), int(measured[f"d{number}"])
    low, high = _bound(measured[f"a{number}"]), _bound(measured[f"z{number}"])
    length, spaces = measured.get(f"l{number}") or 0.0, measured.get(f"s{number}") or 0.0
    free = column.type == "string" and length >= 25 and spaces >= 3 and distinct > 0.5 * present and distinct > 20
    fact = ColumnFacts(
        column.header, name, column.type, rows, rows - present, distinct, low, high, format=column.format, unit=_unit(column.header, column.type),
        constant=distinct <= 1, free_text=free,
    )  # fmt: skip
    return replace(fact, id_like=not free and _is_id_like(fact, present))


def _with_true_bounds(
    bench: Workbench, loaded: Loaded, contract: ContractSpec, facts: Sequence[ColumnFacts]
) -> list[ColumnFacts]:
    """Smallest and largest values of all rows instead of the sample's, where one scan can tell."""
    asked = [fact for fact in facts if fact.type not in ("string", "boolean") and not fact.personal]
    if not asked or len(asked) > _MOST_BOUNDED:
        return list(facts)
    rows = judged_rows(loaded, contract, [fact.name for fact in asked], f"({loaded.everything})", "_broken = 0")
    bounds = ", ".join(f"min({quoted(fact.name)}), max({quoted(fact.name)})" for fact in asked)
    found = bench.rows(f"select {bounds} from ({rows})")[0]
    true = {
        fact.name: (_bound(low), _bound(high)) for fact, low, high in zip(asked, found[0::2], found[1::2], strict=True)
    }
    return [
        replace(fact, low=true[fact.name][0], high=true[fact.name][1]) if fact.name in true else fact for fact in facts
    ]


def _is_id_like(fact: ColumnFacts, present: int) -> bool:
    """Unique or nearly so, and not a quantity: text, or integers that are named as ids or count the rows."""
    if present < 20 or fact.type not in ("string", "integer"):
        return False
    if fact.type == "string":
        return fact.distinct >= 0.9 * present
    if fact.distinct < 0.98 * present:
        return False
    assert isinstance(fact.low, int | float)
    assert isinstance(fact.high, int | float)
    counts_rows = fact.high - fact.low + 1 <= 1.2 * present and fact.distinct == present
    return counts_rows or bool(set(plain_words(fact.header)) & ID_WORDS)


def _bound(value: object) -> float | str | None:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return str(value)
    return value  # type: ignore[return-value]


def _unit(header: str, kind: str) -> str | None:
    if kind not in ("integer", "float", "decimal"):
        return None
    bracketed = re.search(r"[\[(]([A-Za-z°µ%/²³]{1,8})[\])]\s*$", header)
    if bracketed:
        return bracketed.group(1)
    words = plain_words(header)
    return _UNITS.get(words[-1]) if len(words) > 1 else None


def _with_personal(bench: Workbench, table: str, facts: Sequence[ColumnFacts]) -> list[ColumnFacts]:
    """Say of whom a column speaks, by its header or by what nearly all its values look like."""
    texts = [fact for fact in facts if fact.type == "string" and fact.distinct > 2 and not fact.free_text]
    seen: dict[str, str] = {}
    for start in range(0, len(texts), _LONG_BATCH):
        batch = texts[start : start + _LONG_BATCH]
        below = (
            f"select unnest([{', '.join(map(str, range(len(batch))))}]) as c, unnest([{', '.join(quoted(fact.name) for fact in batch)}]) as v "
            f"from (select * from {table} using sample reservoir({_LOOKED_AT} rows) repeatable (7))"
        )
        kinds = pattern_counts("v")
        shares = ", ".join(f"count(*) filter ({sql}) / count(*)" for sql in kinds.values())
        for number, *found_shares in bench.rows(f"select c, {shares} from ({below}) where v is not null group by 1"):
            for kind, share in zip(kinds, found_shares, strict=True):
                if share >= LEAST_SHARE:
                    seen.setdefault(batch[number].name, kind)
    found = []
    for fact in facts:
        by_header = personal_by_header(fact.header) if not _speaks_of_something_else(fact) else ""
        said = (
            f"its values look like {seen[fact.name]}"
            if fact.name in seen
            else f"its header speaks of {by_header}"
            if by_header
            else ""
        )
        if said:
            number = fact.type == "integer"
            fact = replace(fact, personal=said, low=None if number else fact.low, high=None if number else fact.high)
        found.append(fact)
    return found


def _speaks_of_something_else(fact: ColumnFacts) -> bool:
    """A header may speak of a person's thing where the values cannot hold it: yes or no, a few kinds, a measure."""
    if fact.type in ("boolean", "float", "decimal"):
        return True
    return fact.distinct <= 5 and fact.rows - fact.missing > 20


def _few_values(bench: Workbench, table: str, facts: Sequence[ColumnFacts]) -> dict[str, tuple[Value, ...]]:
    few = [
        fact
        for fact in facts
        if 0 < fact.distinct <= FEW_VALUES
        and fact.type in ("string", "integer", "boolean", "float")
        and not fact.personal
    ]
    few = [fact for fact in few if fact.type != "string" or (isinstance(fact.high, int) and fact.high <= _LONG_VALUE)]
    found: dict[str, tuple[Value, ...]] = {}
    for start in range(0, len(few), BATCH):
        batch = few[start : start + BATCH]
        listed = ", ".join(f"list_sort(list(distinct {quoted(fact.name)}))" for fact in batch)
        row = bench.rows(f"select {listed} from {table}")[0]
        found |= {fact.name: tuple(v for v in values if v is not None) for fact, values in zip(batch, row, strict=True)}
    return found


def _examples(bench: Workbench, table: str, facts: Sequence[ColumnFacts]) -> dict[str, tuple[str, ...]]:
    """Up to three different values of each column from its first rows; none of personal ones."""
    names = [fact.name for fact in facts if not fact.personal]
    if not names:
        return {}
    rows = bench.rows(
        f"select {', '.join(f'left(cast({quoted(name)} as varchar), {_LONG_VALUE})' for name in names)} from {table} limit 50"
    )
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return {
        name: tuple(dict.fromkeys(v for v in values if v is not None))[:3]
        for name, values in zip(names, columns, strict=True)
    }
