"""A small table, two networks of different widths as teachers of features, and students, for tests of hints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

import tutelage as tl
from train.small import NAMES, net, table
from tutelage.core import Batch, Features, Signals, Step
from tutelage.data import Rows
from tutelage.fusion import Mean
from tutelage.tasks import Classification
from tutelage.teaching import Distillation, Hint, Loss, Memory, Objective
from tutelage.teaching.sources import Nobody

LAYER = "1"
"""Of a student made by `train.small.net`: eight features behind a ReLU."""


def teacher(name: str, width: int, seed: int = 0, layer: str = "1") -> tl.FeatureTeacher:
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(5, width), nn.Tanh(), nn.Linear(width, 3))
    return tl.FeatureTeacher(module, layer, reads="features", name=name)


def teachers() -> list[tl.FeatureTeacher]:
    return [teacher("wide", 12, 1), teacher("narrow", 6, 2)]


def memory(rows: Rows, who: Sequence[Any] | None = None) -> Memory:
    return Memory.of(teachers() if who is None else who, rows.columns)


def hinted(hints: Sequence[Hint], soft: float = 0.0, names: Sequence[str] = NAMES) -> Distillation:
    """Labels and hints; no teacher of answers."""
    task = Classification(tuple(names))
    return Distillation(Nobody(), Mean(), Objective((), soft=soft), task, hints=tuple(hints))


def ready(hints: Sequence[Hint], student: nn.Module, rows: Rows) -> Distillation:
    return hinted(hints).sized(student, rows.batch(rows.train[:2]))


class Shows(nn.Module):
    """A student whose parameters are its features, layer by layer; it answers about two classes, all alike."""

    def __init__(self, **features: Tensor) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name: Gives(value) for name, value in features.items()})

    def forward(self, x: Tensor) -> Tensor:
        total = sum(layer(x).flatten(1).narrow(1, 0, 0).sum(1) for layer in self.layers.values())
        return torch.stack([total, total], 1)  # pyright: ignore[reportArgumentType, reportCallIssue]

    def grad(self, layer: str = "layer") -> Tensor:
        part: Any = self.layers[layer]
        assert part.value.grad is not None
        return part.value.grad


class Gives(nn.Module):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = nn.Parameter(value.clone())

    def forward(self, _: Tensor) -> Tensor:
        return self.value


def compared(
    term: Any, student: Tensor, *teachers: Tensor, row: Tensor | None = None, step: int = 0, **options: Any
) -> tuple[Loss, Shows, Distillation]:
    """Loss of a term alone, through `Distillation.loss`, after its backward pass; no row has a label."""
    model = Shows(layer=student)
    answers = tuple(Features.of(one) for one in teachers)
    source = Memory(Signals(tuple(f"t{i}" for i in range(len(teachers))), answers))
    chosen: dict[str, Any] = {"adapter": None} | options
    hint = Hint(source, "layers.layer", term, **chosen)
    batch = unlabelled(student)
    target = hinted([hint], names=("a", "b")).sized(model, batch)
    target.attach(model).to(student.dtype)
    loss = target.loss(model, batch, Step(step))
    loss.backward()
    return loss, model, target


def unlabelled(features: Tensor) -> Batch:
    count = len(features)
    nothing = torch.zeros(count, dtype=torch.int64)
    return Batch.of(
        {"x": torch.zeros(count, 1, dtype=features.dtype)},
        nothing,
        labelled=nothing.bool(),
        weight=torch.ones(count, dtype=features.dtype),
    )


__all__ = ["LAYER", "NAMES", "Shows", "compared", "hinted", "memory", "net", "ready", "table", "teacher", "teachers"]
