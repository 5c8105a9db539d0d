"""Peers: students that teach each other while they learn, beside real teachers where there are some.

    every student once -> lessons (who hears whom) -> signals of the others and of real teachers -> `Distillation`

A peer is a teacher with fresh answers; it passes through no `Teacher.answer`. What a member learns goes the way of
every batch, so that fusions, terms, coverages and the one reduction are those of the house.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...core import Batch, Fusion, InputError, Signals, SignalSource, Step, Task
from ...fusion import Mean, PerTeacher
from .. import calibration as calibrating
from .. import joining
from ..calibration import AsIs, Calibration
from ..distillation import Distillation
from ..objective import Loss, Objective, squares
from ..sources import Nobody
from .form import FollowingForm, ForcedFusion, Form, LearningForm, Led, Lesson
from .leave_one_out import LeaveOneOut
from .members import Heard, Students, as_module, heard


@dataclass(frozen=True)
class Fresh:
    """Signals about the rows of one batch, as they were just said."""

    signals: Signals
    live: bool = True
    keys: tuple[str, ...] | None = None
    folder: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Who said them."""
        return self.signals.names

    def gather(self, row: Tensor, view: Tensor) -> Signals:
        """The signals, which are about these rows in this order."""
        return self.signals

    def only(self, name: str) -> Fresh:
        """The signals of one."""
        return Fresh(self.signals.only(self.names.index(name)))


