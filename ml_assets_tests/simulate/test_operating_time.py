from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.simulate import ShopSpec
from ml_assets.simulate.operating_time import OperatingTime

SPEC = ShopSpec(days=400)
TIME = OperatingTime(SPEC)
START = datetime(2010, 12, 1, tzinfo=UTC)


def is_trading(moment: datetime) -> bool:
    closed = (moment.month, moment.day) >= (12, 24) or (moment.month, moment.day) < (1, 4)
    return moment.weekday() != 5 and not closed and 7 <= moment.hour < 20


def test_operating_time_stands_still_when_the_shop_is_closed() -> None:
    hours = [START + timedelta(hours=n) for n in range(24 * 60)]

    moved = [TIME.at(hour + timedelta(hours=1)) > TIME.at(hour) for hour in hours]

    assert moved == [is_trading(hour) for hour in hours]


@given(st.floats(min_value=0, max_value=TIME.end, exclude_max=True))
def test_minute_of_an_operating_time_leads_back_to_it(when: float) -> None:
    day = TIME.days_of(np.array([when]))
    minute = TIME.minutes_of(np.array([when]), day)
    moment = START + timedelta(days=int(day[0]), minutes=int(minute[0]))

    assert is_trading(moment)
    assert TIME.at(moment) - 1e-9 <= when <= TIME.at(moment + timedelta(minutes=1)) + 1e-9


def test_average_week_has_seven_operating_days() -> None:
    even = OperatingTime(ShopSpec(first_day=date(2011, 1, 10), days=280, season_amplitude=0.0))

    assert even.end == pytest.approx(280)


def test_a_moment_is_the_same_in_every_zone() -> None:
    moment = datetime(2011, 3, 1, 14, tzinfo=timezone(timedelta(hours=2)))

    assert TIME.at(moment) == TIME.at(datetime(2011, 3, 1, 12, tzinfo=UTC))


def test_more_days_leave_earlier_operating_times_to_the_last_bit() -> None:
    longer = OperatingTime(SPEC, SPEC.days + 7)

    assert np.array_equal(longer.starts[: len(TIME.starts)], TIME.starts)


def test_shop_without_yearly_closing_trades_on_boxing_day() -> None:
    open_always = OperatingTime(ShopSpec(closed_from=(1, 1), reopened_on=(1, 1), days=40))

    assert (open_always.weights > 0).sum() == 34  # 40 days less six Saturdays
