"""What learned fusions share: a full-batch fit, and numbers of answers that a silent teacher leaves at 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..core import FLOOR, Classes, InputError, Labels, Scores, Values
from .answers import knowing, refusal

STEPS = 200
Table = tuple[tuple[float, ...], ...]


def fitted(start: Sequence[Tensor], loss: Callable[..., Tensor]) -> list[Tensor]:
    """The parameters that make a smooth loss least, from a start, by L-BFGS in float64.

    Args:
        start: first values.
        loss: scalar, of the parameters.
    """
    with torch.enable_grad():
        found = [part.detach().double().clone().requires_grad_() for part in start]
        solver = torch.optim.LBFGS(
            found, max_iter=STEPS, tolerance_grad=1e-9, tolerance_change=1e-12, line_search_fn="strong_wolfe"
        )

        def value() -> Tensor:
            solver.zero_grad()
            total = loss(*found)
            total.backward()
            return total

        solver.step(value)  # pyright: ignore[reportArgumentType]
    return [part.detach() for part in found]


def said(answer: Any, who: str) -> tuple[Tensor, Tensor]:
    """What each teacher says as numbers, and where it says something: float64 and bool [T, N, outputs].

    Classes are probabilities less the uniform one, labels probabilities less a half, values the means; a number that
    is not there is 0.

    Raises:
        InputError: rankings, no two rows of which have the same candidates.
    """
    if isinstance(answer, Scores):
        raise refusal(who, answer, "no two rows have the same candidates", "Performance, Borda or ReciprocalRank")
    if isinstance(answer, Classes):
        known = knowing(answer)
        numbers = answer.probs().double() - 1.0 / answer.scores.shape[-1]
    elif isinstance(answer, Labels):
        known, numbers = answer.valid, answer.probs().double() - 0.5
    else:
        known, numbers = answer.valid, answer.mean.double()
    return numbers.masked_fill(~known, 0.0), known


def side_by_side(numbers: Tensor) -> Tensor:
    """[T, N, outputs] as one line per row, [N, T * outputs]."""
    return numbers.transpose(0, 1).flatten(1)


def mixture_loss(weights: Tensor, answer: Any, target: Tensor, rows: Tensor) -> Tensor:
    """Loss of the mixed answer per row: cross-entropy of the mixed probabilities, or squared error, [rows].

    Args:
        weights: float64 [T, N], 0 for teachers that are silent.
        answer: stacked.
        target: labels as in `Batch`.
        rows: bool [N], the rows that count.
    """
    weights = weights[:, rows]
    if isinstance(answer, Classes):
        place = target[rows].expand(len(weights), -1).unsqueeze(-1)
        probs = answer.probs().double().masked_fill(~knowing(answer), 0.0)[:, rows]
        return -(weights * probs.gather(-1, place).squeeze(-1)).sum(0).clamp_min(FLOOR).log()
    wide = weights.unsqueeze(-1)
    valid, truth = answer.valid[:, rows], target[rows].double()
    if isinstance(answer, Labels):
        probs = (wide * answer.probs().double()[:, rows] * valid).sum(0)
        agreed = truth * probs.clamp_min(FLOOR).log() + (1 - truth) * (1 - probs).clamp_min(FLOOR).log()
        return -agreed.sum(-1)
    mean = (wide * answer.mean.double()[:, rows] * valid).sum(0)
    return (mean - truth).square().sum(-1)


def learnable(answer: Any, target: Tensor, labelled: Tensor, who: str) -> Tensor:
    """bool [N]: rows with a label, every entry of it, and an answer; for classes, by somebody who knows the class.

    Raises:
        InputError: there are none.
    """
    valid, known = answer.valid.any(0), labelled
    if isinstance(answer, Classes):
        inside = target.clamp(0, answer.scores.shape[-1] - 1)
        heard = (answer.valid & answer.coverage[:, inside]).any(0)
        rows = known & heard
    elif valid.dim() == 2:
        rows = (valid & known).all(-1)
    else:
        rows = valid & known
    if not bool(rows.any()):
        raise InputError(
            f"{who} learns from labelled held-out rows that a teacher answers, and there is none: give such rows, or "
            "use the mean"
        )
    return rows


def spread(answer: Any) -> float:
    """Scale of the squared errors of values; 1 for everything else."""
    if not isinstance(answer, Values):
        return 1.0
    seen = answer.mean[answer.valid].double()
    return float(seen.var().clamp_min(1e-12)) if len(seen) > 1 else 1.0


def table(numbers: Tensor) -> Table:
    """A matrix as plain numbers."""
    return tuple(tuple(row) for row in numbers.tolist())


def answering(answer: Any) -> Tensor:
    """bool [T, N]: who answers about a row, at least in part."""
    valid: Tensor = answer.valid
    return valid if valid.dim() == 2 else valid.any(-1)
