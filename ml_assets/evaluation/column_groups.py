"""Columns of any type as one kind of vector, and their rows in named groups: values, bins, missing as a group of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import DeclarationError, MlAssetsError, UnknownNameError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True)
class Column:
    """One value a row, shape (n_rows,), NaN where it is missing.

    Numbers as they are; times as days since 1970 (naive UTC); texts and truth values as positions in `texts`, which are sorted.
    """

    name: str
    kind: Literal["number", "time", "text"]
    values: Floats
    texts: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, values: Any) -> Column:
        """From a numpy or pyarrow array (or a chunked one). Raises on a type that has no order and is no text."""
        array = _arrow(name, values)
        kind = array.type
        if pa.types.is_null(kind):
            return cls(name, "number", np.full(len(array), np.nan))
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            moments = pc.cast(pc.cast(array, pa.timestamp("us"), safe=False), pa.int64())
            return cls(name, "time", _doubles(moments) / MICROSECONDS_A_DAY)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return cls(name, "number", _doubles(array))
        if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
            found = pc.cast(array, pa.string())
            texts = tuple(sorted(pc.unique(found).drop_null().to_pylist()))
            return cls(name, "text", _doubles(pc.index_in(found, value_set=pa.array(texts, pa.string()))), texts)
        raise MlAssetsError(
            f"column {name} cannot be cut into groups", expected="numbers, times, texts or truth values", got=kind,
            remedy="leave the column out, or turn it into a number or a text in SQL",
        )  # fmt: skip

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = np.isnan(self.values)
        return found

    def shown(self, value: float) -> str:
        """A value as a person reads it."""
        if self.kind == "text":
            return self.texts[int(value)]
        if self.kind == "number" or not np.isfinite(value):
            return f"{value:.6g}"
        moment = np.datetime64(round(value * MICROSECONDS_A_DAY), "us")
        day = moment.astype("datetime64[D]")
        return str(day) if day == moment else str(moment.astype("datetime64[m]"))


@dataclass(frozen=True)
class Groups:
    """Each row in exactly one group: `codes` (n_rows,) are positions in `conditions`; no group is empty."""

    codes: Codes
    conditions: tuple[str, ...]

    def rows(self, position: int) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = self.codes == position
        return found

    def crossed(self, other: Groups) -> Groups:
        """Every pair of groups that has rows."""
        names = [f"{one} and {two}" for one in self.conditions for two in other.conditions]
        return _without_empty(self.codes * len(other.conditions) + other.codes, names)


def columns_of(columns: Mapping[str, Any], rows: int) -> dict[str, Column]:
    """All columns read; raises where one has not `rows` values."""
    found = {name: Column.of(name, values) for name, values in columns.items()}
    for name, column in found.items():
        if len(column.values) != rows:
            raise MlAssetsError(
                f"column {name} does not belong to these rows", expected=f"{rows} values", got=len(column.values),
                remedy="take label, score and columns from the same rows",
            )  # fmt: skip
    return found


def known_column(columns: Mapping[str, Column], name: str) -> Column:
    """The column of that name; raises with the nearest names where there is none."""
    if name not in columns:
        raise UnknownNameError("column", name, columns)
    return columns[name]


def grouped(column: Column, *, bins: int = 4, edges: Sequence[float] | None = None, most: int = 50) -> Groups:
    """The column's rows by value (texts, and numbers of at most `bins` values) or by bin, and the missing ones.

    Bins are half-open, `low <= x < high`; without `edges` they hold about equally many rows. Infinite numbers fall into the
    outer bins. Of texts the `most` commonest values have a group each, the others one together.
    """
    if column.kind == "text":
        return _with_missing(column, *_common_values(column, most))
    finite = column.values[np.isfinite(column.values)]
    distinct = np.unique(finite)
    if edges is None and len(distinct) <= bins and len(finite) == (~column.missing).sum():
        names = [f"{column.name} = {shown}" for shown in _shown_apart(column, distinct)]
        return _with_missing(column, np.searchsorted(distinct, column.values), names)
    if edges is None:
        shares = np.arange(1, bins) / bins
        cuts = np.unique(np.quantile(finite, shares, method="inverted_cdf")) if len(finite) else np.array([])
    else:
        cuts = _checked_edges(column, edges)
    return _with_missing(column, np.searchsorted(cuts, column.values, side="right"), _bin_names(column, cuts))


def _common_values(column: Column, most: int) -> tuple[Codes, list[str]]:
    known = column.values[~column.missing].astype(np.intp)
    counts = np.bincount(known, minlength=len(column.texts))
    common = np.sort(np.argsort(-counts, kind="stable")[:most])
    target = np.full(len(column.texts) + 1, len(common), dtype=np.intp)
    target[common] = np.arange(len(common))
    names = [f"{column.name} = {column.texts[position]}" for position in common]
    names.append(f"{column.name} is one of {len(column.texts) - len(common)} rarer values")
    codes = np.where(column.missing, len(column.texts), column.values).astype(np.intp)
    return target[codes], names


def _checked_edges(column: Column, edges: Sequence[float]) -> Floats:
    cuts = np.asarray(edges, dtype=np.float64)
    if not len(cuts) or np.isnan(cuts).any() or (np.diff(cuts) <= 0).any():
        raise DeclarationError(
            f"bins of column {column.name} have no meaning", expected="one or more edges, each above the one before",
            got=list(edges), remedy="sort the edges and name each once",
        )  # fmt: skip
    return cuts


def _shown_apart(column: Column, values: Floats) -> list[str]:
    """Distinct values as distinct texts, in all their digits where six do not tell them apart."""
    shown = [column.shown(value) for value in values]
    return shown if len(set(shown)) == len(shown) else [repr(float(value)) for value in values]


def _bin_names(column: Column, cuts: Floats) -> list[str]:
    name, shown = column.name, _shown_apart(column, cuts)
    if not shown:
        return [f"{name} is any number"]
    between = [f"{low} <= {name} < {high}" for low, high in pairwise(shown)]
    return [f"{name} < {shown[0]}", *between, f"{name} >= {shown[-1]}"]


def named_cuts(name: str, conditions: Iterable[str]) -> tuple[float, ...]:
    """Between which numbers a column was cut, read back from the names of its bins; () where it was not cut.

    The inverse of how bins are named: what a slice is called is what it is from then on, whatever rows come.
    """
    number = r"([-+]?(?:inf|[0-9]*\.?[0-9]+)(?:e[-+]?[0-9]+)?)"
    named = re.escape(name)
    bin_name = re.compile(rf"(?:{number} <= )?{named} < {number}|{named} >= {number}")
    parts = (part for condition in conditions for part in condition.split(" and "))
    found = {float(edge) for part in parts if (match := bin_name.fullmatch(part)) for edge in match.groups() if edge}
    return tuple(sorted(found))


def _with_missing(column: Column, codes: Codes, names: Sequence[str]) -> Groups:
    return _without_empty(np.where(column.missing, len(names), codes), [*names, f"{column.name} is missing"])


def _without_empty(codes: Codes, names: Sequence[str]) -> Groups:
    filled = np.bincount(codes, minlength=len(names)) > 0
    position = np.cumsum(filled) - 1
    return Groups(
        position[codes].astype(np.intp), tuple(name for name, kept in zip(names, filled, strict=True) if kept)
    )


def _arrow(name: str, values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not isinstance(values, pa.Array):
        try:
            values = pa.array(np.asarray(values), from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as problem:
            raise MlAssetsError(
                f"column {name} cannot be read", expected="values of one type, in one dimension", got=problem,
                remedy="give the column one type in SQL",
            ) from problem  # fmt: skip
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values.cast(pa.string()) if pa.types.is_string_view(values.type) else values


def _doubles(array: pa.Array) -> Floats:
    found: Floats = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found
