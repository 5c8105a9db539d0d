"""Statistics: what the terms need to know of the teachers, per row.

One `Group` per distinct coverage: the mean statistic of the teachers that share it, and how much
trust they hold together. `Means` keeps the groups of many rows (plan 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ..core import Context, Pulling, Target, Term
from ..core.spaces.classes import everything, is_everything, named
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
    """What one term needs: its groups, what makes the value literal, the temperature.

    Attributes:
        groups: one per coverage, or one per teacher for terms that are not linear.
        gap: [*items], added to the groups' pulls (or losses, of a term that does not split them off).
        temperature: at which both sides are compared.
        each: the teachers' losses are kept apart, one group per teacher.
    """

    groups: tuple[Group, ...]
    gap: Tensor
    temperature: float
    each: bool = False

    def losses(self, term: Term, student: Any, context: Context) -> tuple[Tensor, ...]:
        """[*items] each: the weighted sum of the teachers' losses, or where they are kept apart its summands."""
        if not self.each:
            return (self.loss(term, student, context),)
        compared = [(g, term.loss(student, g.phi, g.coverage, self.temperature, context)) for g in self.groups]
        return tuple(group.mass * items for group, items in compared)

    def loss(self, term: Term, student: Any, context: Context) -> Tensor:
        """[*items]: the weighted sum of the teachers' losses."""
        compare: Any = getattr(term, "pull" if _pulls(type(term)) else "loss")
        total = self.gap
        for group in self.groups:
            items = compare(student, group.phi, group.coverage, self.temperature, context)
            total = torch.addcmul(total, group.mass, items)
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
        groups = self.parts[0].groups
        return sum((group.mass for group in groups[1:]), groups[0].mass) > 0

    def at(self, place: Tensor, row: Tensor, view: Tensor) -> Mixture:
        """The mixtures at these places, which are about these rows and views."""
        parts = tuple(
            TermPart(
                tuple(Group(g.coverage, _picked(g.phi, place), _picked(g.mass, place)) for g in part.groups),
                _picked(part.gap, place),
                part.temperature,
            )
            for part in self.parts
        )
        weights = None if self.weights is None else _picked(self.weights.transpose(0, 1), place).transpose(0, 1)
        return Mixture(row, view, parts, _picked(self.acted, place), weights)

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

    @staticmethod
    def concat(mixtures: Sequence[Mixture]) -> Mixture:
        """The mixtures of all rows, in order; coverages and temperatures are those of the first."""
        columns: list[list[Tensor]] = [[] for _ in mixtures]
        for one, column in zip(mixtures, columns, strict=True):
            one.map(lambda tensor, column=column: (column.append(tensor), tensor)[1])
        joined = iter([torch.cat(pieces) for pieces in zip(*columns, strict=True)])
        return mixtures[0].map(lambda _: next(joined))

    def to(self, device: torch.device) -> Mixture:
        """The same on another device."""
        if self.row.device == device:
            return self
        parts = tuple(
            replace(part, groups=tuple(replace(g, coverage=_there(g.coverage, device)) for g in part.groups))
            for part in self.parts
        )
        return replace(self, parts=parts).map(lambda tensor: tensor.to(device))


def against_target(term: Term, target: Target, temperature: float, context: Context, policy: str) -> TermPart:
    """The statistic of one fused answer."""
    answer = target.answer
    formed = target.temperature
    phi = term.statistic(answer, temperature if formed is None else 1.0, context)
    mass, phi = answer.valid.to(phi.dtype), _silent(phi, answer.valid)
    coverage = torch.ones_like(answer.coverage) if policy == "closed" else _shared_coverage(answer)
    compared = temperature if formed is None else formed
    gap = mass * term.energy(phi, compared) if _pulls(type(term)) else torch.zeros_like(mass)
    return TermPart((Group(named(coverage), phi, mass),), gap, compared)


