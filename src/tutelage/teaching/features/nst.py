"""Neuron selectivity transfer: the patterns of channels as a distribution."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ...core import Context, InputError
from .adapter import level
from .geometry import unit


@dataclass(frozen=True)
class NST:
    """Maximum mean discrepancy of the channels' patterns over positions, squared kernel (Huang and Wang, 2017).

    A pattern is a channel at length 1. Numbers of channels may differ.
    """

    name = "nst"
    source = "huang2017"
    needs = frozenset[str]()
    aligned = False

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B].

        Raises:
            InputError: vectors, whose channels have no pattern.
        """
        if student.dim() < 3 or teacher.dim() < 3:
            raise InputError(f"{self.name} compares patterns over maps [B, C, H, W] or tokens [B, L, D], not vectors")
        one, other = (_patterns(part) for part in level(student, teacher))
        if one.shape[2] <= one.shape[1] + other.shape[1]:
            apart = _moment(one) - _moment(other)
            return apart.square().sum((1, 2))
        return _kernel(one, one) + _kernel(other, other) - 2.0 * _kernel(one, other)


def _patterns(features: Tensor) -> Tensor:
    """[B, C, positions], each channel at length 1."""
    return unit(features.flatten(2) if features.dim() == 4 else features.transpose(1, 2))


def _moment(patterns: Tensor) -> Tensor:
    """[B, N, N]: the mean over channels of the outer product; the kernel's mean embedding."""
    return patterns.transpose(1, 2) @ patterns / patterns.shape[1]


def _kernel(one: Tensor, other: Tensor) -> Tensor:
    """[B]: mean of the squared inner products of all pairs of channels."""
    return (one @ other.transpose(1, 2)).square().mean((1, 2))
