"""Lanes: the losses of many students at once, each against its own target.

The answers of S students about b rows each lie one after another on the row axis, as one answer about S * b rows.
A term looks at one row at a time, so that one call compares all of them; only the reduction knows of lanes.

    Joined  lanes with an equal objective whose targets do not depend on training: one call per term for all of them
    Apart   one lane of any other kind: its own `Distillation.loss_of`, on its own rows
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..core import Batch, Context, Step, Task, Term
from ..ops.schedules import constant
from .distillation import Distillation
from .means import positions
from .objective import Objective, Part, trusted
from .planner import STILL
from .statistics import Group, Mixture, TermPart
from .terms import DIST


@dataclass(frozen=True)
class LaneLoss:
    """The losses of G lanes on one batch each.

    Attributes:
        parts: as in `Loss`, with totals and counts [G].
        told: [G, T + 2]: trust per teacher summed over the items, number of items with any trust, share of the items
            on which the fusion acted. None where nothing is learnt from teachers.
    """

    parts: Mapping[str, Part]
    told: Tensor | None


@runtime_checkable
class Lanes(Protocol):
    """Some lanes whose losses are computed together.

    Attributes:
        objective: of all of them.
        teachers: how many teachers give weights, per lane; 0 where the fusion gives a target.
    """

    @property
    def objective(self) -> Objective: ...
    @property
    def teachers(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def losses(self, answer: Any, batch: Batch, at: Step) -> LaneLoss:
        """Losses of G lanes from answers about G * b rows, lane by lane."""
        ...

    def kept(self, lanes: Sequence[int]) -> Lanes:
        """The same with these lanes only."""
        ...


@dataclass(frozen=True)
class Apart:
    """One lane that asks its own distillation at every step."""

    target: Distillation

    @property
    def objective(self) -> Objective:
        """That of the distillation."""
        return self.target.objective

    @property
    def teachers(self) -> tuple[int, ...]:
        """As many as there are, or none."""
        return (len(self.target.names) if self.target.fusion.gives == "weights" else 0,)

    def __len__(self) -> int:
        return 1

    def losses(self, answer: Any, batch: Batch, at: Step) -> LaneLoss:
        """The loss of the distillation, with a lane axis."""
        loss = self.target.loss_of(answer, batch, at, apart=True)
        parts = {
            name: Part(part.total.unsqueeze(0), part.count.unsqueeze(0), part.factor)
            for name, part in loss.parts.items()
        }
        if loss.acted is None:
            return LaneLoss(parts, None)
        items = loss.acted.new_zeros(0, 1).float() if loss.weights is None else loss.weights.flatten(1)
        counts = [(items.sum(0) > 0).sum(), loss.acted.float().mean()]
        told = [items.sum(1), *(count.to(items).unsqueeze(0) for count in counts)]
        return LaneLoss(parts, torch.cat(told).unsqueeze(0))

    def kept(self, lanes: Sequence[int]) -> Apart:
        """Itself."""
        return self


@dataclass(frozen=True)
class Joined:
    """Lanes with an equal objective, whose mixtures of all rows lie one after another.

    Attributes:
        objective: of all lanes.
        task: of all lanes.
        parts: one per term, about the rows of one target after the other.
        taught: bool [targets * N, ...]; None without teachers.
        told: float [targets * N, T + 2], what `LaneLoss` sums up, row by row.
        start: where the rows of each lane's target begin, int64 [G].
        place: where a row number and a view lie among the N rows of a target, int64 [rows, views].
        teachers: see `Lanes`.
    """

    objective: Objective
    task: Task
    parts: tuple[TermPart, ...]
    taught: Tensor | None
    told: Tensor | None
    start: Tensor
    place: Tensor
    teachers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.start)

    def kept(self, lanes: Sequence[int]) -> Joined:
        """The same with these lanes only."""
        start = self.start[torch.tensor(lanes, device=self.start.device)]
        return replace(self, start=start, teachers=tuple(self.teachers[lane] for lane in lanes))

    def losses(self, answer: Any, batch: Batch, at: Step) -> LaneLoss:
        """One call of the hard loss and of each term for all lanes."""
        lanes, share = len(self), self.objective.share(at) if self.parts else 0.0
        hard = self.task.hard_loss(answer, batch.target)
        if share == 0.0 or self.taught is None or self.told is None:
            return LaneLoss({"hard": _reduced(hard, batch.weight, batch.labelled, lanes)}, None)
        index = (self.start.unsqueeze(1) + self.place[batch.row, batch.view].view(lanes, -1)).view(-1)
        taught = self.taught.index_select(0, index)
        parts = {"hard": _reduced(hard * (1.0 - taught.to(hard) * share), batch.weight, batch.labelled, lanes)}
        context = Context(at, 1.0, batch.row, batch.target, batch.labelled)
        for term, strength, part in zip(self.objective.terms, self.objective.weights, self.parts, strict=True):
            shown = replace(context, temperature=part.temperature)
            items = _items(
                term, _changed([part], lambda tensors: tensors[0].index_select(0, index)), answer, shown, lanes
            )
            parts[term.name] = _reduced(items, batch.weight, taught, lanes, share * strength)
        told = self.told.index_select(0, index).view(lanes, -1, self.told.shape[-1])
        return LaneLoss(parts, torch.cat([told[..., :-1].sum(1), told[..., -1:].mean(1)], dim=-1))


def joined(targets: Sequence[Distillation], batches: Sequence[Batch]) -> list[tuple[list[int], Lanes]]:
    """All targets, as few groups of lanes as possible.

    Args:
        targets: one per lane, prepared where plan 1 runs; lanes may share one.
        batches: all rows that losses will be asked for, with their labels, on the device of the losses.

    Returns:
        For each group the numbers of its lanes, and the group.
    """
    found: list[tuple[list[int], Lanes]] = []
    alike: list[tuple[tuple[Any, ...], list[int]]] = []
    mixtures: dict[int, Mixture | None] = {}
    for number, target in enumerate(targets):
        if not still(target):
            found.append(([number], Apart(target)))
            continue
        if id(target) not in mixtures:
            mixtures[id(target)] = mixture_of(target, batches)
        key = (target.objective, target.task, _form(mixtures[id(target)]))
        members = next((members for known, members in alike if known == key), None)
        if members is None:
            alike.append((key, [number]))
        else:
            members.append(number)
    for _, members in alike:
        own = [targets[number] for number in members]
        found.append((members, _joined(own, [mixtures[id(target)] for target in own], batches)))
    return found


def still(target: Distillation) -> bool:
    """Whether what the teachers say can be computed before training, and its terms for many lanes at once.

    Of the terms that look at the whole batch only `DIST` is known to go through `torch.vmap`. Labels that are hidden
    from training are shown to validation, so that beyond plan 1, which never shows them, nothing may look at labels.
    """
    terms, plan = target.objective.terms, target.plan.number
    needs = target.fusion.needs.union(*(term.needs for term in terms))
    known = all(constant(t.temperature) and ("batch" not in t.needs or isinstance(t, DIST)) for t in terms)
    known = known and target.objective.balance is None
    return known and plan != 4 and target.fusion.needs <= STILL and (plan == 1 or "labels" not in needs)


def mixture_of(target: Distillation, batches: Sequence[Batch]) -> Mixture | None:
    """All that is known about these rows before training, for one that is `still`; None without terms."""
    if not target.objective.terms:
        return None
    return Mixture.concat([target.mixture(batch, Step(), None) for batch in batches])


def _joined(targets: Sequence[Distillation], mixtures: Sequence[Mixture | None], batches: Sequence[Batch]) -> Joined:
    distinct = {id(target): mixture for target, mixture in zip(targets, mixtures, strict=True)}
    known = [mixture for mixture in distinct.values() if mixture is not None]
    rows = torch.cat([batch.row for batch in batches])
    numbers = {target: number for number, target in enumerate(distinct)}
    start = torch.tensor([numbers[id(target)] * len(rows) for target in targets], device=rows.device)
    place = positions(rows, torch.cat([batch.view for batch in batches]))
    objective, task = targets[0].objective, targets[0].task
    if not known:
        return Joined(objective, task, (), None, None, start, place, (0,) * len(targets))
    parts = tuple(_changed(same, torch.cat) for same in zip(*(mixture.parts for mixture in known), strict=True))
    teachers = tuple(0 if m is None or m.weights is None else m.weights.shape[0] for m in mixtures)
    told = torch.cat([_told(mixture, max(teachers)) for mixture in known])
    taught = torch.cat([mixture.taught() for mixture in known])
    return Joined(objective, task, parts, taught, told, start, place, teachers)


def _told(mixture: Mixture, teachers: int) -> Tensor:
    """[N, T + 2]; see `Joined`."""
    acted = mixture.acted.float().flatten(1).mean(1) if mixture.acted.dim() > 1 else mixture.acted.float()
    told = acted.new_zeros(len(acted), teachers + 2)
    told[:, -1] = acted
    if mixture.weights is not None:
        weights = mixture.weights.unsqueeze(-1) if mixture.weights.dim() == 2 else mixture.weights
        told[:, : len(weights)] = weights.sum(-1).T
        told[:, -2] = (weights.sum(0) > 0).sum(-1).to(told)
    return told


def _form(mixture: Mixture | None) -> tuple[Any, ...]:
    """What mixtures must share to be laid one after another."""
    parts = () if mixture is None else mixture.parts
    return tuple((part.temperature, tuple(tuple(g.coverage.tolist()) for g in part.groups)) for part in parts)


def _changed(parts: Sequence[TermPart], change: Callable[[list[Tensor]], Tensor]) -> TermPart:
    """One part from several of the same form, tensor by tensor."""
    groups = tuple(
        Group(same[0].coverage, change([g.phi for g in same]), change([g.mass for g in same]))
        for same in zip(*(part.groups for part in parts), strict=True)
    )
    return TermPart(groups, change([part.gap for part in parts]), parts[0].temperature)


def _items(term: Term, part: TermPart, answer: Any, context: Context, lanes: int) -> Tensor:
    """Losses per item; a term that looks at the whole batch sees one lane at a time."""
    if "batch" not in term.needs:
        return part.loss(term, answer, context)
    kind, meta, apart = type(answer), answer.meta(), _split(lanes)

    def one(arrays: dict[str, Tensor], tensors: list[Tensor], seen: list[Tensor | None]) -> Tensor:
        rest = iter(tensors)
        own = replace(context, row=seen[0], target=seen[1], labelled=seen[2])
        return _changed([part], lambda _: next(rest)).loss(term, kind.from_arrays(arrays, meta), own)

    tensors: list[Tensor] = []
    _changed([part], lambda found: (tensors.append(apart(found[0])), found[0])[1])
    arrays = {name: apart(value) for name, value in answer.to_arrays().items()}
    seen = [None if value is None else apart(value) for value in (context.row, context.target, context.labelled)]
    return torch.vmap(one)(arrays, tensors, seen).flatten(0, 1)


def _split(lanes: int) -> Callable[[Tensor], Tensor]:
    return lambda tensor: tensor.view(lanes, -1, *tensor.shape[1:])


def _reduced(losses: Tensor, weight: Tensor, valid: Tensor, lanes: int, factor: float = 1.0) -> Part:
    """`reduce`, lane by lane: totals and counts [lanes]."""
    finite, trust = trusted(losses, weight, valid)
    return Part((finite * trust).view(lanes, -1).sum(1), trust.view(lanes, -1).sum(1), factor)
