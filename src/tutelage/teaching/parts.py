"""The parts of a loss, and the hook for balances: parts get factors, by one gradient each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..core import Batch, Context, Step, Task
from .balance import Balance
from .objective import Objective, Part, reduce
from .statistics import Mixture

Pieces = Sequence[tuple[str, Part]]
"""Parts by name; those of several teachers may share a term's name, count and factor."""


def pieces_of(objective: Objective, task: Task, answer: Any, batch: Batch, at: Step, mixture: Mixture | None) -> Pieces:
    """The hard loss and the terms, each a weighted sum and what it is divided by.

    Args:
        objective: what is compared, and how strongly.
        task: knows the hard loss.
        answer: the student's.
        batch: the rows.
        at: where training stands.
        mixture: what the teachers say; None for labels alone.
    """
    if mixture is None:
        return [("hard", reduce(task.hard_loss(answer, batch.target), batch.weight, batch.labelled))]
    taught, (lost, given) = mixture.taught(), objective.shares(at)
    if lost == 1.0 and bool(taught.all()):
        nothing = torch.zeros_like(batch.labelled, dtype=batch.weight.dtype)
        pieces = [("hard", reduce(nothing, batch.weight, batch.labelled))]
    else:
        hard = task.hard_loss(answer, batch.target)
        kept = 1.0 - lost * taught.to(hard.dtype)
        pieces = [("hard", reduce(hard, batch.weight, batch.labelled, kept=kept))]
    for term, strength, part in zip(objective.terms, objective.weights, mixture.parts, strict=True):
        context = Context(at, part.temperature, batch.row, batch.target, batch.labelled)
        for items in part.losses(term, answer, context):
            pieces.append((term.name, reduce(items, batch.weight, taught, given * strength)))
    return pieces


def factors(rule: Balance, gradients: Sequence[Tensor | None], at: Step) -> list[float]:
    """One factor per part; 1 for parts that do not pull.

    Args:
        rule: decides.
        gradients: with respect to the student's answer, of one shape each; None where a part has none.
        at: where training stands.
    """
    found = [1.0] * len(gradients)
    flat = {i: g.detach().reshape(-1).double() for i, g in enumerate(gradients) if g is not None}
    pulling = [i for i, g in flat.items() if bool((g != 0).any()) and bool(torch.isfinite(g).all())]
    if len(pulling) < 2:
        return found
    stacked = torch.stack([flat[i] for i in pulling])
    for i, factor in zip(pulling, rule((stacked @ stacked.T).tolist(), at), strict=True):
        found[i] = float(factor)
    return found


def balanced(
    rule: Balance | None, pieces: Pieces, answer: Any, at: Step, counts: Mapping[str, Tensor] | None
) -> Pieces:
    """The pieces with the rule's factors; as they are where the answer wants no gradient (validation).

    Args:
        rule: decides; None leaves them as they are.
        pieces: computed from the answer.
        answer: the student's.
        at: where training stands.
        counts: as in `Distillation.loss`.
    """
    tensors = [value for value in answer.to_arrays().values() if value.requires_grad]
    if rule is None or not tensors or not torch.is_grad_enabled():
        return pieces
    pulls: list[Tensor | None] = []
    for name, part in pieces:
        value = part.value(None if counts is None else counts[name])
        if not value.requires_grad:
            pulls.append(None)
            continue
        own: list[Tensor | None] = [*torch.autograd.grad(value, tensors, retain_graph=True, allow_unused=True)]
        flat = [torch.zeros_like(t) if g is None else g for g, t in zip(own, tensors, strict=True)]
        pulls.append(torch.cat([g.reshape(-1) for g in flat]))
    found = zip(pieces, factors(rule, pulls, at), strict=True)
    return [(name, replace(part, total=factor * part.total)) for (name, part), factor in found]


def gathered(pieces: Pieces) -> dict[str, Part]:
    """One part per name."""
    found: dict[str, Part] = {}
    for name, part in pieces:
        found[name] = replace(part, total=found[name].total + part.total) if name in found else part
    return found
