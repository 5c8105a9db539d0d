"""Lanes: students of one architecture as one network, whose parameters have a leading lane axis."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..core import Batch, Task


class Together(nn.Module):
    """S students, each with its own numbers, called at once.

    In training every lane has its own rows: columns [S * b, ...], lane by lane, give answers [S * b, ...]. In
    evaluation all lanes see the same rows: columns [v, ...] give [S * v, ...].

    Args:
        students: of one architecture, on one device.
    """

    def __init__(self, students: Sequence[nn.Module]) -> None:
        super().__init__()
        self._form = (copy.deepcopy(students[0]),)
        learnt = [name for name, value in students[0].named_parameters() if value.requires_grad]
        states = [dict(student.named_parameters()) | dict(student.named_buffers()) for student in students]
        stacked = {name: torch.stack([state[name].detach() for state in states]) for name in states[0]}
        self.names = tuple(learnt)
        self.fixed = {name: value for name, value in stacked.items() if name not in set(learnt)}
        self.learnt = nn.ParameterList([nn.Parameter(stacked[name]) for name in learnt])
        self.train(students[0].training)

    def __len__(self) -> int:
        return len(self.learnt[0])

    def train(self, mode: bool = True) -> Together:
        """Switches the architecture too, which is no submodule of this one."""
        self._form[0].train(mode)
        super().train(mode)
        return self

    def forward(self, *columns: Tensor) -> Tensor:
        """Answers of all lanes, one lane after another."""
        size, own = len(self), 0 if self.training else None
        if self.training:
            columns = tuple(column.view(size, -1, *column.shape[1:]) for column in columns)
        state = dict(zip(self.names, self.learnt, strict=True)) | self.fixed
        return torch.vmap(self._one, (0, own))(state, columns).flatten(0, 1)

    def _one(self, state: dict[str, Tensor], columns: tuple[Tensor, ...]) -> Tensor:
        return functional_call(self._form[0], state, columns)

    def squares(self) -> Tensor:
        """Sum of the squared parameters of each lane [S]."""
        return torch.stack([value.square().flatten(1).sum(1) for value in self.learnt]).sum(0)

    def clip(self, largest: float | None) -> Tensor:
        """Shortens the gradient of each lane to at most this length, and gives the lengths before [S]."""
        found = [value.grad for value in self.learnt if value.grad is not None]
        norms = torch.stack([torch.linalg.vector_norm(grad.flatten(1), dim=1) for grad in found])
        norm = torch.linalg.vector_norm(norms, dim=0)
        if largest is not None:
            share = (largest / (norm + 1e-6)).clamp_max(1.0)
            for grad in found:
                grad.mul_(share.view(-1, *[1] * (grad.dim() - 1)))
        return norm

    def keep(self, lanes: Sequence[int], optimizer: torch.optim.Optimizer) -> None:
        """Goes on with these lanes only, in the optimiser too."""
        index = torch.tensor(lanes, device=self.learnt[0].device)
        self.fixed = {name: value[index] for name, value in self.fixed.items()}
        for value in self.learnt:
            state = optimizer.state[value]
            for name, kept in state.items():
                if torch.is_tensor(kept) and kept.shape == value.shape:
                    state[name] = kept[index]
            value.grad = None
            value.data = value.data[index]

    def into(self, lane: int, student: nn.Module) -> None:
        """Writes the numbers of one lane into a student."""
        self.write([value[lane] for value in self.learnt], student)

    @torch.no_grad()
    def write(self, values: Sequence[Tensor], student: nn.Module) -> None:
        """Writes such numbers, in the order of `learnt`, into a student."""
        state = dict(student.named_parameters())
        for name, value in zip(self.names, values, strict=True):
            state[name].copy_(value)


def differs(students: Sequence[nn.Module], batch: Batch, task: Task, tolerance: float = 1e-5) -> str | None:
    """Why these students cannot be called as one network with the same answers; None when they can.

    Args:
        students: on the device of the batch; those that keep statistics have changed them afterwards.
        batch: a few rows to try on.
        task: calls the students.
        tolerance: largest relative and absolute difference of an answer.
    """
    shapes = [{name: value.shape for name, value in student.state_dict().items()} for student in students]
    if any(shape != shapes[0] for shape in shapes):
        return "the students have different shapes"
    if not any(value.requires_grad for value in students[0].parameters()):
        return "the student has no parameter that learns"
    count = len(students)
    tiled = {name: column.repeat(count, *[1] * (column.dim() - 1)) for name, column in batch.inputs.items()}
    rows = Batch.of(tiled, row=batch.row.repeat(count))
    network = Together(students)
    for training in (True, False):
        before = {name: value.clone() for name, value in students[0].named_buffers()}
        with torch.no_grad():
            alone = [_numbers(task.answer(student.train(training), batch)) for student in students]
            try:
                found = _numbers(task.answer(network.train(training), rows if training else batch))
            except Exception as error:
                if "randomness" in str(error):
                    return "the student draws random numbers in training (dropout, noise)"
                return f"the student does not go through torch.vmap ({str(error).strip().splitlines()[0]})"
        changed = [n for n, value in students[0].named_buffers() if not torch.equal(value, before[n])]
        if changed:
            return f"the student keeps running statistics ({changed[0]})"
        if not torch.allclose(found, torch.cat(alone), rtol=tolerance, atol=tolerance):
            away = float((found - torch.cat(alone)).abs().max())
            return f"as one network the students answer otherwise (by {away:.1e}), as far as one batch shows"
    return None


def _numbers(answer: Any) -> Tensor:
    """All numbers of an answer, row by row [B, ...]."""
    floats = [value.flatten(1) for value in answer.to_arrays().values() if value.is_floating_point()]
    return torch.cat(floats, dim=1)
