"""How improbable something must be before it counts, so that chance alone alarms as seldom as declared."""

from __future__ import annotations

from ml_assets.monitoring.thresholds import judgements_a_year
from ml_assets.specs.monitors import FalseAlarmSpec
from ml_assets.specs.times import SnapshotSpec

# What is judged of every snapshot: performance, base rate, the estimate, slices. Each may use its share of the budget.
_CHECKS = 4
_MOST = 0.05


def chance_allowed(budget: FalseAlarmSpec, grid: SnapshotSpec | None, tests: int = 1) -> float:
    """Probability by chance below which one of `tests` tests of one check of one snapshot raises an alarm (Bonferroni)."""
    a_year = budget.at_most * (12 if budget.per == "month" else 1)
    return min(a_year / judgements_a_year(grid) / _CHECKS, _MOST) / max(tests, 1)
