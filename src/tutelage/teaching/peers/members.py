"""Several students of one batch: separate nets, or one net with several heads; each runs once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from ...core import Batch, InputError, Task, capture

Students = nn.Module | Sequence[nn.Module]
"""Separate nets (a list or `nn.ModuleList`), or one module that gives a tuple of outputs."""


@runtime_checkable
class Branched(Protocol):
    """One net with several heads, each of which can be taken out as a student of its own.

    Attributes:
        students: how many; outputs beyond them (a gated mixture) are no students.
    """

    @property
    def students(self) -> int: ...

    def branch(self, number: int) -> nn.Module:
        """The student that ends in this head; parameters are shared."""
        ...


@dataclass(frozen=True)
class Heard:
    """What the students said about a batch.

    Attributes:
        answers: one per student, with gradient.
        features: one tensor [B, D] per student where a layer was asked for, else empty.
    """

    answers: tuple[Any, ...]
    features: tuple[Tensor, ...] = ()


class _Says(nn.Module):
    """A student that has spoken already."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, *columns: Tensor) -> Tensor:
        return self.output


def says(output: Tensor) -> nn.Module:
    """A student that says this, whatever it is asked."""
    return _Says(output)


def as_module(students: Students) -> nn.Module:
    """The students as one module: as it is, or a list of nets.

    Raises:
        InputError: nobody is there, or one net stands in it twice.
    """
    if isinstance(students, nn.Module) and not isinstance(students, nn.ModuleList):
        return students
    nets = list(students)
    if not nets or len({id(net) for net in nets}) != len(nets):
        raise InputError(f"peers need at least one student, and each only once, got {len(nets)}: make a net for each")
    return students if isinstance(students, nn.ModuleList) else nn.ModuleList(nets)


def member(students: Students, number: int) -> nn.Module:
    """One of the students.

    Raises:
        InputError: the net with several heads does not say how to take one out.
    """
    whole = as_module(students)
    if isinstance(whole, nn.ModuleList):
        return whole[number]
    if not isinstance(whole, Branched):
        raise InputError(
            f"{type(whole).__name__} has no branch(number), which takes one student out: see nets.Branches"
        )
    return whole.branch(number)


def heard(students: nn.Module, task: Task, batch: Batch, layer: str | None = None) -> Heard:
    """All students' answers about a batch, each net called once.

    Args:
        students: see `as_module`.
        task: reads the outputs.
        batch: rows with inputs.
        layer: name of the layer whose features are wanted; in one net with several heads `{}` stands for the number
            of the head. Maps and tokens are averaged over their places.

    Raises:
        InputError: the net with several heads gives no tuple, or there is no such layer.
    """
    if isinstance(students, nn.ModuleList):
        answers: list[Any] = []
        features: list[Tensor] = []
        for net in students:
            with ExitStack() as inside:
                found = None if layer is None else inside.enter_context(capture(net, [layer]))
                answers.append(task.answer(net, batch))
                if found is not None and layer is not None:
                    features.append(pooled(found[layer]))
        return Heard(tuple(answers), tuple(features))
    return _branches(students, task, batch, layer)


def _branches(students: nn.Module, task: Task, batch: Batch, layer: str | None) -> Heard:
    names: list[str] = []
    if layer is not None:
        known = {name for name, _ in students.named_modules()}
        while (name := layer.format(len(names))) in known and name not in names:
            names.append(name)
    with ExitStack() as inside:
        found = inside.enter_context(capture(students, names)) if names else {}
        outputs: Any = students(*batch.inputs.values())
        features = tuple(pooled(found[name]) for name in names)
    if not isinstance(outputs, tuple | list):
        raise InputError(
            f"{type(students).__name__} gave {type(outputs).__name__}: peers are a list of nets, or one net that gives "
            "a tuple with one output per student"
        )
    return Heard(tuple(task.answer(_Says(output), batch) for output in outputs), features)


def pooled(features: Tensor) -> Tensor:
    """[B, D] of vectors [B, D], tokens [B, L, D] or maps [B, D, ...]."""
    if features.dim() == 3:
        return features.mean(1)
    return features if features.dim() <= 2 else features.flatten(2).mean(2)


def silent(answer: Any) -> Any:
    """The same answer without gradient."""
    arrays = {name: value.detach() for name, value in answer.to_arrays().items()}
    return type(answer).from_arrays(arrays, answer.meta())
