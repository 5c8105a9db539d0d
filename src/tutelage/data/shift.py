"""How far two samples of a column are apart: the population stability index, and what chance alone gives."""

from __future__ import annotations

from collections import Counter

import numpy as np

BINS, VALUES = 10, 20
"""Bins of numbers, and most values of text that get a bin of their own."""
_Z95 = 1.6448536269514722


def stability(was: np.ndarray, now: np.ndarray) -> float:
    """Population stability index between shares of rows, one per bin."""
    was, now = np.clip(was, 1e-4, None), np.clip(now, 1e-4, None)
    return float(np.sum((now - was) * np.log(now / was)))


def shift_of(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Population stability index of a column of some rows against others, and its 95 % level under no change.

    Bins: see `DriftRecord`. Where nothing has changed, the index times n * m / (n + m) is about chi-squared with one
    degree of freedom less than there are bins (Yurdakul 2018).

    Args:
        first: numbers, booleans or objects [N]; missing: NaN, None or "".
        second: of the same kind [M].
    """
    one, other = _counts(first, second)
    if not len(first) or not len(second):
        return float("nan"), float("nan")
    bins = len(one)
    was, now = ((part + 0.5) / (part.sum() + 0.5 * bins) for part in (one, other))
    chance = _chi_squared(bins - 1) * (1 / len(first) + 1 / len(second))
    return float(np.sum((now - was) * np.log(now / was))), chance


def _counts(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows per bin of both; bins that both leave empty do not count."""
    if first.dtype.kind in "fiub" and second.dtype.kind in "fiub":
        numbers = [part.astype(np.float64) for part in (first, second)]
        there = [part[np.isfinite(part)] for part in numbers]
        edges = np.unique(np.quantile(there[0], np.linspace(0, 1, BINS + 1)[1:-1])) if len(there[0]) else np.zeros(0)
        bins = [np.bincount(np.searchsorted(edges, part, side="left"), minlength=len(edges) + 1) for part in there]
        found = [np.append(b, len(n) - len(t)) for b, n, t in zip(bins, numbers, there, strict=True)]
    else:
        words = [Counter("" if _missing(v) else str(v) for v in part.tolist()) for part in (first, second)]
        ranked = sorted((set(words[0]) | set(words[1])) - {""}, key=lambda v: (-words[0][v], -words[1][v], v))
        kept = ranked[:VALUES]
        found = [np.array([*(w[v] for v in kept), w.total() - sum(w[v] for v in kept) - w[""], w[""]]) for w in words]
    filled = (found[0] + found[1]) > 0
    return found[0][filled], found[1][filled]


def _missing(value: object) -> bool:
    return value is None or value == "" or value != value


def _chi_squared(freedom: int) -> float:
    """95 % quantile (Wilson and Hilferty 1931)."""
    if freedom < 1:
        return 0.0
    part = 2 / (9 * freedom)
    return freedom * (1 - part + _Z95 * part**0.5) ** 3
