"""An optional last stage: the distilled student learns from labels alone, gently; the table shows what that changes."""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from ..core import Task
from ..data import Rows
from ..ops.schedules import Cosine
from ..teaching import Distillation, Objective
from ..teaching.heldout import row_loss
from .evaluate import answers
from .fit import fit
from .fitted import labels_only
from .history import Fitted
from .settings import Training


@dataclass(frozen=True)
class Finish:
    """A small search over learning rate and exact L2, judged on validation rows.

    Args:
        rates: learning rates tried.
        l2: strengths of the exact L2 term tried.
        epochs: passes over the labelled training rows.
    """

    rates: tuple[float, ...] = (1e-4, 1e-3)
    l2: tuple[float, ...] = (0.0, 1e-4)
    epochs: int = 10


@dataclass(frozen=True)
class Stage:
    """What came out of the last stage: the student, its objective, and the choice in words."""

    fitted: Fitted
    target: Distillation
    words: str


def last_stage(student: nn.Module, rows: Rows, task: Task, finish: Finish, training: Training) -> Stage:
    """The best of the grid by the loss on validation rows (labelled training rows where there are none).

    Args:
        student: the distilled student; it is not changed.
        rows: the table.
        task: its task.
        finish: the grid.
        training: settings of the distillation; rate, epochs and checkpoint are replaced.
    """
    own = replace(rows, train=rows.labelled_train)
    looked = rows.validation if len(rows.validation) else rows.labelled_train
    best, least = None, math.inf
    for rate, strength in itertools.product(finish.rates, finish.l2):
        goal = replace(labels_only(task), objective=Objective((), soft=0.0, l2=strength))
        gentle = Cosine(rate)
        settings = replace(training, epochs=finish.epochs, lr=gentle, patience=None, release={}, checkpoint=None)
        fitted = fit(copy.deepcopy(student), goal, own, settings)
        loss = heldout_loss(fitted.student, rows, looked, task)
        if best is None or loss < least:
            best, least = Stage(fitted, goal, f"learning rate {rate:g}, L2 {strength:g}"), loss
    assert best is not None
    return best


def heldout_loss(student: nn.Module, rows: Rows, row: np.ndarray, task: Task) -> float:
    """Mean loss of a student on labelled rows."""
    answer, batch = answers(student, rows, row, task, next(student.parameters()).device)
    loss, known = row_loss(answer, batch)
    return float(loss[known].mean())
