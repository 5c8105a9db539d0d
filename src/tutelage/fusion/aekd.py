"""Gradient space: one direction on which the teachers agree, found anew for each batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import INVARIANTS, Classes, Context, InputError, Labels, Scores, Values, Weights
from ..core.spaces.classes import is_everything
from ..ops.least_norm import least_norm
from ..ops.simplex import equal, normalised
from .answers import dtype_of, refusal


@dataclass(frozen=True)
class AEKD:
    """Adaptive ensemble distillation: the weights that make the teachers' mixed gradient shortest; Du et al. 2020.

    One weight per teacher and batch: alpha minimises |sum_k alpha_k g_k| over 0 <= alpha <= cap, sum alpha = 1, where
    g_k is the mean over the rows that teacher k answers of the gradient of its loss with respect to the student's
    answer. No gradient is computed for it: at the temperature T of the asking term that of KL is T (q - p_k), which is
    what is used whatever the term is; of labels T (sigmoid - p_k); of values the difference of the means, every column
    brought to one scale. The weights do not depend on the scale of the gradients, nor on the order of the teachers; of
    several minimisers the most even is taken. Per row the weights are shared among the teachers that answer it.

    Without a student (an `Ensemble`, `Distillation.explain`) all teachers count alike and the rule has not acted.

    Args:
        cap: largest weight, in (0, 1]; 1 / K for K teachers where it is smaller than that.

    Raises:
        InputError: a cap outside (0, 1]; (when called) rankings, or a student whose answer is of another kind.
    """

    name = "aekd"
    gives = "weights"
    needs = frozenset({"student", "batch"})
    invariants = INVARIANTS
    source = "du2020"
    cap: float = 0.6

    def __post_init__(self) -> None:
        if not 0.0 < self.cap <= 1.0:
            raise InputError(f"the cap of aekd is a largest weight and lies in (0, 1], got {self.cap}")

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        if isinstance(signals, Scores):
            raise refusal(self.name, signals, "no two rows have the same candidates", "Mean or Performance")
        valid: Tensor = signals.valid
        if context.student is None:
            return Weights(equal(valid, dtype_of(signals)), torch.zeros_like(valid[0]))
        if type(context.student) is not type(signals):
            raise refusal(self.name, signals, f"the student gives {type(context.student).__name__}", "another task")
        pulls = mean_gradients(signals, context.student, context.temperature).double()
        full = bool(valid.all())
        speaks = [True] * len(pulls) if full else valid.flatten(1).any(1).tolist()
        heard = [teacher for teacher, spoken in enumerate(speaks) if spoken]
        own = pulls if len(heard) == len(pulls) else pulls[heard]
        numbers = [0.0] * len(speaks)
        for teacher, weight in zip(heard, least_norm((own @ own.T).tolist(), self.cap) if heard else [], strict=True):
            numbers[teacher] = weight
        column = torch.tensor(numbers, dtype=dtype_of(signals), device=valid.device)
        wide = column.view(-1, *[1] * (valid.dim() - 1)).expand(valid.shape)
        return Weights(wide if full else normalised(wide, valid))


def mean_gradients(signals: Any, student: Any, temperature: float) -> Tensor:
    """Gradients of the teachers' losses with respect to the student's answer, averaged over the rows: [T, C].

    Args:
        signals: stacked `Classes`, `Labels` or `Values`, [T, B, C].
        student: an answer of the same kind, [B, C].
        temperature: at which both sides are compared.

    Returns:
        mean over the rows that a teacher answers of q - p at this temperature (without the factor T, which all share);
        of values each column is divided by the root mean square of its differences. 0 where a teacher says nothing.
    """
    valid = signals.valid
    if isinstance(signals, Classes):
        told = signals.probs(temperature)
        if is_everything(signals.coverage) and bool(valid.all()):
            return student.probs(temperature).mean(0) - told.mean(1)
        own = replace(signals, scores=student.scores.expand_as(told), kind=student.kind).probs(temperature)
        valid = valid.unsqueeze(-1)
    elif isinstance(signals, Labels):
        own, told = student.probs(temperature), signals.probs(temperature)
    else:
        assert isinstance(signals, Values)
        own, told = student.mean, signals.mean
    away = torch.where(valid, own - told, 0.0)
    count = valid.sum(1).clamp_min(1)
    if isinstance(signals, Values):
        away = away.double()
        spread = (away.square().sum((0, 1)) / valid.sum((0, 1)).clamp_min(1)).sqrt()
        away = away / torch.where(spread > 0, spread, 1.0)
    return away.sum(1) / count
