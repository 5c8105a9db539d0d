"""Performance: trust by what a teacher achieved on held-out rows, once for all or as training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from ..core import INVARIANTS, Classes, Context, InputError, Scores, Values, Weights
from ..core.spaces.classes import cover
from ..ops.simplex import normalised
from .answers import choices, dtype_of, refusal, truth

Reward = Literal["correct", "truth", "nce", "inv_mse"]
Numbers = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Performance:
    """w_i proportional to the mean over held-out rows j of r_ij; weighting as in Perrone and Cooper 1993.

    The mean runs over the rows that have a label, that the teacher answers and whose label it knows; a
    teacher without any such row gets the mean weight of the others. Labels and values have a weight per
    column.

    Args:
        reward: what r_ij is. `correct`: 1 when the teacher's best class is the label, else 0. `truth`: its
            probability of the label. `nce`: 1 / (1 + CE) with the cross-entropy CE in nats, the negative
            cross-entropy moved into (0, 1]. `inv_mse`: the weight is one over the mean squared error (of the
            mean for values, of the whole probability vector for classes). Values know `inv_mse` only.
        weights: what was fitted, one row per teacher, one number per column; leave it out and call `fit`.

    Raises:
        InputError: an unknown reward; (when fitted) values with another reward than `inv_mse`, or no
            labelled row that any teacher answers; (when called) not fitted, or another number of teachers.
    """

    name = "performance"
    gives = "weights"
    needs = frozenset[str]()
    invariants = INVARIANTS
    blind = True
    source = "perrone1993"
    reward: Reward = "truth"
    weights: Numbers | None = None

    def __post_init__(self) -> None:
        _check(self.reward)

    @property
    def fitted(self) -> bool:
        """Whether it has weights."""
        return self.weights is not None

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> Performance:
        """The same with weights from out-of-fold answers (stacked, [T, N, ...]) and their labels."""
        scores, known = achieved(signals, target, labelled, self.reward, self.name)
        weights = _weights(scores, known, known.to(scores.dtype), self.reward)
        return replace(self, weights=_numbers(weights))

    def taking(self, teachers: Sequence[int]) -> Performance:
        """The same for these teachers only, in this order."""
        return self if self.weights is None else replace(self, weights=tuple(self.weights[t] for t in teachers))

    def bound(self, names: Sequence[str]) -> Performance:
        """The same: the weights are in the order of the teachers it was fitted on."""
        return self

    def __call__(self, signals: Any, context: Context) -> Weights:
        """The fitted weights over the valid teachers, per item."""
        return _applied(self.weights, signals, self.name)


@dataclass(frozen=True)
class DynamicPerformance:
    """Performance weights that follow the student: rows count by what it has not yet learnt.

    w_i is proportional to sum_j u_j r_ij / sum_j u_j, with r_ij as in `Performance` and u_j one minus the
    student's probability of the label of row j (values: its squared error, per column). u_j = 1 before the
    student was seen. Once per epoch, `renewed` takes the student's answers about the rows given to `fit`.

    Args:
        reward: as in `Performance`.
        weights: in force now, one row per teacher, one number per column.
        record: what was achieved on the held-out rows, kept by `fit`.

    Raises:
        InputError: as in `Performance`; (when renewed) another number of rows than fitted on.
    """

    name = "dynamic_performance"
    gives = "weights"
    needs = frozenset({"history"})
    invariants = INVARIANTS
    blind = True
    source = "perrone1993"
    reward: Reward = "truth"
    weights: Numbers | None = None
    record: Record | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self.reward)

    @property
    def fitted(self) -> bool:
        """Whether it has weights."""
        return self.weights is not None

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> DynamicPerformance:
        """The same with every row counting alike, remembering the rows."""
        scores, known = achieved(signals, target, labelled, self.reward, self.name)
        weights = _weights(scores, known, known.to(scores.dtype), self.reward)
        return replace(self, weights=_numbers(weights), record=Record(scores, known, target, labelled))

    def renewed(self, student: Any) -> DynamicPerformance:
        """The same with the rows weighted by what this student's answers ([N, ...]) still miss."""
        if self.record is None:
            raise InputError(f"fusion {self.name!r} was not fitted: call fit(signals, target, labelled) first")
        record = self.record
        if len(student) != record.scores.shape[1]:
            raise InputError(
                f"fusion {self.name!r} was fitted on {record.scores.shape[1]} rows and sees the student's "
                f"answers about {len(student)}: give its answers about the same rows, in the same order"
            )
        missing = _missing(student, record.target, record.labelled).to(record.scores.dtype)
        weights = _weights(record.scores, record.known, record.known * missing, self.reward)
        return replace(self, weights=_numbers(weights))

    def taking(self, teachers: Sequence[int]) -> DynamicPerformance:
        """The same for these teachers only, in this order."""
        if self.weights is None or self.record is None:
            return self
        chosen, record = list(teachers), self.record
        kept = replace(record, scores=record.scores[chosen], known=record.known[chosen])
        return replace(self, weights=tuple(self.weights[t] for t in chosen), record=kept)

    def bound(self, names: Sequence[str]) -> DynamicPerformance:
        """The same: the weights are in the order of the teachers it was fitted on."""
        return self

    def __call__(self, signals: Any, context: Context) -> Weights:
        """The weights in force over the valid teachers, per item."""
        return _applied(self.weights, signals, self.name)


