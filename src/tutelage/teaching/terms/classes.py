"""Terms that compare probabilities of classes.

    KL             phi = p       linear      the student covers what the teachers cover
    CrossEntropy   phi = p       linear      the same gradient; its value keeps the teachers' entropy
    ReverseKL      phi = log p   linear      the student may leave out; many teachers: geometric mean
    SquaredError   phi = p       linear      bounded, forgives confident mistakes
    JSD            phi = log p   not linear  between KL and reverse KL
    TotalVariation phi = p       not linear  bounded, insensitive to the tail

All multiply with T^2, so that the size of the gradient does not depend on the temperature.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core import FLOOR, Classes, Context, InputError
from ...core.spaces.classes import cover, is_everything
from ...ops.divergences import generalized_jsd
from ...ops.mixing import cross_entropy_wide, softmax_mixture
from ...ops.schedules import Schedule
from ...ops.simplex import entropy


@dataclass(frozen=True)
class KL:
    """T^2 KL(teacher || student) at temperature T, in nats; Hinton et al. 2015.

    The statistic is the teacher's probabilities. The weighted sum of the teachers' KLs and the KL to
    their weighted mean differ by a number that does not depend on the student.
    """

    name = "kl"
    source = "hinton2015"
    answers = "classes"
    linear = True
    closed = True
    needs = frozenset[str]()
    temperature: float | Schedule = 4.0

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """Probabilities [..., B, C]."""
        return answer.probs(temperature)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """T^2 times the negative entropy [..., B]."""
        return -(temperature**2) * entropy(phi)

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        return self.energy(phi, temperature) + self.pull(student, phi, coverage, temperature, context)

    def pull(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]: T^2 times the cross-entropy."""
        return _cross_entropy(student, phi, coverage, temperature)

    def graded(self, student: Classes, phi: Tensor, temperature: float, trust: Tensor) -> tuple[Tensor, Tensor]:
        """`pull` [B], and trust times its gradient [B, C]: T (q - phi)."""
        return _graded(student, phi, temperature, trust)

    def mixture(self, answers: Sequence[Classes], weights: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Mixed probabilities [B, C], and the weighted sum of T^2 times the negative entropies [B]."""
        probs, order = softmax_mixture([answer.scores for answer in answers], weights, temperature)
        return probs, temperature**2 * order


@dataclass(frozen=True)
class CrossEntropy:
    """T^2 times the cross-entropy of the student under soft labels, in nats; Hinton et al. 2015.

    The gradient of `KL`; the value keeps the entropy of the teachers and is not 0 at equality.
    """

    name = "cross_entropy"
    source = "hinton2015"
    answers = "classes"
    linear = True
    closed = True
    needs = frozenset[str]()
    temperature: float | Schedule = 4.0

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """Probabilities [..., B, C]."""
        return answer.probs(temperature)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """0: the loss is linear as it stands."""
        return phi.new_zeros(phi.shape[:-1])

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        return _cross_entropy(student, phi, coverage, temperature)

    def graded(self, student: Classes, phi: Tensor, temperature: float, trust: Tensor) -> tuple[Tensor, Tensor]:
        """`loss` [B], and trust times its gradient [B, C]: T (q - phi)."""
        return _graded(student, phi, temperature, trust)

    def mixture(self, answers: Sequence[Classes], weights: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Mixed probabilities [B, C], and 0 [B]."""
        probs, order = softmax_mixture([answer.scores for answer in answers], weights, temperature)
        return probs, torch.zeros_like(order)


@dataclass(frozen=True)
class ReverseKL:
    """T^2 KL(student || teacher), in nats.

    The statistic is the teacher's log-probabilities over the classes it covers, so that many teachers
    act through their geometric mean (logarithmic opinion pool); Heskes 1998.

    Args:
        floor: smallest probability of a teacher; the rest is renormalised, so that one teacher's 0 does
            not veto a class. 0 takes log-probabilities as they are.
    """

    name = "reverse_kl"
    source = "heskes1998"
    answers = "classes"
    linear = True
    closed = False
    needs = frozenset[str]()
    temperature: float | Schedule = 1.0
    floor: float = FLOOR

    def __post_init__(self) -> None:
        if not 0.0 <= self.floor < 1.0:
            raise InputError(f"the floor of {self.name} must be a probability below 1, got {self.floor}")

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """Log-probabilities [..., B, C], 0 off coverage."""
        logs, known = answer.log_probs(temperature), cover(answer.coverage)
        if self.floor > 0:
            logs = torch.log_softmax(logs.clamp_min(math.log(self.floor)).masked_fill(~known, -torch.inf), dim=-1)
        return logs.masked_fill(~known, 0.0)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """0: the loss is linear as it stands."""
        return phi.new_zeros(phi.shape[:-1])

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        log_q = student.restricted(coverage).log_probs(temperature)
        return temperature**2 * (log_q.exp() * (log_q.masked_fill(~coverage, 0.0) - phi)).sum(-1)


@dataclass(frozen=True)
class SquaredError:
    """T^2 times the squared Euclidean distance of the probabilities, summed over classes; Brier 1950."""

    name = "squared_error"
    source = "brier1950"
    answers = "classes"
    linear = True
    closed = True
    needs = frozenset[str]()
    temperature: float | Schedule = 1.0

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """Probabilities [..., B, C]."""
        return answer.probs(temperature)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """T^2 times the squared length [..., B]."""
        return temperature**2 * phi.square().sum(-1)

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        return temperature**2 * (student.restricted(coverage).probs(temperature) - phi).square().sum(-1)


@dataclass(frozen=True)
class JSD:
    """T^2 times the generalised Jensen-Shannon divergence, in nats; Lin 1991.

    beta KL(teacher || m) + (1 - beta) KL(student || m) with m = beta teacher + (1 - beta) student.
    Not linear, unless beta is 1: many teachers cost one divergence each.

    Args:
        beta: share of the teacher in the middle; 0 is KL(teacher || student) and 1 is
            KL(student || teacher), as TRL has it, though the divergence itself goes to 0 there.
    """

    name = "jsd"
    source = "lin1991"
    answers = "classes"
    needs = frozenset[str]()
    temperature: float | Schedule = 1.0
    beta: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.beta <= 1.0:
            raise InputError(f"beta of {self.name} must stay within [0, 1], got {self.beta}")

    @property
    def linear(self) -> bool:
        """False unless beta is 1."""
        return self.beta == 1.0

    @property
    def closed(self) -> bool:
        """True unless beta is 1: KL(student || teacher) is infinite where a teacher says 0."""
        return self.beta < 1.0

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """Log-probabilities [..., B, C]; off coverage minus infinity, or 0 where they are mixed."""
        logs = answer.log_probs(temperature)
        return logs.masked_fill(~cover(answer.coverage), 0.0) if self.linear else logs

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """0: nothing is split off."""
        return phi.new_zeros(phi.shape[:-1])

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        log_p = phi.masked_fill(~coverage, -torch.inf)
        log_q = student.restricted(coverage).log_probs(temperature)
        return temperature**2 * generalized_jsd(log_p, log_q, self.beta)


@dataclass(frozen=True)
class TotalVariation:
    """T^2 times half the sum of absolute differences of the probabilities; Wen et al. 2023.

    Not linear: many teachers cost one distance each, and pull towards their weighted median.
    """

    name = "total_variation"
    source = "wen2023"
    answers = "classes"
    linear = False
    closed = True
    needs = frozenset[str]()
    temperature: float | Schedule = 1.0

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """Probabilities [..., B, C]."""
        return answer.probs(temperature)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """0: nothing is split off."""
        return phi.new_zeros(phi.shape[:-1])

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        gap = student.restricted(coverage).probs(temperature) - phi
        return temperature**2 * gap.abs().sum(-1) / 2


def _cross_entropy(student: Classes, phi: Tensor, coverage: Tensor, temperature: float) -> Tensor:
    log_q = student.restricted(coverage).log_probs(temperature)
    if not is_everything(coverage):
        log_q = log_q.masked_fill(~coverage, 0.0)
    return (phi * log_q).sum(-1) * -(temperature**2)


def _graded(student: Classes, phi: Tensor, temperature: float, trust: Tensor) -> tuple[Tensor, Tensor]:
    """T^2 times the cross-entropy, and its gradient."""
    heard = (trust * temperature).unsqueeze(-1)
    if phi.shape[-1] >= _WIDE:
        losses, gradient = cross_entropy_wide(student.scores, phi, temperature)
        return losses * temperature**2, gradient.mul_(heard).addcmul_(phi, heard, value=-1.0)
    log_q = student.log_probs(temperature)
    losses = (phi * log_q).sum(-1) * -(temperature**2)
    gradient = log_q.exp() if temperature == 1.0 else log_q.exp_()  # at 1 others may look at them again
    return losses, gradient.mul_(heard).addcmul_(phi, heard, value=-1.0)


_WIDE = 1000
"""From so many classes on, passes over memory are the cost."""
