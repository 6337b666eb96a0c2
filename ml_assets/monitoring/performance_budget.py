"""How improbable something must be before it counts, so that chance alone alarms as seldom as declared."""

from __future__ import annotations

from ml_assets.specs.monitors import FalseAlarmSpec
from ml_assets.specs.times import SnapshotSpec

# What is judged of every snapshot: performance, base rate, the estimate, slices. Each may use its share of the budget.
_CHECKS = 4
_SNAPSHOTS_A_YEAR = {"day": 365.25, "week": 52.18, "month": 12.0}
_YEARS = {"year": 1.0, "month": 1 / 12}
# Scores without snapshots are judged when they are made again: as often as this is assumed.
_ASSUMED_A_YEAR = 52.18
_MOST = 0.25


def chance_allowed(budget: FalseAlarmSpec, grid: SnapshotSpec | None, tests: int = 1) -> float:
    """Probability by chance below which one of `tests` tests of one check of one snapshot raises an alarm (Bonferroni)."""
    a_year = _ASSUMED_A_YEAR if grid is None else _SNAPSHOTS_A_YEAR[grid.every]
    judged = a_year * _YEARS[budget.per] * _CHECKS
    return min(_MOST, budget.at_most / judged) / max(tests, 1)
