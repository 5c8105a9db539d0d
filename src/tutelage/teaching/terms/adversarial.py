"""Adversarial: a discriminator tells student and teachers apart, and the student learns to be taken for them."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...core import Classes, Context, InputError
from ...ops.schedules import Schedule

FORMS = ("spectral", "r1", "naive")


class Adversarial(nn.Module):
    """How well a discriminator D tells q from p, its gradient turned round for the student; Shen et al. 2019 (MEAL).

        loss = softplus(-D(p)) + softplus(D(q)),  with the gradient with respect to q times -strength

    D goes down this loss and the student up: it learns to be taken for a teacher. D is a net of two hidden layers on
    probabilities; it is part of `Distillation.trainable`, learns with the student's optimiser, and looks at every
    teacher by itself (plan 3). At the end softplus(0) = log 2 per side is left; the loss is no distance.

    Unbounded, D and student drive each other out: the steeper D, the further the student is thrown. `spectral` (Miyato
    et al. 2018) divides every matrix of D by its largest singular value, so that D changes by no more than its input;
    `r1` (Mescheder, Geiger and Nowozin 2018) adds gamma / 2 times the squared gradient of D at the teachers; `naive`
    does nothing and is there for comparison. In MEAL all this stands beside a distance, and each batch is compared with
    one random teacher (`RandomTeacher`).

    Args:
        classes: the most classes an answer may have.
        hidden: width of D.
        strength: of the student's turned gradient, against that of D.
        form: `spectral`, `r1` or `naive`.
        gamma: strength of `r1`.
        temperature: of both sides.
        seed: of D's first parameters.

    Raises:
        InputError: a number or word out of range; (when called) an answer of more classes.
    """

    name = "adversarial"
    source = "shen2019"
    answers = "classes"
    linear = False
    closed = False
    needs = frozenset[str]()

    def __init__(
        self,
        classes: int = 10,
        *,
        hidden: int = 64,
        strength: float = 1.0,
        form: Literal["spectral", "r1", "naive"] = "spectral",
        gamma: float = 0.3,
        temperature: float | Schedule = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if classes < 2 or hidden < 1 or not strength > 0 or gamma < 0 or form not in FORMS:
            raise InputError(
                "an adversarial term needs classes >= 2, hidden >= 1, strength > 0, gamma >= 0 and the form spectral, "
                f"r1 or naive, got {classes}, {hidden}, {strength}, {gamma} and {form!r}"
            )
        self.classes, self.hidden, self.strength = classes, hidden, strength
        self.form, self.gamma, self.temperature, self.seed = form, gamma, temperature, seed
        chance, widths = torch.Generator().manual_seed(seed), (classes, hidden, hidden, 1)
        pairs = list(itertools.pairwise(widths))
        made = [torch.randn(out, wide, generator=chance) / math.sqrt(wide) for wide, out in pairs]
        self.matrices = nn.ParameterList([nn.Parameter(one) for one in made])
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(out)) for _, out in pairs])

    def extra_repr(self) -> str:
        """The settings; nothing of what was learnt."""
        kept = ("classes", "hidden", "strength", "form", "gamma", "temperature", "seed")
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in kept)

    def statistic(self, answer: Classes, temperature: float, context: Context) -> Tensor:
        """Probabilities [..., B, C]."""
        return answer.probs(temperature)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """0: D moves, so that nothing can be computed beforehand."""
        return phi.new_zeros(phi.shape[:-1])

    def loss(self, student: Classes, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        own = turned(student.restricted(coverage).probs(temperature), self.strength)
        found = nn.functional.softplus(self.judged(own))
        if self.form == "r1" and torch.is_grad_enabled():
            there = phi.detach().requires_grad_()
            said = self.judged(there)
            (slope,) = torch.autograd.grad(said.sum(), there, create_graph=True)
            return found + nn.functional.softplus(-said) + 0.5 * self.gamma * slope.square().sum(-1)
        return found + nn.functional.softplus(-self.judged(phi))

    def judged(self, probs: Tensor) -> Tensor:
        """D's logit that probabilities [..., B, C] are a teacher's, [..., B]."""
        if probs.shape[-1] > self.classes:
            raise InputError(
                f"the discriminator was made for {self.classes} classes and got answers of {probs.shape[-1]}: make it "
                f"with classes={probs.shape[-1]}"
            )
        found: Any = nn.functional.pad(probs, (0, self.classes - probs.shape[-1]))
        last = len(self.matrices) - 1
        for place, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            weight = matrix / torch.linalg.matrix_norm(matrix, 2) if self.form == "spectral" else matrix
            found = found @ weight.to(found).T + bias.to(found)
            found = found if place == last else nn.functional.leaky_relu(found, 0.2)
        return found.squeeze(-1)


def turned(value: Tensor, strength: float) -> Tensor:
    """The same value, its gradient times minus `strength`."""
    found: Any = _Turned.apply(value, strength)
    return found


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *received: Tensor) -> Any:
        (grad,) = received
        return -ctx.strength * grad, None
