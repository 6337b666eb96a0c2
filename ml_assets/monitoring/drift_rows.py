"""One row of drift a column and snapshot: distances with their thresholds, what they mean for the score, and a rank."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ml_assets.monitoring.effects import movement
from ml_assets.monitoring.measures import JS, KS, MEASURES_SHOWN
from ml_assets.monitoring.sketch import Sketch
from ml_assets.monitoring.thresholds import ColumnJudge, Measured

UNITLESS = "importance x distance"
DRIFT_COLUMNS = (
    "snapshot timestamp, role varchar, column_name varchar, kind varchar, model_version integer, rows bigint, reference_rows bigint, "
    "mean double, reference_mean double, missing_share double, reference_missing_share double, "
    "psi double, psi_threshold double, ks double, ks_threshold double, js double, js_threshold double, "
    "wasserstein double, wasserstein_threshold double, chi2 double, chi2_threshold double, "
    "missing_shift double, missing_shift_threshold double, new_share double, new_share_threshold double, new_categories varchar[], "
    "flagged boolean, flags varchar[], set_by varchar, basis varchar, importance double, effect double, effect_unit varchar, "
    "rank integer, counts bigint[]"
)


class DriftRow(NamedTuple):
    """A row of `DRIFT_COLUMNS`. A measure that the column does not have is null, and so is its threshold.

    `flags` are the measures above their threshold; `set_by` says what set theirs (chance, history, least), in that order.
    `effect` is by how much the mean score moves because this column's values do, in `effect_unit`; null but for features.
    `rank` counts features by the size of it, from 1, within the snapshot. `counts` are in the bins of the reference.
    """

    snapshot: datetime | None
    role: str
    column_name: str
    kind: str
    model_version: int
    rows: int
    reference_rows: int
    mean: float | None
    reference_mean: float | None
    missing_share: float | None
    reference_missing_share: float | None
    psi: float | None
    psi_threshold: float | None
    ks: float | None
    ks_threshold: float | None
    js: float | None
    js_threshold: float | None
    wasserstein: float | None
    wasserstein_threshold: float | None
    chi2: float | None
    chi2_threshold: float | None
    missing_shift: float | None
    missing_shift_threshold: float | None
    new_share: float | None
    new_share_threshold: float | None
    new_categories: list[str]
    flagged: bool
    flags: list[str]
    set_by: str
    basis: str
    importance: float | None
    effect: float | None
    effect_unit: str
    rank: int | None
    counts: list[int]


def judged_rows(
    moment: datetime | None, version: int, lead: int, judges: Mapping[str, ColumnJudge], current: Mapping[str, Sketch]
) -> list[DriftRow]:
    """Rows of one snapshot, in order of the reference's columns; columns without rows are left out."""
    rows = [
        _row(moment, version, lead, judge, current[key])
        for key, judge in judges.items()
        if key in current and current[key].rows
    ]
    features = [row for row in rows if row.role == "feature"]
    order = sorted(features, key=lambda row: (-abs(row.effect or 0.0), -(row.importance or 0.0), row.column_name))
    ranks = {row.column_name: place for place, row in enumerate(order, 1)}
    return [row._replace(rank=ranks[row.column_name]) if row.role == "feature" else row for row in rows]


def _row(moment: datetime | None, version: int, lead: int, judge: ColumnJudge, current: Sketch) -> DriftRow:
    column, before = judge.reference, judge.reference.sketch
    found = judge.measured(current, lead)
    flags = [name for name, one in found.items() if one.exceeds]
    effect, unit = _effect(judge, current, found)
    measured: dict[str, Any] = {
        name: pair
        for measure in MEASURES_SHOWN
        for name, pair in zip((measure, f"{measure}_threshold"), _value_and_threshold(found.get(measure)), strict=True)
    }
    return DriftRow(
        snapshot=moment, role=column.watched.role, column_name=column.watched.column, kind=judge.kind, model_version=version,
        rows=current.rows, reference_rows=before.rows, mean=_known(current.mean), reference_mean=_known(before.mean),
        missing_share=_known(current.missing_share), reference_missing_share=_known(before.missing_share), **measured,
        new_categories=list(current.new), flagged=bool(flags), flags=flags,
        set_by=", ".join(found[name].threshold.set_by for name in flags), basis=judge.basis(lead),
        importance=column.importance, effect=effect, effect_unit=unit, rank=None, counts=current.counts.tolist(),
    )  # fmt: skip


def _value_and_threshold(measured: Measured | None) -> tuple[float | None, float | None]:
    return (None, None) if measured is None else (measured.value, measured.threshold.value)


def _effect(judge: ColumnJudge, current: Sketch, found: Mapping[str, Measured]) -> tuple[float | None, str]:
    """What the column's movement does to the mean score; without contributions by value, importance times distance."""
    column = judge.reference
    if column.bin_effects:
        return movement(column.sketch, current, column.bin_effects), column.effect_unit
    distance = found.get(KS) or found.get(JS)
    if column.importance is None or distance is None:
        return None, ""
    return column.importance * distance.value, UNITLESS


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
