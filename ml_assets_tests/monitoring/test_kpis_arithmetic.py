"""Indicators one by one, where the edges are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import atanh, sqrt, tanh

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.monitoring.kpi_facts import window_of
from ml_assets.monitoring.kpi_words import change_in_words, interval_in_words, parts_in_words, value_in_words
from ml_assets.monitoring.kpis import (
    GainPair,
    IncidentRow,
    Kpi,
    KpiFacts,
    Promotion,
    StepRow,
    Window,
    change_failure_rate,
    computed_kpis,
    cost_per_training_run,
    deployment_frequency,
    gain_correlation,
    percentile,
    scoring_p95,
)
from ml_assets.specs.monitors import OperationsSpec

START = datetime(2024, 3, 1, tzinfo=UTC)
MARCH = Window(START, datetime(2024, 4, 1, tzinfo=UTC))
FOUR = [GainPair(1, 2), GainPair(2, 4), GainPair(3, 1), GainPair(4, 3)]


def incident(
    opened: datetime,
    closed: datetime | None = None,
    began: datetime | None = None,
    acknowledged: datetime | None = None,
) -> IncidentRow:
    return IncidentRow(began or opened, opened, opened, acknowledged, closed)


def of_incidents(*incidents: IncidentRow) -> dict[str, Kpi]:
    return {kpi.name: kpi for kpi in computed_kpis(KpiFacts(MARCH, incidents=incidents))}


def step(asset: str, *, rows: int = 0, seconds: float = 1, cpu: float | None = 1.0, failed: bool = False) -> StepRow:
    return StepRow("r", asset, START, failed, seconds, rows, cpu, None if cpu is None else 0.0)


class TestWindow:
    def test_window_holds_now_and_begins_at_midnight(self) -> None:
        now = datetime(2024, 4, 2, 15, 30, tzinfo=UTC)
        window = window_of(OperationsSpec(name="operations", window="7 days"), now)
        assert window.holds(now)
        assert window.since == datetime(2024, 3, 26, tzinfo=UTC)

    def test_window_before_touches_it_and_overlaps_nowhere(self) -> None:
        before = MARCH.before
        assert (before.until, before.length) == (MARCH.since, MARCH.length)
        assert not before.holds(MARCH.since)
        assert MARCH.holds(MARCH.since)
        assert not MARCH.holds(MARCH.until)


class TestIncidents:
    def test_incident_that_closes_as_the_window_ends_is_still_open_in_it(self) -> None:
        found = of_incidents(incident(START, closed=MARCH.until))
        assert found["incidents_open"].value == 1
        assert found["time_to_recover"].value is None
        assert found["time_to_recover"].reason == "no incident was closed in the window; 1 still open"

    def test_incident_that_opens_after_the_window_is_in_none_of_it(self) -> None:
        found = of_incidents(incident(MARCH.until, began=START))
        assert (found["incidents_open"].value, found["time_to_detect"].value) == (0, None)
        assert found["oldest_open_incident"].reason == "no incident is open"

    def test_incident_found_at_once_took_no_time_and_counts(self) -> None:
        assert of_incidents(incident(START))["time_to_detect"][1:5] == (0, "hours", 0, 1)

    def test_incidents_that_all_began_after_the_clock_tell_no_time(self) -> None:
        found = of_incidents(incident(START, began=START + timedelta(days=1)))["time_to_detect"]
        assert found.value is None
        assert found.reason == "no incident was opened in the window; 1 began after the clock"


class TestPercentile:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([7.0], 7),
            ([1.0, 2.0], 2),
            (list(range(1, 21)), 19),
            (list(range(1, 22)), 20),
            (list(range(100, 0, -1)), 95),
        ],
    )
    def test_percentile_is_the_least_value_that_so_many_do_not_exceed(
        self, values: list[float], expected: float
    ) -> None:
        assert percentile(values, 0.95) == expected

    @given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.floats(0.01, 1))
    def test_percentile_is_a_value_that_enough_do_not_exceed(self, values: list[float], share: float) -> None:
        found = percentile(values, share)
        assert found in values
        assert sum(value <= found for value in values) >= share * len(values) - 1e-6
        assert sum(value < found for value in values) < share * len(values)

    def test_failed_and_empty_steps_are_no_scoring(self) -> None:
        steps = [step("scores.a", rows=5, failed=True), step("scores.a"), step("features.a", rows=9)]
        assert [kpi.value for kpi in scoring_p95(steps)] == [None, None]


class TestCost:
    def test_training_that_failed_costs_and_yields_no_version(self) -> None:
        found = cost_per_training_run([step("models.a", cpu=5, failed=True)], None)
        assert (found.value, found.unit) == (None, "CPU-seconds")
        assert found.reason == "no version was trained in the window"

    def test_price_of_zero_is_a_cost_of_zero(self) -> None:
        found = cost_per_training_run([step("models.a", rows=1)], (0.0, "EUR"))
        assert (found.value, found.unit) == (0.0, "EUR")

    def test_versions_of_unknown_cost_are_not_counted_as_free(self) -> None:
        steps = [step("models.a", rows=1, cpu=None), step("models.a", rows=2, cpu=8)]
        found = cost_per_training_run(steps, None)
        assert found.value == 8
        assert found.reason == "1 steps without a CPU time are left out"
        assert cost_per_training_run(steps[:1], None).value is None


class TestPromotions:
    def test_no_promotion_is_a_frequency_of_zero_and_no_rate(self) -> None:
        assert deployment_frequency([], MARCH, models=1).value == 0
        assert change_failure_rate([], MARCH)[1:5] == (None, "share", 0, 0)

    def test_frequency_without_a_model_is_not_known(self) -> None:
        assert deployment_frequency([], MARCH, models=0).value is None

    def test_promotion_before_the_window_that_is_rolled_back_in_it_is_not_of_the_window(self) -> None:
        early = Promotion("again", 1, START - timedelta(days=1), True)
        late = Promotion("again", 2, START, False)
        assert change_failure_rate([early, late], MARCH).value == 0


class TestGain:
    def test_four_pairs_are_refused_with_their_number(self) -> None:
        found = gain_correlation(FOUR)
        assert (found.value, found.low, found.high, found.denominator) == (None, None, None, 4)
        assert found.reason == "4 pairs, and at least 5 are needed"

    def test_five_pairs_give_a_correlation_with_fishers_interval(self) -> None:
        # offline 1..5, online 2 4 1 3 5: covariance 5, variances 10 and 10 in sums of squares
        found = gain_correlation([*FOUR, GainPair(5, 5)])
        assert found.value == pytest.approx(0.5)
        assert found.low == pytest.approx(tanh(atanh(0.5) - 1.959963984540054 / sqrt(2)))
        assert found.high == pytest.approx(tanh(atanh(0.5) + 1.959963984540054 / sqrt(2)))
        assert found.low == pytest.approx(-0.6840, abs=1e-4)
        assert found.high == pytest.approx(0.9591, abs=1e-4)

    def test_pairs_on_one_line_have_no_interval(self) -> None:
        found = gain_correlation([GainPair(x / 7, -x / 3) for x in range(6)])
        assert found.value == pytest.approx(-1)
        assert (found.low, found.high, found.reason) == (None, None, "all pairs lie on one line: no interval")

    def test_gains_that_are_all_equal_correlate_with_nothing(self) -> None:
        assert gain_correlation([GainPair(1, x) for x in range(5)]).value is None

    @given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=5, max_size=30))
    def test_value_lies_within_its_interval_and_that_within_one(self, pairs: list[tuple[float, float]]) -> None:
        found = gain_correlation([GainPair(*pair) for pair in pairs])
        if found.value is not None and found.low is not None and found.high is not None:
            assert -1 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, "share", "-"), (0.9875, "share", "98.8 %"), (1.0, "share", "100 %"), (0.25, "hours", "0.2 h"), (47.9, "hours", "47.9 h"),
        (72.0, "hours", "3.0 days"), (0.01234, "seconds", "0.0123 s"), (1234.0, "seconds", "1,234 s"), (2.0, "count", "2"),
        (0.5, "correlation", "+0.50"), (0.00031, "EUR", "0.00031 EUR"), (3.07e-7, "EUR", "0.000000307 EUR"), (0.0, "EUR", "0 EUR"), (12.3456, "CPU-seconds", "12.3 CPU-seconds"),
    ],
)  # fmt: skip
def test_value_is_told_in_its_unit(value: float | None, unit: str, words: str) -> None:
    assert value_in_words(value, unit) == words


def test_change_is_told_in_points_for_shares_and_in_the_unit_for_others() -> None:
    assert change_in_words(0.9, 0.95, "share") == "-5 points"
    assert change_in_words(4.0, 1.5, "hours") == "+2.5 h"
    assert change_in_words(2.0, 2.0, "count") == "as before"
    assert change_in_words(None, 2.0, "count") == change_in_words(2.0, None, "count") == ""


def test_parts_and_intervals_are_told_where_they_say_something() -> None:
    assert parts_in_words(3, 4, "share") == "3 of 4"
    assert parts_in_words(146, 4, "hours") == "of 4"
    assert parts_in_words(3.1, 1, "EUR") == ""
    assert interval_in_words(1.0, 1.0, "EUR") == interval_in_words(None, None, "EUR") == ""
    assert interval_in_words(-0.68, 0.96, "correlation") == "-0.68 to +0.96"
