"""Plans of stages: assistants between a large teacher and a small student, generations, the way of a teacher."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import nn

from ..core import Fusion, InputError, Teacher
from ..data import Rows
from ..fusion import DenselyGuided, Mean
from ..teaching import Distillation
from .evaluate import task_of
from .fit import fit
from .fitted import as_teacher, labels_only
from .history import Epoch
from .settings import Training
from .stages import Make, Stage


def assistants(
    makes: Mapping[str, Make], *, dense: bool = False, drop: float = 0.0, training: Training | None = None
) -> list[Stage]:
    """Teacher assistants: students from large to small, the last one is the one that is wanted.

    Mirzadeh et al. 2020: each hears the one before it. With `dense` each hears all before it, the given teachers among
    them, each of whom is left out of a step with probability `drop`; Son et al. 2021.

    Args:
        makes: name to maker, from large to small.
        dense: whether all larger ones teach.
        drop: see `fusion.DenselyGuided`.
        training: settings of these stages.
    """
    fusion: Fusion = DenselyGuided(drop) if dense and drop > 0 else Mean()
    return [Stage(name, make, "all" if dense else "before", fusion, training=training) for name, make in makes.items()]


def born_again(make: Make, generations: int, *, training: Training | None = None) -> list[Stage]:
    """Generations of one architecture: the first learns from labels, each further one from the one before.

    Furlanello et al. 2018. `Staged.ensemble()` is the mean of all generations; each starts from fresh parameters, under
    a seed of its own.

    Args:
        make: a maker of the student.
        generations: how many, the first included.
        training: settings of these stages; the seeds count on from its seed.

    Raises:
        InputError: fewer than one generation.
    """
    if generations < 1:
        raise InputError(f"born_again needs at least one generation, got {generations}")
    own = training or Training()
    return [
        Stage(
            f"generation{number}",
            make,
            "before" if number else "nobody",
            training=replace(own, seed=own.seed + number),
        )
        for number in range(generations)
    ]


def easy_to_hard(
    make: Make, ways: Sequence[Sequence[str]], *, patience: int | None = None, training: Training | None = None
) -> list[Stage]:
    """One student that follows teachers along the way on which they learnt, as HetComp does; Kang et al. 2023.

    First it hears the earliest checkpoint of every teacher, then the next of each, and so on. It moves on when the
    validation loss no longer falls for `patience` epochs, and with what was best. A teacher whose way is shorter is
    heard with its last checkpoint until the end. (HetComp lets every teacher move on by itself.)

    Args:
        make: the student.
        ways: per teacher, names of its checkpoints from early to late; see `checkpoints`.
        patience: epochs; None spends all epochs of `training` on every step of the way.
        training: settings of each step of the way.

    Raises:
        InputError: there is no checkpoint.
    """
    longest = max((len(way) for way in ways), default=0)
    if longest == 0 or any(len(way) == 0 for way in ways):
        raise InputError(f"easy_to_hard needs at least one checkpoint of every teacher, got {list(map(list, ways))}")
    own = training or Training()
    if patience is not None:
        own = replace(own, patience=patience)
    return [
        Stage(
            f"step{number}",
            make,
            tuple(way[min(number, len(way) - 1)] for way in ways),
            starts_as=f"step{number - 1}" if number else None,
            training=own,
        )
        for number in range(longest)
    ]


def checkpoints(
    module: nn.Module,
    rows: Rows,
    epochs: Sequence[int],
    *,
    name: str = "teacher",
    target: Distillation | None = None,
    training: Training | None = None,
) -> tuple[Teacher, ...]:
    """Trains a module in place, and gives what it was after some of the epochs as teachers, from early to late.

    Args:
        module: learns from labels, or from `target`.
        rows: the train split is learnt from; the teachers declare it as seen.
        epochs: numbers from 1.
        name: of the teachers: NAME@EPOCH.
        target: see `fit`.
        training: settings.

    Raises:
        InputError: an epoch that the training does not have or did not reach.
    """
    task, training = task_of(rows), training or Training()
    if training.checkpoint is not None:
        raise InputError("a resumed training cannot show what it was before: leave checkpoint out of Training")
    kept: dict[int, Teacher] = {}

    def look(epoch: Epoch, _: int) -> None:
        if epoch.epoch in epochs:
            here = copy.deepcopy(module)
            kept[epoch.epoch] = as_teacher(here, f"{name}@{epoch.epoch}", rows.inputs, rows.train, task)

    fit(module, labels_only(task) if target is None else target, rows, training, look)
    lost = sorted(set(epochs) - set(kept))
    if lost:
        raise InputError(f"{name!r} was not trained for epochs {lost}: it has 1 to {training.epochs}")
    return tuple(kept[epoch] for epoch in sorted(kept))
