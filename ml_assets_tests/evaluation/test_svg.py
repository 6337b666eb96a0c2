"""Scales and pictures: round ticks, marks where the numbers are."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.evaluation.explanations import Importance
from ml_assets.evaluation.pictures import (
    SplitRow,
    calibration_picture,
    importance_picture,
    snapshot_picture,
    split_picture,
)
from ml_assets.evaluation.svg import Chart, Scale

DAYS = [datetime(2011, 1, 3), datetime(2011, 1, 10), datetime(2011, 1, 17)]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        pytest.param(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1], id="unit"),
        pytest.param(0.71, 0.76, [0.71, 0.72, 0.73, 0.74, 0.75, 0.76], id="narrow"),
        pytest.param(0, 4030, [0, 1000, 2000, 3000, 4000], id="thousands"),
        pytest.param(5, 5, [5], id="one_value"),
        pytest.param(-3, 3, [-2, 0, 2], id="around_zero"),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert Scale(low, high, 0, 100).ticks() == pytest.approx(ticks)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 10))
def test_ticks_are_few_even_and_inside(low: float, length: float, most: int) -> None:
    scale = Scale(low, low + length, 10, 200)
    ticks = scale.ticks(most)

    assert 0 <= len(ticks) <= most + 1
    assert all(9.99 <= scale(tick) <= 200.01 for tick in ticks)
    steps = [b - a for a, b in pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps), rel=1e-3) if steps else True


def test_y_grows_upwards() -> None:
    _, y = Chart("c", 100, 100, (0, 10, 0, 20)).scales((0, 1), (0, 2))

    assert (y(0), y(2)) == (80, 10)


def test_marks_are_escaped_and_rounded() -> None:
    chart = Chart("<&>")
    chart.text(1.04, 2, "a<b", "tick")
    chart.dot((1 / 3, 2), "dot", hint='"x"')

    assert chart.svg() == (
        '<svg viewBox="0 0 440 280" role="img" aria-label="&lt;&amp;&gt;"><text x="1" y="2" class="tick" text-anchor="start">a&lt;b</text>'
        '<circle cx="0.3" cy="2" r="3.2" class="dot"><title>&quot;x&quot;</title></circle></svg>'
    )


def test_each_snapshot_is_a_bar_of_its_part() -> None:
    svg = split_picture(
        [SplitRow(day, part, 10, 5) for day, part in zip(DAYS, ("train", "embargo", "test"), strict=True)]
    ).svg()

    assert re.findall(r'class="bar part-(\w+)"', svg) == ["train", "embargo", "test"]
    assert "2011-01-10 embargo: 10 rows, 50.0% positive" in svg


def importances(values: dict[str, float]) -> list[Importance]:
    total = sum(values.values()) or 1.0
    ranked = sorted(values.items(), key=lambda pair: -pair[1])
    return [Importance(name, "tree_shap", "log odds", value, None, None, value / total) for name, value in ranked]


def test_only_the_most_important_features_are_shown_largest_first() -> None:
    svg = importance_picture(importances({f"f{place}": float(place) for place in range(20)})).svg()

    assert re.findall(r">(f\d+)<", svg) == [f"f{place}" for place in range(19, 4, -1)]
    assert f">{19 / 190:.1%}<" in svg


def test_trees_without_a_split_have_an_empty_importance() -> None:
    assert "0.0%" in importance_picture(importances({"a": 0.0})).svg()


def test_estimator_that_was_not_measured_at_a_snapshot_has_no_dot_there() -> None:
    svg = snapshot_picture({"candidate": [0.7, None, 0.8], "linear": [None, None, None]}, [0.2, 0.0, 0.4], DAYS).svg()

    assert len(re.findall('class="dot candidate"', svg)) == 2
    assert "linear" not in svg


def test_every_calibration_bin_is_a_dot_with_its_count() -> None:
    svg = calibration_picture([(0.1, 0.2, 1234), (0.6, 0.5, 1233)]).svg()

    assert len(re.findall('class="dot candidate"', svg)) == 2
    assert "mean score 10.0%, positive 20.0%, 1,234 rows" in svg
