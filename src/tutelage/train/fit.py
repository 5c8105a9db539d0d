"""fit: a visible loop around `Distillation.loss`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from ..core import Batch, InputError, Renewable, Step
from ..data.rows import Rows
from ..teachers import thread_budget
from ..teaching import Distillation, Loss
from .evaluate import answers, moved, quality
from .history import Epoch, Fitted
from .labels import learnable
from .loop import Work, check_watch, lower_is_better, trained
from .outer import OuterLoop
from .resume import identity
from .settings import Training, device_of, threads_for


def fit(
    student: nn.Module,
    distillation: Distillation,
    rows: Rows,
    training: Training | None = None,
    progress: Callable[[Epoch, int], None] | None = None,
) -> Fitted:
    """Trains a student in place.

    Args:
        student: any module that takes the student's columns.
        distillation: prepared or not; under plan 1 it is prepared here.
        rows: the train split is learnt from, the validation split watched, the test split never opened.
        training: settings.
        progress: called after each epoch with its record and the number of epochs planned.

    Raises:
        InputError: the loss is not finite (names the epoch, step and part), or a name does not fit.
        StoreError: the checkpoint cannot be written or read.
    """
    training = training or Training()
    with thread_budget(threads_for(student, training)):
        return _fit(student, distillation, rows, training, progress)


def _fit(
    student: nn.Module,
    distillation: Distillation,
    rows: Rows,
    training: Training,
    progress: Callable[[Epoch, int], None] | None,
) -> Fitted:
    check_watch(training, distillation.task)
    rows = learnable(rows, distillation)
    device = device_of(training.device)
    torch.manual_seed(training.seed)
    student.to(device)
    if distillation.hints:
        distillation = distillation.sized(student, rows.batch(rows.train[:2]).to(device))
    module = distillation.attach(student).to(device)
    optimizer = training.optimizer(module)
    distillation.check_optimizer(optimizer)
    if distillation.means is None:
        distillation = distillation.prepared(rows.lessons())
    forward: nn.Module = torch.compile(student) if training.compile else student  # pyright: ignore[reportAssignmentType]
    settings = identity(student, distillation, rows, training)
    joined, last = distillation, list[tuple[Batch, Step]]()
    outer = OuterLoop(distillation, lambda row: rows.batch(row.numpy()).to(device), device)

    with _releasing(student, training.release) as release:

        def begin(epoch: int) -> None:
            nonlocal joined
            release(epoch)
            joined = _renewed(joined, student, rows, device)

        def loss(batch: Batch, at: Step) -> Loss:
            last[:] = [(batch, at)]
            return outer.target(joined).loss(forward, batch, at)

        def stepped(_: int) -> None:
            outer.stepped(student, joined, *last[0], optimizer.param_groups[0]["lr"])

        def watched(record: Epoch) -> Epoch:
            return _watched(record, student, joined, rows, training, device)

        work = Work(module, student, loss, watched, begin, stepped, outer)
        state, stopped = trained(work, optimizer, settings, rows, training, device, progress)
    return Fitted(student, state.kept, state.best_epoch, tuple(state.history), stopped)


def _watched(
    record: Epoch,
    student: nn.Module,
    distillation: Distillation,
    rows: Rows,
    training: Training,
    device: torch.device,
) -> Epoch:
    """The record with what the validation rows say."""
    task = distillation.task
    looked = rows.validation if len(rows.validation) else rows.labelled_train
    if not len(looked):
        return replace(record, watched=sum(record.parts.values()))
    answer, batch = answers(student, rows, looked, task, device)
    found = quality(task, answer, batch)
    if training.watch != "loss":
        return replace(record, watched=lower_is_better(training.watch, found, task), metrics=found)
    at = Step(record.step, record.epoch, 1.0)
    if len(distillation.trainable):  # they are where the student is
        answer, batch = moved(answer, device), batch.to(device)
    value = float(distillation.loss_of(answer, batch, at).total.detach())
    return replace(record, watched=value, metrics=found)


@contextmanager
def _releasing(student: nn.Module, release: dict[str, int]) -> Generator[Callable[[int], None]]:
    """A function of the epoch that switches the named parameters on from theirs; all others stay as they are."""
    named = dict(student.named_parameters())
    until: dict[str, int] = {}
    for prefix, epoch in release.items():
        found = [name for name in named if name.startswith(prefix)]
        if not found:
            raise InputError(f"release names {prefix!r}, but no parameter starts with it; there are {list(named)[:8]}")
        until |= {name: max(epoch, until.get(name, 0)) for name in found}

    def at(epoch: int) -> None:
        for name, first in until.items():
            named[name].requires_grad_(epoch >= first)

    try:
        yield at
    finally:
        for name in until:
            named[name].requires_grad_(True)


def _renewed(distillation: Distillation, student: nn.Module, rows: Rows, device: torch.device) -> Distillation:
    """A fusion that follows what the student has learnt looks at it once per epoch."""
    if not isinstance(distillation.fusion, Renewable) or distillation.heldout is None:
        return distillation
    answer, _ = answers(student, rows, distillation.heldout.numpy(), distillation.task, device)
    return distillation.renewed(answer)
