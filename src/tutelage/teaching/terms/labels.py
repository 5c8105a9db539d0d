"""Terms that compare answers to C yes-or-no questions, one loss value per row and label."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ...core import Context, Labels
from ...ops.schedules import Schedule
from ...ops.simplex import entropy


@dataclass(frozen=True)
class BinaryKL:
    """T^2 KL(teacher || student) of each label's yes or no, in nats; Yang et al. 2023.

    The statistic is the probability of "yes" at temperature T, so that many teachers act through their
    mean probability.
    """

    name = "binary_kl"
    source = "yang2023"
    answers = "labels"
    linear = True
    closed = False
    needs = frozenset[str]()
    temperature: float | Schedule = 2.0

    def statistic(self, answer: Labels, temperature: float, context: Context) -> Tensor:
        """Probabilities of "yes" [..., B, C]."""
        return answer.probs(temperature)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """T^2 times the negative entropy [..., B, C]."""
        return -(temperature**2) * entropy(torch.stack([phi, 1.0 - phi], dim=-1).clamp_min(0.0))

    def loss(self, student: Labels, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B, C]."""
        return self.energy(phi, temperature) + self.pull(student, phi, coverage, temperature, context)

    def pull(self, student: Labels, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B, C]: T^2 times the cross-entropy."""
        return _cross_entropy(student, phi, temperature)


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """T^2 times the cross-entropy of each label under a soft yes, in nats; Hinton et al. 2015.

    The gradient of `BinaryKL`; the value keeps the entropy of the teachers and is not 0 at equality.
    """

    name = "binary_cross_entropy"
    source = "hinton2015"
    answers = "labels"
    linear = True
    closed = False
    needs = frozenset[str]()
    temperature: float | Schedule = 2.0

    def statistic(self, answer: Labels, temperature: float, context: Context) -> Tensor:
        """Probabilities of "yes" [..., B, C]."""
        return answer.probs(temperature)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """0: the loss is linear as it stands."""
        return torch.zeros_like(phi)

    def loss(self, student: Labels, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B, C]."""
        return _cross_entropy(student, phi, temperature)


def _cross_entropy(student: Labels, phi: Tensor, temperature: float) -> Tensor:
    odds = student.logits / temperature
    return -(temperature**2) * (phi * logsigmoid(odds) + (1.0 - phi) * logsigmoid(-odds))
