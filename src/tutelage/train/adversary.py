"""Where teachers and student are apart, and in which direction of the inputs they come further apart.

    inputs -> teachers -> signals -> fusion -> terms, with the student's answer -> one number per row -> its gradient

Teachers that are torch modules are looked through; the others are asked about inputs moved a little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core import FLOOR, Batch, Classes, Context, InputError, Signals, Step, Teacher
from ..fusion.answers import answer_of
from ..nets.generator import Noise
from ..teachers.attached import attached, has_gradient
from ..teaching import Distillation
from ..teaching import calibration as calibrating
from ..teaching.sources import ask_one
from .growth import Growth
from .outer import quiet


@dataclass(frozen=True)
class Generated:
    """Signals about one batch of generated rows, in its order; row numbers are all -1."""

    signals: Signals = field(repr=False)
    live: bool = True
    keys: tuple[str, ...] | None = None
    folder: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Teacher names."""
        return self.signals.names

    def gather(self, row: Tensor, view: Tensor) -> Signals:
        """The signals about the batch.

        Raises:
            InputError: other rows are asked about.
        """
        if len(row) != len(self.signals) or bool((row != -1).any()):
            raise InputError(f"signals about {len(self.signals)} generated rows were asked about other rows")
        return self.signals

    def only(self, name: str) -> Generated:
        """The signals of one teacher."""
        return Generated(self.signals.only(self.names.index(name)))


def batch_of(columns: Mapping[str, Tensor], task: Any) -> Batch:
    """Generated rows as a batch: row -1, no labels."""
    first = next(iter(columns.values()))
    shape = (len(first),) if task.space.answer is Classes else (len(first), len(task.space.names))
    target = torch.zeros(shape, dtype=torch.int64 if task.space.answer is Classes else torch.float32)
    none, row = torch.zeros(shape, dtype=torch.bool), torch.full((len(first),), -1)
    return replace(Batch.of(columns, target.to(first.device), labelled=none.to(first.device)), row=row.to(first.device))


