"""Labels and teachers that pull the student apart: how strong each may pull, decided from their gradients.

A balance sees the inner products of the parts' gradients with respect to the student's answer and gives each part a
factor. That answer is the only way in which the parts reach the student, so that one backward pass serves all of them,
and the gradients are as small as the answer. `Objective(..., balance=MGDA())` asks it at every step.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..core import Step
from ..ops.least_norm import least_norm

Gram = Sequence[Sequence[float]]
"""Inner products of the gradients of n parts, n x n; no part has the gradient 0."""


@runtime_checkable
class Balance(Protocol):
    """How strong each part of a loss pulls.

    Attributes:
        name: as printed.
        source: citation key.
        whole: the factors replace the soft share: parts come as means of their own, labels of all rows included.
        apart: every teacher is a part of its own, where the fusion gives weights; else every term is one.
    """

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def whole(self) -> bool: ...
    @property
    def apart(self) -> bool: ...

    def __call__(self, gram: Gram, at: Step) -> Sequence[float]:
        """One factor per part."""
        ...


@dataclass(frozen=True)
class MGDA:
    """Multiple-gradient descent: the factors that make the total gradient shortest; Sener and Koltun 2018.

    The factors lie on the simplex and minimise |sum c_i g_i|: a step lowers every part at once, and is 0 where no step
    can (Desideri 2012). They replace the soft share, which only has to be above 0. With gradients with respect to the
    student's answer instead of its parameters this is the upper bound that Sener and Koltun minimise.

    Args:
        normalised: the factors are found for gradients of length 1. As they are, the part with the shortest gradient
            gets most of the say, so that labels that are already learnt stop the student.
        apart: every teacher is a part of its own.
    """

    name = "mgda"
    source = "sener2018"
    whole = True
    normalised: bool = False
    apart: bool = False

    def __call__(self, gram: Gram, at: Step) -> Sequence[float]:
        """Factors that sum to 1."""
        if not self.normalised:
            return least_norm(gram)
        size = [gram[i][i] ** 0.5 for i in range(len(gram))]
        return least_norm([[g / (size[i] * size[j]) for j, g in enumerate(row)] for i, row in enumerate(gram)])


@dataclass(frozen=True)
class PCGrad:
    """Projecting conflicting gradients: what a part pulls against another is taken out of its gradient; Yu et al. 2020.

    A gradient g_i with g_i . g_j < 0 becomes g_i - (g_i . g_j / |g_j|^2) g_j, for the other parts j one after another
    in an order that is drawn anew at every step (from its number alone); the results are added. That is a sum of the
    given gradients, so that it comes down to one factor of at least 1 per part. The parts keep their shares.

    Args:
        apart: every teacher is a part of its own.
    """

    name = "pcgrad"
    source = "yu2020"
    whole = False
    apart: bool = False

    def __call__(self, gram: Gram, at: Step) -> Sequence[float]:
        """Factors of at least 1; all 1 without conflict."""
        count = len(gram)
        chance = random.Random(at.step)
        total = [0.0] * count
        for own in range(count):
            factors = [float(i == own) for i in range(count)]
            others = [i for i in range(count) if i != own]
            chance.shuffle(others)
            for other in others:
                inner = sum(factor * gram[i][other] for i, factor in enumerate(factors))
                if inner < 0.0:
                    factors[other] -= inner / gram[other][other]
            total = [a + b for a, b in zip(total, factors, strict=True)]
        return total
