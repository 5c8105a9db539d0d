"""The loop that `fit` and `fit_together` share: epochs, learning rate, early stopping, checkpoints."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor, nn

from ..core import Batch, InputError, Step, Task
from ..data.rows import Rows, batch_count
from ..ops.schedules import Schedule
from ..teaching import Loss
from . import checkpoint
from .history import Epoch, State
from .outer import OuterLoop
from .resume import packed, resume
from .settings import Plateau, Training, autocast
from .watchers import Watchers


def _nothing(_: int) -> None:
    pass


@dataclass(frozen=True)
class Work:
    """What is trained, and how it is judged.

    Attributes:
        module: all that learns or has to be kept in a checkpoint; on the device.
        ships: the part of it whose parameters of the best epoch are kept.
        loss: of a batch on the device, at a moment.
        watched: the record of an epoch with what the validation rows say.
        begin: told the number of the epoch (from 0) before it begins.
        stepped: told the number of optimiser steps taken after each of them.
        outer: what learns beside it, in steps of its own; kept in the checkpoint.
    """

    module: nn.Module
    ships: nn.Module
    loss: Callable[[Batch, Step], Loss]
    watched: Callable[[Epoch], Epoch]
    begin: Callable[[int], None] = _nothing
    stepped: Callable[[int], None] = _nothing
    outer: OuterLoop | None = None


def check_watch(training: Training, task: Task) -> None:
    """Raises InputError when the settings watch something that the task does not measure."""
    known = ["loss", *sorted(task.higher_is_better)]
    if training.watch not in known:
        raise InputError(f"watch={training.watch!r} is not known: loss or one of {known[1:]}")


def lower_is_better(watch: str, found: dict[str, float], task: Task) -> float:
    """The watched metric, turned so that lower is better.

    Raises:
        InputError: it was not measured.
    """
    if watch not in found:
        raise InputError(f"watch={watch!r} does not fit this student, which has {sorted(found)}")
    return -found[watch] if task.higher_is_better[watch] else found[watch]


def trained(
    work: Work,
    optimizer: torch.optim.Optimizer,
    settings: dict[str, str],
    rows: Rows,
    training: Training,
    device: torch.device,
    progress: Callable[[Epoch, int], None] | None,
) -> tuple[State, str]:
    """Trains in place to the end, from where a checkpoint stands if there is one; and why it ended.

    Args:
        work: what is trained.
        optimizer: over the parameters of `work.module`.
        settings: what has to be the same for a checkpoint to be continued.
        rows: the train split is learnt from.
        training: settings.
        device: where the module is.
        progress: called after each epoch with its record (without metrics where nobody looked) and the number of epochs
            planned.

    Raises:
        InputError: the gradient is not finite (names epoch, step and part), or a checkpoint is another training's.
        StoreError: the checkpoint cannot be written or read.
    """
    state = State()
    resume(training, settings, state, work.module, optimizer, work.outer)
    saved = time.perf_counter()
    start = saved - state.seconds
    with Watchers.of(training) as watchers:
        while state.epoch < training.epochs and not _stale(state, training):
            work.begin(state.epoch)
            record = _epoch(work, rows, training, optimizer, state, device, watchers)
            if work.outer is not None:
                work.outer.finished()
            looked = training.looks(state.epoch)
            record = work.watched(record) if looked else record
            record = replace(record, seconds=time.perf_counter() - start)
            state.seconds = record.seconds
            if looked:
                state.history.append(record)
                _remember(state, record, work.ships, training)
                watchers.log(asdict(record))
            ended = state.epoch == training.epochs or _stale(state, training)
            if training.checkpoint is not None and (ended or time.perf_counter() - saved >= training.save_every):
                checkpoint.save(training.checkpoint, packed(state, work.module, optimizer, settings, work.outer))
                saved = time.perf_counter()
            if progress is not None:
                progress(record, training.epochs)
    stopped = "all epochs done"
    if _stale(state, training):
        stopped = training.gave_up(state.best_epoch)
    if training.patience is not None:
        work.ships.load_state_dict(state.kept)
    return state, stopped


def _stale(state: State, training: Training) -> bool:
    return training.patience is not None and state.stale >= training.patience


def _epoch(
    work: Work,
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
    work.module.train()
    learning = list(work.module.parameters())
    for batch in rows.batches(rows.train, training.batch_size, seed=training.seed, epoch=state.epoch):
        at = Step(state.step, state.epoch, state.step / (per_epoch * training.epochs))
        _set_rate(optimizer, training, state, at)
        with autocast(training.precision, device):
            loss = work.loss(batch.to(device), at)
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
        work.stepped(state.step)
    values = {name: float(value) / per_epoch for name, value in sums.items()}
    state.epoch += 1
    weights = (torch.stack(trust).sum(0) / torch.stack(seen).sum().clamp_min(1)).tolist() if trust else []
    share = float(torch.stack(acted).mean()) if acted else 0.0
    return Epoch(state.epoch, state.step, state.rate, values, math.nan, {}, weights, share, 0.0)


def _remember(state: State, record: Epoch, ships: nn.Module, training: Training) -> None:
    better = record.watched < state.best - 1e-6
    if better or not state.kept:
        state.best, state.best_epoch, state.stale = record.watched, record.epoch, 0
        state.kept = copy.deepcopy({name: value.detach().cpu() for name, value in ships.state_dict().items()})
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


def _not_finite(loss: Loss, state: State) -> str:
    parts = {name: float(part.mean().detach()) for name, part in loss.parts.items()}
    return (
        f"the gradient became NaN or infinite in epoch {state.epoch + 1}, step {state.step} (parts of the loss: "
        f"{parts}): lower the learning rate, or check the student's inputs"
    )
