"""Which tables belong together: a column whose values are all keys of another table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import SequenceMatcher

from ml_assets.onboarding.facts import Examined
from ml_assets.onboarding.keys import is_named_as_id
from ml_assets.onboarding.naming import plain_words
from ml_assets.onboarding.understanding import ColumnFacts, Note, Relation
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.store import Workbench

_LEAST_MATCHED = 0.9
_MOST_VALUES = 20_000
_LEAST_ALIKE = 0.55


def relations_of(bench: Workbench, tables: Sequence[Examined], main: str) -> tuple[list[Relation], list[Note]]:
    """Relations among tables, each child column to its likeliest parent; what is said about them."""
    found: list[Relation] = []
    for child in tables:
        for column in child.facts.columns:
            if column.type not in ("string", "integer") or column.constant or column.free_text:
                continue
            fitting = [
                (alike, relation)
                for parent in tables
                if parent is not child
                for alike, relation in [_related(bench, child, column, parent)]
                if relation
            ]
            if fitting:
                found.append(max(fitting, key=lambda pair: (round(pair[0], 1), pair[1].matched))[1])
    found = _one_way(found, main)
    notes = [
        Note(
            relation.child, f"rows belong to a row of {relation.parent} each, by {relation.child_column} → {relation.parent_column}",
            f"{relation.matched:.1%} of its values are there", doubt=relation.matched < 1,
        ) for relation in found
    ]  # fmt: skip
    alone = [table.facts.name for table in tables if not any(table.facts.name in (r.child, r.parent) for r in found)]
    notes += [
        Note(name, "belongs to no other table", "none of its columns holds another table's keys", doubt=True)
        for name in alone
    ]
    return found, notes


def share_before(
    bench: Workbench, child: Examined, relation: Relation, parent: Examined, times: tuple[str, str]
) -> float:
    """Share of child rows that lie before the row they belong to; `times` are the event times of child and parent. NaN
    where no row belongs to one."""
    theirs, ours = map(quoted, times)
    joined = (
        f"from ({child.narrowed([relation.child_column, times[0]])}) c join ({parent.narrowed([relation.parent_column, times[1]])}) p "
        f"on c.{quoted(relation.child_column)} = p.{quoted(relation.parent_column)}"
    )
    found = bench.value(f"select avg((c.{theirs} < p.{ours})::int) {joined}")
    return math.nan if found is None else float(found)


def _related(bench: Workbench, child: Examined, column: ColumnFacts, parent: Examined) -> tuple[float, Relation | None]:
    if len(parent.facts.key) != 1:
        return 0.0, None
    key = parent.facts.column(parent.facts.key[0])
    alike = _alike(column, key, parent.facts.name)
    if key.type != column.type or not _plausible(column, alike):
        return 0.0, None
    if child.facts.key == (column.name,) and alike < 1:
        return 0.0, None  # a number that names the child's own rows is among any other numbers
    own, theirs = quoted(column.name), quoted(key.name)
    matched = bench.value(
        f"select count(*) filter (k is not null) / count(*) from (select distinct {own} as v from {child.rows} where {own} is not null order by hash(v) limit {_MOST_VALUES}) "
        f"left join (select distinct {theirs} as k from ({parent.narrowed([key.name])})) on v = k"
    )
    if matched is None or matched < _LEAST_MATCHED:
        return 0.0, None
    return alike, Relation(child.facts.name, column.name, parent.facts.name, key.name, float(matched))


def _plausible(column: ColumnFacts, alike: float) -> bool:
    """Small whole numbers are among any numbered keys: there the names have to speak for it too."""
    if alike >= _LEAST_ALIKE:
        return True
    return column.distinct >= 20 and (column.type == "string" or is_named_as_id(column))


def _alike(column: ColumnFacts, key: ColumnFacts, parent: str) -> float:
    """How alike the names are: to the key's own, or to the parent's name with it."""
    own = "_".join(plain_words(column.header))
    table = "_".join(plain_words(parent))
    single = table.removesuffix("es") if table.endswith("ses") else table.removesuffix("s")
    named = "_".join(plain_words(key.header))
    meant = {named, f"{single}_{named}", f"{table}_{named}", f"{single}_id", single}
    if own in meant or any(own.endswith(f"_{word}") for word in meant if len(word) > 3):
        return 1.0
    return SequenceMatcher(None, own, named).ratio() if named not in ("id", "key", "nr") else 0.0


def _one_way(found: Sequence[Relation], main: str) -> list[Relation]:
    """Of two tables that name each other's rows, the one that is nearer to the main table is the parent."""
    kept = []
    for relation in found:
        back = [
            r
            for r in found
            if (r.child, r.child_column, r.parent, r.parent_column)
            == (relation.parent, relation.parent_column, relation.child, relation.child_column)
        ]
        if back and (relation.child == main or (relation.parent != main and relation.parent > relation.child)):
            continue
        kept.append(relation)
    return kept
