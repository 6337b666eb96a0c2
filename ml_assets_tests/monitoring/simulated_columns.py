"""Columns of a population whose weekly level moves as told, as counts in the bins of their reference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from ml_assets.monitoring.reference_rows import History, ReferenceColumn, Watched
from ml_assets.monitoring.sketch import NumberBins, Sketch
from ml_assets.monitoring.thresholds import MEASURES, ColumnJudge, alpha_of
from ml_assets.specs.monitors import FalseAlarmSpec
from ml_assets.specs.times import SnapshotSpec

WEEKLY = SnapshotSpec(every="week", last=10)
FIRST = datetime(2020, 1, 6)


@dataclass(frozen=True)
class Population:
    """`rows` a week, each week's level drawn anew with standard deviation `moving` (1 is that of the rows)."""

    rows: int = 4000
    moving: float = 0.0
    history: int = 37
    window: int = 6

    def column(self, seed: int, weeks: int, shift: float = 0.0) -> tuple[ReferenceColumn, npt.NDArray[np.int64]]:
        """A normal column's reference with its history, and counts (weeks, n_bins) afterwards, moved by `shift`."""
        from scipy.special import ndtr

        draws = np.random.default_rng(seed)
        total = self.history + weeks
        level = draws.normal(0, self.moving, total) if self.moving else np.zeros(total)
        begin = self.history - self.window
        values = np.concatenate([draws.normal(level[week], 1, self.rows) for week in range(begin, self.history)])
        bins = NumberBins.of_quantiles(
            np.quantile(values, np.arange(1, 20) / 20).tolist(), float(values.min()), float(values.max())
        )
        level[self.history :] += shift
        below = ndtr(np.asarray(bins.edges)[None, :] - level[:, None])
        ends = np.zeros((total, 1)), np.ones((total, 1))
        counts = draws.multinomial(self.rows, np.diff(np.hstack([ends[0], below, ends[1]])))
        sketch = Sketch(
            self.rows * self.window, 0, counts[begin : self.history].sum(axis=0), self.rows * self.window
        ).with_moments(float(values.mean()), float(values.std()), float(values.min()), float(values.max()))
        history = History(
            tuple(FIRST + timedelta(weeks=week) for week in range(self.history)), counts[: self.history],
            np.zeros(self.history, dtype=np.int64),
        )  # fmt: skip
        column = ReferenceColumn(
            Watched("feature", f"c{seed}", None), bins, sketch, self.window, history.snapshots[-1], history, None
        )
        return column, counts[self.history :]  # fmt: skip

    def alarms(
        self, columns: int, weeks: int, shift: float = 0.0, seed: int = 0, budget: FalseAlarmSpec | None = None, lead: int = 5
    ) -> npt.NDArray[np.bool_]:  # fmt: skip
        """Whether a column was flagged in a week, shape (columns, weeks)."""
        alpha = alpha_of(budget or FalseAlarmSpec(), WEEKLY, columns * len(MEASURES["number"]))
        found = np.zeros((columns, weeks), dtype=bool)
        for place in range(columns):
            column, counts = self.column(seed * 10_000 + place, weeks, shift)
            judge = ColumnJudge(column, alpha)
            far = judge.distances(counts)
            limits = judge.thresholds(Sketch(self.rows, 0, counts[0], self.rows), lead, tuple(far))
            for name, values in far.items():
                found[place] |= values > limits[name].value
        return found


def alarm_weeks(flagged: npt.NDArray[np.bool_]) -> int:
    """Weeks with an alarm, however many columns it names."""
    return int(flagged.any(axis=0).sum())


def allowed(weeks: int, budget: FalseAlarmSpec | None = None) -> float:
    """Alarms that the budget allows in so many weeks."""
    spec = budget or FalseAlarmSpec()
    return spec.at_most * weeks * 7 / 365 * (12 if spec.per == "month" else 1)
