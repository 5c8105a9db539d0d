"""Attributions of a student: by permuting groups (Breiman 2001), and integrated gradients (Sundararajan et al. 2017).

Both say for each row how much each group spoke for what the student answered; `rises` says for all rows together by
how much its loss rises when a group is permuted.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Batch, InputError, Task, Teacher, require
from ..data import Rows
from ..teaching import AsIs
from ..teaching.heldout import row_loss
from ..teaching.sources import ask_one
from .groups import Group, groups_of, mixed, raw_names

STEPS = 32
"""Points on the way from the baseline to a row."""


@dataclass(frozen=True)
class Asked:
    """Rows of a table, and the means to ask a student about changed versions of them.

    Attributes:
        rows: the table.
        task: of the student.
        row: row numbers, [B].
        groups: what is changed.
    """

    rows: Rows
    task: Task
    row: np.ndarray
    groups: tuple[Group, ...]

    @staticmethod
    def of(rows: Rows, task: Task, row: np.ndarray) -> Asked:
        """About these rows."""
        return Asked(rows, task, row, groups_of(rows))

    def columns(self) -> dict[str, np.ndarray]:
        """The raw columns of the rows."""
        return {name: self.rows.columns[name][self.row] for name in raw_names(self.rows)}

    def inputs(self, columns: dict[str, np.ndarray]) -> dict[str, Tensor]:
        """The student's inputs from raw columns."""
        preparation = self.rows.preparation
        replayed = preparation is not None and set(preparation.reads) <= set(columns)
        found = preparation.apply(columns) if replayed and preparation is not None else columns
        kinds = {name: self.rows.columns[name].dtype for name in self.rows.inputs}
        return {name: torch.from_numpy(np.ascontiguousarray(found[name].astype(kinds[name]))) for name in kinds}

    def answer(self, student: nn.Module, columns: dict[str, np.ndarray]) -> Any:
        """What a student says about raw columns."""
        with torch.no_grad():
            return self.task.answer(student, Batch.of(self.inputs(columns)))

    def truth(self) -> Batch:
        """The targets of the rows."""
        return self.rows.batch(self.row, inputs=False, truth=True)


def decided(answer: Any) -> Tensor:
    """What was decided for each row, as the place of a score, int64 [B]."""
    return scores_of(answer).argmax(-1)


def scores_of(answer: Any) -> Tensor:
    """Float [B, K]: log-probabilities, logits, values or scores of the candidates."""
    kind = answer.kind_of_space
    if kind == "classes":
        return answer.log_probs()
    if kind == "labels":
        return answer.logits
    return answer.mean if kind == "values" else answer.score


def spoken(answer: Any, place: Tensor) -> Tensor:
    """The score of each row's decision, float [B]."""
    return scores_of(answer).gather(-1, place.unsqueeze(-1)).squeeze(-1)


