"""Outer steps: a fusion that learns beside the student, from what its weights did to it.

The training loop makes a step of the student, tells the fusion (`Turn`), takes the gradients that it gives back to the
fusion's own optimiser, and goes on. A loop of your own does the same with `tutelage.train.OuterLoop`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from .batch import Batch
from .protocols import Context, Weights
from .task import Task

Numbers = Mapping[str, Tensor]
"""Parameters, or gradients of them, by name."""


@dataclass(frozen=True)
class Turn:
    """One step of a student, as a fusion that learns beside it may look at it.

    Attributes:
        signals: the teachers' answers that the fusion saw in this step, stacked.
        context: what it saw besides; `context.student` is the answer before the step.
        weights: what it decided.
        batch: the rows of the step.
        task: knows the hard loss.
        student: the student's parameters after the step, by name, without gradient.
        rate: the student's learning rate in this step.
        answer: the student's answer about some rows with such parameters; differentiable, without dropout, batch norm
            with its running statistics.
        loss: the loss of the batch as a pure function of the student's parameters and the fusion's.
        fetch: the rows of these numbers with inputs and labels, on the student's device.
    """

    signals: Any = field(repr=False)
    context: Context = field(repr=False)
    weights: Weights = field(repr=False)
    batch: Batch = field(repr=False)
    task: Task
    student: Numbers = field(repr=False)
    rate: float
    answer: Callable[[Numbers, Batch], Any] = field(repr=False)
    loss: Callable[[Numbers, Numbers], Tensor] = field(repr=False)
    fetch: Callable[[Tensor], Batch] = field(repr=False)

    def hard(self, student: Numbers, batch: Batch) -> Tensor:
        """The hard loss of these rows with such parameters, [*items]; of any number where there is no label."""
        return self.task.hard_loss(self.answer(student, batch), batch.target)


@runtime_checkable
class Outer(Protocol):
    """A fusion, an `nn.Module`, that learns in steps of its own.

    Its parameters are no part of `Distillation.trainable`: the student's optimiser does not know them. Calling it gives
    weights without gradient, like every fusion.

    Attributes:
        steers: numbers that it sets besides the weights, by name: `soft` (the share) and `temperature`; none for most.
    """

    @property
    def steers(self) -> Mapping[str, float]: ...

    def own_optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of its parameters; made once per training."""
        ...

    def attached(self, signals: Any, context: Context, learnt: Numbers) -> Weights:
        """Its weights as a function of its parameters, with gradient."""
        ...

    def steering(self, learnt: Numbers) -> Numbers:
        """`steers` as a function of its parameters, with gradient."""
        ...

    def after_step(self, turn: Turn) -> Iterable[Numbers]:
        """What it makes of a step of the student: gradients of its parameters, one set per step of its optimiser."""
        ...

    def after_epoch(self) -> Iterable[Numbers]:
        """The same at the end of an epoch."""
        ...
