"""Distances of binned distributions, held against scipy and against their definitions written out."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.monitoring.distances import (
    chi_squared,
    jensen_shannon,
    kolmogorov_smirnov,
    population_stability,
    wasserstein,
)

counts = st.integers(2, 9).flatmap(
    lambda bins: st.tuples(*[st.lists(st.integers(0, 40), min_size=bins, max_size=bins).filter(any)] * 2)
)


def values_of(counted: list[int]) -> npt.NDArray[np.float64]:
    """Rows at the positions of their bins."""
    return np.repeat(np.arange(len(counted)), counted).astype(float)


@given(counts)
@settings(max_examples=80, deadline=None)
def test_kolmogorov_smirnov_is_scipys(pair: tuple[list[int], list[int]]) -> None:
    from scipy.stats import ks_2samp

    expected = ks_2samp(values_of(pair[0]), values_of(pair[1]), method="asymp").statistic
    assert float(kolmogorov_smirnov(*pair)) == pytest.approx(expected, abs=1e-12)


@given(counts)
@settings(max_examples=80, deadline=None)
def test_jensen_shannon_is_the_square_of_scipys(pair: tuple[list[int], list[int]]) -> None:
    from scipy.spatial.distance import jensenshannon

    assert float(jensen_shannon(*pair)) == pytest.approx(jensenshannon(*pair, base=2) ** 2, abs=1e-9)


@given(counts)
@settings(max_examples=80, deadline=None)
def test_chi_squared_is_scipys(pair: tuple[list[int], list[int]]) -> None:
    from scipy.stats import chi2_contingency

    table = np.array(pair)
    table = table[:, table.sum(axis=0) > 0]
    expected = chi2_contingency(table, correction=False).statistic if table.shape[1] > 1 else 0.0
    assert float(chi_squared(*pair)) == pytest.approx(expected, abs=1e-9)


@given(counts)
@settings(max_examples=80, deadline=None)
def test_population_stability_is_its_definition(pair: tuple[list[int], list[int]]) -> None:
    used = [(a + 0.5, b + 0.5) for a, b in zip(*pair, strict=True) if a + b]
    first, second = (sum(side) for side in zip(*used, strict=True))
    expected = sum((b / second - a / first) * math.log((b / second) / (a / first)) for a, b in used)
    assert float(population_stability(*pair)) == pytest.approx(expected, abs=1e-9)


def test_wasserstein_is_scipys_of_values_within_the_edges() -> None:
    from scipy.stats import wasserstein_distance

    draws = np.random.default_rng(0)
    first, second = draws.normal(0, 1, 20_000), draws.normal(0.3, 1.2, 20_000)
    edges = np.linspace(-6, 6, 400)
    binned = [np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) for side in (first, second)]

    assert float(wasserstein(*binned, np.diff(edges))) == pytest.approx(wasserstein_distance(first, second), abs=1e-3)


def test_wasserstein_of_cumulative_shares_that_cross_counts_both_sides() -> None:
    # All at 0 against half at -1 and half at 1: every row moves by 1.
    edges = np.array([-1.0, -1e-9, 0.0, 1 - 1e-9, 1.0])
    first, second = np.array([0, 0, 10, 0, 0, 0]), np.array([5, 0, 0, 0, 5, 0])
    assert float(wasserstein(first, second, np.diff(edges))) == pytest.approx(1.0, abs=1e-6)


def test_a_value_out_of_all_proportion_is_not_the_distance() -> None:
    edges = np.array([0.0, 1.0, 2.0])
    near, far = np.array([0, 50, 49, 1]), np.array([0, 50, 50, 0])
    assert float(wasserstein(far, near, np.diff(edges))) < 0.02


@pytest.mark.parametrize("measure", [population_stability, kolmogorov_smirnov, jensen_shannon, chi_squared])
def test_equal_shares_are_no_distance_and_no_rows_have_none(measure: object) -> None:
    assert callable(measure)
    assert float(measure([3, 0, 7], [3, 0, 7])) == 0
    assert math.isnan(float(measure([3, 0, 7], [0, 0, 0])))
    assert math.isnan(float(measure([0, 0, 0], [1, 0, 0])))


@pytest.mark.parametrize("measure", [population_stability, kolmogorov_smirnov, jensen_shannon, chi_squared])
def test_many_pairs_are_one_call(measure: object) -> None:
    assert callable(measure)
    many = np.random.default_rng(3).integers(1, 30, size=(4, 5, 7))
    one = np.random.default_rng(4).integers(1, 30, size=7)
    found = measure(one, many)

    assert found.shape == (4, 5)
    assert found[2, 3] == pytest.approx(float(measure(one, many[2, 3])))
