"""Freshness counts trading time only, by a declared or a learnt calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_assets.specs import CalendarSpec, FreshnessSpec
from ml_assets.warehouse.freshness import TradingCalendar, freshness_check
from ml_assets.warehouse.results import CheckFinding
from ml_assets_tests.builders import Lab, instant

RETAIL = Path(__file__).resolve().parents[3] / "shared" / "data" / "online_retail"
EVERY_DAY = CalendarSpec()
NO_SATURDAYS = CalendarSpec(kind="declared", weekdays=("mon", "tue", "wed", "thu", "fri", "sun"))


def judged(
    root: Path, now: str, times: list[Any], calendar: CalendarSpec = EVERY_DAY, max_age: str = "2 days"
) -> CheckFinding:
    lab = Lab(root, instant(now))
    lab.given("staging.given", [(moment,) for moment in times], {"at": "timestamp"}, None)
    return lab.judge(freshness_check(FreshnessSpec(max_age=max_age), calendar, "at"), "staging.given")


def trading_days(start: str, days: int, closed_weekday: int | None = 5) -> list[datetime]:
    """Noon of every day but one weekday's."""
    first = datetime.fromisoformat(start).replace(hour=12)
    return [day for day in (first + timedelta(days=n) for n in range(days)) if day.weekday() != closed_weekday]


@pytest.mark.parametrize(
    ("newest", "now", "hours"),
    [
        pytest.param("2011-05-30T12:00", "2011-06-01T12:00", 48, id="two_open_days"),
        pytest.param("2011-06-03T12:00", "2011-06-05T12:00", 24, id="saturday_between"),
        pytest.param("2011-06-04T12:00", "2011-06-05T12:00", 12, id="event_on_a_closed_day"),
        pytest.param("2011-06-03T12:00", "2011-06-04T18:00", 12, id="now_on_a_closed_day"),
        pytest.param("2011-03-26T12:00", "2011-03-28T12:00", 36, id="night_of_the_clock_change"),
    ],
)
def test_age_counts_open_time_only(newest: str, now: str, hours: float) -> None:
    calendar = TradingCalendar.of(NO_SATURDAYS, [])

    assert calendar.age(instant(newest), instant(now)) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("closed", "day", "is_open"),
    [
        pytest.param(("2011-12-26",), date(2011, 12, 26), False, id="that_day"),
        pytest.param(("2011-12-26",), date(2012, 12, 26), True, id="that_day_in_another_year"),
        pytest.param(("12-25",), date(2011, 12, 25), False, id="every_year"),
        pytest.param(("02-29",), date(2012, 2, 29), False, id="leap_day"),
        pytest.param((), date(2011, 6, 4), False, id="closed_weekday"),
    ],
)
def test_closed_days_are_closed(closed: tuple[str, ...], day: date, is_open: bool) -> None:
    calendar = NO_SATURDAYS.model_copy(update={"closed": closed})

    assert TradingCalendar.of(calendar, []).is_open(day) == is_open


@pytest.mark.parametrize(
    ("now", "status"),
    [
        pytest.param("2011-06-02T12:00", "passed", id="at_the_limit"),
        pytest.param("2011-06-02T12:01", "failed", id="a_minute_later"),
    ],
)
def test_newest_event_is_at_most_max_age_old(tmp_path: Path, now: str, status: str) -> None:
    finding = judged(tmp_path, now, ["2011-05-01", "2011-05-31T12:00", None])

    assert finding.status == status
    assert finding.summary.startswith("newest event 2011-05-31 12:00, 48.0 trading hours old")


def test_future_rows_make_nothing_fresh_and_are_counted(tmp_path: Path) -> None:
    stale = judged(tmp_path / "1", "2011-06-01", ["2011-05-01", "2011-06-01T00:00:01", "2031-01-01"])
    only = judged(tmp_path / "2", "2011-06-01", ["2031-01-01"])

    assert (stale.status, stale.numbers["future_rows"]) == ("failed", 2)
    assert (only.status, only.summary) == ("failed", "no event before now")


def test_empty_table_is_not_fresh(tmp_path: Path) -> None:
    assert judged(tmp_path, "2011-06-01", []).status == "failed"


def test_calendar_is_learnt_from_the_tables_own_past(tmp_path: Path) -> None:
    """Newest event on Friday noon, now Sunday noon: closed Saturdays are no age."""
    learnt, strict = CalendarSpec(kind="learnt"), CalendarSpec()
    times = trading_days("2011-04-01", 64)
    assert times[-1] == datetime(2011, 6, 3, 12)

    assert judged(tmp_path / "1", "2011-06-05T12:00", times, learnt, "24 hours").status == "passed"
    assert judged(tmp_path / "2", "2011-06-05T12:00", times, strict, "24 hours").status == "failed"


def test_rare_trade_on_a_weekday_does_not_open_it() -> None:
    days = [moment.date() for moment in trading_days("2010-01-04", 364)]
    few = [*days, date(2010, 1, 9), date(2010, 2, 13)]
    many = [*days, *(date(2010, 1, 9) + timedelta(weeks=2 * n) for n in range(20))]

    assert not TradingCalendar.of(CalendarSpec(kind="learnt"), few).is_open(date(2010, 12, 4))
    assert TradingCalendar.of(CalendarSpec(kind="learnt"), many).is_open(date(2010, 12, 4))


@pytest.mark.parametrize(
    "days",
    [
        pytest.param([], id="none"),
        pytest.param([date(2011, 5, 2), date(2011, 5, 9), date(2011, 5, 16)], id="three_mondays"),
    ],
)
def test_too_short_a_past_teaches_nothing(days: list[date]) -> None:
    calendar = TradingCalendar.of(CalendarSpec(kind="learnt"), days)

    assert all(calendar.is_open(date(2011, 5, 2) + timedelta(days=n)) for n in range(7))


@pytest.mark.skipif(not RETAIL.exists(), reason="the real data is not on this machine")
def test_real_shop_raises_no_alarm_when_its_closures_are_declared() -> None:
    """Every morning of the year, with what had landed until then: Saturdays are learnt, Christmas and Easter declared."""
    days = sorted(date.fromisoformat(path.stem) for path in RETAIL.glob("*.csv"))
    easter = ("2011-04-22", "2011-04-23", "2011-04-24", "2011-04-25")
    closed = (*(f"12-{day}" for day in range(24, 32)), "01-01", "01-02", "01-03", *easter)

    def alarms(spec: CalendarSpec) -> set[date]:
        found = set()
        for morning in (days[35] + timedelta(days=n) for n in range((days[-1] - days[35]).days)):
            seen = [day for day in days if day < morning]
            newest = datetime.combine(seen[-1], datetime.min.time()).replace(
                hour=16, tzinfo=instant("2011-01-01").tzinfo
            )
            now = datetime.combine(morning, datetime.min.time()).replace(hour=8, tzinfo=newest.tzinfo)
            if TradingCalendar.of(spec, seen).age(newest, now) > timedelta(days=2):
                found.add(morning)
        return found

    assert alarms(CalendarSpec(kind="learnt", closed=closed)) == set()
    assert {day.isoformat() for day in alarms(CalendarSpec(kind="learnt", closed=closed[:-4]))} == {
        "2011-04-25",
        "2011-04-26",
    }
    assert len(alarms(CalendarSpec(closed=closed))) > 0
