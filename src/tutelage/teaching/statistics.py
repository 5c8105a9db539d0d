"""Statistics: what the terms need to know of the teachers, per row.

One `Group` per distinct coverage: the mean statistic of the teachers that share it, and how much
trust they hold together. `Means` keeps the groups of many rows (plan 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import Context, Target, Term
from ..ops.mixing import mixed
from ..ops.simplex import normalised


@dataclass(frozen=True)
class Group:
    """The mean statistic of the teachers that share one coverage.

    Attributes:
        coverage: bool [C].
        phi: [B, ...], used as it is.
        mass: trust of the group, float [*items]; the groups' masses sum to 1 where a teacher is valid.
    """

    coverage: Tensor
    phi: Tensor
    mass: Tensor


@dataclass(frozen=True)
class TermPart:
    """What one term needs: its groups, the constant that makes the value literal, the temperature."""

    groups: tuple[Group, ...]
    gap: Tensor
    temperature: float

    def loss(self, term: Term, student: Any, context: Context) -> Tensor:
        """[*items]: the weighted sum of the teachers' losses."""
        total = self.gap
        for group in self.groups:
            items = term.loss(student, group.phi, group.coverage, self.temperature, context)
            total = total + group.mass * items
        return total


@dataclass(frozen=True)
class Mixture:
    """All that is known about some rows before the student speaks."""

    row: Tensor
    view: Tensor
    parts: tuple[TermPart, ...]
    acted: Tensor
    weights: Tensor | None

    def taught(self) -> Tensor:
        """bool [*items]: where at least one teacher says something."""
        return torch.stack([group.mass for group in self.parts[0].groups]).sum(0) > 0

    def map(self, change: Callable[[Tensor], Tensor]) -> Mixture:
        """The same with every row-wise tensor changed; coverages go through unchanged."""
        parts = tuple(
            replace(
                part,
                gap=change(part.gap),
                groups=tuple(replace(g, phi=change(g.phi), mass=change(g.mass)) for g in part.groups),
            )
            for part in self.parts
        )
        weights = None if self.weights is None else change(self.weights.transpose(0, 1)).transpose(0, 1)
        return Mixture(change(self.row), change(self.view), parts, change(self.acted), weights)

    def to(self, device: torch.device) -> Mixture:
        """The same on another device."""
        if self.row.device == device:
            return self
        parts = tuple(
            replace(part, groups=tuple(replace(g, coverage=g.coverage.to(device)) for g in part.groups))
            for part in self.parts
        )
        return replace(self, parts=parts).map(lambda tensor: tensor.to(device))


def against_target(term: Term, target: Target, temperature: float, context: Context, policy: str) -> TermPart:
    """The statistic of one fused answer."""
    answer = target.answer
    formed = target.temperature
    phi = term.statistic(answer, temperature if formed is None else 1.0, context)
    mass = answer.valid.to(phi.dtype)
    coverage = torch.ones_like(answer.coverage) if policy == "closed" else _shared_coverage(answer)
    group = Group(coverage, _silent(phi, answer.valid), mass)
    return TermPart((group,), torch.zeros_like(mass), temperature if formed is None else formed)


def against_weights(
    term: Term, signals: Any, weights: Tensor, temperature: float, context: Context, policy: str
) -> TermPart:
    """One mean statistic per distinct coverage, for linear terms (plans 1, 2 and 4)."""
    phi = _silent(term.statistic(signals, temperature, context), signals.valid)
    weights = weights.to(phi.dtype)
    literal = mixed(term.energy(phi, temperature), weights)
    groups: list[Group] = []
    for coverage, members in _by_coverage(signals, policy):
        trust = weights[members]
        mass = trust.sum(0)
        mean = mixed(phi[members], normalised(trust, trust > 0))
        literal = literal - mass * term.energy(mean, temperature)
        groups.append(Group(coverage, mean, mass))
    return TermPart(tuple(groups), literal, temperature)


def against_teachers(
    term: Term, signals: Any, weights: Tensor, temperature: float, context: Context, policy: str
) -> TermPart:
    """One mean statistic per coverage for a linear term, one per teacher for any other (plan 3)."""
    if term.linear:
        return against_weights(term, signals, weights, temperature, context, policy)
    phi = _silent(term.statistic(signals, temperature, context), signals.valid)
    groups = tuple(
        Group(coverage, phi[teacher], weights[teacher].to(phi.dtype))
        for coverage, members in _by_coverage(signals, policy)
        for teacher in members
    )
    return TermPart(groups, torch.zeros_like(groups[0].mass), temperature)


def _silent(phi: Tensor, valid: Tensor) -> Tensor:
    """Statistics of absent answers become 0, whatever the answer held."""
    mask = valid.view(*valid.shape, *[1] * (phi.dim() - valid.dim()))
    return torch.where(mask, phi, torch.zeros_like(phi))


def _shared_coverage(answer: Any) -> Tensor:
    """Answers valid entry by entry need no coverage beside; the others bring theirs."""
    return torch.ones_like(answer.coverage) if answer.valid.dim() == 2 else answer.coverage


def _by_coverage(signals: Any, policy: str) -> list[tuple[Tensor, list[int]]]:
    """Distinct coverages and the teachers that share each."""
    coverage: Tensor = signals.coverage
    everyone = list(range(coverage.shape[0]))
    if policy == "closed" or signals.valid.dim() == 3:
        return [(torch.ones_like(coverage[0]), everyone)]
    groups: dict[tuple[bool, ...], list[int]] = {}
    for teacher in everyone:
        groups.setdefault(tuple(coverage[teacher].tolist()), []).append(teacher)
    return [(coverage[members[0]], members) for members in groups.values()]