@dataclass(frozen=True)
class Record:
    """What the teachers achieved on held-out rows: scores and known [T, N, columns], and the labels."""

    scores: Tensor
    known: Tensor
    target: Tensor
    labelled: Tensor


def achieved(signals: Any, target: Tensor, labelled: Tensor, reward: Reward, who: str) -> tuple[Tensor, Tensor]:
    """What each teacher achieved on each row, and where that is known: [T, N, columns] both.

    For `inv_mse` it is the squared error, whose mean is inverted later.
    """
    if isinstance(signals, Values):
        if reward != "inv_mse":
            raise refusal(who, signals, f"{reward!r} is for classes and labels", "reward='inv_mse'")
        return (signals.mean - target).square(), signals.valid & labelled
    logs, known = truth(signals, target, labelled, who)
    if reward == "truth":
        scores = logs.exp()
    elif reward == "nce":
        scores = 1.0 / (1.0 - logs)
    elif isinstance(signals, Scores):
        shares, _ = choices(signals, target, labelled)
        if reward == "correct":
            best = signals.score.masked_fill(~signals.common, -torch.inf).argmax(-1, keepdim=True)
            scores = (shares.gather(-1, best).squeeze(-1) > 0).to(logs.dtype)
        else:
            scores = (signals.probs() - shares).square().sum(-1)
    elif isinstance(signals, Classes):
        index = target.clamp(0, signals.scores.shape[-1] - 1)
        if reward == "correct":
            best = signals.scores.masked_fill(~cover(signals.coverage), -torch.inf).argmax(-1)
            scores = (best == index).to(logs.dtype)
        else:
            wanted = torch.nn.functional.one_hot(index, signals.scores.shape[-1])
            scores = (signals.probs() - wanted).square().sum(-1)
    else:
        right = (signals.logits > 0) == (target > 0.5)
        scores = right.to(logs.dtype) if reward == "correct" else (signals.probs() - target).square()
    if isinstance(signals, Classes | Scores):
        scores, known = scores.unsqueeze(-1), known.unsqueeze(-1)
    return scores, known


def _check(reward: str) -> None:
    if reward not in ("correct", "truth", "nce", "inv_mse"):
        raise InputError(f"performance is measured as correct, truth, nce or inv_mse, got {reward!r}")


def _weights(scores: Tensor, known: Tensor, rows: Tensor, reward: Reward) -> Tensor:
    """Weights [T, columns], each column summing to 1, from scores, and trust in rows, [T, N, columns]."""
    judged = known.any(1)
    if not bool(judged.any()):
        raise InputError(
            "performance weights need held-out rows with labels that a teacher answers, got none: give such "
            "rows, or use the mean"
        )
    trust = normalised(rows.transpose(0, 1), known.transpose(0, 1)).transpose(0, 1)
    mean = torch.where(known, scores, torch.zeros_like(scores)).mul(trust).sum(1)
    if reward == "inv_mse":
        least = torch.where(judged, mean, torch.full_like(mean, torch.inf)).amin(0)
        mean = torch.where(mean == least, 1.0, least / mean.clamp_min(torch.finfo(mean.dtype).tiny))
    mean = torch.where(judged, mean, torch.zeros_like(mean))
    others = mean.sum(0) / judged.sum(0).clamp_min(1)
    return normalised(torch.where(judged, mean, others), torch.ones_like(judged))


def _missing(student: Any, target: Tensor, labelled: Tensor) -> Tensor:
    """What the student has not learnt of each row, [N, columns]; 0 where there is no label."""
    if isinstance(student, Values):
        return torch.where(labelled, (student.mean - target).square(), torch.zeros_like(student.mean))
    stack = type(student).stack([student])
    logs, known = truth(stack, target, labelled, "dynamic_performance")
    missing = torch.where(known, 1.0 - logs.exp(), torch.zeros_like(logs))[0]
    return missing.unsqueeze(-1) if isinstance(student, Classes | Scores) else missing


def _numbers(weights: Tensor) -> Numbers:
    return tuple(tuple(row) for row in weights.tolist())


def _applied(weights: Numbers | None, signals: Any, who: str) -> Weights:
    if weights is None:
        raise InputError(f"fusion {who!r} has no weights yet: call fit(signals, target, labelled) on held-out rows")
    valid: Tensor = signals.valid
    if len(weights) != valid.shape[0]:
        raise InputError(f"fusion {who!r} was fitted on {len(weights)} teachers and got {valid.shape[0]}: fit it again")
    table = torch.tensor(weights, dtype=dtype_of(signals), device=valid.device)
    wide = table if valid.dim() == 2 else table.unsqueeze(1)
    return Weights(normalised(wide.expand(valid.shape), valid))
