"""fit: a visible loop around `Distillation.loss`."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from ..core import InputError, Renewable, Step
from ..data.rows import Rows, batch_count
from ..ops.schedules import Schedule
from ..teachers import thread_budget
from ..teaching import Distillation
from . import checkpoint
from .evaluate import answers, moved, quality
from .history import Epoch, Fitted, State
from .resume import identity, packed, resume
from .settings import Plateau, Training, autocast, device_of, threads_for
from .watchers import Watchers


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
    known = ["loss", *sorted(distillation.task.higher_is_better)]
    if training.watch not in known:
        raise InputError(f"watch={training.watch!r} is not known: loss or one of {known[1:]}")
    device = device_of(training.device)
    torch.manual_seed(training.seed)
    student.to(device)
    if distillation.hints:
        distillation = distillation.sized(student, rows.batch(rows.train[:2]).to(device))
    module = distillation.attach(student).to(device)
    optimizer = training.optimizer(module)
    distillation.check_optimizer(optimizer)
    if distillation.means is None:
        distillation = distillation.prepared(rows.batches(rows.taught, 4096, inputs=False))
    forward: nn.Module = torch.compile(student) if training.compile else student  # pyright: ignore[reportAssignmentType]
    state, settings = State(), identity(student, distillation, rows, training)
    resume(training, settings, state, module, optimizer)
    saved = time.perf_counter()
    start = saved - state.seconds
    with Watchers.of(training) as watchers, _releasing(student, training.release) as release:
        while state.epoch < training.epochs and not _stale(state, training):
            release(state.epoch)
            distillation = _renewed(distillation, student, rows, device)
            record = _epoch(forward, module, distillation, rows, training, optimizer, state, device, watchers)
            record = _watched(record, student, distillation, rows, training, device, start)
            state.history.append(record)
            _remember(state, record, student, training)
            watchers.log(asdict(record))
            ended = state.epoch == training.epochs or _stale(state, training)
            if training.checkpoint is not None and (ended or time.perf_counter() - saved >= training.save_every):
                checkpoint.save(training.checkpoint, packed(state, module, optimizer, settings))
                saved = time.perf_counter()
            if progress is not None:
                progress(record, training.epochs)
    stopped = "all epochs done"
    if _stale(state, training):
        stopped = f"no better {training.watch} for {training.patience} epochs, best at epoch {state.best_epoch}"
    if training.patience is not None:
        student.load_state_dict(state.kept)
    return Fitted(student, state.kept, state.best_epoch, tuple(state.history), stopped)


def _stale(state: State, training: Training) -> bool:
    return training.patience is not None and state.stale >= training.patience


def _epoch(
    forward: nn.Module,
    module: nn.Module,
    distillation: Distillation,
    rows: Rows,
    training: Training,
    optimizer: torch.optim.Optimizer,
    state: State,
    device: torch.device,
    watchers: Watchers,
) -> Epoch:
    per_epoch = batch_count(len(rows.train), training.batch_size)
    sums: dict[str, Tensor] = {}
    trust, acted, seen = [], [], []
    module.train()
    learning = list(module.parameters())
    for batch in rows.batches(rows.train, training.batch_size, seed=training.seed, epoch=state.epoch):
        at = Step(state.step, state.epoch, state.step / (per_epoch * training.epochs))
        _set_rate(optimizer, training, state, at)
        with autocast(training.precision, device):
            loss = distillation.loss(forward, batch.to(device), at)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(learning, training.clip or math.inf)
        if not bool(torch.isfinite(norm)):
            raise InputError(_not_finite(loss, state))
        optimizer.step()
        watchers.step()
        for name, value in loss.values.items():
            sums[name] = sums.get(name, 0.0) + value.detach()
        if loss.weights is not None:
            items = loss.weights.flatten(1)
            trust.append(items.sum(1))
            seen.append((items.sum(0) > 0).sum())
        if loss.acted is not None:
            acted.append(loss.acted.float().mean())
        state.step += 1
    values = {name: float(value) / per_epoch for name, value in sums.items()}
    state.epoch += 1
    weights = (torch.stack(trust).sum(0) / torch.stack(seen).sum().clamp_min(1)).tolist() if trust else []
    share = float(torch.stack(acted).mean()) if acted else 0.0
    return Epoch(state.epoch, state.step, state.rate, values, math.nan, {}, weights, share, 0.0)


def _watched(
    record: Epoch,
    student: nn.Module,
    distillation: Distillation,
    rows: Rows,
    training: Training,
    device: torch.device,
    start: float,
) -> Epoch:
    """The record with what the validation rows say."""
    task = distillation.task
    looked = rows.validation if len(rows.validation) else rows.labelled_train
    if not len(looked):
        found, value = {}, sum(record.parts.values())
    else:
        answer, batch = answers(student, rows, looked, task, device)
        found = quality(task, answer, batch)
        if training.watch == "loss":
            at = Step(record.step, record.epoch, 1.0)
            if len(distillation.trainable):  # they are where the student is
                answer, batch = moved(answer, device), batch.to(device)
            value = float(distillation.loss_of(answer, batch, at).total.detach())
        elif training.watch in found:
            value = -found[training.watch] if task.higher_is_better[training.watch] else found[training.watch]
        else:
            raise InputError(f"watch={training.watch!r} does not fit this student, which has {sorted(found)}")
    return Epoch(
        record.epoch,
        record.step,
        record.lr,
        record.parts,
        value,
        found,
        record.weights,
        record.acted,
        time.perf_counter() - start,
    )


def _remember(state: State, record: Epoch, student: nn.Module, training: Training) -> None:
    state.seconds = record.seconds
    better = record.watched < state.best - 1e-6
    if better or not state.kept:
        state.best, state.best_epoch, state.stale = record.watched, record.epoch, 0
        state.kept = copy.deepcopy({name: value.detach().cpu() for name, value in student.state_dict().items()})
    else:
        state.stale += 1
    rate = training.rate()
    if isinstance(rate, Plateau) and state.stale and state.stale % rate.patience == 0:
        state.rate = max(state.rate * rate.factor, rate.smallest)


def _set_rate(optimizer: torch.optim.Optimizer, training: Training, state: State, at: Step) -> None:
    rate: Schedule | Plateau = training.rate()
    if isinstance(rate, Plateau):
        state.rate = state.rate or rate.lr
    else:
        state.rate = rate.at(Step(at.step, at.epoch, at.progress + 1e-9))
    for group in optimizer.param_groups:
        group["lr"] = state.rate


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


def _not_finite(loss: Any, state: State) -> str:
    parts = {name: float(part.mean().detach()) for name, part in loss.parts.items()}
    return (
        f"the gradient became NaN or infinite in epoch {state.epoch + 1}, step {state.step} (parts of the loss: "
        f"{parts}): lower the learning rate, or check the student's inputs"
    )
