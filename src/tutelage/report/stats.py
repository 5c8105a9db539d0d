"""Intervals for the numbers of a report: pure functions, NumPy only.

* `interval`: mean and Student-t half width over seeds.
* `paired`: the same for the difference to a reference, seed by seed.
* `bootstrap`: percentile interval over rows, for runs with one seed. A paired difference is a bootstrap too:
  stack both columns and let the statistic subtract.
* `t_quantile`, `t_cdf`: the distribution behind them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tutelage.core.errors import InputError


def interval(values: Sequence[float | int], level: float = 0.95) -> tuple[float, float]:
    """Return the mean and the half width of its Student-t interval.

    Args:
        values: one number per seed. A NaN among them makes both results NaN.
        level: coverage of the interval, strictly between 0 and 1.

    Returns:
        `(mean, half_width)`; the half width is NaN below two values, both are NaN without values.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return math.nan, math.nan
    mean = float(array.mean())
    if array.size == 1 or not np.isfinite(array).all():
        return mean, math.nan
    error = float(array.std(ddof=1)) / math.sqrt(array.size)
    return mean, t_quantile(0.5 + level / 2, array.size - 1) * error


def paired(values: Sequence[float | int], reference: Sequence[float | int], level: float = 0.95) -> tuple[float, float]:
    """Return the mean difference `values - reference` and the half width of its interval.

    A single value on either side (a contender that does not depend on the seed) is compared with every seed
    of the other.

    Raises:
        InputError: when the lengths differ and neither is 1.
    """
    if not values or not reference:
        return math.nan, math.nan
    if len(values) != len(reference) and 1 not in (len(values), len(reference)):
        raise InputError(
            f"{len(values)} values cannot be paired with {len(reference)}: both need one value per seed, "
            f"or a "
            "single value that holds for every seed"
        )
    difference = np.asarray(values, dtype=np.float64) - np.asarray(reference, dtype=np.float64)
    return interval(difference.tolist(), level)


def bootstrap(
    rows: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], float] = np.mean,
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a statistic of rows.

    Args:
        rows: `[B]` or `[B, K]`, one entry per row (correct or not, a loss, a label beside a prediction).
        statistic: maps such an array to one number.
        draws: how many resamples.
        seed: fixes the resamples.
        level: coverage of the interval, strictly between 0 and 1.

    Returns:
        `(low, high)`.

    Raises:
        InputError: when there are no rows.
    """
    array = np.asarray(rows, dtype=np.float64)
    if array.ndim == 0 or len(array) == 0:
        raise InputError("a bootstrap needs at least one row")
    generator = np.random.default_rng(seed)
    sizes = range(draws)
    samples = [float(statistic(array[generator.integers(len(array), size=len(array))])) for _ in sizes]
    low, high = np.quantile(samples, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


@functools.lru_cache(maxsize=256)
def t_quantile(probability: float, freedom: float | int) -> float:
    """Return the quantile of Student's t distribution, to nine digits or more.

    Raises:
        InputError: unless 0 < probability < 1 and freedom > 0.
    """
    if not 0.0 < probability < 1.0 or freedom <= 0.0:
        raise InputError(f"no t quantile at probability {probability} with {freedom} degrees of freedom")
    if probability == 0.5:
        return 0.0
    if probability < 0.5:
        return -t_quantile(1.0 - probability, freedom)
    low, high = 0.0, 1.0
    while t_cdf(high, freedom) < probability:
        low, high = high, high * 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if t_cdf(middle, freedom) < probability else (low, middle)
    return 0.5 * (low + high)


def t_cdf(value: float | int, freedom: float | int) -> float:
    """Return P(t <= value) for Student's t with `freedom` degrees of freedom."""
    square = value * value
    if square < freedom:
        middle = 0.5 * _incomplete_beta(square / (freedom + square), 0.5, 0.5 * freedom)
        return 0.5 + math.copysign(middle, value)
    tail = 0.5 * _incomplete_beta(freedom / (freedom + square), 0.5 * freedom, 0.5)
    return 1.0 - tail if value > 0 else tail


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b)."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # The fraction converges fast only below the mean of the distribution; its mirror image covers the rest.
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(log_front) * _beta_fraction(x, a, b) / a
    return 1.0 - math.exp(log_front) * _beta_fraction(1.0 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    """Continued fraction of the incomplete beta function, by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0), tiny)
    result = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _away_from_zero(1.0 + term * d, tiny)
            c = _away_from_zero(1.0 + term / c, tiny)
            result *= c * d
        if abs(c * d - 1.0) < 1e-16:
            break
    return result


def _away_from_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
