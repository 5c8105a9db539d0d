"""Adapters: from the student's features to the shape of a teacher's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from torch import Tensor, nn
from torch.nn import functional

from ...core import InputError


@dataclass(frozen=True)
class Adapter:
    """How the student's features are brought into a teacher's width: a linear map of channels (for maps, 1 x 1).

    Each teacher gets an adapter of its own, drawn from a generator seeded by the names of hint and teacher, so that
    the order of teachers does not matter. Adapters learn with the student and are no part of it.

    Args:
        hidden: width of a hidden layer with GELU in between; None for a linear map.
        norm: BatchNorm behind the map.
        relu: ReLU at the end, for teachers whose features are not negative.
    """

    hidden: int | None = None
    norm: bool = False
    relu: bool = False

    def made(self, student: int, teacher: int) -> nn.Module:
        """A fresh adapter from so many channels to so many, drawn from torch's generator."""
        return Projection(student, teacher, self)


@final
class Projection(nn.Module):
    """Maps the channels of vectors [B, D], tokens [B, L, D] or maps [B, C, H, W]."""

    def __init__(self, student: int, teacher: int, adapter: Adapter) -> None:
        super().__init__()
        if adapter.hidden is None:
            self.layers = nn.Sequential(nn.Linear(student, teacher, bias=not adapter.norm))
        else:
            inner = nn.Linear(student, adapter.hidden), nn.GELU()
            self.layers = nn.Sequential(*inner, nn.Linear(adapter.hidden, teacher, bias=not adapter.norm))
        self.norm = nn.BatchNorm1d(teacher) if adapter.norm else None
        self.relu = adapter.relu

    def forward(self, features: Tensor) -> Tensor:
        """The features with the teacher's number of channels."""
        maps = features.dim() == 4
        found = self.layers(features.movedim(1, -1) if maps else features)
        if self.norm is not None:
            flat = found.reshape(-1, found.shape[-1])
            found = self._normed(self.norm, flat).view(found.shape)
        found = found.relu() if self.relu else found
        return found.movedim(-1, 1) if maps else found

    @staticmethod
    def _normed(norm: nn.BatchNorm1d, flat: Tensor) -> Tensor:
        if len(flat) > 1:
            return norm(flat)
        return functional.batch_norm(flat, norm.running_mean, norm.running_var, norm.weight, norm.bias)


def channels(shape: Sequence[int]) -> int:
    """The number of channels of features of this shape per row: [D], [L, D] or [C, H, W]."""
    return int(shape[0] if len(shape) == 3 else shape[-1])


def level(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Both sides with the same positions, their channels as they are.

    Maps [B, C, H, W] are averaged over cells down to the smaller size; beside a vector [B, D], maps and tokens
    [B, L, D] are averaged over all positions.

    Raises:
        InputError: tokens of different length, tokens beside maps, or other shapes.
    """
    forms = student.dim(), teacher.dim()
    if 2 in forms and max(forms) <= 4:
        return pooled(student), pooled(teacher)
    if forms == (3, 3) and student.shape[1] == teacher.shape[1]:
        return student, teacher
    if forms == (4, 4):
        size = [min(a, b) for a, b in zip(student.shape[2:], teacher.shape[2:], strict=True)]
        return resized(student, size), resized(teacher, size)
    raise InputError(
        f"features {tuple(student.shape)} of the student and {tuple(teacher.shape)} of a teacher cannot be compared "
        "position by position: name layers that both give vectors [B, D], maps [B, C, H, W], or as many tokens "
        "[B, L, D]"
    )


def pooled(features: Tensor) -> Tensor:
    """[B, C]: the mean over all positions."""
    if features.dim() == 4:
        return features.mean((2, 3))
    return features.mean(1) if features.dim() == 3 else features


def resized(features: Tensor, size: Sequence[int]) -> Tensor:
    """Maps [B, C, H, W] averaged over cells to H x W of `size`."""
    height, width = size
    same = tuple(features.shape[2:]) == (height, width)
    return features if same else functional.adaptive_avg_pool2d(features, (height, width))
