"""Columns of every type read alike, and cut into groups that lose no row."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import DeclarationError, MlAssetsError
from ml_assets.evaluation.column_groups import Column, grouped, named_cuts

steady = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def counts(values: Any, **options: Any) -> dict[str, int]:
    groups = grouped(Column.of("x", values), **options)
    return dict(zip(groups.conditions, np.bincount(groups.codes).tolist(), strict=True))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(np.array([1, 2, 2]), {"x = 1": 1, "x = 2": 2}, id="few_numbers"),
        pytest.param(np.array([1.5, np.nan]), {"x = 1.5": 1, "x is missing": 1}, id="missing_number"),
        pytest.param(np.array([True, False, True]), {"x = false": 1, "x = true": 2}, id="truth_values"),
        pytest.param(
            np.array(["b", None, "a"], dtype=object), {"x = a": 1, "x = b": 1, "x is missing": 1}, id="objects"
        ),
        pytest.param(pa.array(["b", "b", None]).dictionary_encode(), {"x = b": 2, "x is missing": 1}, id="dictionary"),
        pytest.param(pa.chunked_array([["b"], [None]]), {"x = b": 1, "x is missing": 1}, id="chunks"),
        pytest.param(pa.array([Decimal("1.5"), None]), {"x = 1.5": 1, "x is missing": 1}, id="decimal"),
        pytest.param(pa.array([date(2011, 3, 1), None]), {"x = 2011-03-01": 1, "x is missing": 1}, id="date"),
        pytest.param(pa.array([datetime(2011, 3, 1, 6, 30)]), {"x = 2011-03-01T06:30": 1}, id="time"),
        pytest.param(pa.nulls(2), {"x is missing": 2}, id="nothing_known"),
        pytest.param(np.array([np.nan, np.nan]), {"x is missing": 2}, id="all_missing"),
        pytest.param(np.array([3.0, 3.0]), {"x = 3": 2}, id="constant"),
    ],
)
def test_column_of_any_type_is_grouped_by_value(values: Any, expected: dict[str, int]) -> None:
    assert counts(values) == expected


def test_bins_hold_equally_many_rows_and_infinite_numbers_lie_outside() -> None:
    values = np.r_[np.arange(98.0), np.inf, -np.inf]

    assert counts(values, bins=4) == {"x < 24": 25, "24 <= x < 48": 24, "48 <= x < 73": 25, "x >= 73": 26}


def test_given_edges_are_half_open() -> None:
    assert counts(np.array([0.0, 1.0, 2.0, np.nan]), edges=[1.0]) == {"x < 1": 1, "x >= 1": 2, "x is missing": 1}


def test_rare_texts_share_a_group() -> None:
    assert counts(np.array(list("aaabbcd")), most=2) == {"x = a": 3, "x = b": 2, "x is one of 2 rarer values": 2}


@pytest.mark.parametrize("edges", [[], [1.0, 1.0], [2.0, 1.0], [float("nan")]])
def test_edges_without_meaning_are_refused(edges: list[float]) -> None:
    with pytest.raises(DeclarationError, match="bins of column x have no meaning"):
        grouped(Column.of("x", np.array([1.0])), edges=edges)


def test_column_without_order_or_text_is_refused() -> None:
    with pytest.raises(MlAssetsError, match="column x cannot be cut into groups"):
        Column.of("x", pa.array([[1], [2]]))
    with pytest.raises(MlAssetsError, match="column x cannot be read"):
        Column.of("x", np.array([1, "a"], dtype=object))


@steady
@given(
    st.lists(
        st.sampled_from([0.0, 1.0, 1.0 + 1e-12, np.inf, -np.inf, np.nan]) | st.floats(-1e6, 1e6),
        min_size=1,
        max_size=60,
    ),
    st.integers(2, 9),
)
def test_every_row_has_one_group_and_no_group_is_empty(values: list[float], bins: int) -> None:
    column = Column.of("x", np.array(values))
    groups = grouped(column, bins=bins)
    crossed = groups.crossed(grouped(Column.of("y", np.array([value > 0 for value in values]))))

    for one in (groups, crossed):
        assert np.bincount(one.codes, minlength=len(one.conditions)).min() > 0
        assert len(one.codes) == len(values)
        assert len(set(one.conditions)) == len(one.conditions)
    assert len(groups.conditions) <= bins + 1


@steady
@given(
    st.lists(st.integers(-(10**4), 10**4).map(lambda number: number / 10), min_size=6, max_size=30, unique=True),
    st.integers(2, 5),
)
def test_bins_cut_again_by_their_names_are_the_same_bins(values: list[float], bins: int) -> None:
    """Of values that six digits show, as most are: else the name is what counts."""
    groups = grouped(Column.of("a.b", np.array(values)), bins=bins)

    again = grouped(Column.of("a.b", np.array(values)), edges=named_cuts("a.b", groups.conditions))

    assert again.conditions == groups.conditions


def test_cuts_are_read_of_one_column_alone() -> None:
    conditions = [
        "xy < 3",
        "1 <= y < 2 and x < 7",
        "x >= 7",
        "day < 2011-01-01",
        "x = 5",
        "x is missing",
        "z < -1.5e-07",
    ]

    assert named_cuts("x", conditions) == (7.0,)
    assert named_cuts("y", conditions) == (1.0, 2.0)
    assert named_cuts("z", conditions) == (-1.5e-07,)
    assert named_cuts("day", conditions) == ()
