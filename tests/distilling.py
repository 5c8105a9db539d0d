"""Small pieces for tests of losses: a student that says what it is told, trust by row number, a term made literal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tutelage.core import Context, Signals, Weights
from tutelage.ops.simplex import normalised
from tutelage.tasks import Classification


class Says(nn.Module):
    """A student whose parameters are its answers, one row per row number (given as its only input)."""

    def __init__(self, answers: Tensor) -> None:
        super().__init__()
        self.answers = nn.Parameter(answers.clone())

    def forward(self, row: Tensor) -> Tensor:
        return self.answers[row.long()]


@dataclass(frozen=True)
class Trust:
    """Fixed trust per teacher and row number; `needs` is whatever a test wants it to claim."""

    values: Tensor
    needs: frozenset[str] = frozenset()
    name: str = "trust"
    invariants: frozenset[str] = frozenset()
    gives: str = "weights"
    source: str = "you2017"

    def __call__(self, signals: Any, context: Context) -> Weights:
        assert context.row is not None
        values = self.values[:, context.row]
        return Weights(normalised(values.view(*values.shape, *[1] * (signals.valid.dim() - 2)), signals.valid))


@dataclass(frozen=True)
class Literal:
    """A term that says it is not linear, so that it is summed teacher by teacher."""

    inner: Any
    linear: bool = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.inner, name)


def classes(count: int) -> Classification:
    return Classification(tuple(f"c{i}" for i in range(count)))


def named(*answers: Any) -> Signals:
    return Signals(tuple(f"t{i}" for i in range(len(answers))), answers)


def gradient(total: Tensor, student: nn.Module) -> Tensor:
    """Gradient of the student's parameters, in one list."""
    student.zero_grad()
    total.backward()
    return torch.cat(
        [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in student.parameters()]
    )
