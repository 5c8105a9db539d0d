"""A fusion tried on one example, and how far it is from each invariant there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from tutelage.core import (
    Classes,
    Context,
    Fittable,
    Fusion,
    InputError,
    Renewable,
    Scores,
    Step,
    Target,
    Values,
    Weights,
)
from tutelage.fusion import PerTeacher
from tutelage.ops.mixing import mixed

from .fusion_cases import MOST_TEACHERS, Case

TEMPERATURE = 2.0

_FIELDS = {
    "target": "labels",
    "labelled": "labels",
    "student": "student",
    "generator": "random",
    "at": "step",
}


class _Shown(Context):
    """A context that refuses to show what the fusion did not declare."""

    def __getattribute__(self, name: str) -> Any:
        if name in _FIELDS and _FIELDS[name] not in super().__getattribute__("_needs"):
            raise AssertionError(f"reads context.{name} without declaring {_FIELDS[name]!r} in `needs`")
        return super().__getattribute__(name)


def shown(fusion: Fusion, case: Case) -> Context:
    """A context that holds everything and refuses to show what the fusion did not declare."""
    part = case.rows
    context = object.__new__(_Shown)
    chance = torch.Generator().manual_seed(0)
    row = torch.arange(len(part.signals))
    full = Context(Step(3, 1, 0.5), TEMPERATURE, row, part.target, part.labelled, part.student, chance)
    for one in fields(Context):
        object.__setattr__(context, one.name, getattr(full, one.name))
    object.__setattr__(context, "_needs", fusion.needs)
    return context


def ready(fusion: Fusion, case: Case) -> Fusion:
    """The fusion fitted, or cut to the teachers of the example."""
    made: Any = fusion
    if isinstance(made, Fittable):
        held = case.heldout
        made = made.fit(held.signals.stacked(), held.target, held.labelled)
        assert made.fitted, f"{fusion.name}: fit returned a fusion that is not fitted"
        if isinstance(made, Renewable):
            made = made.renewed(held.student)
    elif isinstance(made, PerTeacher):
        try:
            made = made.taking(case.teachers)
        except IndexError as error:
            raise AssertionError(
                f"{fusion.name} holds something per teacher: give check_fusion one for {MOST_TEACHERS} teachers"
            ) from error
    return made


def run(fusion: Fusion, case: Case) -> Outcome | None:
    """What the fusion makes of an example; None when it refuses."""
    stacked = case.rows.signals.stacked()
    try:
        return Outcome(ready(fusion, case)(stacked, shown(fusion, case)), stacked)
    except InputError:
        return None


@dataclass(frozen=True)
class Outcome:
    """What a fusion made of stacked signals."""

    result: Weights | Target
    signals: Any

    @property
    def said(self) -> Tensor:
        """bool [*items]: where there is something to compare."""
        return self.signals.valid.any(0) if isinstance(self.result, Weights) else self.result.answer.valid

    @property
    def answer(self) -> Tensor:
        """What all teachers together say, as the asking term sees it; 0 where they say nothing."""
        if isinstance(self.result, Weights):
            return mixed(statistic(self.signals, TEMPERATURE), self.result.values)
        formed = self.result.temperature
        told = statistic(self.result.answer, TEMPERATURE if formed is None else 1.0)
        return torch.where(_wide(self.said, told), told, torch.zeros_like(told))


def statistic(answer: Any, temperature: float) -> Tensor:
    """What is compared: probabilities (0 off coverage), or means."""
    return answer.mean if isinstance(answer, Values) else answer.probs(temperature)


def _wide(mask: Tensor, like: Tensor) -> Tensor:
    return mask.view(*mask.shape, *[1] * (like.dim() - mask.dim())).expand_as(like)


def gap(a: Tensor, b: Tensor) -> float:
    """Largest difference, relative where the numbers are large."""
    return float(((a - b).abs() / b.abs().clamp_min(1.0)).max()) if a.numel() else 0.0


def _same(fusion: Fusion, case: Case, answer: Any) -> float:
    """How far the fusion is from this one answer (stacked, [1, ...]); 0 when it refuses."""
    found = run(fusion, case)
    if found is None:
        return 0.0
    said = answer.valid[0]
    if not torch.equal(found.said, said):
        return 1.0
    own = statistic(answer, TEMPERATURE)[0]
    return gap(found.answer, torch.where(_wide(said, own), own, torch.zeros_like(own)))


def _convex(fusion: Fusion, case: Case, found: Outcome) -> float:
    """Distance of a target from the convex hull of the answers; weights are convex by their form."""
    if isinstance(found.result, Weights):
        return 0.0
    valid = found.signals.valid
    points = statistic(found.signals, TEMPERATURE)
    if not isinstance(found.signals, Classes | Scores):
        low = torch.where(valid, points, torch.inf).amin(0)
        high = torch.where(valid, points, -torch.inf).amax(0)
        inside = torch.minimum(torch.maximum(found.answer, low), high)
        return gap(torch.where(found.said, found.answer, 0.0), torch.where(found.said, inside, 0.0))
    rows = found.said.nonzero().flatten().tolist()
    return max((_outside(points[valid[:, row], row], found.answer[row]) for row in rows), default=0.0)


def _outside(points: Tensor, told: Tensor) -> float:
    """How far a point [C] is from the hull of others [n, C]: the best of all ways to mix some of them."""
    best = float("inf")
    for size in range(1, len(points) + 1):
        for some in combinations(range(len(points)), size):
            corners = torch.cat([points[list(some)].double(), torch.ones(size, 1, dtype=torch.float64)], dim=1).T
            wanted = torch.cat([told.double(), torch.ones(1, dtype=torch.float64)])
            shares = torch.linalg.pinv(corners) @ wanted
            residual = float((corners @ shares - wanted).abs().max())
            best = min(best, max(residual, float((-shares).max())))
    return best


def _permutation(fusion: Fusion, case: Case, found: Outcome) -> float:
    count = len(case.teachers)
    worst = 0.0
    for order in (list(range(count))[::-1], [*range(1, count), 0]):
        other = run(fusion, case.of(order))
        if other is None:
            continue
        if isinstance(found.result, Weights) and isinstance(other.result, Weights):
            worst = max(worst, gap(other.result.values, found.result.values[order]))
        worst = max(worst, gap(other.answer, found.answer))
    return worst


def _absent(fusion: Fusion, case: Case, found: Outcome) -> float:
    worst = 0.0
    for gone in case.teachers if len(case.teachers) > 1 else ():
        rest = [teacher for teacher in range(len(case.teachers)) if teacher != gone]
        silent, without = run(fusion, case.silencing(gone)), run(fusion, case.of(rest))
        if silent is None or without is None:
            continue
        if isinstance(silent.result, Weights) and isinstance(without.result, Weights):
            worst = max(worst, gap(silent.result.values[rest], without.result.values))
        if not torch.equal(silent.said, without.said):
            return 1.0
        worst = max(worst, gap(silent.answer, without.answer))
    return worst


def _single(fusion: Fusion, case: Case, found: Outcome) -> float:
    alone = [case.of([teacher]) for teacher in range(len(case.teachers))]
    return max(_same(fusion, one, one.rows.signals.stacked()) for one in alone)


def _duplicate(fusion: Fusion, case: Case, found: Outcome) -> float:
    first = case.of([0] * len(case.teachers))
    numbered = Case(first.name, first.rows, first.heldout, case.teachers, first.optional)
    return _same(fusion, numbered, case.of([0]).rows.signals.stacked())


GAPS: dict[str, Callable[[Fusion, Case, Outcome], float]] = {
    "convex": _convex,
    "permutation": _permutation,
    "absent": _absent,
    "single": _single,
    "duplicate": _duplicate,
}
"""How far a fusion, and what it made of an example, is from each invariant there."""
