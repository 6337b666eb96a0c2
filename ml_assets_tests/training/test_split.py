"""The split by time: outcome windows never reach from one part into a later one, whatever grid and horizon."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import TrainingError
from ml_assets.specs.splits import TimeSplitSpec
from ml_assets.specs.times import snapshot_time
from ml_assets.training.split import plan_split

steady = settings(max_examples=200, deadline=None, derandomize=True, database=None)


def keys_of(first: date, gaps: list[int]) -> list[str]:
    """Dates that begin with `first`, `gaps` days apart."""
    found = [first]
    for gap in gaps:
        found.append(found[-1] + timedelta(days=gap))
    return [day.isoformat() for day in found]


@steady
@given(
    gaps=st.lists(st.integers(1, 40), min_size=0, max_size=40), horizon=st.integers(1, 90), embargo=st.none() | st.integers(1, 120),
    test=st.integers(1, 8), validation=st.integers(1, 6), order=st.randoms(use_true_random=False),
)  # fmt: skip
def test_split_keeps_every_outcome_window_inside_its_part(
    gaps: list[int], horizon: int, embargo: int | None, test: int, validation: int, order: object
) -> None:
    keys = keys_of(date(2020, 1, 1), gaps)
    shuffled = list(keys)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    spec = TimeSplitSpec(
        test_snapshots=test, validation_snapshots=validation, embargo=f"{embargo} days" if embargo else None
    )
    try:
        plan = plan_split(shuffled, spec, timedelta(days=horizon), "here")
    except TrainingError:
        free = timedelta(days=max(horizon, embargo or 0))
        before_test = [key for key in keys if snapshot_time(key) + free <= snapshot_time(keys[-test:][0])]
        first = before_test[-validation:][0] if before_test else None
        assert first is None or not [key for key in before_test if snapshot_time(key) + free <= snapshot_time(first)]
        return

    assert plan.embargo == timedelta(days=max(horizon, embargo or 0))
    assert sorted((*plan.train, *plan.validation, *plan.test, *plan.embargoed)) == sorted(keys)
    assert list(plan.parts) == sorted(keys)
    assert plan.test == tuple(keys[-test:])
    assert 0 < len(plan.validation) <= validation
    for earlier, later in ((plan.train, plan.validation), (plan.validation, plan.test)):
        assert snapshot_time(earlier[-1]) + plan.embargo <= snapshot_time(later[0])
    for key in plan.embargoed:
        assert plan.part_of(key) == "embargo"
        later = next(part for part in (plan.validation, plan.test) if key < part[0])
        assert snapshot_time(key) + plan.embargo > snapshot_time(later[0])


def test_split_of_weeks_is_as_drawn() -> None:
    keys = keys_of(date(2024, 1, 1), [7] * 9)
    plan = plan_split(keys, TimeSplitSpec(test_snapshots=2, validation_snapshots=2), timedelta(days=14), "here")

    parts = "".join({"train": "t", "validation": "v", "test": "T", "embargo": "."}[plan.part_of(key)] for key in keys)
    assert parts == "tttt.vv.TT"


@pytest.mark.parametrize(
    ("snapshots", "got"),
    [
        pytest.param(0, "0 labelled snapshots from none to none", id="none"),
        pytest.param(1, "1 labelled snapshots from 2024-01-01 to 2024-01-01", id="one"),
        pytest.param(5, "5 labelled snapshots from 2024-01-01 to 2024-01-29", id="one_short"),
    ],
)
def test_too_few_snapshots_are_an_error_that_counts_them(snapshots: int, got: str) -> None:
    keys = keys_of(date(2024, 1, 1), [7] * 9)[:snapshots]
    with pytest.raises(TrainingError, match="too few labelled snapshots") as caught:
        plan_split(keys, TimeSplitSpec(test_snapshots=2, validation_snapshots=1), timedelta(days=14), "model.yaml:3")

    assert str(caught.value.place) == "model.yaml:3"
    assert got in str(caught.value)
    assert "2 test + 1 validation + at least one training snapshot, 14 days apart" in str(caught.value)
