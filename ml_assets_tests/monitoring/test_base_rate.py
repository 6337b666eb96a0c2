"""Base rates told from early outcomes: how often the interval holds, how often it alarms for nothing, what it may see."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from ml_assets.monitoring.base_rate import Grown, age_step, ages, gap, projected
from ml_assets.monitoring.early_outcomes import EarlyOutcomesAsset
from ml_assets.monitoring.performance_budget import chance_allowed
from ml_assets.monitoring.performance_verdicts import deviations_of
from ml_assets.specs import FalseAlarmSpec, MonitorSpec
from ml_assets.specs.times import SnapshotSpec
from ml_assets_tests.builders import Lab, instant

WEEKLY = SnapshotSpec(every="week", last=10)


def grown(draws: np.random.Generator, rows: int, rate: float, early_share: float, noise: float = 0.1) -> Grown:
    """Positives of one snapshot, of which at a rate of 0.25 a share shows early; their log odds grow by that, give or take."""
    final = int(draws.binomial(rows, rate))
    usual = log_odds(0.25 * early_share) - log_odds(0.25)
    early_rate = 1 / (1 + np.exp(-(log_odds(rate) + usual + draws.normal(0, noise))))
    return Grown(rows, int(draws.binomial(final, min(1.0, early_rate / rate))), final)


def log_odds(rate: float) -> float:
    return float(np.log(rate / (1 - rate)))


def test_projection_holds_the_final_rate_as_often_as_it_says() -> None:
    draws = np.random.default_rng(3)
    held, times = 0, 600
    for _ in range(times):
        references = [grown(draws, 2000, float(draws.uniform(0.2, 0.3)), 0.5) for _ in range(12)]
        new = grown(draws, 2000, 0.35, 0.5)
        found = projected(new.rows, new.early, references)
        assert found is not None
        low, high = found.interval()
        held += low <= new.final / new.rows <= high

    assert 0.92 <= held / times <= 0.98


def test_projection_of_outcomes_that_fall_with_age_mirrors_that_of_rising_ones() -> None:
    """A label such as "did not come back" begins at one and falls."""
    draws = np.random.default_rng(8)
    references = [grown(draws, 1000, 0.3, 0.4) for _ in range(10)]
    mirrored = [Grown(one.rows, one.rows - one.early, one.rows - one.final) for one in references]

    rising, falling = projected(1000, 150, references), projected(1000, 850, mirrored)

    assert rising is not None
    assert falling is not None
    assert falling.rate == pytest.approx(1 - rising.rate)
    assert falling.interval() == pytest.approx([1 - end for end in rising.interval()[::-1]])


def test_week_in_which_the_shop_was_closed_does_not_hide_a_move() -> None:
    draws = np.random.default_rng(6)
    references = [grown(draws, 2000, 0.28, 0.4) for _ in range(20)]
    closed = Grown(2000, 0, 500)

    without, with_it = (
        projected(2000, 300, references),
        projected(2000, 300, [*references[:7], closed, *references[7:]]),
    )

    assert with_it == without


def test_too_few_earlier_snapshots_tell_nothing() -> None:
    draws = np.random.default_rng(1)
    references = [grown(draws, 1000, 0.3, 0.4) for _ in range(4)]

    assert projected(1000, 120, references) is None
    assert projected(0, 0, references * 5) is None


def test_false_alarms_over_a_year_of_stable_weeks_stay_within_the_budget() -> None:
    """1,000 stable weeks, each looked at four times early and once at its end, at one alarm a year for four checks."""
    draws, budget = np.random.default_rng(11), FalseAlarmSpec(at_most=1, per="year")
    chance = chance_allowed(budget, WEEKLY, tests=5)
    alarms = 0
    for _ in range(1000):
        score = draws.beta(2, 5, 800)
        references = [grown(draws, 800, float(draws.uniform(0.25, 0.32)), 0.5) for _ in range(12)]
        final = int((draws.random(800) < score).sum())
        tests = []
        for share in (0.25, 0.5, 0.75, 0.9):
            like = [grown(draws, 800, one.final / 800, share) for one in references]
            early = min(final, grown(draws, 800, final / 800, share).early)
            found = projected(800, early, like)
            assert found is not None
            tests.append(gap(score, found.centre, found.spread, found.references).p_value)
        tests.append(gap(score, log_odds(final / 800)).p_value)
        alarms += min(tests) < chance

    # A quarter of one alarm a year: about 4.8 in 1,000 weeks; twice that would be a broken promise.
    assert alarms <= 10


def test_moved_base_rate_is_found_at_half_of_the_window() -> None:
    draws = np.random.default_rng(12)
    chance = chance_allowed(FalseAlarmSpec(), WEEKLY, tests=5)
    found = 0
    for _ in range(100):
        score = draws.beta(2, 5, 3000)
        references = [grown(draws, 3000, 0.28, 0.5) for _ in range(30)]
        new = grown(draws, 3000, float(score.mean()) + 0.15, 0.5)
        projection = projected(new.rows, new.early, references)
        assert projection is not None
        found += gap(score, projection.centre, projection.spread, projection.references).p_value < chance

    assert found >= 80


def test_budget_is_shared_by_four_checks_and_all_tests_of_a_snapshot() -> None:
    yearly = chance_allowed(FalseAlarmSpec(at_most=1, per="year"), WEEKLY)

    assert yearly * 4 * 365 / 7 == pytest.approx(1)
    assert chance_allowed(FalseAlarmSpec(at_most=1, per="year"), WEEKLY, tests=10) == pytest.approx(yearly / 10)
    assert chance_allowed(FalseAlarmSpec(at_most=0.5, per="month"), WEEKLY) == pytest.approx(yearly * 6)
    assert chance_allowed(FalseAlarmSpec(at_most=1000, per="year"), WEEKLY) <= 0.05
    assert deviations_of(0.025) == pytest.approx(1.96, abs=0.001)


@pytest.mark.parametrize(
    ("horizon", "step", "last"), [(30, 7, 28), (28, 7, 21), (7, 1, 6), (14, 1, 13), (365, 28, 364), (1, None, None)]
)
def test_ages_are_whole_days_or_weeks_before_the_end(horizon: int, step: int | None, last: int | None) -> None:
    found = ages(timedelta(days=horizon), timedelta(days=10_000))

    assert age_step(timedelta(days=horizon)) == (None if step is None else timedelta(days=step))
    assert (found[-1].days if found else None) == last
    assert all(age < timedelta(days=horizon) for age in found)


EVENTS = [
    # customer, amount, event, available
    [1, 1, "2011-01-01 10:00:00", None],
    [2, 1, "2011-01-01 10:00:00", None],
    [3, 1, "2011-01-01 10:00:00", None],
    [1, 1, "2011-01-04 10:00:00", None],
    [2, 1, "2011-01-12 10:00:00", None],
    # Happened on the third day and was reported on the tenth.
    [3, 1, "2011-01-05 10:00:00", "2011-01-12 09:00:00"],
]


def early_of(lab: Lab, horizon: str = "28 days") -> EarlyOutcomesAsset:
    people, labels = lab.labels(horizon=horizon)
    lab.run(people)
    return EarlyOutcomesAsset(MonitorSpec(name="watch", scores="again"), labels, "test.yaml:1", "test")


EARLY = "select strftime(snapshot, '%m-%d'), age_days::integer, rows, positives from wh.monitoring.watch__early_outcomes order by all"


def test_early_outcomes_are_those_of_the_elapsed_part_as_known_at_its_end(tmp_path: Path) -> None:
    lab = Lab(tmp_path, now=instant("2011-01-20"))
    lab.given("staging.events", EVENTS)
    early = early_of(lab)

    lab.run(early)

    # The first snapshot is 17 days old; customer 3's report was not there at 7 days.
    assert [row for row in lab.rows(EARLY) if row[0] == "01-03"] == [("01-03", 7, 3, 1), ("01-03", 14, 3, 3)]
    assert [row[:2] for row in lab.rows(EARLY) if row[0] == "01-17"] == []


def test_early_outcomes_never_see_rows_after_the_clock(tmp_path: Path) -> None:
    """The warehouse may hold later rows than the clock says it is, as in a replay."""
    lab = Lab(tmp_path, now=instant("2011-01-10"))
    lab.given("staging.events", EVENTS)

    lab.run(early_of(lab))

    assert lab.rows(EARLY) == [("01-03", 7, 3, 1)]


def test_snapshot_is_made_again_when_a_further_age_has_passed_and_then_never(tmp_path: Path) -> None:
    lab = Lab(tmp_path, now=instant("2011-01-12"))
    lab.given("staging.events", EVENTS)
    early = early_of(lab)
    first = lab.run(early)
    again = lab.run(early, now=instant("2011-01-16"))
    later = lab.run(early, now=instant("2011-01-17"))
    ended = lab.run(early, now=instant("2011-05-01"), partitions=["2011-01-03"])
    quiet = lab.run(early, now=instant("2011-06-01"), partitions=["2011-01-03"])

    assert [made.partition for made in first.made if made.changed] == ["2011-01-03"]
    assert not again.changed
    assert {made.partition: made.note for made in later.made if made.changed}["2011-01-03"].startswith("changed: age")
    assert ended.changed
    assert not quiet.changed
    assert [row[1] for row in lab.rows(EARLY) if row[0] == "01-03"] == [7, 14, 21]
