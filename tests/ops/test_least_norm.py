"""The shortest combination against its optimality conditions, whatever the vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.ops.least_norm import least_norm


def violation(vectors: np.ndarray, weights: np.ndarray, cap: float) -> float:
    """How far weights are from optimal: by how much some pair of them would gain from an exchange."""
    gram = vectors @ vectors.T
    pull = gram @ weights / max(float(np.trace(gram)) / len(gram), 1e-300)
    gives, takes = weights > 1e-8, weights < cap - 1e-8
    return float(pull[gives].max() - pull[takes].min()) if takes.any() else 0.0


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, float]:
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    vectors = chance.normal(size=(count, width)) + draw(st.sampled_from([0.0, 1.0])) * chance.normal(size=width)
    if draw(st.booleans()):
        vectors = np.round(vectors)
    if draw(st.booleans()):
        vectors[chance.integers(count)] = vectors[0]
    vectors = vectors * 10.0 ** draw(st.integers(-12, 6))
    return vectors, max(draw(st.sampled_from([0.2, 0.6, 1.0])), 1.0 / count)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(problems(), st.randoms(use_true_random=False))
def test_no_exchange_gains_and_order_and_scale_do_not_matter(problem: tuple[np.ndarray, float], chance) -> None:
    vectors, cap = problem
    gram = vectors @ vectors.T
    weights = np.array(least_norm(gram.tolist(), cap))
    assert weights.min() >= 0.0
    assert weights.max() <= cap + 1e-9
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert violation(vectors, weights, cap) < 1e-5
    order = list(range(len(weights)))
    chance.shuffle(order)
    moved = least_norm((1e-3 * gram[np.ix_(order, order)]).tolist(), cap)
    np.testing.assert_allclose(moved, weights[order], atol=1e-6)


def test_equal_vectors_share_their_weight() -> None:
    """Two copies of one vector against another: (1/2, 1/2) between the two vectors, split evenly between the copies."""
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(least_norm((vectors @ vectors.T).tolist()), [0.25, 0.5, 0.25], atol=1e-9)


def test_corners() -> None:
    assert least_norm([[0.0]]) == [1.0]
    assert least_norm([[0.0, 0.0], [0.0, 0.0]]) == [0.5, 0.5]
    assert least_norm([[1.0, 1.0], [1.0, 4.0]]) == [1.0, 0.0]
    assert least_norm([[1.0, 1.0], [1.0, 4.0]], 0.6) == pytest.approx([0.6, 0.4])
    assert least_norm([[1.0, 0.0], [0.0, 9.0]], 0.1) == [0.5, 0.5]
    with pytest.raises(ValueError, match="not finite"):
        least_norm([[float("nan")]])


def test_thirty_two_teachers() -> None:
    vectors = np.random.default_rng(0).normal(size=(32, 100)) + 0.3
    weights = np.array(least_norm((vectors @ vectors.T).tolist(), 0.6))
    assert violation(vectors, weights, 0.6) < 1e-9