def against_weights(
    term: Term, signals: Any, weights: Tensor, temperature: float, context: Context, policy: str
) -> TermPart:
    """One mean statistic per distinct coverage, for linear terms (plans 1, 2 and 4)."""
    phi = _silent(term.statistic(signals, temperature, context), signals.valid)
    weights = weights.to(phi.dtype)
    literal = mixed(term.energy(phi, temperature), weights)
    groups: list[Group] = []
    for coverage, members in _by_coverage(signals, policy):
        whole = len(members) == len(phi)
        own, trust = (phi, weights) if whole else (phi[members], weights[members])
        mass = trust.sum(0)
        share = mass.clamp_min(torch.finfo(mass.dtype).tiny)
        mean = mixed(own, trust) / share.view(*share.shape, *[1] * (own.dim() - trust.dim()))
        if not _pulls(type(term)):
            literal = literal - mass * term.energy(mean, temperature)
        groups.append(Group(coverage, mean, mass))
    return TermPart(tuple(groups), literal, temperature)


def one_by_one(term: Any, answers: Sequence[Any], weights: Tensor, temperature: float) -> TermPart:
    """`against_weights` for T answers that cover everything, without stacking them: for many classes."""
    mass = weights.sum(0)
    phi, literal = term.mixture(answers, normalised(weights, weights > 0), temperature)
    if not _pulls(type(term)):
        literal = literal - term.energy(phi, temperature)
    coverage = everything((phi.shape[-1],), phi.device)
    return TermPart((Group(coverage, phi, mass.to(phi.dtype)),), mass.to(phi.dtype) * literal, temperature)


def against_teachers(
    term: Term, signals: Any, weights: Tensor, temperature: float, context: Context, policy: str, each: bool = False
) -> TermPart:
    """One mean statistic per coverage for a linear term, one per teacher for any other (plan 3), or if asked for."""
    if term.linear and not each:
        return against_weights(term, signals, weights, temperature, context, policy)
    phi = _silent(term.statistic(signals, temperature, context), signals.valid)
    groups = tuple(
        Group(coverage, phi[teacher], weights[teacher].to(phi.dtype))
        for coverage, members in _by_coverage(signals, policy)
        for teacher in members
    )
    return TermPart(groups, torch.zeros_like(groups[0].mass), temperature, each)


@cache
def _pulls(kind: type) -> bool:
    """Whether terms of this kind are compared by `pull`, their energy being part of the gap."""
    return issubclass(kind, Pulling)


def _there(coverage: Tensor, device: torch.device) -> Tensor:
    """The coverage on another device; nothing is copied where it is everything."""
    return everything(tuple(coverage.shape), device) if is_everything(coverage) else named(coverage.to(device))


def _picked(tensor: Tensor, place: Tensor) -> Tensor:
    return tensor.index_select(0, place)


def _silent(phi: Tensor, valid: Tensor) -> Tensor:
    """Statistics of absent answers become 0, whatever the answer held."""
    if bool(valid.all()):
        return phi
    return phi.masked_fill(~valid.view(*valid.shape, *[1] * (phi.dim() - valid.dim())), 0.0)


def _shared_coverage(answer: Any) -> Tensor:
    """Answers valid entry by entry need no coverage beside; the others bring theirs."""
    return torch.ones_like(answer.coverage) if answer.valid.dim() == 2 else answer.coverage


def _by_coverage(signals: Any, policy: str) -> list[tuple[Tensor, list[int]]]:
    """Distinct coverages and the teachers that share each."""
    coverage: Tensor = signals.coverage
    everyone = list(range(coverage.shape[0]))
    if policy == "closed" or signals.valid.dim() == 3:
        return [(named(torch.ones_like(coverage[0])), everyone)]
    if is_everything(coverage):
        return [(everything((coverage.shape[-1],), coverage.device), everyone)]
    groups: dict[tuple[bool, ...], list[int]] = {}
    for teacher in everyone:
        groups.setdefault(tuple(coverage[teacher].tolist()), []).append(teacher)
    return [(named(coverage[members[0]]), members) for members in groups.values()]
