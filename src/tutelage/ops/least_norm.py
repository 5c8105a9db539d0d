"""The shortest convex combination of a few vectors, exactly: a quadratic programme on a simplex with a cap.

    minimise a' G a   over   0 <= a <= cap, sum a = 1          (G: the vectors' inner products, K x K)

A primal active-set method on plain numbers: K is the number of teachers or of losses, so that the arithmetic of one
step is cheaper than one call into a library. The result does not depend on the scale of the vectors. Where several
combinations are shortest (equal or linearly dependent vectors) it is the one with the most even weights, which makes
it a function of the set of vectors and not of their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import isfinite

import numpy as np

DEPENDENT = 1e-9
"""A vector of which so small a part (of its squared length) is new depends on the others."""
SMALL = 8
"""Systems up to this size are solved in plain Python, larger ones by LAPACK."""

Rows = list[list[float]]


def least_norm(gram: Sequence[Sequence[float]], cap: float = 1.0) -> list[float]:
    """Weights of the shortest combination; of several equally short ones the most even.

    Args:
        gram: inner products, K x K, symmetric and positive semidefinite up to rounding.
        cap: largest weight; 1 / K where it is smaller than that.

    Raises:
        ValueError: an inner product is not finite.
    """
    size = len(gram)
    scale = sum(gram[i][i] for i in range(size)) / max(size, 1)
    if not all(map(isfinite, chain.from_iterable(gram))):
        raise ValueError("the inner products are not finite")
    if size * cap <= 1.0 + 1e-12 or scale <= 0.0:
        return [1.0 / size] * size
    scaled = [[value / scale for value in row] for row in gram]
    found = _active_set(scaled, cap)
    if found is None:
        found = _most_even(scaled, cap)
    total = sum(found)
    return [value / total for value in found]


def _active_set(gram: Rows, cap: float) -> list[float] | None:
    """The minimiser; None where the vectors that share the weight depend on each other."""
    size = len(gram)
    weights, free = [1.0 / size] * size, list(range(size))
    for _ in range(20 * size + 20):
        wanted = _on(gram, free, weights)
        if wanted is None:
            return None
        step, blocked, bound = 1.0, -1, 0.0
        for i, value in zip(free, wanted, strict=True):
            edge = 0.0 if value < 0.0 else cap
            if (value < -1e-13 or value > cap + 1e-13) and abs(value - weights[i]) > 0.0:
                share = (edge - weights[i]) / (value - weights[i])
                if share < step:
                    step, blocked, bound = max(share, 0.0), i, edge
        for i, value in zip(free, wanted, strict=True):
            weights[i] = min(max(weights[i] + step * (value - weights[i]), 0.0), cap)
        if blocked >= 0:
            weights[blocked] = bound
            free.remove(blocked)
            continue
        released = _wrongly_held(gram, free, weights)
        if released < 0:
            return weights
        free.append(released)
        free.sort()
    return weights


def _wrongly_held(gram: Rows, free: list[int], weights: list[float]) -> int:
    """The weight that most wants to leave its bound; -1 where none does."""
    pull = [sum(g * w for g, w in zip(row, weights, strict=True)) for row in gram]
    level = sum(pull[i] for i in free) / len(free)
    worst, chosen = 1e-12, -1
    for i, value in enumerate(pull):
        if i in free:
            continue
        gain = level - value if weights[i] == 0.0 else value - level
        if gain > worst:
            worst, chosen = gain, i
    return chosen


def _on(gram: Rows, free: list[int], weights: list[float]) -> list[float] | None:
    """The best weights of the free ones, all others held; None where their vectors depend on each other."""
    held = [i for i in range(len(gram)) if i not in free]
    left = 1.0 - sum(weights[i] for i in held)
    if len(free) == 1:
        return [left]
    pull = [sum((gram[i][j] * weights[j] for j in held), 0.0) for i in free]
    block = [[gram[i][j] for j in free] for i in free]
    solved = _solved(block, [[1.0, b] for b in pull])
    if solved is None:
        return None
    ones, pulls = ([row[k] for row in solved] for k in (0, 1))
    level = (left + sum(pulls)) / sum(ones)
    return [level * one - b for one, b in zip(ones, pulls, strict=True)]


def _solved(matrix: Rows, right: Rows) -> Rows | None:
    """matrix^-1 right for a symmetric positive definite matrix; None where it is singular."""
    size = len(matrix)
    if size > SMALL:
        array = np.array(matrix)
        try:
            pivots = np.diagonal(np.linalg.cholesky(array)) ** 2
        except np.linalg.LinAlgError:
            return None
        if bool((pivots <= DEPENDENT * np.diagonal(array)).any()):
            return None
        return np.linalg.solve(array, np.array(right)).tolist()
    rows = [a + b for a, b in zip(matrix, right, strict=True)]
    for k in range(size):
        pivot = rows[k][k]
        if pivot <= DEPENDENT * matrix[k][k]:
            return None
        for i in range(k + 1, size):
            factor = rows[i][k] / pivot
            if factor != 0.0:
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    for k in range(size - 1, -1, -1):
        pivot, own = rows[k][k], rows[k]
        own[size:] = [value / pivot for value in own[size:]]
        for i in range(k):
            factor = rows[i][k]
            rows[i][size:] = [a - factor * b for a, b in zip(rows[i][size:], own[size:], strict=True)]
    return [row[size:] for row in rows]


def _most_even(gram: Rows, cap: float) -> list[float]:
    """The shortest vector of weights among the minimisers, for vectors that depend on each other.

    A slight preference for even weights finds which of them lie at a bound; among the others the least-squares solution
    of smallest length is exact.
    """
    size = len(gram)
    ridge = 10.0 * DEPENDENT
    while True:
        near = _active_set([[g + ridge * (i == j) for j, g in enumerate(row)] for i, row in enumerate(gram)], cap)
        if near is not None:
            break
        ridge *= 10.0
    weights, array = np.array(near), np.array(gram)
    free = np.flatnonzero((weights > 1e-7) & (weights < cap - 1e-7))
    if not len(free):
        return near
    weights[weights <= 1e-7] = 0.0
    weights[weights >= cap - 1e-7] = cap
    held = np.setdiff1d(np.arange(size), free)
    system = np.ones((len(free) + 1, len(free) + 1))
    system[:-1, :-1], system[-1, -1] = array[np.ix_(free, free)], 0.0
    wanted = np.append(-array[np.ix_(free, held)] @ weights[held], 1.0 - weights[held].sum())
    best = np.linalg.lstsq(system, wanted, rcond=DEPENDENT)[0][:-1]
    exact = weights.copy()
    exact[free] = best
    inside = bool((best >= -1e-9).all() and (best <= cap + 1e-9).all()) and abs(exact.sum() - 1.0) < 1e-9
    better = inside and exact @ array @ exact <= np.array(near) @ array @ np.array(near) + 1e-12
    return np.clip(exact, 0.0, cap).tolist() if better else near
