"""Labels against teachers: factors from gradients, the same by closed form and by autograd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from distilling import Says, classes, gradient, named
from tutelage.core import Batch, Classes, Step, Values
from tutelage.fusion import HardVote, Mean
from tutelage.tasks import Regression
from tutelage.teaching import MGDA, Distillation, Loss, Memory, Objective, PCGrad
from tutelage.teaching.lanes import still
from tutelage.teaching.terms import DKD, JSD, KL, MSE

ROWS, CLASSES = 6, 4


@dataclass(frozen=True)
class Even:
    """Changes nothing."""

    apart: bool = False
    whole: bool = False
    name: ClassVar[str] = "even"
    source: ClassVar[str] = "sener2018"

    def __call__(self, gram: Sequence[Sequence[float]], at: Step) -> Sequence[float]:
        return [1.0] * len(gram)


def world(balance: Any, *, seed: int = 0, teachers: int = 3, soft: float = 0.5, terms: Any = None, mixed: bool = False):
    """A distillation with labels on some rows and teachers on most, a student, and its batch."""
    chance = torch.Generator().manual_seed(seed)
    coverage = torch.ones(CLASSES, dtype=torch.bool)
    said: list[Any] = []
    for number in range(teachers):
        known = coverage if not (mixed and number == 0) else torch.arange(CLASSES) > 0
        valid = torch.rand(ROWS, generator=chance) > 0.2
        scores = 2 * torch.randn(ROWS, CLASSES, dtype=torch.float64, generator=chance)
        said.append(Classes.of(scores, "logits", coverage=known, valid=valid))
    student = Says(torch.randn(ROWS, CLASSES, dtype=torch.float64, generator=chance))
    labelled = torch.arange(ROWS) < 4
    batch = Batch.of({"row": torch.arange(ROWS)}, torch.arange(ROWS) % CLASSES, labelled=labelled)
    batch = replace(batch, weight=torch.rand(ROWS, dtype=torch.float64, generator=chance))
    objective = Objective((KL(2.0),) if terms is None else terms, soft=soft, balance=balance)
    return Distillation(Memory(named(*said)), Mean(), objective, classes(CLASSES)), student, batch


def both_ways(distillation: Distillation, student: Says, batch: Batch, at: Step | None = None) -> Loss:
    """The loss, after checking that the closed form and autograd agree."""
    at = Step() if at is None else at
    found = distillation.loss(student, batch, at)
    pull = gradient(found.total, student)
    answer = distillation.task.answer(student, batch)
    general = distillation.loss_of(answer, batch, at, apart=True)
    torch.testing.assert_close(found.total, general.total)
    torch.testing.assert_close(gradient(general.total, student), pull)
    return distillation.loss(student, batch, at)


def pulls_of(distillation: Distillation, student: Says, batch: Batch, at: Step | None = None) -> list[Tensor]:
    """Gradients of the parts, each as it comes without a balance."""
    found = replace(distillation, objective=replace(distillation.objective, balance=None))
    answer = found.task.answer(student, batch)
    loss = found.loss_of(answer, batch, Step() if at is None else at, apart=True)
    return [torch.autograd.grad(v, student.answers, retain_graph=True)[0] for v in loss.values.values()]


def whole(seed: int) -> list[Tensor]:
    """Gradients of labels and teachers, each as a mean of its own."""
    labels, student, batch = world(None, seed=seed, soft=0.0)
    hard = gradient(labels.loss(student, batch).total, student)
    return [hard, 2.0 * pulls_of(*world(None, seed=seed, soft=0.5))[1].flatten()]


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("terms", [(KL(2.0),), (KL(2.0), JSD()), (DKD(2.0),)], ids=["kl", "kl-jsd", "dkd"])
def test_factors_of_one_change_nothing(apart: bool, mixed: bool, terms: Any) -> None:
    plain, student, batch = world(None, terms=terms, mixed=mixed)
    even, _, _ = world(Even(apart), terms=terms, mixed=mixed)
    one, two = plain.loss(student, batch), both_ways(even, student, batch)
    torch.testing.assert_close(one.total, two.total)
    torch.testing.assert_close(gradient(one.total, student), gradient(two.total, student))
    for name, value in one.values.items():
        torch.testing.assert_close(value.detach(), two.values[name].detach())


def test_mgda_lowers_both_where_the_plain_sum_raises_one() -> None:
    """Labels and teachers disagree: the plain sum follows the stronger, MGDA's step is one that both gain from."""
    raised = 0
    for seed in range(20):
        plain, student, batch = world(None, seed=seed, soft=0.9)
        balanced, _, _ = world(MGDA(), seed=seed, soft=0.9)
        parts = whole(seed)
        step = gradient(both_ways(balanced, student, batch).total, student)
        raised += any(float(p @ gradient(plain.loss(student, batch).total, student)) < 0 for p in parts)
        assert all(float(p @ step) >= -1e-9 for p in parts)
    assert raised >= 2


