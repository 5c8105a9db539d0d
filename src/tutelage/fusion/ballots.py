"""What fusions of votes share: votes out of answers, and what votes say once their voters are known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..core import Classes, InputError, Labels, Scores, Target, Values
from ..core.spaces.classes import cover
from ..ops.claims import Claims
from .answers import dtype_of, of_classes, of_labels, refusal

Table = tuple[tuple[float, ...], ...]


def ballots(signals: Any, who: str) -> Tensor:
    """Each teacher's choice, int64 [questions, B, T], -1 where it says nothing.

    Classes are one question: the best class, the lowest index of several. Labels are a question each: 1 for yes.

    Raises:
        InputError: values or rankings.
    """
    if isinstance(signals, Values):
        raise refusal(who, signals, "numbers cannot be counted", "Median or Precision")
    if isinstance(signals, Scores):
        raise refusal(who, signals, "a ranking is more than its first place", "Borda or ReciprocalRank")
    if isinstance(signals, Classes):
        best = signals.scores.masked_fill(~cover(signals.coverage), -torch.inf).argmax(-1)
        return torch.where(signals.valid, best, -1).T.unsqueeze(0)
    assert isinstance(signals, Labels)
    return torch.where(signals.valid, (signals.logits > 0).long(), -1).permute(2, 1, 0)


def choices_of(signals: Any) -> int:
    """Number of answers that a question has."""
    return signals.scores.shape[-1] if isinstance(signals, Classes) else 2


def sayable(signals: Any) -> Tensor:
    """bool [T, V]: the answers that a teacher can give at all."""
    if isinstance(signals, Classes):
        return signals.coverage.cpu()
    return torch.ones(signals.coverage.shape[0], 2, dtype=torch.bool)


def claims_of(votes: Tensor, values: int, who: str) -> Claims:
    """The votes [B, T] about one question.

    Raises:
        InputError: nobody votes.
    """
    if not bool((votes >= 0).any()):
        raise InputError(f"{who} learns from rows that teachers answer, got none: give such rows, or use HardVote")
    return Claims.of_votes(votes.cpu(), values)


def elected(prob: Tensor, signals: Any) -> Target:
    """The target at temperature 1 from probabilities [questions, B, V]."""
    told = prob.to(signals.valid.device, dtype_of(signals))
    if isinstance(signals, Classes):
        return Target(of_classes(told[0] * signals.coverage.any(0), signals), 1.0)
    return Target(of_labels(told[..., 1].T, told[..., 0].T, signals), 1.0)


def fitting(held: tuple[Any, ...] | None, votes: Tensor, teachers: list[int], who: str) -> tuple[Any, ...]:
    """What was fitted, one entry per question.

    Args:
        held: what the fusion holds.
        votes: [questions, B, T].
        teachers: how many teachers each entry is about.
        who: the asking fusion.

    Raises:
        InputError: not fitted, or for another number of questions or teachers.
    """
    if held is None:
        raise InputError(f"fusion {who!r} was not fitted: call fit(signals, target, labelled); it looks at no labels")
    if len(held) != len(votes) or any(count != votes.shape[2] for count in teachers):
        raise InputError(
            f"fusion {who!r} was fitted on {len(held)} questions to {teachers[0]} teachers and got {len(votes)} to "
            f"{votes.shape[2]}: fit it again"
        )
    return held
