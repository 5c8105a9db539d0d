"""DKD: the mass of the true class and the shape of the others, each with its own strength."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ...core import Classes, Context, InputError
from ...ops.schedules import Schedule
from ...ops.simplex import entropy


@dataclass(frozen=True)
class DKD:
    """T^2 (alpha KL(b_t || b_s) + beta KL(r_t || r_s)); Zhao et al. 2022.

    b is (p_y, 1 - p_y) for the pivot class y; r the softmax over the other covered classes. Everything is
    computed from logits, so that it is finite however far they are apart.

    The pivot is the label. Where there is none, or a teacher does not cover it (or covers nothing else),
    the row is compared by T^2 KL, or pivots on what the teachers think.

    The statistic holds r [C], p_y, and the number of the pivot plus 1 (0: none), which all teachers of a
    row share.

    Args:
        alpha: strength of the pivot's mass.
        beta: strength of the shape of the others.
        pivot: `label`: rows without a usable label are compared by KL. `target`: they pivot on the class
            with the largest mean probability over the answering teachers.
    """

    name = "dkd"
    source = "zhao2022"
    answers = "classes"
    linear = True
    closed = False
    needs = frozenset({"labels"})
    temperature: float | Schedule = 4.0
    alpha: float = 1.0
    beta: float = 8.0
    pivot: Literal["label", "target"] = "label"

    def __post_init__(self) -> None:
        if self.alpha < 0 or self.beta < 0:
            raise InputError(f"alpha and beta of {self.name} must not be negative, got {self.alpha}, {self.beta}")

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """[..., B, C + 2]: the others' softmax (0 at the pivot), the pivot's mass, its number plus 1."""
        logits = answer.masked_logits(temperature)
        chosen, found = self._pivot(answer, temperature, context)
        at = _one_hot(chosen, logits.shape[-1]) & found.unsqueeze(-1)
        mass = torch.softmax(logits, dim=-1).masked_fill(~at, 0.0).sum(-1)
        rest = torch.softmax(logits.masked_fill(at, -torch.inf), dim=-1)
        number = torch.where(found, chosen + 1, 0).to(logits.dtype)
        return torch.cat([rest, mass.unsqueeze(-1), number.unsqueeze(-1)], dim=-1)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """T^2 times the negative entropies, in their strengths [..., B]."""
        rest, mass, number = phi[..., :-2], phi[..., -2], phi[..., -1]
        both = entropy(torch.stack([mass, 1.0 - mass], dim=-1).clamp_min(0.0))
        apart = self.alpha * both + self.beta * entropy(rest)
        return -(temperature**2) * torch.where(number > 0.5, apart, entropy(rest))

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        return self.energy(phi, temperature) + self.pull(student, phi, coverage, temperature, context)

    def pull(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]: T^2 times the cross-entropies, in their strengths."""
        rest, mass, number = phi[..., :-2], phi[..., -2], phi[..., -1].round().long()
        found = number > 0
        logits = student.restricted(coverage).masked_logits(temperature)
        at = _one_hot((number - 1).clamp_min(0), logits.shape[-1]) & found.unsqueeze(-1)
        others = logits.masked_fill(at, -torch.inf)
        log_rest = torch.log_softmax(others, dim=-1).masked_fill(at | ~coverage, 0.0)
        shape = -(rest * log_rest).sum(-1)
        whole = torch.logsumexp(logits, dim=-1)
        log_mass = logits.masked_fill(~at, 0.0).sum(-1) - whole
        log_others = torch.logsumexp(others, dim=-1) - whole
        both = -(mass * log_mass + (1.0 - mass) * log_others)
        return temperature**2 * torch.where(found, self.alpha * both + self.beta * shape, shape)

    def _pivot(self, answer: Classes, temperature: float, context: Context) -> tuple[Tensor, Tensor]:
        """The pivot's class, int64 [..., B], and where there is one, bool [..., B]."""
        classes, items = answer.scores.shape[-1], answer.valid.shape
        several = answer.coverage.sum(-1, keepdim=True) > 1
        chosen = torch.zeros(items[-1:], dtype=torch.int64, device=answer.scores.device)
        labelled = torch.zeros_like(chosen, dtype=torch.bool)
        if context.target is not None and context.labelled is not None:
            chosen, labelled = context.target.clamp(0, classes - 1), context.labelled
        found = labelled & answer.coverage[..., chosen]
        chosen = chosen.expand(items)
        if self.pivot == "target":
            probs = answer.probs(temperature).masked_fill(~answer.valid.unsqueeze(-1), 0.0)
            top = (probs.sum(0) if probs.dim() == 3 else probs).argmax(-1)
            chosen = torch.where(found, chosen, top)
            found = found | answer.coverage[..., top]
        return chosen, (found & several).expand(items)


def _one_hot(index: Tensor, classes: int) -> Tensor:
    return index.unsqueeze(-1) == torch.arange(classes, device=index.device)
