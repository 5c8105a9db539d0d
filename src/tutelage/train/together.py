"""fit_together: the loop of `fit` around `Peers.losses`, for students that teach each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Batch, InputError, Step, Task
from ..data.rows import Rows
from ..teachers import thread_budget
from ..teaching import Loss, add_counts
from ..teaching.objective import Part, assemble
from ..teaching.peers import Branched, Lesson, Peers, member
from ..teaching.peers.members import Students, as_module
from .evaluate import on_cpu, quality
from .history import Epoch
from .loop import Work, check_watch, lower_is_better, trained
from .resume import identity_together
from .settings import Training, device_of, threads_for


@dataclass(frozen=True)
class Together:
    """Students that were trained together, and how they got there.

    Attributes:
        students: at their last epoch, or at the best one when early stopping was asked for.
        best: parameters of the epoch with the best watched value.
        best_epoch: number of that epoch.
        history: one record per epoch; metrics are means over the students, and `NAME/MEMBER` is one member's.
        stopped: why the training ended.
        chosen: number of the student to ship: the form's leader, else the one that was best on the validation rows.
        watched: one number per student, what it was chosen by; lower is better.
        peers: with the parts they were trained with.
    """

    students: nn.Module
    best: dict[str, Tensor]
    best_epoch: int
    history: tuple[Epoch, ...]
    stopped: str
    chosen: int
    watched: tuple[float, ...]
    peers: Peers = field(repr=False)

    @property
    def student(self) -> nn.Module:
        """The student to ship."""
        return member(self.students, self.chosen)


def fit_together(
    students: Students,
    peers: Peers,
    rows: Rows,
    training: Training | None = None,
    progress: Callable[[Epoch, int], None] | None = None,
) -> Together:
    """Trains students together, in place.

    Early stopping and the best epoch look at the mean over the students, or at the leader where the form has one.

    Args:
        students: a list of nets of any kinds, or one net that gives a tuple with one output per student.
        peers: what they learn from each other, and from real teachers.
        rows: the train split is learnt from, the validation split watched, the test split never opened.
        training: settings; one optimiser over all students.
        progress: called after each epoch with its record and the number of epochs planned.

    Raises:
        InputError: the gradient is not finite (names the epoch, step and part), or a name does not fit.
        StoreError: the checkpoint cannot be written or read.
    """
    training = training or Training()
    check_watch(training, peers.task)
    if training.release or training.compile:
        raise InputError("students that learn together have no `release` and no `compile`: leave them out of Training")
    whole = as_module(students)
    with thread_budget(threads_for(whole, training)):
        device = device_of(training.device)
        torch.manual_seed(training.seed)
        whole.to(device)
        peers = peers.sized(whole, rows.batch(rows.train[:2]).to(device))
        module = peers.attach(whole).to(device)
        optimizer = training.optimizer(module)
        judge = _Judge(whole, peers, rows, training, device)
        work = Work(
            module,
            whole,
            lambda batch, at: joined(peers.lessons(whole, batch), peers, whole, batch, at),
            judge.watched,
            stepped=lambda step: peers.stepped(whole, step),
        )
        settings = identity_together(whole, peers, rows, training)
        state, stopped = trained(work, optimizer, settings, rows, training, device, progress)
        found = judge.looked(Step(state.step, state.epoch, 1.0))
        each = tuple(found.value(i, training.watch, peers.task) for i in range(found.students))
        leader = peers.leader(found.students)
        chosen = int(np.argmin(each)) if leader is None else leader
    return Together(whole, state.kept, state.best_epoch, tuple(state.history), stopped, chosen, each, peers)


def joined(lessons: Sequence[Lesson], peers: Peers, students: nn.Module, batch: Batch, at: Step) -> Loss:
    """The sum of the members' losses as one, its parts named `PART/MEMBER`."""
    losses = peers.taught(students, lessons, batch, at)
    parts: dict[str, Part] = {}
    values: dict[str, Tensor] = {}
    for lesson, loss in zip(lessons, losses, strict=True):
        parts |= {f"{name}/{lesson.name}": part for name, part in loss.parts.items()}
        values |= {f"{name}/{lesson.name}": value for name, value in loss.values.items()}
    acted = [loss.acted for loss in losses if loss.acted is not None]
    whole = torch.stack([found.float().mean() for found in acted]) if acted else None
    return Loss(torch.stack([loss.total for loss in losses]).sum(), parts, values, whole)


@dataclass(frozen=True)
class _Looked:
    """What the members say about the validation rows: losses at the final share, metrics."""

    names: tuple[str, ...]
    losses: tuple[float, ...]
    metrics: tuple[Mapping[str, float], ...]
    students: int

    def value(self, number: int, watch: str, task: Task) -> float:
        if watch == "loss" or not self.metrics:
            return self.losses[number]
        return lower_is_better(watch, dict(self.metrics[number]), task)


@dataclass(frozen=True)
class _Judge:
    students: nn.Module
    peers: Peers
    rows: Rows
    training: Training
    device: torch.device

    def watched(self, record: Epoch) -> Epoch:
        """The record with what the validation rows say."""
        if not len(self._rows()):
            return replace(record, watched=sum(record.parts.values()))
        found = self.looked(Step(record.step, record.epoch, 1.0))
        each = [found.value(i, self.training.watch, self.peers.task) for i in range(found.students)]
        leader = self.peers.leader(found.students)
        value = sum(each) / len(each) if leader is None else each[leader]
        own = found.metrics[: found.students]
        metrics = {name: sum(one[name] for one in own) / len(own) for name in own[0]}
        for who, measured in zip(found.names, found.metrics, strict=True):
            metrics |= {f"{name}/{who}": number for name, number in measured.items()}
        return replace(record, watched=value, metrics=metrics)

    def looked(self, at: Step) -> _Looked:
        """All members about the validation rows (labelled training rows where there are none)."""
        looked = self._rows()
        whole, task = self.students, self.peers.task
        module = self.peers.attach(whole)
        was = [(one, one.training) for one in module.modules()]
        module.eval()
        said: list[list[Any]] = []
        kept: list[list[Loss]] = []
        names: tuple[str, ...] = ()
        with torch.no_grad():
            for batch in self.rows.batches(looked if len(looked) else self.rows.train, 1024):
                batch = batch.to(self.device)
                lessons = self.peers.lessons(whole, batch)
                names = tuple(lesson.name for lesson in lessons)
                said.append([on_cpu(lesson.answer) for lesson in lessons])
                kept.append(list(self.peers.taught(whole, lessons, batch, at)))
        for one, training in was:
            one.training = training
        losses = tuple(_added(one) for one in zip(*kept, strict=True))
        metrics: tuple[Mapping[str, float], ...] = ()
        if len(looked):
            batch = self.rows.batch(looked, inputs=False, truth=True)
            metrics = tuple(quality(task, type(one[0]).concat(one), batch) for one in zip(*said, strict=True))
        return _Looked(names, losses, metrics, self._count(len(names)))

    def _count(self, members: int) -> int:
        """How many of the members are students that can be shipped."""
        if isinstance(self.students, nn.ModuleList):
            return len(self.students)
        return self.students.students if isinstance(self.students, Branched) else members

    def _rows(self) -> np.ndarray:
        return self.rows.validation if len(self.rows.validation) else self.rows.labelled_train


def _added(losses: Sequence[Loss]) -> float:
    """The loss of all batches together."""
    counts = add_counts([{name: part.count for name, part in loss.parts.items()} for loss in losses])
    return float(sum(float(assemble(loss.parts, counts).total) for loss in losses))