def by_permuting(
    asked: Asked, ask: Callable[[dict[str, np.ndarray]], Any], repeats: int = 3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Attributions [B, G] and the rise of the loss per row, [B, G], when a group is taken from another row.

    Args:
        asked: rows and groups.
        ask: whoever answers about raw columns; a student, or a teacher that reads the same columns.
        repeats: permutations, averaged.
        seed: of the permutations; the same ones for everybody.
    """
    columns = asked.columns()
    before = ask(columns)
    place, count = decided(before), len(asked.groups)
    truth = asked.truth()
    base, start = spoken(before, place), row_loss(before, truth)[0]
    attribution, rise = np.zeros((len(asked.row), count)), np.zeros((len(asked.row), count))
    for turn in range(repeats):
        source = _elsewhere(len(asked.row), np.random.default_rng((seed, turn)))
        for number in range(count):
            chosen = np.zeros((len(asked.row), count), dtype=bool)
            chosen[:, number] = True
            after = ask(mixed(columns, asked.groups, chosen, source))
            attribution[:, number] += (base - spoken(after, place)).double().numpy() / repeats
            rise[:, number] += (row_loss(after, truth)[0] - start).numpy() / repeats
    return attribution, rise


def by_gradients(asked: Asked, student: nn.Module, seed: int = 0) -> tuple[np.ndarray, float]:
    """Integrated gradients per group, [B, G], and the largest error of their sum, through captum.

    The baseline is the mean of the rows. Numbers of the student's inputs that several groups move are shared evenly.

    Raises:
        MissingExtraError: captum (the extra `explain`) is not installed.
        InputError: an input of the student is no floating-point number, so that it has no gradient.
    """
    attr = require("captum.attr", extra="explain", why="attribute a student's answers by integrated gradients")
    inputs = asked.inputs(asked.columns())
    whole = [name for name, value in inputs.items() if not value.is_floating_point()]
    if whole:
        raise InputError(f"inputs {whole} of the student are no floating-point numbers and have no gradient")
    names, given = list(inputs), tuple(inputs.values())
    with torch.no_grad():
        place = decided(asked.task.answer(student, Batch.of(inputs)))

    def forward(*values: Tensor) -> Tensor:
        answer = asked.task.answer(student, Batch.of(dict(zip(names, values, strict=True))))
        own = place.repeat(len(values[0]) // len(place)) if len(values[0]) != len(place) else place
        return spoken(answer, own)

    baselines = tuple(value.mean(0, keepdim=True).expand_as(value).contiguous() for value in given)
    found, delta = attr.IntegratedGradients(forward).attribute(
        given, baselines, n_steps=STEPS, return_convergence_delta=True
    )
    shares = _moved(asked, seed)
    total = np.zeros((len(asked.row), len(asked.groups)))
    for name, value in zip(names, found, strict=True):
        flat = value.detach().double().reshape(len(value), -1).numpy()
        total += flat @ shares[name]
    return total, float(delta.abs().max())


def teacher_asks(asked: Asked, teacher: Teacher) -> Callable[[dict[str, np.ndarray]], Any]:
    """A teacher as somebody who answers about changed raw columns of these rows."""

    def ask(columns: dict[str, np.ndarray]) -> Any:
        table = {name: asked.rows.columns[name] for name in teacher.reads}
        for name in set(columns) & set(table):
            changed = table[name].copy()
            changed[asked.row] = columns[name]
            table[name] = changed
        return AsIs().apply(ask_one(teacher, table, asked.row))

    return ask


def randomised(student: nn.Module, seed: int = 0) -> nn.Module:
    """The same net with the numbers of each parameter shuffled: it has learnt nothing (Adebayo et al. 2018)."""
    made = copy.deepcopy(student)
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in made.parameters():
            order = torch.randperm(value.numel(), generator=chance)
            value.copy_(value.flatten()[order].view_as(value))
    return made


def _moved(asked: Asked, seed: int) -> dict[str, np.ndarray]:
    """Share of each group in each number of the student's inputs, [numbers, G] by input; 0 where nothing moves it."""
    columns, count = asked.columns(), len(asked.groups)
    before = asked.inputs(columns)
    source = _elsewhere(len(asked.row), np.random.default_rng((seed, 99)))
    shares = {name: np.zeros((value.reshape(len(value), -1).shape[1], count)) for name, value in before.items()}
    for number in range(count):
        chosen = np.zeros((len(asked.row), count), dtype=bool)
        chosen[:, number] = True
        after = asked.inputs(mixed(columns, asked.groups, chosen, source))
        for name, value in after.items():
            shares[name][:, number] = (value != before[name]).reshape(len(value), -1).any(0).numpy()
    return {name: share / np.maximum(share.sum(1, keepdims=True), 1.0) for name, share in shares.items()}


def _elsewhere(count: int, chance: np.random.Generator) -> np.ndarray:
    """For each place another one; each is taken once."""
    order = chance.permutation(count)
    found = np.empty(count, dtype=np.int64)
    found[order] = np.roll(order, 1)
    return found
