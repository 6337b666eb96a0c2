"""The arithmetic of operational indicators: pure functions of what happened, over plain rows.

A value is None, with the reason, where there is nothing to compute it from: never 0.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

LEAST_PAIRS = 5
# Of the standard normal distribution: half of a 95 % interval.
_Z95 = 1.959963984540054
_MONTH_DAYS = 30
# Windows end a microsecond after now, so that now is in them.
_DIGITS = 6
_MOST_MISSING = 3
CPU_SECONDS = "CPU-seconds"


@dataclass(frozen=True)
class Window:
    """Half-open: since <= t < until."""

    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    @property
    def before(self) -> Window:
        """The window of the same length that ends where this one begins."""
        return Window(self.since - self.length, self.since)

    def holds(self, moment: datetime | None) -> bool:
        return moment is not None and self.since <= moment < self.until


class Kpi(NamedTuple):
    """One indicator as computed. `low`, `high`: 95 % interval, or how far the value may be off. `reason`: why there is no
    value, or what has to be known beside it."""

    name: str
    value: float | None
    unit: str
    numerator: float | None = None
    denominator: float | None = None
    reason: str = ""
    low: float | None = None
    high: float | None = None


class StepRow(NamedTuple):
    """One asset in one run. `seconds` on the wall clock; `rows` written; `cpu_error`: by how much `cpu` may be off; both None
    for steps of a version that did not measure."""

    run: str
    asset: str
    at: datetime
    failed: bool
    seconds: float
    rows: int
    cpu: float | None
    cpu_error: float | None

    @property
    def schema(self) -> str:
        return self.asset.partition(".")[0]


class IncidentRow(NamedTuple):
    """Moments of one incident; those that have not come yet are None.

    `waiting_since`: from when on it waits to be acknowledged, later than `opened_at` where it came back. `dismissed`: closed
    by a person although it lasts.
    """

    began_at: datetime
    opened_at: datetime
    waiting_since: datetime
    acknowledged_at: datetime | None
    closed_at: datetime | None
    dismissed: bool = False


class Promotion(NamedTuple):
    """A version that became champion. `rolled_back`: somebody took it back later."""

    model: str
    version: int
    at: datetime
    rolled_back: bool


class GainPair(NamedTuple):
    """What one promotion promised over the champion before, and what it brought; positive is better."""

    offline: float
    online: float


class Stated(NamedTuple):
    """How many of the items that production or documentation asks for are there; `missing` names the others."""

    found: int
    asked: int
    missing: Sequence[str] = ()


NOTHING_ASKED = Stated(0, 0)


@dataclass(frozen=True)
class KpiFacts:
    """What happened, of the window and, where a definition asks for it, before.

    `verdicts`: passed and failed ones of checks; `fresh_days`: days of tables that were fresh, and all that were judged.
    `price`: of one CPU-second with its currency. `models`: how many are declared.
    """

    window: Window
    steps: Sequence[StepRow] = ()
    verdicts: tuple[int, int] = (0, 0)
    fresh_days: tuple[int, int] = (0, 0)
    incidents: Sequence[IncidentRow] = ()
    promotions: Sequence[Promotion] = ()
    pairs: Sequence[GainPair] = ()
    watched: Stated = NOTHING_ASKED
    ready: Stated = NOTHING_ASKED
    documented: Stated = NOTHING_ASKED
    models: int = 0
    price: tuple[float, str] | None = field(default=None)


def computed_kpis(facts: KpiFacts) -> tuple[Kpi, ...]:
    """Every indicator of the catalogue, in its order."""
    steps = [step for step in facts.steps if facts.window.holds(step.at)]
    return (
        step_success_rate(steps),
        run_success_rate(steps),
        _share("check_pass_rate", facts.verdicts[0], sum(facts.verdicts), "no check was judged in the window"),
        *_incident_times(facts.incidents, facts.window),
        *scoring_p95(steps),
        _share("freshness_attainment", *facts.fresh_days, "no freshness check was judged in the window"),
        _stated("monitoring_coverage", facts.watched, "nothing is in production: no scored output is declared"),
        _stated("rollback_readiness", facts.ready, "nothing is in production: no scored output is declared"),
        _stated("documentation", facts.documented, "nothing is declared"),
        cost_per_1000_predictions(steps, facts.price),
        cost_per_training_run(steps, facts.price),
        deployment_frequency(facts.promotions, facts.window, facts.models),
        change_failure_rate(facts.promotions, facts.window),
        gain_correlation(facts.pairs),
    )


def step_success_rate(steps: Sequence[StepRow]) -> Kpi:
    """Share of steps that did not fail."""
    held = sum(not step.failed for step in steps)
    return _share("step_success_rate", held, len(steps), "no step ran in the window")


def run_success_rate(steps: Sequence[StepRow]) -> Kpi:
    """Share of runs without a failed step."""
    runs = {step.run for step in steps}
    failed = {step.run for step in steps if step.failed}
    return _share("run_success_rate", len(runs - failed), len(runs), "nothing ran in the window")


def _incident_times(incidents: Sequence[IncidentRow], window: Window) -> tuple[Kpi, ...]:
    opened = [one for one in incidents if window.holds(one.opened_at)]
    taken = [one for one in incidents if window.holds(one.acknowledged_at)]
    closed = [one for one in incidents if window.holds(one.closed_at) and not one.dismissed]
    still = [
        one
        for one in incidents
        if one.opened_at < window.until and not (one.closed_at and one.closed_at < window.until)
    ]
    waits = f"{len(still)} still open" if still else ""
    return (
        _median_hours("time_to_detect", [(one.began_at, one.opened_at) for one in opened], "no incident was opened in the window"),
        _median_hours("time_to_acknowledge", [(one.waiting_since, one.acknowledged_at) for one in taken], "no incident was acknowledged in the window"),
        _median_hours("time_to_recover", [(one.opened_at, one.closed_at) for one in closed], "no incident was closed in the window", waits),
        Kpi("incidents_open", float(len(still)), "count", len(still)),
        _oldest(still, window),
    )  # fmt: skip


def _median_hours(name: str, spans: Sequence[tuple[datetime, datetime | None]], absent: str, also: str = "") -> Kpi:
    """Median of spans that go forward. One whose end lies before its begin (an event dated ahead of the clock) tells no
    duration and is named instead."""
    hours = [_hours(end - begin) for begin, end in spans if end is not None and end >= begin]
    ahead = len(spans) - len(hours)
    told = [*([f"{ahead} began after the clock"] if ahead else []), *([also] if also else [])]
    if not hours:
        return Kpi(name, None, "hours", denominator=0, reason="; ".join([absent, *told]))
    return Kpi(name, statistics.median(hours), "hours", sum(hours), len(hours), "; ".join(told))


def _oldest(still: Sequence[IncidentRow], window: Window) -> Kpi:
    if not still:
        return Kpi("oldest_open_incident", None, "hours", denominator=0, reason="no incident is open")
    age = max(_hours(window.until - one.opened_at) for one in still)
    return Kpi("oldest_open_incident", age, "hours", age, len(still))


def scoring_p95(steps: Sequence[StepRow]) -> tuple[Kpi, Kpi]:
    """95th percentiles of the steps that wrote scores: of their seconds, and of their seconds for 1,000 rows."""
    wrote = [step for step in steps if step.schema == "scores" and step.rows and not step.failed]
    values = ([step.seconds for step in wrote], [step.seconds / step.rows * 1000 for step in wrote])
    names = ("scoring_p95", "scoring_p95_per_1000")
    first, second = (
        Kpi(name, percentile(found, 0.95), "seconds", denominator=len(found))
        if found
        else Kpi(name, None, "seconds", denominator=0, reason="no step wrote scores in the window")
        for name, found in zip(names, values, strict=True)
    )
    return first, second


def percentile(values: Sequence[float], share: float) -> float:
    """The least of the values that at least this share of them does not exceed (no interpolation); at least one value."""
    ordered = sorted(values)
    # Less a hair, because 0.95 * 20 is a little more than 19 in binary.
    return ordered[max(math.ceil(share * len(ordered) - 1e-9), 1) - 1]


def cost_per_1000_predictions(steps: Sequence[StepRow], price: tuple[float, str] | None) -> Kpi:
    """CPU time of scoring by the thousand rows written."""
    scoring = [step for step in steps if step.schema == "scores"]
    known = [step for step in scoring if step.cpu is not None]
    rows = sum(step.rows for step in known)
    return _cost("cost_per_1000_predictions", scoring, rows / 1000, price, "no scores were written in the window")


def cost_per_training_run(steps: Sequence[StepRow], price: tuple[float, str] | None) -> Kpi:
    """CPU time from training set to verdict by the versions trained."""
    training = [step for step in steps if step.schema in ("training", "models", "evaluation")]
    trained = [step for step in training if step.schema == "models" and "__" not in step.asset and step.rows]
    versions = sum(step.cpu is not None for step in trained)
    return _cost("cost_per_training_run", training, versions, price, "no version was trained in the window")


def _cost(name: str, steps: Sequence[StepRow], pieces: float, price: tuple[float, str] | None, absent: str) -> Kpi:
    """What the measured of these steps cost, by piece."""
    factor, unit = price or (1.0, CPU_SECONDS)
    known = [step for step in steps if step.cpu is not None]
    unknown = len(steps) - len(known)
    told = f"{unknown} steps without a CPU time are left out" if unknown else ""
    if not pieces:
        return Kpi(name, None, unit, denominator=0, reason="; ".join(filter(None, [absent, told])))
    total = factor * math.fsum(step.cpu or 0.0 for step in known)
    error = factor * math.fsum(step.cpu_error or 0.0 for step in known)
    low, high = max(total - error, 0.0) / pieces, (total + error) / pieces
    return Kpi(name, total / pieces, unit, total, pieces, told, low, high)


def deployment_frequency(promotions: Iterable[Promotion], window: Window, models: int) -> Kpi:
    """Promotions of the window, scaled to 30 days."""
    if not models:
        return Kpi("deployment_frequency", None, "count", reason="no model is declared")
    count = sum(window.holds(one.at) for one in promotions)
    days = round(window.length / timedelta(days=1), _DIGITS)
    return Kpi("deployment_frequency", count * _MONTH_DAYS / days, "count", count, days)


def change_failure_rate(promotions: Iterable[Promotion], window: Window) -> Kpi:
    """Share of the window's promotions that were taken back."""
    made = [one for one in promotions if window.holds(one.at)]
    back = [f"{one.model}@{one.version}" for one in made if one.rolled_back]
    return _share("change_failure_rate", len(back), len(made), "nothing was promoted in the window", ", ".join(back))


