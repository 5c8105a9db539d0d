"""Contrastive representation distillation, with a memory of all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from ...core import Context, InputError, Step
from .adapter import channels, pooled
from .chance import uniform
from .geometry import unit

SMALL = 1e-7
"""Added to denominators."""


@dataclass(frozen=True)
class CRD:
    """Tells the teacher's features of a row from those of others, and the other way round (Tian et al., 2020).

    Both sides are mapped to unit vectors; a memory keeps the latest of every row, and each side is contrasted with the
    other side's memory. The memory is part of what is trained and of checkpoints.

    Args:
        rows: number of rows of the table; row numbers are places in the memory.
        negatives: how many others a row is contrasted with.
        width: of the unit vectors.
        temperature: of the scores.
        momentum: how much of the old vector the memory keeps.
        seed: of the negatives, which depend on the row and the step and on nothing else.
        draw: rows to contrast with, int64 [B, negatives], from row numbers [B] and step, instead of by chance.
    """

    name = "crd"
    source = "tian2020"
    needs = frozenset({"row"})
    aligned = False

    rows: int
    negatives: int = 1024
    width: int = 128
    temperature: float = 0.07
    momentum: float = 0.5
    seed: int = 0
    draw: Callable[[Tensor, Step], Tensor] | None = None

    def __post_init__(self) -> None:
        if self.rows < 2 or self.negatives < 1:
            raise InputError(f"crd contrasts rows: got {self.rows} rows and {self.negatives} negatives")
        if self.temperature <= 0 or not 0 <= self.momentum < 1:
            raise InputError(f"temperature {self.temperature} has to be above 0, momentum {self.momentum} in [0, 1)")

    def head(self, student: Sequence[int], teacher: Sequence[int]) -> nn.Module:
        """Two maps to unit vectors, and the memory."""
        return Memories(channels(student), channels(teacher), self.width, self.rows)

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B]; writes the memory where gradients are recorded.

        Raises:
            InputError: a row number is no place of the memory.
        """
        assert isinstance(head, Memories)
        assert context.row is not None
        row = context.row
        if len(row) and (int(row.min()) < 0 or int(row.max()) >= self.rows):
            raise InputError(
                f"crd has a memory of {self.rows} rows, and the batch has rows {int(row.min())}..{int(row.max())}: "
                "give rows=len(rows); generated rows (-1) have no place in it"
            )
        own, other = unit(head.student(pooled(student))), unit(head.teacher(pooled(teacher)))
        places = torch.cat([row.unsqueeze(1), self._others(row, context.at)], 1)
        found = self._side(own, head.memory_teacher[places], head.z, 0)
        found = found + self._side(other, head.memory_student[places], head.z, 1)
        if torch.is_grad_enabled():
            head.remember(row, own.detach(), other.detach(), self.momentum)
        return found

    def _others(self, row: Tensor, at: Step) -> Tensor:
        if self.draw is not None:
            return self.draw(row, at)
        number = torch.arange(self.negatives, device=row.device)
        chance = uniform((row.unsqueeze(1) * self.negatives + number).flatten(), self.seed, at.step).view(len(row), -1)
        return (row.unsqueeze(1) + 1 + (chance * (self.rows - 1)).long()) % self.rows

    def _side(self, vectors: Tensor, kept: Tensor, z: Tensor, side: int) -> Tensor:
        scores = ((kept @ vectors.unsqueeze(2)).squeeze(2) / self.temperature).exp()
        if float(z[side]) < 0:
            z[side] = scores.detach().mean() * self.rows
        scores = scores / z[side].clone()
        share = self.negatives / self.rows
        right, wrong = scores[:, 0], scores[:, 1:]
        good = (right / (right + share + SMALL)).log()
        return -good - (share / (wrong + share + SMALL)).log().sum(1)


@final
class Memories(nn.Module):
    """Maps of both sides to unit vectors and the latest vectors of every row; z scales the scores, -1 at first."""

    memory_student: Tensor
    memory_teacher: Tensor
    z: Tensor

    def __init__(self, student: int, teacher: int, width: int, rows: int) -> None:
        super().__init__()
        self.student, self.teacher = nn.Linear(student, width), nn.Linear(teacher, width)
        wide = (width / 3) ** -0.5
        for side in ("student", "teacher"):
            self.register_buffer(f"memory_{side}", torch.rand(rows, width) * 2 * wide - wide)
        self.register_buffer("z", torch.full((2,), -1.0))

    @torch.no_grad()
    def remember(self, row: Tensor, student: Tensor, teacher: Tensor, momentum: float) -> None:
        """Moves the vectors of these rows towards the new ones."""
        for memory, new in ((self.memory_student, student), (self.memory_teacher, teacher)):
            memory[row] = unit(momentum * memory[row] + (1.0 - momentum) * new)
