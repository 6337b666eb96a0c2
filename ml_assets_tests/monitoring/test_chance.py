"""Quantiles of distances by chance: against scipy's exact ones, and against samples of one distribution."""

from __future__ import annotations

import numpy as np
import pytest

from ml_assets.monitoring import chance
from ml_assets.monitoring.distances import (
    jensen_shannon,
    kolmogorov_smirnov,
    population_stability,
    wasserstein,
)

ALPHA, FIRST, SECOND, DRAWS = 0.01, 6_000, 2_000, 4_000


@pytest.mark.parametrize("freedom", [1, 2, 5, 20, 60])
@pytest.mark.parametrize("alpha", [1e-3, 1e-4, 1e-6])
def test_chi_squared_quantile_is_scipys_or_a_little_above(freedom: int, alpha: float) -> None:
    from scipy.stats import chi2

    assert 0.995 <= chance.chi_squared_quantile(alpha, freedom) / chi2.isf(alpha, freedom) <= 1.1


@pytest.mark.parametrize(("first", "second"), [(1, 8), (1, 27), (2, 12), (5, 20), (50, 100)])
@pytest.mark.parametrize("alpha", [1e-2, 1e-4])
def test_f_quantile_is_scipys_or_a_little_above(first: int, second: int, alpha: float) -> None:
    from scipy.stats import f

    assert 0.97 <= chance.f_quantile(alpha, first, second) / f.isf(alpha, first, second) <= 1.2


def test_no_quantile_can_be_told_from_one_degree_of_freedom() -> None:
    assert chance.f_quantile(1e-4, 1, 1) == np.inf


def test_distances_of_one_distribution_exceed_the_quantile_no_more_often_than_said() -> None:
    draws = np.random.default_rng(5)
    share = draws.dirichlet(np.full(20, 30.0))
    reference, current = draws.multinomial(FIRST, share, DRAWS), draws.multinomial(SECOND, share, DRAWS)
    widths = np.full(18, 3.5 / 18)
    found = {
        "ks": (kolmogorov_smirnov(reference, current), chance.kolmogorov_smirnov_noise(ALPHA, FIRST, SECOND)),
        "psi": (population_stability(reference, current), chance.stability_noise(ALPHA, FIRST, SECOND, 20)),
        "js": (jensen_shannon(reference, current), chance.divergence_noise(ALPHA, FIRST, SECOND, 20)),
        "wasserstein": (wasserstein(reference, current, widths), chance.wasserstein_noise(ALPHA, FIRST, SECOND, share * FIRST, widths)),
    }  # fmt: skip
    exceeded = {name: float((values > limit).mean()) for name, (values, limit) in found.items()}

    assert max(exceeded.values()) <= ALPHA * 1.3, exceeded
    # Not so far out that nothing could be found: exact for the two that are chi-squared.
    assert min(exceeded["psi"], exceeded["js"]) >= ALPHA * 0.5, exceeded


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.02, 0.6])
def test_shares_of_one_distribution_differ_no_more_often_than_said(share: float) -> None:
    draws = np.random.default_rng(6)
    first, second = draws.binomial(FIRST, share, DRAWS), draws.binomial(SECOND, share, DRAWS)
    limits = [chance.share_noise(ALPHA, FIRST, SECOND, hits) for hits in (first + second).tolist()]

    assert float((np.abs(first / FIRST - second / SECOND) > limits).mean()) <= ALPHA


def test_nothing_can_be_far_from_no_rows() -> None:
    assert chance.kolmogorov_smirnov_noise(ALPHA, 0, 100) == np.inf
