"""A small table, two networks of different widths as teachers of features, and students, for tests of hints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from tutelage.train import Fitted, Training

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


def learnt(term: Any, weight: float, source: Any = None, epochs: int = 15, **options: Any) -> tuple[Tensor, Fitted]:
    """Features of a student that learnt labels and, with a weight above 0, from hints; about all rows of the table."""
    rows, student = table(), net()
    hint = Hint(memory(rows, [teacher("wide", 12, 1)]) if source is None else source, LAYER, term, weight, **options)
    fitted = tl.fit(student, hinted([hint]), rows, Training(epochs, 32, watch="accuracy"))
    with torch.no_grad(), tl.capture(student.eval(), [LAYER]) as found:
        student(torch.from_numpy(rows.columns["features"]))
    return found[LAYER], fitted


def known() -> Tensor:
    """What the teacher of `learnt` knows about all rows of the table."""
    return teacher("wide", 12, 1).answer(table().columns).values


class Shows(nn.Module):
    """A student whose parameters are its features, layer by layer; it answers about nine classes, all alike."""

    def __init__(self, **features: Tensor) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name: Gives(value) for name, value in features.items()})

    def forward(self, x: Tensor) -> Tensor:
        total = sum(layer(x).flatten(1).narrow(1, 0, 0).sum(1) for layer in self.layers.values())
        return torch.stack([total] * 9, 1)  # pyright: ignore[reportArgumentType, reportCallIssue]

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
    term: Any,
    student: Tensor,
    *teachers: Tensor,
    row: Tensor | None = None,
    step: int = 0,
    heads: Sequence[dict[str, Tensor]] = (),
    select: bool = False,
    target: Tensor | None = None,
    **options: Any,
) -> tuple[Loss, Shows, Distillation]:
    """Loss of a term alone, through `Distillation.loss`, after its backward pass.

    Args:
        term: a feature term.
        student: features [B, ...].
        teachers: features [B, ...] of each.
        row: row numbers.
        step: of training.
        heads: state of the part of each teacher that learns.
        select: whether each adapter takes the channels of its teacher out of the student's, which lie side by side.
        target: classes, which count in nothing but trust.
        options: of the hint.
    """
    model = Shows(layer=student)
    source = Memory(Signals(tuple(f"t{i}" for i in range(len(teachers))), tuple(_at(row, one) for one in teachers)))
    chosen: dict[str, Any] = {"adapter": None} | options
    hint = Hint(source, "layers.layer", term, **chosen)
    batch = unlabelled(student, row)
    joined = hinted([hint], soft=1.0, names=tuple(f"c{i}" for i in range(9))).sized(model, batch)
    joined.attach(model).to(student.dtype)
    if select:
        _select(joined, [one.shape[1] if one.dim() == 4 else one.shape[-1] for one in teachers])
    for teacher, state in enumerate(heads):
        part: Any = joined.trainable["hints"]
        head = part[hint.name][hint.keys[teacher]]["head"]
        head.load_state_dict(head.state_dict() | state)
    if target is not None:
        batch = replace(batch, target=target, labelled=torch.ones(len(target), dtype=torch.bool))
    loss = joined.loss(model, batch, Step(step))
    if target is not None:  # the labels are there for trust alone
        loss = replace(loss, total=loss.total - loss.values["hard"])
    loss.backward()
    return loss, model, joined


def _select(target: Distillation, widths: Sequence[int]) -> None:
    (hint,) = target.hints
    assert hint.parts is not None
    start = 0
    for key, width in zip(hint.keys, widths, strict=True):
        part: Any = hint.parts[key]
        linear = part["adapter"].layers[0]
        with torch.no_grad():
            linear.weight.zero_()
            linear.bias.zero_()
            linear.weight[:, start : start + width] = torch.eye(width)
        start += width


def _at(row: Tensor | None, values: Tensor) -> Features:
    """Features that stand at these row numbers of a table."""
    if row is None:
        return Features.of(values)
    return Features.of(values.new_zeros(int(row.max()) + 1, *values.shape[1:]).index_put((row,), values))


def unlabelled(features: Tensor, row: Tensor | None = None) -> Batch:
    count = len(features)
    nothing = torch.zeros(count, dtype=torch.int64)
    return Batch.of(
        {"x": torch.zeros(count, 1, dtype=features.dtype)},
        nothing,
        row=row,
        labelled=nothing.bool(),
        weight=torch.ones(count, dtype=features.dtype),
    )


__all__ = [
    "LAYER",
    "NAMES",
    "Shows",
    "compared",
    "hinted",
    "known",
    "learnt",
    "memory",
    "net",
    "ready",
    "table",
    "teacher",
    "teachers",
    "unlabelled",
]
