"""What policies share: the state they decide on, the reward of a step, and the turns of an epoch kept for learning."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..core import Classes, Context, Turn, Weights
from ..ops.divergences import kl
from ..ops.simplex import entropy
from .answers import refusal, truth
from .trust import unbound

FEATURES = 5
"""Numbers per teacher in a state."""


@dataclass(frozen=True)
class Sight:
    """What a policy sees of a batch.

    Attributes:
        state: float [T, B, 5]: log(1 + cross-entropy with the label) (0 where nobody can tell), log(1 + distance to the
            student), largest probability, entropy over its largest value, lead of the first class over the second; 0
            for silent teachers.
        loss: cross-entropy of each teacher with the label, [T, B].
        judged: where it is known, bool [T, B].
        away: T^2 KL(teacher || student) at the temperature of the asking term, [T, B].
    """

    state: Tensor
    loss: Tensor
    judged: Tensor
    away: Tensor


@dataclass(frozen=True)
class Kept:
    """One turn of an epoch, until the policy learns from it.

    Attributes:
        sight: when the policy decided.
        valid: who answered, bool [T, B].
        action: what it decided, [T, B].
        reward: what came of it, [T, B].
    """

    sight: Sight
    valid: Tensor
    action: Tensor
    reward: Tensor


class Policy(nn.Module, ABC):
    """What fusions that learn by reward share: they are made for some teachers, and steer nothing but weights.

    Attributes:
        names: the teachers' names; empty until it is bound.
    """

    name = "policy"
    names: tuple[str, ...] = ()

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What it was made with, besides the names."""

    @abstractmethod
    def attached(self, signals: Any, context: Context, learnt: Mapping[str, Tensor]) -> Weights:
        """Weights as a function of its parameters."""

    def extra_repr(self) -> str:
        """The settings; nothing of what was learnt."""
        return ", ".join(f"{name}={value}" for name, value in self.settings().items())

    def bound(self, names: Sequence[str]) -> Policy:
        """One for these teachers; the same object where it is for them already.

        Raises:
            InputError: it has been made for other teachers.
        """
        return type(self)(names, **self.settings()) if unbound(self.names, names, self.name) else self

    @property
    def steers(self) -> Mapping[str, float]:
        """Nothing."""
        return {}

    def steering(self, learnt: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def forward(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items], without gradient."""
        with torch.no_grad():
            return self.attached(signals, context, dict(self.named_parameters()))


def sight(signals: Any, context: Context, who: str) -> Sight:
    """What a policy sees; needs the student.

    Raises:
        InputError: the answers are not about classes.
    """
    if not isinstance(signals, Classes):
        raise refusal(who, signals, "a policy looks at probabilities of classes", "MetaWeights or AEKD")
    valid = signals.valid
    logs, judged = truth(signals, context.target, context.labelled, who)
    away = distances(signals, context.student, context.temperature)
    probs = signals.probs()
    best = probs.topk(2, dim=-1).values
    far = [(-logs).clamp_min(0.0).log1p(), away.clamp_min(0.0).log1p()]
    sure = [best[..., 0], entropy(probs) / math.log(probs.shape[-1]), best[..., 0] - best[..., 1]]
    state = torch.stack([*far, *sure], dim=-1).masked_fill(~valid.unsqueeze(-1), 0.0)
    return Sight(state, -logs, judged, away.masked_fill(~valid, 0.0))


def distances(signals: Classes, student: Classes, temperature: float) -> Tensor:
    """T^2 KL(teacher || student) [T, B]."""
    own = Classes(student.scores, student.kind, student.coverage, student.valid).log_probs(temperature)
    told = signals.log_probs(temperature)
    return temperature**2 * kl(told, own.expand_as(told))


def outcome(turn: Turn, soft: bool) -> Tensor:
    """How the student does after the step, one number per teacher and row, the higher the better: [T, B].

    Minus the hard loss (where there is a label), and with `soft` minus the distance to the teacher.
    """
    with torch.no_grad():
        answer = turn.answer(turn.student, turn.batch)
        hard = turn.task.hard_loss(answer, turn.batch.target).masked_fill(~turn.batch.labelled, 0.0)
        hard = hard.to(turn.signals.scores.device)
        if not soft:
            return -hard.expand(turn.signals.valid.shape)
        there = Classes.of(answer.scores.to(turn.signals.scores), answer.kind)
        return -(hard + distances(turn.signals, there, turn.context.temperature))


def normalised_reward(reward: Tensor, valid: Tensor) -> Tensor:
    """Rewards [T, B] with mean 0 and standard deviation 1 over the answering teachers of the batch; 0 elsewhere."""
    known = reward[valid]
    if len(known) < 2:
        return torch.zeros_like(reward)
    spread = known.std()
    away = (reward - known.mean()) / torch.where(spread > 0, spread, 1.0)
    return away.masked_fill(~valid, 0.0)
