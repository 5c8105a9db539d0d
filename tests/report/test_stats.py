"""The intervals of a report against SciPy, and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from tutelage.core.errors import InputError
from tutelage.report import bootstrap, interval, paired
from tutelage.report.stats import t_cdf, t_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 29, 100, 1234, 1e6])
@pytest.mark.parametrize("probability", [0.001, 0.05, 0.3, 0.5, 0.8, 0.975, 0.9995])
def test_t_quantile_equals_scipy(freedom: float, probability: float) -> None:
    expected = scipy_stats.t.ppf(probability, freedom)
    assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-8, abs=1e-12)


@given(value=st.floats(-50, 50), freedom=st.integers(1, 500))
def test_t_cdf_equals_scipy(value: float, freedom: int) -> None:
    assert t_cdf(value, freedom) == pytest.approx(scipy_stats.t.cdf(value, freedom), rel=1e-9, abs=1e-12)


def test_interval_equals_scipy() -> None:
    values = [0.91, 0.93, 0.92, 0.90, 0.95]
    low, high = scipy_stats.t.interval(0.95, 4, loc=np.mean(values), scale=scipy_stats.sem(values))
    mean, half_width = interval(values)
    assert (mean - half_width, mean + half_width) == pytest.approx((low, high))


def test_interval_of_few_values() -> None:
    assert all(map(math.isnan, interval([])))
    mean, half_width = interval([0.5])
    assert mean == 0.5
    assert math.isnan(half_width)
    assert all(map(math.isnan, interval([0.5, math.nan])))
    assert interval([0.5, 0.5, 0.5]) == (0.5, 0.0)


def test_paired_is_the_interval_of_the_differences() -> None:
    values, reference = [0.9, 0.8, 0.95], [0.85, 0.79, 0.9]
    test = scipy_stats.ttest_rel(values, reference).confidence_interval(0.95)
    mean, half_width = paired(values, reference)
    assert (mean - half_width, mean + half_width) == pytest.approx((test.low, test.high))


def test_paired_lets_one_value_hold_for_every_seed() -> None:
    assert paired([0.9], [0.8, 0.7]) == pytest.approx(interval([0.1, 0.2]))
    with pytest.raises(InputError, match="3 values cannot be paired with 2"):
        paired([1, 2, 3], [1, 2])


def test_bootstrap_agrees_with_the_normal_interval_of_a_share() -> None:
    rows = np.r_[np.ones(1600), np.zeros(400)]
    low, high = bootstrap(rows, draws=2000, seed=1)
    error = 1.96 * math.sqrt(0.8 * 0.2 / 2000)
    assert (low, high) == pytest.approx((0.8 - error, 0.8 + error), abs=0.003)
    assert bootstrap(rows, seed=1) == bootstrap(rows, seed=1)


def test_bootstrap_of_a_paired_difference() -> None:
    both = np.column_stack([np.ones(200), np.r_[np.ones(180), np.zeros(20)]])
    low, high = bootstrap(both, lambda rows: float(np.mean(rows[:, 0] - rows[:, 1])))
    assert 0.05 < low < 0.1 < high < 0.15


def test_bootstrap_needs_rows() -> None:
    with pytest.raises(InputError, match="at least one row"):
        bootstrap([])
