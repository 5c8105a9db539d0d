"""Terms that compare rankings of candidates.

    ListNet        phi = p     linear      the chances of standing first; the student covers what the teachers like
    PlackettLuce   phi = rank  not linear  the order of the teacher's first places, however far apart their scores

Both look at the candidates that all answering teachers list, and at nothing else of the student.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ...core import Context, InputError, Scores
from ...core.spaces.scores import log_softmax_over
from ...ops.schedules import Schedule
from ...ops.simplex import entropy

LEAST = 1e-20
"""Smallest probability of a listed candidate: 0 says that it is not listed."""


@dataclass(frozen=True)
class ListNet:
    """T^2 KL between the softmaxes over the candidates at temperature T, in nats; Cao et al. 2007.

    The paper's top-one cross-entropy, less the teacher's entropy, which no student can change. The statistic is the
    teacher's probabilities of the candidates that all answering teachers list, so that the weighted sum over teachers
    and the loss of their weighted mean have one gradient. Labels are not looked at.
    """

    name = "listnet"
    source = "cao2007"
    answers = "scores"
    linear = True
    closed = False
    needs = frozenset[str]()
    temperature: float | Schedule = 1.0

    def statistic(self, answer: Scores, temperature: float, context: Context) -> Tensor:
        """Probabilities [..., B, N], 0 where not compared."""
        return answer.probs(temperature).clamp_min(LEAST).masked_fill(~answer.common, 0.0)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """T^2 times the negative entropy [..., B]."""
        return -(temperature**2) * entropy(phi)

    def loss(self, student: Scores, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        return self.energy(phi, temperature) + self.pull(student, phi, coverage, temperature, context)

    def pull(self, student: Scores, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]: T^2 times the cross-entropy."""
        known = phi > 0
        logs = log_softmax_over(student.score / temperature, known).masked_fill(~known, 0.0)
        return (phi * logs).sum(-1) * -(temperature**2)


@dataclass(frozen=True)
class PlackettLuce:
    """Minus the log-likelihood of the teacher's first places under the student; Kang et al. 2023.

    A relaxed Plackett-Luce model: the student's scores draw the teacher's first candidate out of all that are compared,
    then the second out of the rest, and so on for the first `top` places; the order of those behind does not matter,
    only that they stay behind. The statistic is the teacher's order, so its scores may be in any unit, and many
    teachers cost one loss each; to follow one order made of all, fuse with `Borda` or `ReciprocalRank`. Candidates of
    equal score stand in the order of the row. Labels are not looked at.

    Args:
        temperature: divides the student's scores; the loss is multiplied by its square.
        top: number of places.
        over: `mean`: averaged over the places; `sum`: added, as in the paper.

    Raises:
        InputError: fewer than one place, or an unknown `over`.
    """

    name = "plackett_luce"
    source = "kang2023"
    answers = "scores"
    linear = False
    closed = False
    needs = frozenset[str]()
    temperature: float | Schedule = 1.0
    top: int = 10
    over: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        if self.top < 1:
            raise InputError(f"{self.name} follows at least one place, got top={self.top}")
        if self.over not in ("mean", "sum"):
            raise InputError(f"{self.name} takes the mean or the sum over places, got {self.over!r}")

    def statistic(self, answer: Scores, temperature: float, context: Context) -> Tensor:
        """Places from 1 [..., B, N], float, 0 where not compared."""
        known = answer.common
        order = answer.score.masked_fill(~known, -torch.inf).argsort(dim=-1, descending=True, stable=True)
        return (order.argsort(dim=-1) + 1).to(answer.score.dtype).masked_fill(~known, 0.0)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        """0: nothing is split off."""
        return phi.new_zeros(phi.shape[:-1])

    def loss(self, student: Scores, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[..., B]."""
        known = phi > 0
        scores = student.score / temperature
        least = scores.detach().masked_fill(~known, torch.inf).amin(-1, keepdim=True)
        behind = torch.where(known, scores, least.nan_to_num(0.0, 0.0, 0.0) - _NEVER)
        order = phi.masked_fill(~known, torch.inf).argsort(dim=-1, stable=True)
        ranked = behind.gather(-1, order)
        rest = ranked.flip(-1).logcumsumexp(-1).flip(-1)
        count = known.sum(-1, keepdim=True)
        drawn = torch.arange(phi.shape[-1], device=phi.device) < (count - 1).clamp_max(self.top)
        total = (rest - ranked).masked_fill(~drawn, 0.0).sum(-1) * temperature**2
        return total / drawn.sum(-1).clamp_min(1) if self.over == "mean" else total


_NEVER = 1000.0
"""So far below the last one, a candidate is never drawn: exp(-1000) is 0."""