def gain_correlation(pairs: Sequence[GainPair]) -> Kpi:
    """Pearson's correlation of promised and observed gains, with Fisher's 95 % interval.

    With n pairs, artanh(r) is about normal with standard error 1/sqrt(n - 3); so five pairs are the least asked for, and even
    they leave an interval that says little.
    """
    name, count = "gain_correlation", len(pairs)
    if count < LEAST_PAIRS:
        return Kpi(
            name, None, "correlation", denominator=count, reason=f"{count} pairs, and at least {LEAST_PAIRS} are needed"
        )
    offline, online = zip(*pairs, strict=True)
    try:
        value = max(-1.0, min(1.0, statistics.correlation(offline, online)))
    except statistics.StatisticsError:
        # Equal, or so nearly that the sum of their squares is 0 in binary.
        return Kpi(name, None, "correlation", denominator=count, reason=f"all {count} gains of one kind are equal")
    if math.isclose(abs(value), 1.0, abs_tol=1e-12):
        return Kpi(name, value, "correlation", denominator=count, reason="all pairs lie on one line: no interval")
    middle, half = math.atanh(value), _Z95 / math.sqrt(count - 3)
    return Kpi(name, value, "correlation", None, count, "", math.tanh(middle - half), math.tanh(middle + half))


def _share(name: str, part: float, whole: float, absent: str, told: str = "") -> Kpi:
    if not whole:
        return Kpi(name, None, "share", 0, 0, absent)
    return Kpi(name, part / whole, "share", part, whole, told)


def _stated(name: str, stated: Stated, absent: str) -> Kpi:
    shown = ", ".join(stated.missing[:_MOST_MISSING]) + (
        f" and {len(stated.missing) - _MOST_MISSING} more" if len(stated.missing) > _MOST_MISSING else ""
    )
    return _share(name, stated.found, stated.asked, absent, f"missing: {shown}" if stated.missing else "")


def _hours(span: timedelta) -> float:
    return round(span / timedelta(hours=1), _DIGITS)
