"""One step looked through: how a loss after an inner step of gradient descent depends on what the step was made with.

    inner(own, learnt)   loss that the step goes down, in `own`
    outer(own)           loss of where the step ends
    wanted               d outer(own - rate * d inner / d own) / d learnt

`through_step` differentiates the step itself (second order, exact). `around_step` takes the difference of two
first-order gradients on both sides, as in DARTS (Liu, Simonyan and Yang 2019): its error falls with the square of the
distance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Named = Mapping[str, Tensor]
Inner = Callable[[Named, Named], Tensor]
Ends = Callable[[Named], Tensor]


def through_step(inner: Inner, outer: Ends, own: Named, learnt: Named, rate: float) -> dict[str, Tensor]:
    """The gradient with respect to `learnt`, exact; costs a backward pass through a backward pass.

    Args:
        inner: scalar loss of the step.
        outer: scalar loss of its end.
        own: parameters that the step moves, by name.
        learnt: what it was made with, by name.
        rate: length of the step.
    """
    own, learnt = leaves(own), leaves(learnt)
    pull = _gradients(inner(own, learnt), own, graph=True)
    moved = {name: value - rate * pull[name] for name, value in own.items()}
    return _gradients(outer(moved), learnt)


def around_step(
    inner: Inner, outer: Ends, own: Named, learnt: Named, rate: float, distance: float = 1e-2
) -> dict[str, Tensor]:
    """The same by a central difference; costs four plain backward passes, and no memory for a second order.

    Args:
        inner: scalar loss of the step.
        outer: scalar loss of its end.
        own: parameters that the step moves, by name.
        learnt: what it was made with, by name.
        rate: length of the step.
        distance: how far, in the norm of all parameters together, the difference looks to either side.
    """
    own, learnt = leaves(own), leaves(learnt)
    pull = _gradients(inner(own, learnt), own)
    moved = leaves({name: value - rate * pull[name] for name, value in own.items()})
    way = _gradients(outer(moved), moved)
    length = torch.stack([part.square().sum() for part in way.values()]).sum().sqrt()
    if not bool(length > 0):
        return {name: torch.zeros_like(value) for name, value in learnt.items()}
    epsilon = distance / length
    sides: list[dict[str, Tensor]] = []
    for sign in (1.0, -1.0):
        there = leaves({name: value + sign * epsilon * way[name] for name, value in own.items()})
        sides.append(_gradients(inner(there, learnt), learnt))
    before, behind = sides
    return {name: -rate * (before[name] - behind[name]) / (2.0 * epsilon) for name in learnt}


def leaves(values: Named) -> dict[str, Tensor]:
    """The same numbers, cut off from where they came from, ready to be differentiated by."""
    return {name: value.detach().requires_grad_() for name, value in values.items()}


def _gradients(loss: Tensor, values: Named, graph: bool = False) -> dict[str, Tensor]:
    leaf = list(values.values())
    found: list[Tensor | None] = [*torch.autograd.grad(loss, leaf, create_graph=graph, allow_unused=True)]
    pairs = zip(values.items(), found, strict=True)
    return {name: torch.zeros_like(value) if g is None else g for (name, value), g in pairs}
