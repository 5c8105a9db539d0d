"""Variational information distillation: how well the teacher's features follow from the student's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ...core import Context, InputError
from .adapter import channels, level

SMALLEST = 1e-5
"""Smallest variance."""


@dataclass(frozen=True)
class VID:
    """Negative log-likelihood of the teacher's features given the student's (Ahn et al., 2019).

    A small network of the student's channels gives the mean, each channel of the teacher has a variance that is learnt;
    the mean over entries, without the constant.

    Args:
        hidden: width of the network; the teacher's number of channels unless given.
        variance: at the start.
    """

    name = "vid"
    source = "ahn2019"
    needs = frozenset[str]()
    aligned = False

    hidden: int | None = None
    variance: float = 5.0

    def __post_init__(self) -> None:
        if self.variance <= SMALLEST:
            raise InputError(f"the variance has to be above {SMALLEST}, got {self.variance}")

    def head(self, student: Sequence[int], teacher: Sequence[int]) -> nn.Module:
        """Mean and variance of the teacher's channels given the student's."""
        return Gaussian(channels(student), channels(teacher), self.hidden or channels(teacher), self.variance)

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B]."""
        assert isinstance(head, Gaussian)
        own, other = level(student, teacher)
        if own.dim() == 4:
            own, other = own.movedim(1, -1), other.movedim(1, -1)
        variance = head.variance()
        return 0.5 * ((other - head(own)).square() / variance + variance.log()).flatten(1).mean(1)


@final
class Gaussian(nn.Module):
    """A mean that depends on the input, and a variance per channel that does not; channels last."""

    def __init__(self, student: int, teacher: int, hidden: int, variance: float) -> None:
        super().__init__()
        self.mean = nn.Sequential(
            nn.Linear(student, hidden, bias=False),
            nn.ReLU(),
            nn.Linear(hidden, hidden, bias=False),
            nn.ReLU(),
            nn.Linear(hidden, teacher, bias=False),
        )
        self.log_scale = nn.Parameter(torch.full((teacher,), math.log(math.expm1(variance - SMALLEST))))

    def forward(self, features: Tensor) -> Tensor:
        """The mean, [..., teacher] of features [..., student]."""
        return self.mean(features)

    def variance(self) -> Tensor:
        """[teacher]."""
        return softplus(self.log_scale) + SMALLEST
