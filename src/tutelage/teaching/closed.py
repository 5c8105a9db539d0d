"""Losses whose gradient is known in closed form: one node in the graph, however many parts the loss has.

Where the student answers with scores over all classes, and task and terms know their gradients (`HardGraded`,
`Graded`), value and gradient are computed together without a graph. The numbers are those of the general way, by test,
and a gradient of the gradient takes the general way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ..core import Batch, Classes, Graded, HardGraded, Step, Task
from ..core.spaces.classes import is_everything
from .objective import Loss, Objective, Part, per_unit
from .parts import factors
from .statistics import Mixture, TermPart


def is_closed(objective: Objective, task: Task, answer: Any, mixture: Mixture | None) -> bool:
    """Whether task, terms and answer allow it, and the student alone wants a gradient."""
    if not (isinstance(answer, Classes) and answer.scores.requires_grad and torch.is_grad_enabled()):
        return False
    if answer.scores.dim() != 2 or not is_everything(answer.coverage) or not _plays(type(task), HardGraded):
        return False
    if mixture is None:
        return True
    if any(part.each for part in mixture.parts):
        return False
    whole = all(len(part.groups) == 1 and is_everything(part.groups[0].coverage) for part in mixture.parts)
    if not whole or any(_learns(part) for part in mixture.parts):
        return False
    return all(_plays(type(term), Graded) for term in objective.terms)


def _learns(part: TermPart) -> bool:
    """Whether a fusion that learns wants a gradient too."""
    (group,) = part.groups
    return part.gap.requires_grad or group.phi.requires_grad or group.mass.requires_grad


@cache
def _plays(kind: type, role: type) -> bool:
    return issubclass(kind, role)


def loss_of(
    objective: Objective,
    task: Any,
    answer: Classes,
    batch: Batch,
    mixture: Mixture | None,
    at: Step,
    counts: Mapping[str, Tensor] | None,
    again: Callable[[Classes], Tensor],
) -> Loss:
    """The loss of one batch; of its fields only `total` carries a gradient.

    Args:
        objective: what is compared.
        task: knows the gradient of its hard loss.
        answer: the student's.
        batch: the rows.
        mixture: what the teachers say; None for labels alone.
        at: where training stands.
        counts: as in `Distillation.loss`.
        again: the total by the general way, for gradients of gradients.
    """
    bare = Classes(answer.scores.detach(), answer.kind, answer.coverage, answer.valid)
    with torch.no_grad():
        if mixture is None:
            found = [_hard(task, bare, batch, None, 0.0, counts)]
        else:
            taught, (lost, given) = mixture.taught(), objective.shares(at)
            alone = lost == 1.0 and bool(taught.all())
            found = [_unheard(batch) if alone else _hard(task, bare, batch, taught, lost, counts)]
            trust = batch.weight * taught
            for term, strength, part in zip(objective.terms, objective.weights, mixture.parts, strict=True):
                found.append(_soft(term, part, bare, trust, given * strength, counts))
            if objective.balance is not None:
                found = _balanced(found, factors(objective.balance, [also for *_, also in found], at))
        value, gradient = None, None
        for _, _, more, also in found:
            value = more if value is None else value + more
            if also is not None:
                gradient = also if gradient is None else gradient.add_(also)
    total: Any = _Total.apply(answer.scores, value, gradient, answer, again)
    parts, values = {name: part for name, part, _, _ in found}, {name: own for name, _, own, _ in found}
    if mixture is None:
        return Loss(total, parts, values)
    return Loss(total, parts, values, mixture.acted, mixture.weights)


_Found = tuple[str, Part, Tensor, Tensor | None]
"""Name, part, what it adds to the loss, and the gradient of that; None: no gradient."""


def _balanced(found: Sequence[_Found], by: Sequence[float]) -> list[_Found]:
    """Every part, its value and its gradient times its factor."""
    return [
        (name, replace(part, total=f * part.total), f * value, None if also is None else f * also)
        for (name, part, value, also), f in zip(found, by, strict=True)
    ]


def _unheard(batch: Batch) -> _Found:
    """The hard loss where teachers have the whole say."""
    nothing = batch.weight.new_zeros(())
    return "hard", Part(nothing, (batch.weight * batch.labelled).sum()), nothing, None


def _hard(
    task: Any, bare: Classes, batch: Batch, taught: Tensor | None, share: float, counts: Mapping[str, Tensor] | None
) -> _Found:
    trust = batch.weight * batch.labelled
    kept = trust if taught is None else trust * (1.0 - share * taught.to(trust.dtype))
    count = trust.sum()
    unit = per_unit(1.0, count if counts is None else counts["hard"], bare.scores)
    losses, gradient = task.hard_graded(bare, batch.target, kept * unit)
    total = _total(losses, kept, trust)
    return "hard", Part(total, count), total * unit, gradient


def _soft(
    term: Any, part: TermPart, bare: Classes, trust: Tensor, factor: float, counts: Mapping[str, Tensor] | None
) -> _Found:
    (group,) = part.groups
    count = trust.sum()
    unit = per_unit(factor, count if counts is None else counts[term.name], bare.scores)
    pulls, gradient = term.graded(bare, group.phi, part.temperature, trust * group.mass * unit)
    losses = torch.addcmul(part.gap, group.mass, pulls)
    total = _total(losses, trust, trust)
    return term.name, Part(total, count, factor), total * unit, gradient


def _total(losses: Tensor, counted: Tensor, trust: Tensor) -> Tensor:
    """What `reduce` sums up: losses that nobody trusts may be infinite."""
    total = torch.dot(losses, counted.to(losses.dtype))
    if total.is_cpu and math.isfinite(total.item()):
        return total
    return torch.dot(losses.masked_fill(trust <= 0, 0.0), counted.to(losses.dtype))


class _Total(torch.autograd.Function):
    """A value with a known gradient."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, value: Tensor, gradient: Tensor, answer: Classes, again: Any) -> Tensor:
        ctx.save_for_backward(scores, gradient)
        ctx.answer, ctx.again = answer, again
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *received: Tensor) -> Any:
        scores, gradient = ctx.saved_tensors
        (grad,) = received
        if torch.is_grad_enabled():
            total = ctx.again(Classes(scores, ctx.answer.kind, ctx.answer.coverage, ctx.answer.valid))
            (gradient,) = torch.autograd.grad(total, scores, create_graph=True)
        return grad * gradient, None, None, None, None
