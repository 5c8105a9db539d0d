"""Gate: trust per teacher and row, learnt from what all of them say; after AMTML-KD, Liu et al. 2020."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import INVARIANTS, Context, InputError, Weights
from ..ops.simplex import masked_softmax
from .answers import dtype_of
from .learnt import Table, answering, fitted, learnable, mixture_loss, said, side_by_side, spread, table


@dataclass(frozen=True)
class Gate:
    """w_t = softmax_t(x V_t + b_t), with x the answers of all teachers side by side.

    Fitted once on out-of-fold answers and their labels: least cross-entropy of the mixed probabilities (squared error
    of the mixed mean, for values), from equal weights on. In the paper the gate sees the student's features and
    learns along with it; here it sees what is there before the student is, so that training costs what one target
    costs.

    Args:
        penalty: strength of the L2 penalty on V and b, as in `Stacking`.
        load: strength of the term that keeps all teachers at work: KL of the mean weights to equal ones, in nats.
        weight: fitted V, one row per teacher; leave it out and call `fit`.
        bias: fitted b.

    Raises:
        InputError: a negative strength; (when fitted) no labelled row with an answer; (when called) not fitted, or
            fitted on other teachers; rankings.
    """

    name = "gate"
    gives = "weights"
    needs = frozenset[str]()
    invariants = INVARIANTS
    source = "liu2020"
    penalty: float = 1.0
    load: float = 0.01
    weight: Table | None = None
    bias: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not (self.penalty >= 0 and self.load >= 0):
            raise InputError(f"penalty and load of a gate must not be negative, got {self.penalty} and {self.load}")

    @property
    def fitted(self) -> bool:
        """Whether it has weights."""
        return self.weight is not None

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> Gate:
        """The same, fitted on out-of-fold answers (stacked, [T, N, ...]) and their labels."""
        numbers, _ = said(signals, self.name)
        x, rows = side_by_side(numbers), learnable(signals, target, labelled, "a gate")
        answers, scale = answering(signals), spread(signals)
        teachers, count = len(numbers), int(rows.sum())
        here = answers[:, rows].double()
        equal = answers.any(1).double() / answers.any(1).sum()

        def loss(weight: Tensor, bias: Tensor) -> Tensor:
            trust = masked_softmax(weight @ x.T + bias.unsqueeze(-1), answers)
            wrong = mixture_loss(trust, signals, target, rows).sum() / scale
            mean = (trust[:, rows] * here).sum(1) / count
            load = (mean * (mean.clamp_min(1e-12) / equal.clamp_min(1e-12)).log()).sum()
            squares = weight.square().sum() + bias.square().sum()
            return wrong / count + self.load * load + self.penalty / 2 / count * squares

        start = torch.zeros(teachers, x.shape[1]), torch.zeros(teachers)
        weight, bias = fitted(start, loss)
        return replace(self, weight=table(weight), bias=tuple(bias.tolist()))

    def taking(self, teachers: Sequence[int]) -> Gate:
        """Unfitted: what it learnt needs the answers of all teachers.

        Raises:
            InputError: it was fitted with all teachers.
        """
        if self.weight is None:
            return self
        if list(teachers) == list(range(len(self.weight))):
            return self
        raise InputError(f"fusion {self.name!r} was fitted with all teachers and cannot leave one out: fit it again")

    def bound(self, names: Sequence[str]) -> Gate:
        """The same: what was fitted is in the order of the teachers it was fitted on."""
        return self

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        if self.weight is None:
            raise InputError(f"fusion {self.name!r} was not fitted: call fit(signals, target, labelled)")
        numbers, _ = said(signals, self.name)
        x, valid = side_by_side(numbers), signals.valid
        if (len(valid), x.shape[1]) != (len(self.weight), len(self.weight[0])):
            raise InputError(
                f"fusion {self.name!r} was fitted on {len(self.weight)} teachers and got {len(valid)}, or on another "
                "kind of answer: fit it again"
            )
        weight, bias = (torch.tensor(part, dtype=torch.float64, device=x.device) for part in (self.weight, self.bias))
        scores = weight @ x.T + bias.unsqueeze(-1)
        wide = scores if valid.dim() == 2 else scores.unsqueeze(-1).expand(valid.shape)
        return Weights(masked_softmax(wide, valid).to(dtype_of(signals)))
