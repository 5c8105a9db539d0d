"""What a training leaves behind: one record per epoch, the student, and the state a checkpoint holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor, nn


@dataclass(frozen=True)
class Epoch:
    """What happened in one epoch.

    Attributes:
        epoch: number, from 1.
        step: optimiser steps taken so far.
        lr: learning rate of the last step.
        parts: mean of each part of the training loss, as it enters the sum.
        watched: the value early stopping looks at, on validation rows (lower is better); NaN where nobody looked.
        metrics: quality on validation rows; empty where nobody looked.
        weights: mean trust per teacher.
        acted: share of rows on which the fusion rule acted.
        seconds: since the start of the training.
    """

    epoch: int
    step: int
    lr: float
    parts: dict[str, float]
    watched: float
    metrics: dict[str, float]
    weights: list[float]
    acted: float
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """A trained student and how it got there.

    Attributes:
        student: at its last epoch, or at the best one when early stopping was asked for.
        best: parameters of the epoch with the best watched value.
        best_epoch: number of that epoch.
        history: one record per epoch after which the validation rows were looked at.
        stopped: why the training ended.
    """

    student: nn.Module
    best: dict[str, Tensor]
    best_epoch: int
    history: tuple[Epoch, ...]
    stopped: str = "all epochs done"

    @property
    def seconds(self) -> float:
        """Wall time of the training."""
        return self.history[-1].seconds

    def steps_to(self, share: float, metric: str, higher: bool = True) -> int:
        """Optimiser steps until the metric first reached this share of its last value (or last value / share)."""
        last = self.history[-1].metrics[metric]
        for epoch in self.history:
            value = epoch.metrics[metric]
            if value >= share * last if higher else value <= last / share:
                return epoch.step
        return self.history[-1].step


@dataclass
class State:
    """What a checkpoint has to hold."""

    epoch: int = 0
    step: int = 0
    best: float = math.inf
    best_epoch: int = 0
    stale: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    kept: dict[str, Tensor] = field(default_factory=dict)
    history: list[Epoch] = field(default_factory=list)
