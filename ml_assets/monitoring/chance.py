"""How large a distance becomes by chance alone, although two samples are of one distribution: quantiles without history.

`alpha` is the probability with which a distance lies above what is returned; `first` and `second` are rows that are
independent of each other, on each side. Approximations are chosen so that they rather give too much than too little.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from ml_assets.monitoring.distances import Floats

_NORMAL = NormalDist()


def normal_quantile(alpha: float) -> float:
    """Of a standard normal variable."""
    return _NORMAL.inv_cdf(1 - alpha)


def chi_squared_quantile(alpha: float, freedom: int) -> float:
    """Of a chi-squared variable: exact with one degree of freedom, else by the cube root's normality (Wilson and Hilferty
    1931), which at small `alpha` gives up to a tenth too much."""
    if freedom <= 1:
        return normal_quantile(alpha / 2) ** 2 if freedom == 1 else 0.0
    spread = 2 / (9 * freedom)
    return freedom * max(1 - spread + normal_quantile(alpha) * math.sqrt(spread), 0.0) ** 3


def f_quantile(alpha: float, first: float, second: float) -> float:
    """Of a ratio of two chi-squared variables, each by its degrees of freedom, by the normality of cube roots (Paulson 1942).

    Infinite where the divisor has too few degrees of freedom for a quantile so far out.
    """
    z, a, b = normal_quantile(alpha), 2 / (9 * first), 2 / (9 * second)
    # ((1 - b) r - (1 - a))² = z² (a + b r²) for the cube root r of the quantile.
    square, linear, constant = (1 - b) ** 2 - z * z * b, (1 - a) * (1 - b), (1 - a) ** 2 - z * z * a
    if square <= 0:
        return math.inf
    return ((linear + math.sqrt(max(linear**2 - square * constant, 0.0))) / square) ** 3


def kolmogorov_smirnov_noise(alpha: float, first: float, second: float) -> float:
    """2 exp(-2 n d²) = alpha with n = first * second / (first + second) (Smirnov 1939; on bins smaller still)."""
    return math.sqrt(math.log(2 / alpha) * sampling_variance(first, second) / 2)


def stability_noise(alpha: float, first: float, second: float, bins: int) -> float:
    """(1 / first + 1 / second) times the chi-squared quantile of bins - 1 (Yurdakul and Naranjo 2020)."""
    return sampling_variance(first, second) * chi_squared_quantile(alpha, bins - 1)


def divergence_noise(alpha: float, first: float, second: float, bins: int) -> float:
    """Of the Jensen-Shannon divergence in bits: to second order an eighth of the stability index, in nats."""
    return stability_noise(alpha, first, second, bins) / (8 * math.log(2))


def wasserstein_noise(alpha: float, first: float, second: float, reference: Floats, widths: Floats) -> float:
    """Mean of the area between two empirical distributions, and a bound of its fluctuation (Borell, Tsirelson and others 1975:
    the area is a supremum over functions of slope 1, none of which varies more than the value itself).

    `reference` (n_bins,) are counts, `widths` (n_bins - 2,) of the bins between the edges, in standard deviations.
    """
    scale = math.sqrt(sampling_variance(first, second))
    return scale * (math.sqrt(2 / math.pi) * area(reference, widths) + math.sqrt(2 * math.log(1 / alpha)))


def area(reference: Floats, widths: Floats) -> float:
    """The integral of sqrt(F (1 - F)), F being the cumulative share: what the mean area between two samples goes with."""
    below = np.cumsum(reference / max(reference.sum(), 1))[:-1].clip(0, 1)
    spread = np.sqrt(below * (1 - below))
    return float(((spread[:-1] + spread[1:]) / 2 * widths).sum())


def share_noise(alpha: float, first: float, second: float, hits: float) -> float:
    """Of the difference of two shares, `hits` of both sides' rows together having the trait (Bernstein 1927)."""
    pooled = (hits + 1) / (first + second + 2)
    weight = math.log(2 / alpha)
    variance = pooled * (1 - pooled) * sampling_variance(first, second)
    return math.sqrt(2 * variance * weight) + weight / (3 * min(first, second))


def sampling_variance(first: float, second: float) -> float:
    """1 / first + 1 / second; infinite without rows on a side."""
    return 1 / first + 1 / second if first > 0 and second > 0 else math.inf