@pytest.mark.parametrize("normalised", [False, True])
def test_mgda_replaces_the_share(normalised: bool) -> None:
    """Factors on the simplex, whatever the share; the part weighs labels of all rows."""
    found = []
    for soft in (0.1, 1.0):
        distillation, student, batch = world(MGDA(normalised), soft=soft)
        found.append(gradient(both_ways(distillation, student, batch).total, student))
    torch.testing.assert_close(found[0], found[1])
    hard, told = whole(0)
    a, b = (hard / hard.norm(), told / told.norm()) if normalised else (hard, told)
    share = float(((b - a) @ b / (a - b).square().sum()).clamp(0, 1))
    torch.testing.assert_close(found[0], share * hard + (1 - share) * told)


def test_pcgrad_takes_the_conflict_out() -> None:
    """Two parts in conflict each lose what they pull against the other; without conflict nothing happens."""
    conflicts = 0
    for seed in range(20):
        plain, student, batch = world(None, seed=seed)
        balanced, _, _ = world(PCGrad(), seed=seed)
        hard, soft = (p.flatten() for p in pulls_of(plain, student, batch))
        step, inner = gradient(both_ways(balanced, student, batch).total, student), hard @ soft
        if inner >= 0:
            torch.testing.assert_close(step, hard + soft)
            continue
        conflicts += 1
        wanted = hard - inner / (soft @ soft) * soft + soft - inner / (hard @ hard) * hard
        torch.testing.assert_close(step, wanted)
        assert float(step @ hard) >= 0
        assert float(step @ soft) >= 0
    assert 3 <= conflicts < 20


def test_the_order_of_projections_is_drawn_from_the_step_alone() -> None:
    gram = [[1.0, -0.5, -0.6], [-0.5, 1.0, 0.1], [-0.6, 0.1, 1.0]]
    found = {tuple(PCGrad()(gram, Step(step))) for step in range(20)}
    assert len(found) > 1
    assert PCGrad()(gram, Step(3)) == PCGrad()(gram, Step(3, epoch=9))
    assert min(min(factors) for factors in found) >= 1.0


@pytest.mark.parametrize("balance", [MGDA(apart=True), PCGrad(apart=True)], ids=["mgda", "pcgrad"])
def test_teachers_one_by_one(balance: Any) -> None:
    moved = [by_hand(balance, seed) for seed in range(6)]
    assert max(moved) > 1e-3


def by_hand(balance: Any, seed: int) -> float:
    """Compares with the rule applied to the gradients of labels and single teachers; how far factors are apart."""
    distillation, student, batch = world(balance, soft=0.5, seed=seed)
    assert distillation.plan.number == 3
    assert "by itself" in distillation.plan.reason
    at = Step(2)
    step = gradient(both_ways(distillation, student, batch, at).total, student)
    answer = distillation.task.answer(student, batch)
    valid = distillation.signals(batch.row).stacked().valid
    weights = valid.double() / valid.sum(0).clamp_min(1)
    trust = batch.weight * valid.any(0)
    share = 1.0 if balance.whole else 0.5
    lost = torch.zeros_like(batch.weight) if balance.whole else 0.5 * valid.any(0).double()
    hard = torch.nn.functional.cross_entropy(answer.scores, batch.target, reduction="none")
    heard = batch.weight * batch.labelled
    parts = [(hard * heard * (1 - lost)).sum() / heard.sum()]
    for teacher in range(3):
        said: Any = distillation.signals(batch.row).answers[teacher]
        phi = said.probs(2.0)
        items = 4.0 * (torch.xlogy(phi, phi) - phi * answer.log_probs(2.0)).sum(-1)
        parts.append(share * (items * trust * weights[teacher]).sum() / trust.sum())
    pulls = torch.stack([torch.autograd.grad(p, student.answers, retain_graph=True)[0].flatten() for p in parts])
    factors = torch.tensor(balance((pulls @ pulls.T).tolist(), at), dtype=torch.float64)
    torch.testing.assert_close(step, factors @ pulls)
    return float((factors - factors[0]).abs().max())


