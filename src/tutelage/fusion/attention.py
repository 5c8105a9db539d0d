"""Attention over teachers: one small scorer for all of them, learnt; after Ilse et al. 2018."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import INVARIANTS, Classes, Context, InputError, Labels, Values, Weights
from ..ops.simplex import entropy, masked_softmax
from .answers import dtype_of
from .learnt import Table, answering, fitted, learnable, mixture_loss, said, spread, table


@dataclass(frozen=True)
class Attention:
    """w_t = softmax_t(v . tanh(U f_t)), with f_t what can be seen of a teacher's answer without knowing who gave it.

    f_t holds how sure the answer is (entropy and margin), how far it lies from the mean of all answers, and 1. The
    scorer is shared, so that it serves any number of teachers in any order, also ones it was not fitted on. Attention
    pooling of Ilse et al. 2018, over teachers; fitted like `Gate`, from equal weights on.

    Args:
        penalty: strength of the L2 penalty.
        hidden: width of the scorer.
        inner: fitted U [hidden, features]; leave it out and call `fit`.
        outer: fitted v [hidden].
        typical: fitted distance of values from their mean, in which distances are measured.

    Raises:
        InputError: a negative penalty or no width; (when fitted) no labelled row with an answer; (when called) not
            fitted; rankings.
    """

    name = "attention"
    gives = "weights"
    needs = frozenset[str]()
    invariants = INVARIANTS
    source = "ilse2018"
    penalty: float = 1.0
    hidden: int = 4
    inner: Table | None = None
    outer: tuple[float, ...] = ()
    typical: float = 1.0

    def __post_init__(self) -> None:
        if not (self.penalty >= 0 and self.hidden >= 1):
            raise InputError(
                f"attention needs a penalty of at least 0 and a width of at least 1, got {self.penalty} and "
                f"{self.hidden}"
            )

    @property
    def fitted(self) -> bool:
        """Whether it has a scorer."""
        return self.inner is not None

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> Attention:
        """The same, fitted on out-of-fold answers (stacked, [T, N, ...]) and their labels."""
        typical = _typical(signals, self.name)
        seen, rows = _seen(signals, self.name, typical), learnable(signals, target, labelled, "attention")
        valid, scale, count = answering(signals), spread(signals), int(rows.sum())

        def loss(inner: Tensor, outer: Tensor) -> Tensor:
            trust = masked_softmax(_scores(seen, inner, outer), valid)
            wrong = mixture_loss(trust, signals, target, rows).sum() / scale
            return (wrong + self.penalty / 2 * (inner.square().sum() + outer.square().sum())) / count

        angles = torch.arange(self.hidden * seen.shape[-1], dtype=torch.float64)
        start = (angles * 2.4).sin().view(self.hidden, -1) / seen.shape[-1] ** 0.5, torch.zeros(self.hidden)
        inner, outer = fitted(start, loss)
        return replace(self, inner=table(inner), outer=tuple(outer.tolist()), typical=typical)

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        if self.inner is None:
            raise InputError(f"fusion {self.name!r} was not fitted: call fit(signals, target, labelled)")
        seen, valid = _seen(signals, self.name, self.typical), signals.valid
        parts = (torch.tensor(part, dtype=torch.float64, device=seen.device) for part in (self.inner, self.outer))
        scores = _scores(seen, *parts)
        wide = scores if valid.dim() == 2 else scores.unsqueeze(-1).expand(valid.shape)
        return Weights(masked_softmax(wide, valid).to(dtype_of(signals)))


def _scores(seen: Tensor, inner: Tensor, outer: Tensor) -> Tensor:
    return (seen @ inner.T).tanh() @ outer


def _typical(signals: Any, who: str) -> float:
    """Root mean square distance of values from their mean; 1 for everything else."""
    if not isinstance(signals, Values):
        return 1.0
    numbers, known = said(signals, who)
    away = (numbers - numbers.sum(0) / known.sum(0).clamp_min(1))[known]
    return float(away.square().mean().clamp_min(1e-24).sqrt()) if len(away) else 1.0


def _seen(signals: Any, who: str, typical: float) -> Tensor:
    """What can be seen of each answer, float64 [T, N, 4]."""
    numbers, known = said(signals, who)
    count = known.sum(0).clamp_min(1)
    away = ((numbers - numbers.sum(0) / count) * known).abs()
    if isinstance(signals, Classes):
        probs = signals.probs().double()
        best = probs.topk(2, dim=-1).values
        wide = torch.log(torch.tensor(float(probs.shape[-1]), dtype=torch.float64))
        sure, margin, far = entropy(probs) / wide, best[..., 0] - best[..., 1], away.sum(-1) / 2
    elif isinstance(signals, Labels):
        probs = signals.probs().double()
        both = torch.stack([probs, 1 - probs], -1)
        parts = known.sum(-1).clamp_min(1)
        sure = (entropy(both) * known).sum(-1) / parts
        margin, far = ((2 * probs - 1).abs() * known).sum(-1) / parts, away.sum(-1) / parts
    else:
        scale = torch.zeros_like(signals.mean) if signals.scale is None else signals.scale
        parts = known.sum(-1).clamp_min(1)
        far = (away.sum(-1) / parts) / typical
        sure, margin = (scale.double() * known).sum(-1) / parts / typical, torch.zeros_like(far)
    return torch.stack([sure, margin, far, torch.ones_like(far)], dim=-1)
