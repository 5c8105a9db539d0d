"""Terms that compare rankings of candidates.

    ListNet        phi = p     linear      the chances of standing first; the student covers what the teachers like
    PlackettLuce   phi = rank  not linear  the order of the teacher's first places, however far apart their scores

Both look at the candidates that all answering teachers list, and at nothing else of the student.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...core import Context, Scores
from ...core.spaces.scores import log_softmax_over
from ...ops.schedules import Schedule
from ...ops.simplex import entropy

LEAST = 1e-20
"""Smallest probability of a listed candidate: 0 says that it is not listed."""


@dataclass(frozen=True)
class ListNet:
    """T^2 KL between the softmaxes over the candidates at temperature T, in nats; Cao et al. 2007.

    The paper's top-one cross-entropy, less the teacher's entropy, which no student can change. The statistic is the
    teacher's probabilities of the candidates that all answering teachers list, so that the weighted sum over teachers
    and the loss of their weighted mean have one gradient. Labels are not looked at.
    """

    name = "listnet"
    source = "cao2007"
    answers = "scores"
    linear = True
    closed = False
    needs = frozenset[str]()
    temperature: float | Schedule = 1.0

    def statistic(self, answer: Scores, temperature: float, context: Context) -> Tensor:
        """Probabilities [..., B, N], 0 where not compared."""
        return answer.probs(temperature).clamp_min(LEAST).masked_fill(~answer.common, 0.0)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """T^2 times the negative entropy [..., B]."""
        return -(temperature**2) * entropy(phi)

    def loss(self, student: Scores, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        return self.energy(phi, temperature) + self.pull(student, phi, coverage, temperature, context)

    def pull(self, student: Scores, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]: T^2 times the cross-entropy."""
        known = phi > 0
        logs = log_softmax_over(student.score / temperature, known).masked_fill(~known, 0.0)
        return (phi * logs).sum(-1) * -(temperature**2)
