"""The search finds planted slices first, calls noise noise, and repeats nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ml_assets.errors import UnknownNameError
from ml_assets.evaluation.slice_search import SliceSearch, worst_slices
from ml_assets.evaluation.slices import MinimumSize
from ml_assets_tests.evaluation.simulated import Judged, clean_rows, spoilt


def search(rows: Judged, **options: Any) -> SliceSearch:
    return worst_slices(*rows, **options)


@pytest.mark.parametrize("base", [-1.0, -2.5], ids=["frequent", "rare"])
def test_clean_data_yield_no_worse_slice_in_95_percent(base: float) -> None:
    alarms = sum(bool(search(clean_rows(seed, base=base)).worse) for seed in range(200))

    assert alarms <= 10


def test_scores_wrong_everywhere_alike_are_no_slice() -> None:
    """A base rate that moved and scores too sharp are faults of the model as a whole."""
    alarms = 0
    for seed in range(60):
        rows = clean_rows(seed)
        odds = np.log(rows.score / (1 - rows.score))
        alarms += bool(search(rows._replace(score=1 / (1 + np.exp(-(1.6 * odds - 0.5))))).worse)

    assert alarms <= 5


def test_planted_value_is_found_first() -> None:
    others = 0
    for seed in range(10):
        rows = clean_rows(seed)
        found = search(spoilt(rows, rows.columns["kind"] == "b"))

        assert found.worse[0].slice == "kind = b"
        others += len(found.worse) - 1
    assert others <= 2


def test_planted_pair_is_in_the_top_three_and_little_else_is_called_worse() -> None:
    others = 0
    for seed in range(10):
        rows = clean_rows(seed, clusters=3000)
        half = rows.columns["x3"] >= np.quantile(rows.columns["x3"], 0.75, method="inverted_cdf")
        found = search(spoilt(rows, half & (rows.columns["kind"] == "b")))
        pair = [
            one
            for one in found.found[:3]
            if one.slice.endswith("and kind = b") and " <= x3" not in one.slice and "x3 >= " in one.slice
        ]

        assert len(pair) == 1
        assert pair[0].verdict == "worse"
        others += len(found.worse) - 1
    assert others <= 2


def test_missing_values_are_a_slice_of_their_own() -> None:
    rows = clean_rows(1)
    rows.columns["x4"][::7] = np.nan
    found = search(spoilt(rows, np.isnan(rows.columns["x4"])))

    assert found.found[0].slice == "x4 is missing"


@pytest.mark.parametrize("side", [-1, 1])
def test_outcomes_off_the_scores_are_found_on_either_side(side: int) -> None:
    rows = clean_rows(2, base=0.0)
    inside = rows.columns["kind"] == "c"
    score = np.where(inside, (rows.score + side * 0.15).clip(0.01, 0.99), rows.score)
    first = search(rows._replace(score=score)).found[0]

    assert (first.slice, first.metric, first.verdict) == ("kind = c", "observed_minus_predicted", "worse")
    assert first.value == pytest.approx((rows.label - score)[inside].mean())
    assert np.sign(first.value) == -side
    assert first.reason is not None
    assert ("below" if side > 0 else "above") in first.reason


def test_two_faults_are_both_found_and_slices_bad_by_them_alone_are_left_out() -> None:
    rows = clean_rows(3, clusters=3000)
    inside = (rows.columns["kind"] == "a") | ((rows.columns["kind"] == "e") & rows.columns["member"])
    found = search(spoilt(rows, inside))

    assert {one.slice for one in found.worse} == {"kind = a", "kind = e and member = true"}


def test_nearly_equal_columns_are_told_once() -> None:
    rows = clean_rows(4)
    rows.columns["again"] = np.where(np.arange(len(rows.label)) % 50, rows.columns["kind"], "f")
    found = search(spoilt(rows, rows.columns["kind"] == "b"))

    assert len([one for one in found.found if one.slice in ("kind = b", "again = b")]) == 1


def test_result_has_the_plain_loss_and_the_effect_with_its_interval() -> None:
    rows = clean_rows(5)
    inside = rows.columns["kind"] == "b"
    bad = spoilt(rows, inside)
    first = search(bad).found[0]
    loss = -np.log(np.where(bad.label == 1, bad.score, 1 - bad.score))

    assert (first.metric, first.rows, first.positives) == ("log_loss", inside.sum(), bad.label[inside].sum())
    assert first.value == pytest.approx(loss[inside].mean())
    assert first.overall == pytest.approx(loss.mean())
    assert first.effect_low is not None
    assert 0 < first.effect_low < first.effect < first.effect_high  # type: ignore[operator]


def test_suspicions_that_are_chance_say_so() -> None:
    found = search(clean_rows(6))

    assert found.worse == ()
    assert 1 <= len(found.found) <= 3
    assert all(one.reason is not None and one.reason.startswith("may well be chance") for one in found.found)
    assert found.tests == 2 * found.slices


def test_regression_finds_larger_and_shifted_errors() -> None:
    random = np.random.default_rng(7)
    rows = clean_rows(7)
    score = random.gamma(3, 10, len(rows.label))
    kind = rows.columns["kind"]
    label = (
        score + random.normal(size=len(score)) * score / 3 * np.where(kind == "b", 2, 1) + np.where(kind == "d", 8, 0)
    )
    found = search(rows._replace(label=label, score=score), task="regression")

    assert {(one.slice, one.metric) for one in found.worse} == {
        ("kind = b", "mse"),
        ("kind = d", "observed_minus_predicted"),
    }


def test_clean_regression_yields_no_worse_slice() -> None:
    alarms = 0
    for seed in range(60):
        rows, random = clean_rows(seed), np.random.default_rng(seed)
        score = 20 + 5 * rows.columns["x0"]
        shared = random.normal(size=1000)[rows.cluster]
        label = score + (0.6 * shared + 0.8 * random.normal(size=len(score))) * np.exp(rows.columns["x0"] / 2)
        alarms += bool(search(rows._replace(label=label, score=score), task="regression").worse)

    assert alarms <= 6


def test_equal_input_gives_equal_results_in_any_order_of_rows() -> None:
    rows = spoilt(clean_rows(8), clean_rows(8).columns["kind"] == "b")
    order = np.random.default_rng(0).permutation(len(rows.label))
    shuffled = Judged(
        rows.label[order],
        rows.score[order],
        {name: one[order] for name, one in rows.columns.items()},
        rows.cluster[order],
    )

    assert search(rows) == search(rows)
    assert [(one.slice, one.rows, one.verdict) for one in search(shuffled).found] == [
        (one.slice, one.rows, one.verdict) for one in search(rows).found
    ]


@pytest.mark.parametrize(
    ("label", "columns", "reason"),
    [
        pytest.param(np.zeros(900), {"x": np.arange(900.0)}, "the rows hold one class only", id="one_class"),
        pytest.param(np.tile([0.0, 1.0], 450), {}, "no slice", id="no_columns"),
        pytest.param(
            np.tile([0.0, 1.0], 450), {"x": np.full(900, np.nan), "y": np.ones(900)}, "no slice", id="nothing_varies"
        ),
        pytest.param(np.tile([0.0, 1.0], 450), {"x": np.arange(900)}, None, id="enough"),
    ],
)
def test_what_cannot_be_searched_has_a_reason(label: Any, columns: dict[str, Any], reason: str | None) -> None:
    found = worst_slices(label, np.full(900, 0.5), columns, np.arange(900), minimum=MinimumSize())

    assert (found.reason is None) == (reason is None)
    assert (found.reason or "").startswith(reason or "")
    assert found.worse == ()


def test_unknown_task_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="task of a slice search"):
        search(clean_rows(1, clusters=10), task="ranking")
