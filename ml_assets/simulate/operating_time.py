"""Operating time: calendar time rescaled so that the shop trades evenly in it."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from ml_assets.simulate.draws import Floats, Ints
from ml_assets.simulate.spec import ShopSpec

MINUTES_A_DAY = 1440
_MEAN_YEAR = 365.25


class OperatingTime:
    """S(t), the integral of the known trading intensity s(t) from the shop's first day on, in operating days.

    s(t) is weekday weight x yearly wave x hour weight, and zero when closed; its mean over a week is 1 in an
    average season. A process with constant rate in S(t) has the rate s(t) in calendar time.
    """

    def __init__(self, spec: ShopSpec, days: int | None = None) -> None:
        """Covers `days` calendar days from the first on (default: the shop's own)."""
        self.first_day = spec.first_day
        self.weights = _day_weights(spec, spec.days if days is None else days)
        # A running sum, so that more days leave the earlier values untouched to the last bit.
        self.starts: Floats = np.concatenate([[0.0], np.cumsum(self.weights)])
        hours = np.asarray(spec.hour_weights, dtype=np.float64)
        self._hour_shares: Floats = np.concatenate([[0.0], np.cumsum(hours) / hours.sum()])
        self._hour_minutes: Floats = np.linspace(0.0, MINUTES_A_DAY, 25)
        trading = np.flatnonzero(hours)
        self._open_minutes = (int(trading[0]) * 60, int(trading[-1]) * 60 + 59)

    @property
    def end(self) -> float:
        """Operating time at which the last covered day ends."""
        return float(self.starts[-1])

    def at(self, moment: datetime) -> float:
        """Operating time of an aware moment within the covered days (their end included)."""
        elapsed = moment.astimezone(UTC) - datetime.combine(self.first_day, datetime.min.time(), UTC)
        day, rest = divmod(elapsed, timedelta(days=1))
        if day == len(self.weights) and not rest:
            return self.end
        if not 0 <= day < len(self.weights):
            raise ValueError(f"{moment} is outside the {len(self.weights)} days from {self.first_day} on")
        share = float(np.interp(rest / timedelta(minutes=1), self._hour_minutes, self._hour_shares))
        return float(self.starts[day] + self.weights[day] * share)

    def days_of(self, times: Floats) -> Ints:
        """Index of the calendar day on which each operating time falls; never a closed one."""
        return (np.searchsorted(self.starts, times, side="right") - 1).astype(np.int64)

    def minutes_of(self, times: Floats, days: Ints) -> Ints:
        """Minute of the day, in [0, 1440), rounded down; `days` are those of `days_of`."""
        shares = (times - self.starts[days]) / self.weights[days]
        minutes = np.interp(shares, self._hour_shares, self._hour_minutes).astype(np.int64)
        # At the edge of a share the interpolation may touch the first minute after closing or before opening.
        return np.clip(minutes, *self._open_minutes)


def _day_weights(spec: ShopSpec, days: int) -> Floats:
    calendar = [spec.first_day + timedelta(days=n) for n in range(days)]
    weekday = np.asarray(spec.weekday_weights, dtype=np.float64)
    weekday = weekday / weekday.mean()
    by_day = weekday[[day.weekday() for day in calendar]]
    day_of_year = np.array([day.timetuple().tm_yday for day in calendar])
    wave = np.cos(2 * np.pi * (day_of_year - spec.season_peak_day) / _MEAN_YEAR)
    is_open = np.array([not _is_closed(spec, day) for day in calendar])
    return np.asarray(by_day * (1 + spec.season_amplitude * wave) * is_open, dtype=np.float64)


def _is_closed(spec: ShopSpec, day: date) -> bool:
    today = (day.month, day.day)
    if spec.closed_from <= spec.reopened_on:
        return spec.closed_from <= today < spec.reopened_on
    return today >= spec.closed_from or today < spec.reopened_on
