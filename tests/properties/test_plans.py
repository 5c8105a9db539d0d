"""All plans show the same number and the same gradient for the same signals.

Teachers with random coverages and abstentions, rows with random labels and weights, random trust: plan 1
(one stored mean), plan 2 (mixed on the fly), plan 3 (teacher by teacher) and plan 4 (live) are compared
with a loop over teachers and rows written out here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from distilling import Literal, Says, Trust, classes, gradient, named
from tutelage.core import Batch, Classes, Context, Labels, Values, Weights
from tutelage.tasks import MultiLabel, Regression
from tutelage.teaching import Distillation, Memory, Objective
from tutelage.teaching.terms import (
    DIST,
    DKD,
    JSD,
    KL,
    LSKD,
    MSE,
    BinaryKL,
    CrossEntropy,
    GaussianKL,
    GaussianNLL,
    Huber,
    LogitL1,
    LogitMSE,
    ReverseKL,
    SquaredError,
    TotalVariation,
)

LINEAR: tuple[Any, ...] = (
    KL(2.0),
    CrossEntropy(),
    ReverseKL(2.0),
    SquaredError(),
    LogitMSE(),
    DKD(2.0),
    DKD(2.0, pivot="target"),
    DIST(2.0, 1.0, 0.0),
    LSKD(),
    LSKD(DKD(2.0)),
    BinaryKL(),
    MSE(),
    GaussianKL(),
    GaussianNLL(),
)
BENT: tuple[Any, ...] = (JSD(), TotalVariation(), LogitL1(), Huber())


@dataclass(frozen=True)
class World:
    """Teachers, trust, and a batch of rows in any order."""

    answers: tuple[Any, ...]
    trust: Tensor
    student: Tensor
    batch: Batch
    soft: float
    kind: str

    @property
    def task(self) -> Any:
        names = tuple("abcd")
        return {"classes": classes(4), "labels": MultiLabel(names), "values": Regression(names, with_scale=True)}[
            self.kind
        ]

    def distillation(self, term: Any, needs: frozenset[str] = frozenset(), live: bool = False) -> Distillation:
        source = Memory(named(*self.answers), live)
        return Distillation(source, Trust(self.trust, needs), Objective((term,), soft=self.soft), self.task)


@st.composite
def worlds(draw: st.DrawFn, kind: str) -> World:
    chance = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    teachers, rows = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    noise = lambda *shape: torch.randn(shape, generator=chance, dtype=torch.float64) * draw(st.sampled_from([1.0, 5.0]))  # noqa: E731
    mask = lambda *shape: torch.rand(shape, generator=chance) < draw(st.sampled_from([0.3, 0.8, 1.0]))  # noqa: E731
    covers = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 1]]).bool()
    answers: list[Any] = []
    for _ in range(teachers):
        coverage = covers[draw(st.integers(0, 3))]
        if kind == "classes":
            answers.append(Classes.of(noise(rows, 4), "logits", valid=mask(rows), coverage=coverage))
        elif kind == "labels":
            answers.append(Labels.of(noise(rows, 4), valid=mask(rows, 4), coverage=coverage))
        else:
            scale = noise(rows, 4).clamp(-2, 2).exp()
            answers.append(Values.of(noise(rows, 4), scale, valid=mask(rows, 4), coverage=coverage))
    order = torch.randperm(rows, generator=chance)
    if kind == "classes":
        target, labelled = torch.randint(4, (rows,), generator=chance), mask(rows)
    else:
        target, labelled = (noise(rows, 4) > 0).double(), mask(rows, 4)
    weight = torch.rand(rows, generator=chance, dtype=torch.float64)
    batch = Batch.of({"row": order}, target, row=order, labelled=labelled, weight=weight)
    trust = torch.rand(teachers, rows, generator=chance, dtype=torch.float64)
    student = noise(rows, 8 if kind == "values" else 4)
    return World(tuple(answers), trust, student, batch, draw(st.sampled_from([0.5, 1.0])), kind)


def literal(world: World, term: Any) -> tuple[float, Tensor]:
    """The loss by hand: a loop over teachers, each against its own statistic on its own classes."""
    student, batch = Says(world.student), world.batch
    answer = world.task.answer(student, batch)
    stacked = named(*(a.take(batch.row) for a in world.answers)).stacked()
    weights = world.distillation(term).fuse(stacked, Context(row=batch.row))
    assert isinstance(weights, Weights)
    told = Context(temperature=1.0, target=batch.target, labelled=batch.labelled)
    temperature = term.temperature
    phi, soft = term.statistic(stacked, temperature, told), torch.zeros(stacked.items[1:], dtype=torch.float64)
    for k in range(len(world.answers)):
        valid = stacked.valid[k]
        one = torch.where(valid.view(*valid.shape, *[1] * (phi[k].dim() - valid.dim())), phi[k], 0.0)
        coverage = stacked.coverage[k] if world.kind == "classes" else torch.ones(4, dtype=torch.bool)
        items = term.loss(answer, one, coverage, temperature, told)
        soft = soft + torch.where(valid, weights.values[k] * items, 0.0)
    taught, trust = stacked.valid.any(0), batch.weight.view(-1, *[1] * (soft.dim() - 1))
    hard = world.task.hard_loss(answer, batch.target) * (1 - world.soft * taught.double())
    total = torch.zeros((), dtype=torch.float64)
    for items, mask, share in ((hard, batch.labelled, 1.0), (soft, taught, world.soft)):
        if bool(mask.any()):
            total = total + share * (items * trust * mask).sum() / (trust * mask).sum()
    return float(total.detach()), gradient(total + 0.0 * student.answers.sum(), student)


def agree(world: World, term: Any, plans: dict[int, Distillation]) -> None:
    value, pull = literal(world, term)
    for number, distillation in plans.items():
        assert distillation.plan.number == number
        student = Says(world.student)
        found = distillation.loss(student, world.batch)
        assert found.item() == pytest.approx(value, rel=1e-9, abs=1e-9), f"plan {number}"
        torch.testing.assert_close(gradient(found.total, student), pull, rtol=1e-8, atol=1e-9, msg=f"plan {number}")


def plans_of(world: World, term: Any) -> dict[int, Distillation]:
    everything = replace(world.batch, inputs={})
    return {
        1: world.distillation(term).prepared([everything]),
        2: world.distillation(term, frozenset({"step"})),
        3: world.distillation(Literal(term)),
        4: world.distillation(term, live=True),
    }


@pytest.mark.parametrize("term", LINEAR, ids=lambda term: term.name)
def test_linear_terms(term: Any) -> None:
    @settings(deadline=None, max_examples=15, derandomize=True)
    @given(worlds(term.answers))
    def check(world: World) -> None:
        agree(world, term, plans_of(world, term))

    check()


@pytest.mark.parametrize("term", BENT, ids=lambda term: term.name)
def test_terms_that_are_not_linear(term: Any) -> None:
    @settings(deadline=None, max_examples=15, derandomize=True)
    @given(worlds(term.answers))
    def check(world: World) -> None:
        agree(world, term, {3: world.distillation(term), 4: world.distillation(term, live=True)})

    check()


@settings(deadline=None, max_examples=15, derandomize=True)
@given(worlds("classes"), st.permutations(range(4)))
def test_the_order_of_teachers_does_not_matter(world: World, order: list[int]) -> None:
    kept = [i for i in order if i < len(world.answers)]
    other = replace(world, answers=tuple(world.answers[i] for i in kept), trust=world.trust[kept])
    agree(other, KL(2.0), {1: other.distillation(KL(2.0))})
    assert literal(world, KL(2.0))[0] == pytest.approx(literal(other, KL(2.0))[0])


@settings(deadline=None, max_examples=15, derandomize=True)
@given(worlds("classes"), st.permutations(range(4)))
def test_the_order_of_classes_does_not_matter(world: World, order: list[int]) -> None:
    """Under a fixed numbering of the labels, every term sees classes as a set."""
    place = torch.tensor(order)
    moved = tuple(
        Classes.of(a.scores[:, place], a.kind, valid=a.valid, coverage=a.coverage[place]) for a in world.answers
    )
    batch = replace(world.batch, target=place.argsort()[world.batch.target])
    other = replace(world, answers=moved, student=world.student[:, place], batch=batch)
    for term in (KL(2.0), DKD(2.0), LSKD(), DIST(gamma=0.0), JSD()):
        value, pull = literal(world, term)
        again, moved_pull = literal(other, term)
        assert again == pytest.approx(value)
        torch.testing.assert_close(moved_pull.view(-1, 4), pull.view(-1, 4)[:, place], rtol=1e-8, atol=1e-10)
