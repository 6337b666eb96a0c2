"""Sketches of a version as rows of a table, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ml_assets.monitoring.effects import Effects
from ml_assets.monitoring.sketch import Bins, CategoryBins, NumberBins, Sketch, number_or_nan
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

Role = Literal["feature", "score", "label"]
REFERENCE_COLUMNS = (
    "version integer, role varchar, column_name varchar, kind varchar, rows bigint, missing bigint, units bigint, "
    "mean double, std double, low double, high double, edges double[], categories varchar[], known varchar[], counts bigint[], "
    "importance double, bin_effects double[], effect_unit varchar, reference_snapshots integer, reference_end timestamp, "
    "history_snapshots timestamp[], history_counts bigint[][], history_missing bigint[]"
)


@dataclass(frozen=True)
class Watched:
    """A column to watch. `known`: the categories that are no news; None for a number."""

    role: Role
    column: str
    known: Sequence[str] | None

    @property
    def key(self) -> str:
        """A name that is unique among all roles: a feature may be called `score`."""
        return f"{self.role}:{self.column}"


@dataclass(frozen=True)
class History:
    """Sketches of single snapshots, oldest first: `counts` (n_snapshots, n_bins), `missing` (n_snapshots,)."""

    snapshots: tuple[datetime, ...]
    counts: npt.NDArray[np.int64]
    missing: npt.NDArray[np.int64]


@dataclass(frozen=True)
class ReferenceColumn:
    """One column of a version: its bins, its sketch on the test rows, how it moved before, what it does to the score.

    `snapshots` is how many the test rows are of, `end` the newest of them; None for rows without an order in time.
    `bin_effects` (n_bins + 1,): mean contribution of values in each bin, and of missing ones last; () where not known.
    """

    watched: Watched
    bins: Bins
    sketch: Sketch
    snapshots: int
    end: datetime | None
    history: History
    importance: float | None
    bin_effects: tuple[float, ...] = ()
    effect_unit: str = ""


def reference_rows(
    version: int, watched: Mapping[str, Watched], bins: Mapping[str, Bins], found: Mapping[str, Sketch],
    history: Mapping[datetime, Mapping[str, Sketch]], ends: tuple[int, datetime | None], effects: Effects,
) -> list[tuple[Any, ...]]:  # fmt: skip
    """Rows of `REFERENCE_COLUMNS`, one a column."""
    periods = sorted(history)
    rows = []
    for key, one in watched.items():
        known, sketch = bins[key], found[key]
        number = isinstance(known, NumberBins)
        movement = effects.bins.get(key, ())
        rows.append(
            (
                version, one.role, one.column, "number" if number else "category", sketch.rows, sketch.missing, sketch.units,
                *map(_stored, (sketch.mean, sketch.std, sketch.low, sketch.high)),
                list(known.edges) if isinstance(known, NumberBins) else [],
                list(known.listed) if isinstance(known, CategoryBins) else [],
                sorted(known.known) if isinstance(known, CategoryBins) else [],
                sketch.counts.tolist(), effects.importance.get(key), list(movement), effects.unit if movement else "",
                ends[0], ends[1], periods,
                [history[period][key].counts.tolist() for period in periods],
                [history[period][key].missing for period in periods],
            )
        )  # fmt: skip
    return rows


def load_reference(bench: Workbench, table: TableName, version: int) -> list[ReferenceColumn]:
    """Inside a reading block: every watched column of a version, features first; empty where none were kept."""
    if not bench.has_table(table):
        return []
    return [
        _column(row)
        for row in bench.records(
            f"select * from {table.quoted} where version = ? order by array_position(['feature', 'score', 'label'], role), column_name",
            [version],
        )
    ]


def _column(row: Mapping[str, Any]) -> ReferenceColumn:
    number = row["kind"] == "number"
    bins: Bins = (
        NumberBins(tuple(row["edges"])) if number else CategoryBins(tuple(row["categories"]), frozenset(row["known"]))
    )
    counts = np.asarray(row["counts"], dtype=np.int64)
    moments = (number_or_nan(row[name]) for name in ("mean", "std", "low", "high"))
    sketch = Sketch(row["rows"], row["missing"], counts, row["units"]).with_moments(*moments)
    history = History(
        tuple(row["history_snapshots"]),
        np.asarray(row["history_counts"], dtype=np.int64).reshape(-1, len(bins)),
        np.asarray(row["history_missing"], dtype=np.int64),
    )
    return ReferenceColumn(
        Watched(row["role"], row["column_name"], None if number else row["known"]), bins, sketch,
        row["reference_snapshots"], row["reference_end"], history, row["importance"], tuple(row["bin_effects"]),
        row["effect_unit"],
    )  # fmt: skip


def _stored(value: float) -> float | None:
    return None if math.isnan(value) else value
