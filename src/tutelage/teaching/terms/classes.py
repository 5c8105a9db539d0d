"""Terms that compare answers over classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ...core import Classes, Context
from ...ops.schedules import Schedule
from ...ops.simplex import entropy


@dataclass(frozen=True)
class KL:
    """T^2 KL(teacher || student) at temperature T, in nats; Hinton et al. 2015.

    The statistic is the teacher's probabilities. The weighted sum of the teachers' KLs and the KL to
    their weighted mean differ by a number that does not depend on the student.
    """

    name: ClassVar[str] = "kl"
    source: ClassVar[str] = "hinton2015"
    answers: ClassVar[str] = "classes"
    linear: ClassVar[bool] = True
    closed: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset()
    temperature: float | Schedule = 4.0

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """Probabilities [..., B, C]."""
        return answer.probs(temperature)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """T^2 times the negative entropy [..., B]."""
        return -(temperature**2) * entropy(phi)

    def loss(
        self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context
    ) -> Tensor:
        """[..., B]."""
        log_q = student.restricted(coverage).log_probs(temperature).masked_fill(~coverage, 0.0)
        return self.energy(phi, temperature) - temperature**2 * (phi * log_q).sum(-1)
