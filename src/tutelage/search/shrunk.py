"""What candidates may be expected to gain, once their luck is taken off.

The best of ten candidates that were tried on a hundred rows owes much of its lead to chance. How much shows in how far
all of them lie apart, against how far chance alone would drive them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..train.choice import NOTICEABLE, Tried


@dataclass(frozen=True)
class Expected:
    """Of one candidate against the default.

    Attributes:
        gain: what is expected, in typical differences between a candidate and the default; 0 where all differences may
            be chance.
        z: by how many standard errors it did better, mistakes and losses taken together.
    """

    gain: float
    z: float


def expected(tried: Sequence[Tried]) -> tuple[Expected, ...]:
    """Mistakes and losses of each candidate as one number, shrunk towards no difference.

    Losses tell more apart than mistakes do, and mistakes are what counts: each gain is taken in units of its root mean
    square over the candidates, and the two are averaged. Their errors are added as if both always erred together. A
    gain is then shrunk by the share of the candidates' spread that chance does not explain (empirical Bayes; Efron and
    Morris 1975, with the spread of Paule and Mandel 1982), so that of two gains alike the one known better counts for
    more.

    Args:
        tried: the candidates without the default, and without what lies far off, such as labels alone.
    """
    if not tried:
        return ()
    gain, error = np.zeros(len(tried)), np.zeros(len(tried))
    for part in (
        [(one.gain, one.standard_error, 0.0) for one in tried],
        [(one.loss_gain, one.loss_error, NOTICEABLE) for one in tried],
    ):
        difference, chance, least = np.array(part, dtype=float).reshape(-1, 3).T
        unit = float(np.sqrt(np.mean(difference**2)))
        if unit > least[0]:
            gain, error = gain + difference / (2 * unit), error + chance / (2 * unit)
    spread = _spread(gain, error)
    kept = spread / np.maximum(spread + error**2, 1e-300)
    return tuple(
        Expected(float(one), float(z)) for one, z in zip(gain * kept, gain / np.maximum(error, 1e-12), strict=True)
    )


def _spread(gain: np.ndarray, error: np.ndarray) -> float:
    """The variance around 0 under which the standardised squares are 1 on average."""
    low, high = 0.0, float(np.max(gain**2))
    for _ in range(60):
        middle = (low + high) / 2
        if float(np.mean(gain**2 / np.maximum(middle + error**2, 1e-300))) > 1.0:
            low = middle
        else:
            high = middle
    return low if low > 1e-12 * high else 0.0