@dataclass(frozen=True)
class Peers:
    """Everything that several students need to learn together; no nn.Module on purpose.

    Args:
        objective: what is compared with the others, and how strongly. A share of 1/2 is "cross-entropy plus KL" of the
            papers, halved.
        task: answer space and hard loss.
        fusion: how a member combines what it hears; the form's own way, else the plain mean, unless given.
        source: signals of real teachers, heard by every student beside its peers; nobody unless given.
        calibrations: one per real teacher; as they are, unless given.
        form: who teaches whom.
        flow: whether a loss pulls its target too, as it does without a stop at the peers' answers.
        generator: source of chance for fusions that need it.

    Raises:
        InputError: names, spaces or needs do not fit together.
    """

    objective: Objective
    task: Task
    fusion: Fusion | None = None
    source: SignalSource = field(default_factory=Nobody)
    calibrations: tuple[Calibration, ...] = ()
    form: Form = field(default_factory=LeaveOneOut)
    flow: bool = False
    generator: torch.Generator | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.calibrations:
            object.__setattr__(self, "calibrations", tuple(AsIs() for _ in self.source.names))
        joining.check(self.source.names, self.calibrations, self.fusion or Mean(), self.objective, self.task)
        if self.fusion is not None and "history" in self.fusion.needs:
            raise InputError(
                f"fusion {self.fusion.name!r} follows one student's held-out answers, and peers are several: choose "
                "one that looks at the answers of the batch"
            )

    @property
    def trainable(self) -> nn.ModuleDict:
        """Parts of the form that learn beside the students or follow them, by name."""
        parts = self.form.parts if isinstance(self.form, LearningForm) else None
        return nn.ModuleDict() if parts is None else parts

    def attach(self, students: Students) -> nn.ModuleDict:
        """Students and trainable parts as one module, for loops that optimise one module."""
        return nn.ModuleDict({"students": as_module(students), "trainable": self.trainable})

    def sized(self, students: Students, batch: Batch) -> Peers:
        """The same with fresh parts for these students; the same where the form needs none or has them.

        Args:
            students: they run once, in evaluation mode, and stay as they were.
            batch: a few rows, on the students' device.
        """
        if not isinstance(self.form, LearningForm) or self.form.parts is not None:
            return self
        whole = as_module(students)
        was = [(one, one.training) for one in whole.modules()]
        whole.eval()
        with torch.no_grad():
            said = heard(whole, self.task, batch, self.form.layer)
        for one, training in was:
            one.training = training
        return replace(self, form=self.form.sized(whole, said))

    def leader(self, members: int) -> int | None:
        """The number of the student that is meant to be shipped, where the form has one."""
        return self.form.leader(members) if isinstance(self.form, Led) else None

    def stepped(self, students: Students, step: int) -> None:
        """To be called after each optimiser step, counted from 1; most forms have nothing to do then."""
        if isinstance(self.form, FollowingForm):
            self.form.stepped(as_module(students), step)

    def lessons(self, students: Students, batch: Batch) -> tuple[Lesson, ...]:
        """What each member of the group said about a batch and hears of the others; every net runs once.

        Raises:
            InputError: the form needs parts that were not made yet.
        """
        if isinstance(self.form, LearningForm) and self.form.parts is None:
            raise InputError(f"form {self.form.name!r} has no parts yet: use peers.sized(students, batch)")
        whole = as_module(students)
        said: Heard = heard(whole, self.task, batch, self.form.layer)
        return self.form.lessons(whole, said, self.task, batch, self.flow)

    def losses(
        self,
        students: Students,
        batch: Batch,
        at: Step | None = None,
        counts: Sequence[Mapping[str, Tensor]] | None = None,
    ) -> tuple[Loss, ...]:
        """One loss per member: the students in order, then what else the form trains.

        Args:
            students: a list of nets, or one net that gives a tuple of outputs; each net is called once.
            batch: rows of any device; the losses are on the same device.
            at: where training stands.
            counts: per member, sums of `counts` over the micro-batches or processes of one optimiser step.
        """
        return self.taught(students, self.lessons(students, batch), batch, at, counts)

    def taught(
        self,
        students: Students,
        lessons: Sequence[Lesson],
        batch: Batch,
        at: Step | None = None,
        counts: Sequence[Mapping[str, Tensor]] | None = None,
    ) -> tuple[Loss, ...]:
        """The losses of lessons already at hand; see `losses`."""
        at, whole = Step() if at is None else at, as_module(students)
        given = self._teachers(batch)
        names = tuple(lesson.name for lesson in lessons)
        found: list[Loss] = []
        for number, lesson in enumerate(lessons):
            own = self._joined(lesson, names, given)
            strength = self.objective.l2
            if strength == 0.0 or (isinstance(whole, nn.ModuleList) and number >= len(whole)):
                extra = {}
            elif isinstance(whole, nn.ModuleList):
                extra = {"l2": squares(whole[number], strength)}
            else:
                extra = {"l2": squares(whole, strength / len(lessons))}
            count = None if counts is None else counts[number]
            found.append(own.loss_of(lesson.answer, batch, at, count, extra))
        return tuple(found)

    def counts(self, batch: Batch, members: int, at: Step | None = None) -> tuple[dict[str, Tensor], ...]:
        """Per member, what the parts of its loss are divided by; needs no student.

        Args:
            batch: the rows.
            members: number of students.
            at: where training stands.
        """
        at = Step() if at is None else at
        weight = batch.weight.view(-1, *[1] * (batch.labelled.dim() - 1))
        base = {"hard": (weight * batch.labelled).sum()}
        if self.objective.l2 > 0:
            base["l2"] = torch.ones((), device=batch.row.device)
        found: list[dict[str, Tensor]] = []
        for hears in self.form.hearing(members):
            if not (self.objective.terms and self.objective.share(at) > 0) or not (hears or self.source.names):
                found.append(dict(base))
            elif hears:
                taught = (weight * torch.ones_like(batch.labelled)).sum()
                found.append(base | {term.name: taught for term in self.objective.terms})
            else:
                alone = Distillation(self.source, self._mean(), self.objective, self.task, self.calibrations)
                found.append(alone.counts(batch, at))
        return tuple(found)

    def _mean(self) -> Fusion:
        return Mean() if self.fusion is None or isinstance(self.fusion, PerTeacher) else self.fusion

    def _teachers(self, batch: Batch) -> Signals | None:
        if not self.source.names:
            return None
        found = self.source.gather(batch.row.cpu(), batch.view.cpu())
        return calibrating.apply(self.calibrations, found).to(batch.row.device)

    def _joined(self, lesson: Lesson, members: tuple[str, ...], given: Signals | None) -> Distillation:
        """The distillation of one member, for this batch."""
        heard = [signals for signals in (lesson.taught, given) if signals is not None]
        if not heard:
            plain = replace(self.objective, terms=(), weights=(), soft=0.0, balance=None)
            return Distillation(Nobody(), Mean(), plain, self.task)
        names = tuple(name for signals in heard for name in signals.names)
        answers: tuple[Any, ...] = tuple(answer for signals in heard for answer in signals.answers)
        fusion = self._fusion(lesson, names, members)
        source = Fresh(Signals(names, answers))
        return Distillation(source, fusion, self.objective, self.task, generator=self.generator)

    def _fusion(self, lesson: Lesson, names: tuple[str, ...], members: tuple[str, ...]) -> Fusion:
        if self.fusion is None:
            form: object = self.form
            return form.fusion(lesson, len(self.source.names)) if isinstance(form, ForcedFusion) else Mean()
        everyone = (*members, *self.source.names)
        if isinstance(self.fusion, PerTeacher) and set(names) <= set(everyone):
            whole = self.fusion.bound(everyone)
            assert isinstance(whole, PerTeacher)
            return whole.taking([everyone.index(name) for name in names])
        return self.fusion
