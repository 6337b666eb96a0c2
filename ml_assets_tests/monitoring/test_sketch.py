"""Sketches say what numpy says of the same rows, in one pass, and add up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import MlAssetsError
from ml_assets.monitoring.sketch import CategoryBins, NumberBins, Sketch, merged
from ml_assets.monitoring.sketch_sql import learn_bins, sketches
from ml_assets.warehouse.store import Workbench
from ml_assets_tests.builders import Lab


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with Lab(tmp_path_factory.mktemp("sketch")).warehouse.workbench() as opened:
        yield opened


def put(bench: Workbench, **columns: Any) -> str:
    """The columns as a relation of the workbench."""
    bench.connection.register("given_rows", pa.table(columns))
    bench.execute("create or replace temp table given as select * from given_rows")
    bench.connection.unregister("given_rows")
    return "given"


def of_numbers(bench: Workbench, values: list[float | None], bins: NumberBins | None = None) -> Sketch:
    relation = put(bench, x=pa.array(values, pa.float64()))
    known = bins or learn_bins(bench, relation, ["x"], {})["x"]
    return sketches(bench, relation, {"x": known})[None]["x"]


numbers = st.lists(
    st.one_of(st.none(), st.sampled_from([0.0, 1.0, -1.0, math.inf, -math.inf, math.nan]), st.floats(-1e6, 1e6)),
    max_size=60,
)


@given(values=numbers, edges=st.lists(st.floats(-1e6, 1e6), unique=True, max_size=8))
@settings(max_examples=30, deadline=None)
def test_a_sketch_is_what_numpy_says(bench: Workbench, values: list[float | None], edges: list[float]) -> None:
    found = of_numbers(bench, values, NumberBins(tuple(sorted(edges))))

    there = np.array([value for value in values if value is not None and math.isfinite(value)], dtype=float)
    expected = np.bincount(np.searchsorted(sorted(edges), there, side="left"), minlength=len(edges) + 1)
    assert found.rows == len(values)
    assert found.missing == len(values) - len(there)
    np.testing.assert_array_equal(found.counts, expected)
    moments = [there.mean(), there.std(), there.min(), there.max()] if len(there) else [math.nan] * 4
    np.testing.assert_allclose([found.mean, found.std, found.low, found.high], moments, rtol=1e-9, atol=1e-4)


@given(one=numbers, other=numbers)
@settings(max_examples=20, deadline=None)
def test_parts_add_up_to_the_whole(bench: Workbench, one: list[float | None], other: list[float | None]) -> None:
    relation = put(bench, x=pa.array([*one, *other], pa.float64()))
    bins = learn_bins(bench, relation, ["x"], {})["x"]
    assert isinstance(bins, NumberBins)
    whole = of_numbers(bench, [*one, *other], bins)
    both = merged([of_numbers(bench, one, bins), of_numbers(bench, other, bins)])

    assert (both.rows, both.missing) == (whole.rows, whole.missing)
    np.testing.assert_array_equal(both.counts, whole.counts)
    np.testing.assert_allclose(
        [both.mean, both.std, both.low, both.high], [whole.mean, whole.std, whole.low, whole.high], rtol=1e-6, atol=1e-3
    )


@given(one=st.lists(st.sampled_from(["a", "b", "c", None])), other=st.lists(st.sampled_from(["a", "c", "new", None])))
@settings(max_examples=15, deadline=None)
def test_categories_of_parts_add_up_to_the_whole(
    bench: Workbench, one: list[str | None], other: list[str | None]
) -> None:
    bins = {"c": CategoryBins(("a", "b"), frozenset("abc"))}

    def of(values: list[str | None]) -> Sketch:
        return sketches(bench, put(bench, c=pa.array(values, pa.string())), bins)[None]["c"]

    whole, both = of([*one, *other]), merged([of(one), of(other)])
    assert (both.rows, both.missing, both.counts.tolist()) == (whole.rows, whole.missing, whole.counts.tolist())
    assert (both.new, both.new_rows) == (whole.new, whole.new_rows)


def test_learnt_bins_are_filled_equally_and_open_at_both_ends(bench: Workbench) -> None:
    values = np.random.default_rng(0).normal(size=4000)
    found = of_numbers(bench, values.tolist())

    assert len(found.counts) == 22
    assert found.counts[0] == found.counts[-1] == 0
    assert set(found.counts[2:-1].tolist()) <= {199, 200, 201}
    assert found.counts.sum() == 4000


def test_a_tied_value_has_a_bin_of_its_own(bench: Workbench) -> None:
    values = [0.0] * 700 + list(np.linspace(0.01, 9, 300))
    relation = put(bench, x=pa.array(values))
    bins = learn_bins(bench, relation, ["x"], {})["x"]
    assert isinstance(bins, NumberBins)
    found = sketches(bench, relation, {"x": bins})[None]["x"]

    zero = bins.edges.index(0.0)
    assert found.counts[zero] == 700
    assert found.counts[zero + 1 :].sum() == 300


@pytest.mark.parametrize("values", [[5.0] * 40, [5.0], [2.0, 2.0, 7.0]], ids=["constant", "single", "two values"])
def test_few_values_are_told_from_what_lies_between_them(bench: Workbench, values: list[float]) -> None:
    relation = put(bench, x=pa.array(values))
    bins = learn_bins(bench, relation, ["x"], {})["x"]
    assert isinstance(bins, NumberBins)
    same = sketches(bench, relation, {"x": bins})[None]["x"]
    beside = of_numbers(bench, [min(values) - 1e-9, max(values) + 1e-9], bins)

    assert same.counts[0] == same.counts[-1] == 0
    assert beside.counts.tolist() == [1, *[0] * (len(bins) - 2), 1]


def test_a_column_without_values_has_one_bin_and_only_missing_rows(bench: Workbench) -> None:
    found = of_numbers(bench, [None, math.nan, math.inf])

    assert (found.rows, found.missing, found.counts.tolist()) == (3, 3, [0])
    assert math.isnan(found.mean)


def test_categories_are_counted_by_frequency_and_new_ones_named(bench: Workbench) -> None:
    relation = put(bench, c=["a"] * 5 + ["b"] * 3 + ["b's"] + [None])
    bins = learn_bins(bench, relation, [], {"c": ["z"]})["c"]
    assert bins == CategoryBins(("a", "b", "b's"), frozenset({"a", "b", "b's", "z"}))

    now = put(bench, c=["b"] * 4 + ["z"] * 2 + ["new"] * 3 + ["newer"] + [None] * 2)
    found = sketches(bench, now, {"c": bins})[None]["c"]
    assert (found.rows, found.missing, found.counts.tolist()) == (12, 2, [0, 4, 0, 6])
    assert (found.new, found.new_rows) == ({"new": 3, "newer": 1}, 4)


def test_at_most_fifty_categories_are_listed_and_then_news_are_not_told(bench: Workbench) -> None:
    relation = put(bench, c=[f"k{place % 90:02}" for place in range(900)])
    bins = learn_bins(bench, relation, [], {"c": []})["c"]
    assert isinstance(bins, CategoryBins)
    found = sketches(bench, relation, {"c": bins})[None]["c"]

    assert (len(bins.listed), bins.known) == (50, frozenset())
    assert found.counts[-1] == 400
    assert found.new_rows == 0


def test_truth_values_and_whole_numbers_are_columns_like_others(bench: Workbench) -> None:
    relation = put(bench, yes=pa.array([True, False, None, True]), n=pa.array([2**60, 3, None, 3], pa.int64()))
    bins = learn_bins(bench, relation, ["n"], {"yes": ["false", "true"]})
    found = sketches(bench, relation, bins)[None]

    assert found["yes"].counts.tolist() == [2, 1, 0]
    assert (found["yes"].missing, found["n"].missing, found["n"].high) == (1, 1, float(2**60))


def test_groups_are_sketched_in_one_go_with_their_entities(bench: Workbench) -> None:
    relation = put(bench, week=[1, 1, 1, 2], who=[7, 7, 8, 7], x=[0.5, 1.5, 2.5, None], c=["a", "b", "a", "c"])
    bins = {"x": NumberBins((1.0, 2.0)), "c": CategoryBins(("a",), frozenset({"a", "b"}))}
    found = sketches(bench, relation, bins, by="week", units="who")

    assert {week: (one["x"].rows, one["x"].units, one["x"].counts.tolist()) for week, one in found.items()} == {
        1: (3, 2, [1, 1, 1]), 2: (1, 1, [0, 0, 0]),
    }  # fmt: skip
    assert {week: (one["c"].counts.tolist(), one["c"].new_rows) for week, one in found.items()} == {
        1: ([2, 1], 0), 2: ([0, 1], 1),
    }  # fmt: skip


def test_no_rows_have_an_empty_sketch(bench: Workbench) -> None:
    relation = put(bench, week=pa.array([], pa.int64()), x=pa.array([], pa.float64()), c=pa.array([], pa.string()))
    bins = {"x": NumberBins((1.0,)), "c": CategoryBins(("a",), frozenset({"a"}))}

    assert sketches(bench, relation, bins, by="week") == {}
    found = sketches(bench, relation, bins)[None]
    assert [(one.rows, one.counts.tolist()) for one in found.values()] == [(0, [0, 0]), (0, [0, 0])]
    assert merged([found["x"], found["x"]]).rows == 0


def test_bins_of_many_rows_are_placed_by_some_of_them_and_hold_them_all(bench: Workbench) -> None:
    bench.execute(
        "create or replace temp table many as select (i * 7919 % 450001)::double as x from range(450000) r(i)"
    )
    bins = learn_bins(bench, "many", ["x"], {})
    found = sketches(bench, "many", bins)[None]["x"]

    assert found.counts[0] == found.counts[-1] == 0
    assert found.counts.sum() == 450_000
    np.testing.assert_allclose(found.counts[1:-1], 22_500, rtol=0.04)


def test_equal_rows_in_any_order_give_equal_bins_and_sketches(bench: Workbench) -> None:
    draws = np.random.default_rng(1)
    x, c = draws.gamma(0.5, 100, 3000), draws.choice(["u", "v", "w"], 3000)
    order = draws.permutation(3000)
    seen = []
    for place in (slice(None), order):
        relation = put(bench, x=x[place], c=c[place].tolist())
        bins = learn_bins(bench, relation, ["x"], {"c": []})
        seen.append((bins, [one.counts.tolist() for one in sketches(bench, relation, bins)[None].values()]))
    assert seen[0] == seen[1]


def test_sketches_with_other_bins_are_not_merged() -> None:
    with pytest.raises(MlAssetsError, match="different bins"):
        merged([Sketch.empty(NumberBins((1.0,))), Sketch.empty(NumberBins((1.0, 2.0)))])


def test_many_columns_need_no_more_than_their_own_statement(bench: Workbench, tmp_path: Path) -> None:
    draws = np.random.default_rng(2).normal(size=(50, 130))
    relation = put(bench, **{f"c{place}": draws[:, place] for place in range(130)})
    bins = learn_bins(bench, relation, [f"c{place}" for place in range(130)], {})
    found = sketches(bench, relation, bins)[None]

    assert list(found) == [f"c{place}" for place in range(130)]
    assert found["c129"].mean == pytest.approx(draws[:, 129].mean())
