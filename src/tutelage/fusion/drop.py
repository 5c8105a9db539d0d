"""Dropping: for a step, some teachers are not heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core import INVARIANTS, Classes, Context, InputError, Labels, Scores, Values, Weights
from ..core.spaces.scores import log_softmax_over
from ..ops.simplex import equal, normalised, positive
from .answers import dtype_of


@dataclass(frozen=True)
class RandomDrop:
    """Teacher dropping of UNIC: the teacher that the student is farthest from is always heard; Sariyildiz et al. 2024.

    Per item, every other teacher is left out with probability `drop`, and those that are left count alike. So no
    teacher that is easy to copy crowds out the one that is not. Distances are KL to the student at the temperature of
    the asking term, of values squared differences. (UNIC divides by the number of kept pairs of the whole batch; here
    every item counts the same.) Chance comes from `Distillation.generator`, else from torch's own, which `fit` seeds;
    without a student all teachers count alike and the rule has not acted.

    Args:
        drop: probability in [0, 1]; 1 hears the farthest teacher only.

    Raises:
        InputError: a probability outside [0, 1].
    """

    name = "random_drop"
    gives = "weights"
    needs = frozenset({"student", "random"})
    invariants = INVARIANTS
    source = "sariyildiz2024"
    drop: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.drop <= 1.0:
            raise InputError(f"random_drop leaves teachers out with a probability in [0, 1], got {self.drop}")

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        valid: Tensor = signals.valid
        if context.student is None:
            return Weights(equal(valid, dtype_of(signals)), torch.zeros_like(valid[0]))
        far = distances(signals, context.student, context.temperature).masked_fill(~valid, -torch.inf)
        place = ranks(far)
        chance = torch.rand(valid.shape, generator=context.generator, dtype=torch.float64).to(valid.device)
        kept = (place == 0) | (chance.gather(0, place) >= self.drop)
        return Weights(normalised((kept & valid).to(dtype_of(signals)), valid))


@dataclass(frozen=True)
class RandomTeacher:
    """One teacher per batch, drawn anew each time; Shen et al. 2019 (MEAL).

    Only teachers that say something about the batch are drawn. Where the drawn one is silent, all others that answer
    count alike, and the rule has not acted. Teachers are told apart by what they say, so that their order does not
    matter; those that say the same are drawn together. Chance as in `RandomDrop`.
    """

    name = "random_teacher"
    gives = "weights"
    needs = frozenset({"random", "batch"})
    invariants = INVARIANTS
    source = "shen2019"

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        valid: Tensor = signals.valid
        speaks, place = told_apart(signals)
        chance = torch.rand((), generator=context.generator, dtype=torch.float64)
        count = int(place[speaks].max()) + 1 if bool(speaks.any()) else 1
        drawn = (place == min(int(chance * count), count - 1)) & speaks
        wide = drawn.view(-1, *[1] * (valid.dim() - 1)) & valid
        return Weights(normalised(wide.to(dtype_of(signals)), valid), wide.any(0))


def told_apart(signals: Any) -> tuple[Tensor, Tensor]:
    """Who says something about the batch, bool [T], and a number for each teacher, int64 [T].

    The numbers count from 0 in an order that follows from what the teachers say: those that say the same share one, and
    those that say nothing come last.
    """
    valid: Tensor = signals.valid
    speaks = valid.flatten(1).any(1)
    said = signals.mean if isinstance(signals, Values) else signals.probs()
    known = valid if said.dim() == valid.dim() else valid.unsqueeze(-1)
    flat = torch.where(known, said, 0.0).flatten(1).double()
    place = torch.arange(1, flat.shape[1] + 1, device=flat.device).double()
    mark = (flat * place.sqrt()).sum(1).float()  # rounded: equal answers get equal marks
    return speaks, ranks(mark.masked_fill(~speaks, -torch.inf).unsqueeze(1)).squeeze(1)


def distances(signals: Any, student: Any, temperature: float) -> Tensor:
    """How far each teacher is from the student, float64 [T, *items]: KL, of values squared differences.

    Raises:
        InputError: the student's answer is of another kind.
    """
    if type(student) is not type(signals):
        raise InputError(f"teachers answer with {type(signals).__name__}, the student with {type(student).__name__}")
    if isinstance(signals, Values):
        return (signals.mean - student.mean).double().square()
    told = signals.probs(temperature).double()
    if isinstance(signals, Labels):
        own = student.probs(temperature).double()
        return _kl(told, own) + _kl(1 - told, 1 - own)
    if isinstance(signals, Scores):
        own = log_softmax_over(student.score.double().expand_as(told) / temperature, signals.common)
        return _kl(told, own.exp()).masked_fill(~signals.common, 0.0).sum(-1)
    assert isinstance(signals, Classes)
    scores = student.scores.double().expand_as(told) / temperature
    own = torch.softmax(scores.masked_fill(~signals.coverage.unsqueeze(-2), -torch.inf), -1)
    return _kl(told, own).sum(-1)


def _kl(told: Tensor, own: Tensor) -> Tensor:
    return told * (positive(told).log() - positive(own).log())


def ranks(scores: Tensor) -> Tensor:
    """int64 [T, *]: how many larger values there are over the teachers; equal values share a rank."""
    ordered = scores.sort(0, descending=True).values
    step = torch.cat([torch.zeros_like(ordered[:1], dtype=torch.int64), (ordered[1:] < ordered[:-1]).long()]).cumsum(0)
    larger = (scores.unsqueeze(0) < ordered.unsqueeze(1)).sum(0)
    return step.gather(0, larger.clamp_max(len(scores) - 1))
