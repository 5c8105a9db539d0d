"""The outer-step hook: a fusion that learns beside the student is told of each step and of the end of each epoch.

target = loop.target(distillation)      what the step is made with
loss = target.loss(student, batch, at)  ... backward, optimizer.step()
loop.stepped(student, batch, at, rate)  the fusion learns from it
loop.finished()                         at the end of an epoch
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import is_dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..core import Batch, InputError, Outer, Step, Turn
from ..teaching import Distillation, Objective
from ..teaching.fusing import Attached, Noted
from ..teaching.tempered import Tempered


class OuterLoop:
    """What a training does for a fusion that learns in steps of its own; nothing for all others.

    Args:
        distillation: whose fusion may be an `Outer`.
        fetch: the rows of these numbers with inputs and labels, on the student's device.
        device: where the student is.

    Raises:
        InputError: the fusion steers a share or a temperature that the objective cannot give away.
    """

    def __init__(self, distillation: Distillation, fetch: Callable[[Tensor], Batch], device: torch.device) -> None:
        self.fetch, self._noted = fetch, None
        self.fusion: Any = distillation.fusion if isinstance(distillation.fusion, Outer) else None
        self.optimizer: torch.optim.Optimizer | None = None
        if self.fusion is not None:
            self.fusion.to(device)
            self.optimizer = self.fusion.own_optimizer()
            if self.fusion.steers and distillation.objective.balance is not None:
                raise InputError(
                    f"fusion {self.fusion.name!r} learns the share, and so does the balance: leave one out"
                )

    def target(self, distillation: Distillation) -> Distillation:
        """What the next step is made with."""
        if self.fusion is None:
            return distillation
        self._noted = Noted(self.fusion)
        return replace(distillation, fusion=self._noted, objective=steered(distillation.objective, self.fusion.steers))

    def stepped(self, student: nn.Module, distillation: Distillation, batch: Batch, at: Step, rate: float) -> None:
        """Lets the fusion learn from the step that the student has just made.

        Args:
            student: after the step; it stays as it is.
            distillation: the one given to `target`.
            batch: the rows of the step.
            at: where training stood.
            rate: the student's learning rate.
        """
        if self.fusion is None or self._noted is None or self._noted.seen is None:
            return
        signals, context, weights = self._noted.seen
        own = {name: value.detach() for name, value in student.named_parameters() if value.requires_grad}

        def answer(numbers: Mapping[str, Tensor], rows: Batch) -> Any:
            with quiet(student):
                return distillation.task.answer(Called(student, numbers), rows)

        def loss(numbers: Mapping[str, Tensor], learnt: Mapping[str, Tensor]) -> Tensor:
            with quiet(student):
                return pure_loss(student, distillation, self.fusion, batch, at, numbers, learnt)

        task = distillation.task
        turn = Turn(signals, context, weights, batch, task, own, rate, answer, loss, self.fetch)
        self._learn(self.fusion.after_step(turn))

    def finished(self) -> None:
        """Lets the fusion learn at the end of an epoch."""
        if self.fusion is not None:
            self._learn(self.fusion.after_epoch())

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to hold; empty where nothing learns."""
        if self.fusion is None or self.optimizer is None:
            return {}
        return {"fusion": self.fusion.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to such a state."""
        if self.fusion is not None and self.optimizer is not None and state:
            self.fusion.load_state_dict(state["fusion"])
            self.optimizer.load_state_dict(state["optimizer"])

    def _learn(self, steps: Iterable[Mapping[str, Tensor]]) -> None:
        assert self.optimizer is not None
        named = dict(self.fusion.named_parameters())
        for gradients in steps:
            self.optimizer.zero_grad(set_to_none=True)
            for name, gradient in gradients.items():
                if not bool(torch.isfinite(gradient).all()):
                    raise InputError(
                        f"fusion {self.fusion.name!r}: the gradient of {name!r} became NaN or infinite: lower its "
                        "learning rate, or the student's"
                    )
                named[name].grad = gradient.detach().to(named[name])
            self.optimizer.step()


class Called(nn.Module):
    """A student with other parameters; its own stay as they are, and so do its running statistics.

    Args:
        student: the architecture.
        numbers: parameters by name; those not named are its own.
    """

    def __init__(self, student: nn.Module, numbers: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._student, self._numbers = (student,), dict(numbers)
        self._still = {name: value.clone() for name, value in student.named_buffers()}

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """Those it is called with."""
        return iter(self._numbers.values())

    def forward(self, *columns: Tensor) -> Any:
        """What the student answers."""
        return functional_call(self._student[0], {**self._still, **self._numbers}, columns)


def pure_loss(
    student: nn.Module,
    distillation: Distillation,
    fusion: Outer,
    batch: Batch,
    at: Step,
    numbers: Mapping[str, Tensor],
    learnt: Mapping[str, Tensor],
) -> Tensor:
    """The loss of a batch as a function of the student's parameters and the fusion's; hints are left out.

    Args:
        student: the architecture.
        distillation: everything else.
        fusion: who learns.
        batch: the rows.
        at: where training stands.
        numbers: the student's parameters, by name.
        learnt: the fusion's, by name.
    """
    called, steering = Called(student, numbers), fusion.steering(learnt)
    objective = distillation.objective
    if "temperature" in steering:
        warmth = steering["temperature"]
        objective = replace(objective, terms=tuple(Tempered(term, warmth) for term in objective.terms))
    target = replace(distillation, fusion=Attached(fusion, learnt), objective=objective, hints=())
    if "soft" not in steering:
        return target.loss(called, batch, at).total
    hard, soft = (
        replace(target, objective=replace(objective, soft=share)).loss(called, batch, at).total for share in (0.0, 1.0)
    )
    return hard + steering["soft"] * (soft - hard)


def steered(objective: Objective, steers: Mapping[str, float]) -> Objective:
    """The objective with the share and the temperature that a fusion has learnt."""
    if "temperature" in steers:
        objective = replace(objective, terms=tuple(_warm(term, steers["temperature"]) for term in objective.terms))
    return replace(objective, soft=steers["soft"]) if "soft" in steers else objective


def _warm(term: Any, temperature: float) -> Any:
    return replace(term, temperature=temperature) if is_dataclass(term) and not isinstance(term, type) else term


@contextmanager
def quiet(student: nn.Module) -> Generator[None]:
    """Within it the student draws no random numbers and keeps its running statistics."""
    modes = [(part, part.training) for part in student.modules()]
    student.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
