"""Sketches of a relation of the workbench: every number in one statement, every text in another, whatever the groups."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ml_assets.monitoring.sketch import (
    MOST_CATEGORIES,
    MOST_NEW_NAMES,
    QUANTILES,
    Bins,
    CategoryBins,
    Counts,
    NumberBins,
    Sketch,
    number_or_nan,
)
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.store import Workbench

# Exact quantiles hold every value in memory; beyond this many rows bins are placed by some of them.
_MOST_ROWS_FOR_QUANTILES = 200_000
# The engine keeps a vector for every aggregate of every group of a statement.
_MOST_COLUMNS = 60
_AGGREGATES = 6
_GROUP = "_group"


def learn_bins(
    bench: Workbench, relation: str, numbers: Sequence[str], categories: Mapping[str, Sequence[str]]
) -> dict[str, Bins]:
    """Bins for the columns of `relation`: equally filled ones for numbers, the most frequent values of `categories`.

    `categories`: column → further values that are known although these rows may lack them. A column without values has
    one bin. Equal rows give equal bins, in whatever order they lie.
    """
    found: dict[str, Bins] = {}
    rows = int(bench.value(f"select count(*) from {relation}"))
    every = -(-rows // _MOST_ROWS_FOR_QUANTILES)
    some = relation if every <= 1 else f"(select * from {relation} t where hash(t) % {every} = 0)"
    shares = "[" + ", ".join(f"{place / QUANTILES:.6f}" for place in range(1, QUANTILES)) + "]"
    for names in _batches(numbers):
        listed = ", ".join(f"quantile_disc({_finite(name)}, {shares})" for name in names)
        ends = ", ".join(f"min({_finite(name)}), max({_finite(name)})" for name in names)
        quantiles = bench.rows(f"select {listed} from {some}")[0]
        extremes = bench.rows(f"select {ends} from {relation}")[0]
        for name, inner, low, high in zip(names, quantiles, extremes[::2], extremes[1::2], strict=True):
            found[name] = NumberBins(()) if low is None else NumberBins.of_quantiles(inner or (low, high), low, high)
    for name, further in categories.items():
        # One more than are listed shows whether these are all.
        values = [
            value
            for (value,) in bench.rows(
                f"select {_text(name)} from {relation} where {quoted(name)} is not null "
                f"group by 1 order by count(*) desc, 1 limit {MOST_CATEGORIES + 1}"
            )
        ]
        listed_values = tuple(values[:MOST_CATEGORIES])
        complete = len(values) <= MOST_CATEGORIES or bool(further)
        found[name] = CategoryBins(listed_values, frozenset((*listed_values, *further)) if complete else frozenset())
    return found


def sketches(
    bench: Workbench, relation: str, bins: Mapping[str, Bins], *, by: str | None = None, units: str | None = None
) -> dict[Any, dict[str, Sketch]]:
    """Group → column → sketch of `relation`'s rows, in one pass; one group None without `by`, a column.

    `units` names what may have several rows, such as an entity. Groups without rows are left out; without `by`, a relation
    without rows has one sketch of none.
    """
    grouped = f"(select *, {quoted(by) if by else 'null'} as {_GROUP} from {relation})"
    texts = {name: known for name, known in bins.items() if isinstance(known, CategoryBins)}
    numbers = {name: known for name, known in bins.items() if isinstance(known, NumberBins)}
    counted = f", count(distinct {quoted(units)})" if units else ", count(*)"
    sizes = {
        group: (int(rows), int(behind))
        for group, rows, behind in bench.rows(
            f"select {_GROUP}, count(*){counted} from {grouped} group by 1 order by 1"
        )
    }
    if by is None:
        sizes = sizes or {None: (0, 0)}
    found: dict[Any, dict[str, Sketch]] = {group: {} for group in sizes}
    for group, name, sketch in (*_of_numbers(bench, grouped, numbers, sizes), *_of_texts(bench, grouped, texts, sizes)):
        found[group][name] = sketch
    # In the order in which the columns were asked for.
    return {group: {name: some.get(name) or Sketch.empty(bins[name]) for name in bins} for group, some in found.items()}


Sizes = Mapping[Any, tuple[int, int]]


def _of_numbers(
    bench: Workbench, grouped: str, bins: Mapping[str, NumberBins], sizes: Sizes
) -> Iterator[tuple[Any, str, Sketch]]:
    for names in _batches(list(bins)):
        listed = ", ".join(_aggregates(name, bins[name]) for name in names)
        for group, *values in bench.rows(f"select {_GROUP}, {listed} from {grouped} group by 1"):
            rows, behind = sizes[group]
            for place, name in enumerate(names):
                there, mean, std, low, high, counts = values[place * _AGGREGATES : (place + 1) * _AGGREGATES]
                some = np.asarray(counts or [0] * len(bins[name]), dtype=np.int64)
                moments = (number_or_nan(value) for value in (mean, std, low, high))
                yield group, name, Sketch(rows, rows - there, some, behind).with_moments(*moments)


def _aggregates(name: str, bins: NumberBins) -> str:
    value = _finite(name)
    # Text is read exactly; a list of decimals would be rounded on its way to doubles.
    edges = "[" + ", ".join(map(repr, (*bins.edges, math.inf))) + "]"
    return (
        f"count({value}), avg({value}), stddev_pop({value}), min({value}), max({value}), "
        f"map_values(histogram({value}, '{edges}'::double[]))"
    )


def _of_texts(
    bench: Workbench, grouped: str, bins: Mapping[str, CategoryBins], sizes: Sizes
) -> Iterator[tuple[Any, str, Sketch]]:
    if not bins:
        return
    names = list(bins)
    _make_known(bench, bins)
    columns = ", ".join(f"{_text(name)} as c{place}" for place, name in enumerate(names))
    which = " ".join(f"when grouping(c{place}) = 0 then {place}" for place in range(len(names)))
    value = " ".join(f"when grouping(c{place}) = 0 then c{place}" for place in range(len(names)))
    sets = ", ".join(f"({_GROUP}, c{place})" for place in range(len(names)))
    bench.execute(
        f"create or replace temp table category_counts as select {_GROUP}, case {which} end as place, case {value} end as value, "
        f"count(*) as rows from (select {_GROUP}, {columns} from {grouped}) group by grouping sets ({sets})"
    )
    found = _placed_counts(bench, bins, sizes)
    fresh = _new_values(bench, bins)
    for (group, name), (missing, counts) in found.items():
        rows, behind = sizes[group]
        new, new_rows = fresh.get((group, name), ({}, 0))
        yield group, name, Sketch(rows, missing, counts, behind, new=new, new_rows=new_rows)


def _make_known(bench: Workbench, bins: Mapping[str, CategoryBins]) -> None:
    """Which value of which column has which bin; known ones that are not listed have none of their own."""
    rows = [
        (place, value, position)
        for place, known in enumerate(bins.values())
        for position, value in enumerate((*known.listed, *sorted(known.known - set(known.listed))))
    ]
    bench.execute("create or replace temp table known_categories (place integer, value varchar, position integer)")
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        bench.execute("insert into known_categories select unnest(?), unnest(?), unnest(?)", columns)


def _placed_counts(
    bench: Workbench, bins: Mapping[str, CategoryBins], sizes: Sizes
) -> dict[tuple[Any, str], tuple[int, Counts]]:
    names, sizes_of = list(bins), [len(known) for known in bins.values()]
    found = {(group, name): np.zeros(len(known), dtype=np.int64) for group in sizes for name, known in bins.items()}
    absent = dict.fromkeys(found, 0)
    for group, place, missing, position, rows in bench.rows(
        f"select c.{_GROUP}, c.place, c.value is null, k.position, sum(c.rows)::bigint from category_counts c "
        "left join known_categories k on k.place = c.place and k.value = c.value group by all order by all"
    ):
        key, rest = (group, names[place]), sizes_of[place] - 1
        if missing:
            absent[key] = int(rows)
        else:
            found[key][rest if position is None else min(position, rest)] += rows
    return {key: (absent[key], counts) for key, counts in found.items()}


def _new_values(
    bench: Workbench, bins: Mapping[str, CategoryBins]
) -> dict[tuple[Any, str], tuple[dict[str, int], int]]:
    """The most frequent values that are not known, and the rows of all such, of columns that know any."""
    names = list(bins)
    told = [place for place, known in enumerate(bins.values()) if known.known]
    found: dict[tuple[Any, str], tuple[dict[str, int], int]] = {}
    for group, place, value, rows, total in bench.rows(
        f"select {_GROUP}, place, value, rows::bigint, (sum(rows) over (partition by {_GROUP}, place))::bigint from category_counts c "
        "where value is not null and list_contains(?, place) "
        "and not exists (select 1 from known_categories k where k.place = c.place and k.value = c.value) "
        f"qualify row_number() over (partition by {_GROUP}, place order by rows desc, value) <= {MOST_NEW_NAMES} "
        "order by rows desc, value",
        [told],
    ):
        some, _ = found.get((group, names[place]), ({}, 0))
        found[group, names[place]] = ({**some, value: rows}, total)
    return found


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(names), _MOST_COLUMNS):
        yield names[begin : begin + _MOST_COLUMNS]


def _text(name: str) -> str:
    return f"cast({quoted(name)} as varchar)"


def _finite(name: str) -> str:
    """SQL: the value as a double; NaN and infinite ones are missing."""
    value = f"{quoted(name)}::double"
    return f"if(isfinite({value}), {value}, null)"
