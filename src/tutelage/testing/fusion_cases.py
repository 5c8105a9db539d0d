"""Examples on which fusions are tried: random ones and nasty ones, the same at every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from tutelage.core import Classes, Labels, Scores, Signals, Values

Style = Literal["plain", "extreme", "one-hot", "constant", "opposed"]
MOST_TEACHERS = 5
HELD_OUT = 24


@dataclass(frozen=True)
class Part:
    """Signals about some rows, their labels, and what a student says about them."""

    signals: Signals
    target: Tensor
    labelled: Tensor
    student: Any

    def of(self, teachers: Sequence[int]) -> Part:
        """The same with these teachers, in this order; the same one may come twice."""
        answers = tuple(self.signals.answers[t] for t in teachers)
        return replace(self, signals=Signals(tuple(f"teacher {i}" for i in range(len(answers))), answers))

    def silencing(self, teacher: int) -> Part:
        """The same with one teacher that abstains everywhere."""
        answers: list[Any] = list(self.signals.answers)
        answers[teacher] = replace(answers[teacher], valid=torch.zeros_like(answers[teacher].valid))
        return replace(self, signals=Signals(self.signals.names, tuple(answers)))

    def take(self, rows: Tensor) -> Part:
        """The same about these rows only."""
        return Part(self.signals.take(rows), self.target[rows], self.labelled[rows], self.student.take(rows))


@dataclass(frozen=True)
class Case:
    """One example: rows to fuse, held-out rows to fit on.

    Attributes:
        name: as printed when a check fails.
        rows: asked about.
        heldout: for fusions that are fitted.
        teachers: which of the fusion's teachers these are, for fusions with something per teacher.
        optional: a fusion may refuse it (mixed coverages, values without scales).
    """

    name: str
    rows: Part
    heldout: Part
    teachers: tuple[int, ...]
    optional: bool = False

    def of(self, teachers: Sequence[int]) -> Case:
        """The same with these teachers, in this order."""
        kept = tuple(self.teachers[t] for t in teachers)
        return replace(self, rows=self.rows.of(teachers), heldout=self.heldout.of(teachers), teachers=kept)

    def silencing(self, teacher: int) -> Case:
        """The same with one teacher that abstains everywhere."""
        return replace(self, rows=self.rows.silencing(teacher), heldout=self.heldout.silencing(teacher))


@dataclass(frozen=True)
class _Plan:
    name: str
    teachers: int = 3
    rows: int = 6
    width: int = 4
    style: Style = "plain"
    absent: Literal["none", "some", "all"] = "none"
    unlabelled: bool = False
    mixed: bool = False
    scales: bool = True


_PLANS = (
    _Plan("plain"),
    _Plan("two teachers", teachers=2, rows=5, width=3),
    _Plan("one teacher", teachers=1, rows=5, width=3),
    _Plan("five teachers, two classes", teachers=MOST_TEACHERS, width=2),
    _Plan("one row", rows=1, width=3),
    _Plan("extreme", style="extreme"),
    _Plan("one-hot", style="one-hot"),
    _Plan("constant", style="constant"),
    _Plan("opposed", rows=3, style="opposed"),
    _Plan("some abstain", rows=8, absent="some"),
    _Plan("all abstain", rows=3, absent="all"),
    _Plan("some rows without labels", unlabelled=True),
    _Plan("mixed coverages", mixed=True),
    _Plan("values without scales", scales=False),
)


def cases(kind: str, dtype: torch.dtype) -> list[Case]:
    """All examples for one kind of answer (`classes`, `labels`, `values`, `scores`)."""
    plans = [plan for plan in _PLANS if plan.scales or kind == "values"]
    return [_case(plan, kind, dtype) for plan in plans]


def _case(plan: _Plan, kind: str, dtype: torch.dtype) -> Case:
    chance = torch.Generator().manual_seed(sum(plan.name.encode()))
    if kind == "scores":
        plan = replace(plan, width=plan.width + 2)  # so that mixed lists have candidates in common
    coverage = torch.ones(plan.teachers, plan.width, dtype=torch.bool)
    if plan.mixed:
        coverage = torch.arange(plan.width) != torch.arange(plan.teachers).unsqueeze(1)
    rows = _part(plan, kind, dtype, plan.rows, coverage, chance)
    learnable = replace(plan, absent="some" if plan.absent == "some" else "none")
    heldout = _part(learnable, kind, dtype, HELD_OUT, coverage, chance)
    return Case(plan.name, rows, heldout, tuple(range(plan.teachers)), plan.mixed or not plan.scales)


def _part(plan: _Plan, kind: str, dtype: torch.dtype, rows: int, coverage: Tensor, chance: torch.Generator) -> Part:
    target, labelled = _labels(plan, kind, dtype, rows, chance)
    answers: list[Any] = []
    for teacher in range(plan.teachers + 1):
        noise = torch.randn(rows, plan.width, dtype=dtype, generator=chance)
        spread = torch.randn(rows, plan.width, dtype=dtype, generator=chance).exp()
        valid = torch.full((rows,), plan.absent != "all")
        if plan.absent == "some":
            valid = torch.rand(rows, generator=chance) > 0.4
            valid[0] = False
        covered = coverage[teacher] if teacher < plan.teachers else torch.ones_like(coverage[0])
        valid = valid if teacher < plan.teachers else torch.ones_like(valid)
        if kind == "values":
            mean, scale = _numbers(plan.style, target + noise, spread, teacher)
            answers.append(Values.of(mean, scale if plan.scales else None, valid=valid, coverage=covered))
            continue
        hint = torch.nn.functional.one_hot(target.clamp_min(0), plan.width) if kind == "classes" else target
        scores = _scores(plan.style, 2 * noise + 1.5 * hint.to(dtype), teacher)
        if kind == "classes":
            answers.append(Classes.of(scores, "logits", valid=valid, coverage=covered))
        elif kind == "scores":
            answers.append(Scores.of(scores, listed=covered.expand_as(scores), valid=valid))
        else:
            answers.append(Labels.of(scores, valid=valid, coverage=covered))
    hidden = target.masked_fill(~(labelled if labelled.dim() == target.dim() else labelled.unsqueeze(-1)), -100)
    names = tuple(f"teacher {i}" for i in range(plan.teachers))
    return Part(Signals(names, tuple(answers[:-1])), hidden, labelled, answers[-1])


def _labels(plan: _Plan, kind: str, dtype: torch.dtype, rows: int, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    shape = (rows,) if kind in ("classes", "scores") else (rows, plan.width)
    labelled = torch.ones(shape, dtype=torch.bool)
    if plan.unlabelled:
        labelled = torch.rand(shape, generator=chance) > 0.5
        labelled[0] = False
    if kind == "classes":
        return torch.arange(rows) % plan.width, labelled
    if kind == "scores":
        return (torch.rand((rows, plan.width), generator=chance) > 0.5).to(dtype), labelled
    if kind == "labels":
        return (torch.rand(shape, generator=chance) > 0.5).to(dtype), labelled
    return 3 * torch.randn(shape, dtype=dtype, generator=chance), labelled


def _scores(style: Style, plain: Tensor, teacher: int) -> Tensor:
    if style == "extreme":
        return 50 * torch.where(plain > 1, 1.0, -1.0).to(plain.dtype)
    if style == "one-hot":
        return torch.where(plain == plain.amax(-1, keepdim=True), 60.0, 0.0).to(plain.dtype)
    if style == "constant":
        return torch.zeros_like(plain)
    if style == "opposed":
        return 200.0 * (torch.arange(plain.shape[-1]) == teacher % plain.shape[-1]).to(plain).expand_as(plain)
    return plain


def _numbers(style: Style, plain: Tensor, spread: Tensor, teacher: int) -> tuple[Tensor, Tensor]:
    if style == "extreme":
        return 1e5 * plain, spread**6
    if style == "one-hot":
        return plain, torch.full_like(spread, 1e-6)
    if style == "constant":
        return torch.ones_like(plain), torch.ones_like(spread)
    if style == "opposed":
        return torch.full_like(plain, 100.0 * teacher), spread
    return plain, spread