def test_what_has_no_gradient_has_no_say() -> None:
    """No labels, no teachers, one row, validation: nothing to balance, nothing lost, nothing infinite."""
    distillation, student, batch = world(MGDA())
    bare = replace(batch, labelled=torch.zeros(ROWS, dtype=torch.bool))
    plain, _, _ = world(None, soft=1.0)
    torch.testing.assert_close(
        gradient(both_ways(distillation, student, bare).total, student),
        gradient(plain.loss(student, bare).total, student),
    )
    answer = distillation.task.answer(student, batch)
    with torch.no_grad():
        assert torch.isfinite(distillation.loss_of(answer, batch, Step()).total)
    labels, _, _ = world(MGDA(), soft=0.0)
    torch.testing.assert_close(labels.loss(student, batch).total, world(None, soft=0.0)[0].loss(student, batch).total)
    one = Batch.of({"row": torch.tensor([3])}, torch.tensor([1]), row=torch.tensor([3]))
    assert torch.isfinite(gradient(both_ways(distillation, student, one).total, student)).all()


@pytest.mark.parametrize("scale", [50.0, 1e4])
@pytest.mark.parametrize("balance", [MGDA(), MGDA(True), MGDA(apart=True), PCGrad()], ids=str)
def test_saturated_answers(balance: Any, scale: float) -> None:
    distillation, student, batch = world(balance)
    said: Any = distillation.signals(batch.row).answers
    loud = tuple(replace(one, scores=scale * one.scores.sign()) for one in said)
    distillation = replace(distillation, source=Memory(named(*loud)))
    student.answers.data.sign_().mul_(scale)
    step = gradient(both_ways(distillation, student, batch).total, student)
    assert torch.isfinite(step).all()


def test_targets_and_values() -> None:
    """A fusion that gives one answer is one teacher; numbers are balanced too."""
    distillation, student, batch = world(MGDA(apart=True))
    voted = replace(distillation, fusion=HardVote())
    assert voted.plan.number == 1
    both_ways(voted, student, batch)
    chance = torch.Generator().manual_seed(0)
    said = [Values.of(torch.randn(ROWS, 2, generator=chance)) for _ in range(2)]
    task: Any = Regression(("a", "b"))
    term: Any = MSE()
    numbers = Distillation(Memory(named(*said)), Mean(), Objective((term,), soft=0.5, balance=MGDA()), task)
    own = Says(torch.randn(ROWS, 2, generator=chance))
    rows = Batch.of({"row": torch.arange(ROWS)}, torch.randn(ROWS, 2, generator=chance))
    step = gradient(numbers.loss(own, rows).total, own)
    parts = pulls_of(numbers, own, rows)
    assert all(float(p.flatten() @ step) >= -1e-6 for p in parts)


def test_lanes_of_a_sweep_are_balanced_one_by_one() -> None:
    distillation, _, batch = world(MGDA())
    assert still(world(None)[0].prepared([batch]))
    assert not still(distillation.prepared([batch]))


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.integers(2, 6), st.integers(1, 8), st.integers(0, 2**31 - 1), st.booleans())
def test_a_step_of_mgda_raises_no_part(parts: int, width: int, seed: int, normalised: bool) -> None:
    pulls = np.random.default_rng(seed).normal(size=(parts, width))
    gram = pulls @ pulls.T
    factors = np.array(MGDA(normalised)(gram.tolist(), Step()))
    assert factors.sum() == pytest.approx(1.0)
    lengths = np.sqrt(np.diag(gram)) if normalised else np.ones(parts)
    step = factors @ (pulls / lengths[:, None])
    assert (pulls / lengths[:, None] @ step).min() >= step @ step - 1e-7