@dataclass
class Adversary:
    """Asks teachers about made inputs, and says how inputs should change.

    Args:
        teachers: in the task's names.
        target: fusion, objective and task; its source is not asked.
        maker: knows ranges and shapes.
        growth: settings.
        chance: of the directions.
    """

    teachers: Sequence[Teacher]
    target: Distillation
    maker: Noise
    growth: Growth
    chance: torch.Generator
    questions: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.questions = {teacher.name: 0 for teacher in self.teachers}

    def looks_through(self, teacher: Teacher) -> bool:
        """Whether this teacher's gradient is computed."""
        wanted = self.growth.gradient
        return wanted == "exact" or (wanted == "auto" and has_gradient(teacher))

    def ask(self, columns: Mapping[str, Tensor], through: bool = False) -> Signals:
        """All teachers about these rows; with gradient, where they can be looked through."""
        answers = tuple(self._one(t, columns, through and self.looks_through(t)) for t in self.teachers)
        return Signals(tuple(teacher.name for teacher in self.teachers), answers)

    def joined(self, signals: Signals) -> Distillation:
        """What a student learns from about the rows of these signals."""
        return replace(self.target, source=Generated(signals))

    def scored(self, answer: Any, signals: Signals, batch: Batch, at: Step, common: Tensor | None = None) -> Tensor:
        """What the generator goes up, float [B]: the objective's loss, and the rarity of the fused answer's classes.

        Args:
            answer: the student's.
            signals: the teachers'.
            batch: the rows.
            at: where training stands.
            common: how often each class occurs, [C]; see `occurring`.
        """
        joined, objective = self.joined(signals), self.target.objective
        mixture = joined.mixture(batch, at, answer)
        taught = mixture.taught()
        found = torch.zeros(len(batch), device=batch.row.device)
        for term, strength, part in zip(objective.terms, objective.weights, mixture.parts, strict=True):
            context = Context(at, part.temperature, batch.row, batch.target, batch.labelled)
            for items in part.losses(term, answer, context):
                found = found + strength * torch.where(taught, items, 0.0).reshape(len(batch), -1).mean(1)
        if common is None:
            return found
        rarity = -(self.fused(signals, batch, at).probs() * (common.log() + 1.0)).sum(-1)
        return found + self.growth.balance * rarity.to(found.device)

    def fused(self, signals: Signals, batch: Batch, at: Step) -> Any:
        """The fused answer about these rows, on the CPU."""
        shown = calibrating.apply(self.target.calibrations, signals).stacked()
        there = signals.device
        context = Context(at, 1.0, batch.row.to(there), batch.target.to(there), batch.labelled.to(there))
        return answer_of(self.target.fuse(shown, context), shown)

    def occurring(self, signals: Signals, batch: Batch, at: Step) -> Tensor | None:
        """The mean fused probability of each class, [C]; None where nothing balances classes.

        The mean over rows of -p (log mean + 1) has the gradient of the entropy of the mean, row by row.
        """
        if self.growth.balance == 0.0 or self.target.task.space.answer is not Classes:
            return None
        with torch.no_grad():
            return self.fused(signals, batch, at).probs().mean(0).clamp_min(FLOOR)

    def slope(self, unit: Tensor, student: nn.Module, at: Step) -> tuple[Tensor, Tensor]:
        """How the scores of some rows grow with their inputs.

        Args:
            unit: the inputs as shares of their ranges, [B, size].
            student: stays as it is.
            at: where training stands.

        Returns:
            The gradient per row [B, size], in units of the ranges, and the scores [B].
        """
        here = unit.detach().requires_grad_()
        with quiet(student), torch.enable_grad():
            columns = self.maker.columns(here)
            batch = batch_of(columns, self.target.task)
            answer = self.target.task.answer(student, batch)
            signals = self.ask(columns, through=True)
            common = self.occurring(signals, batch, at)
            scores = self.scored(answer, signals, batch, at, common)
            (slope,) = torch.autograd.grad(scores.sum(), here)
        if self.growth.gradient != "student" and not all(self.looks_through(t) for t in self.teachers):
            with quiet(student), torch.no_grad():
                slope = slope + self._moved(here.detach(), answer, signals, scores.detach(), common, at)
        return slope, scores.detach()

    def _one(self, teacher: Teacher, columns: Mapping[str, Tensor], through: bool) -> Any:
        read = {name: columns[name] for name in teacher.reads}
        self.questions[teacher.name] += len(next(iter(columns.values())))
        if through:
            return attached(teacher, read)
        arrays = {name: column.detach().cpu().numpy() for name, column in read.items()}
        size = len(next(iter(columns.values())))
        return ask_one(teacher, arrays, torch.arange(size).numpy())

    def _moved(
        self, here: Tensor, answer: Any, signals: Signals, scores: Tensor, common: Tensor | None, at: Step
    ) -> Tensor:
        """The part of the slope that goes through teachers who cannot be looked through, by forward differences."""
        rows, size = here.shape
        many, width = min(self.growth.directions, size), self.growth.width
        drawn = torch.randn(rows, size, many, generator=self.chance).to(here.device)
        there = (here.unsqueeze(1) + width * torch.linalg.qr(drawn).Q.transpose(1, 2)).clamp(0.0, 1.0)
        ways = (there - here.unsqueeze(1)) / width
        again = torch.arange(rows, device=here.device).repeat_interleave(many)
        columns = self.maker.columns(there.reshape(rows * many, size))
        asked = Signals(
            signals.names,
            tuple(
                known.take(again.cpu()) if self.looks_through(teacher) else self._one(teacher, columns, through=False)
                for teacher, known in zip(self.teachers, signals.answers, strict=True)
            ),
        )
        found = self.scored(answer.take(again), asked, batch_of(columns, self.target.task), at, common)
        grown = (found.view(rows, many) - scores.unsqueeze(1)) / width
        return (size / many) * (grown.unsqueeze(2) * ways).sum(1)
