"""The loss whose gradient is known in closed form is the loss of the general way, and so is its gradient."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distilling import Trust, classes, named
from tutelage.core import Batch, Classes, InputError, Step, Target
from tutelage.fusion import Entropy, Mean, SoftVote
from tutelage.tasks import Classification
from tutelage.teaching import Distillation, Memory, Objective, Part, closed
from tutelage.teaching.terms import DKD, JSD, KL, CrossEntropy, ReverseKL

ROWS, CLASSES = 9, 5
TERMS = {
    "kl": (KL(2.0),),
    "cold": (KL(1.0), CrossEntropy(1.0)),
    "both": (KL(4.0), CrossEntropy(3.0)),
}


def answers(*, silent: bool = False, dtype: torch.dtype = torch.float32) -> Any:
    chance = torch.Generator().manual_seed(0)
    found: list[Classes] = []
    for teacher in range(3):
        valid = torch.ones(ROWS, dtype=torch.bool)
        if silent:
            valid[[teacher, 7]] = False
        scores = (3 * torch.randn(ROWS, CLASSES, generator=chance)).to(dtype)
        scores[~valid] = torch.nan
        found.append(Classes.of(scores, "logits", valid=valid))
    return named(*found)


def batch(dtype: torch.dtype = torch.float32) -> Batch:
    chance = torch.Generator().manual_seed(1)
    target = torch.randint(0, CLASSES, (ROWS,), generator=chance)
    plain = Batch.of({}, target)
    labelled = torch.tensor([True, False, True, True, False, True, False, False, True])
    target = torch.where(labelled, target, -1)
    return dataclasses.replace(
        plain, target=target, labelled=labelled, weight=torch.rand(ROWS, generator=chance) * (torch.arange(ROWS) != 3)
    )


def both(d: Distillation, scores: torch.Tensor, rows: Batch, at: Step, **more: Any) -> list[tuple[Any, torch.Tensor]]:
    """Loss and gradient: in closed form, and by the general way."""
    found: list[tuple[Any, torch.Tensor]] = []
    for apart in (False, True):
        own = scores.clone().requires_grad_()
        loss = d.loss_of(Classes.of(own, "logits"), rows, at, apart=apart, **more)
        (gradient,) = torch.autograd.grad(loss.total * 3.0, own)
        found.append((loss, gradient))
    assert "Total" in type(d.loss_of(Classes.of(own, "logits"), rows, at).total.grad_fn).__name__
    return found


def same(pair: list[tuple[Any, torch.Tensor]]) -> None:
    (one, gradient), (other, wanted) = pair
    torch.testing.assert_close(gradient, wanted, rtol=2e-5, atol=1e-6)
    torch.testing.assert_close(one.total, other.total, rtol=1e-5, atol=1e-6)
    assert list(one.parts) == list(other.parts)
    for name, part in one.parts.items():
        torch.testing.assert_close(part.total, other.parts[name].total, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(part.count, other.parts[name].count)
        torch.testing.assert_close(one.values[name], other.values[name], rtol=1e-5, atol=1e-6)
        assert part.factor == other.parts[name].factor


def student(seed: int = 2, spread: float = 3.0) -> torch.Tensor:
    return spread * torch.randn(ROWS, CLASSES, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS)
@pytest.mark.parametrize("fusion", [Mean(), Entropy(), SoftVote(), Trust(torch.rand(3, ROWS))], ids=lambda f: f.name)
@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("planned", [False, True])
def test_value_parts_and_gradient_are_those_of_the_general_way(
    terms: Any, fusion: Any, silent: bool, share: float, planned: bool
) -> None:
    weights = tuple(0.5 + number for number in range(len(terms)))
    d = Distillation(Memory(answers(silent=silent)), fusion, Objective(terms, weights, soft=share), classes(CLASSES))
    rows = batch()
    same(both(d.prepared([rows]) if planned else d, student(), rows, Step()))


def test_class_weights_and_no_teachers_at_all() -> None:
    task = Classification(tuple("abcde"), class_weight=(0.1, 1.0, 2.0, 3.0, 0.0))
    d = Distillation(Memory(answers()), Mean(), Objective((KL(2.0),), soft=0.4), task)
    same(both(d, student(), batch(), Step()))
    same(both(dataclasses.replace(d, objective=Objective(())), student(), batch(), Step()))


def test_the_counts_of_a_larger_whole_and_parts_of_the_user() -> None:
    d = Distillation(Memory(answers()), Mean(), Objective((KL(2.0),)), classes(CLASSES))
    counts = {"hard": torch.tensor(20.0), "kl": torch.tensor(31.0), "own": torch.tensor(2.0)}
    found: list[torch.Tensor] = []
    for apart in (False, True):
        own = student().requires_grad_()
        extra = {"own": Part(own.square().sum(), torch.tensor(1.0), 0.5)}
        loss = d.loss_of(Classes.of(own, "logits"), batch(), Step(), counts, extra, apart=apart)
        (gradient,) = torch.autograd.grad(loss.total, own)
        assert list(loss.parts) == ["hard", "kl", "own"]
        assert float(loss.total.detach()) == pytest.approx(sum(float(v.detach()) for v in loss.values.values()))
        found.append(gradient)
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)
    answer = Classes.of(student().requires_grad_(), "logits")
    dead = {"own": Part(torch.tensor(1.0), torch.tensor(1.0))}
    with pytest.raises(InputError, match="never learn"):
        d.loss_of(answer, batch(), Step(), extra=dead)


def test_a_gradient_of_the_gradient_is_right() -> None:
    d = Distillation(Memory(answers(dtype=torch.float64)), Mean(), Objective((KL(2.0),), soft=0.6), classes(CLASSES))
    found: list[torch.Tensor] = []
    for apart in (False, True):
        own = student().double().requires_grad_()
        total = d.loss_of(Classes.of(own, "logits"), batch(), Step(), apart=apart).total
        (first,) = torch.autograd.grad(total, own, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), own)
        assert bool(second.abs().sum() > 0)
        found.append(second)
    torch.testing.assert_close(*found)


def test_rows_that_nobody_counts_may_hold_anything_that_is_a_number() -> None:
    d = Distillation(Memory(answers()), Mean(), Objective((KL(2.0),), soft=0.5), classes(CLASSES))
    scores = student()
    scores[3, 1] = -torch.inf  # weight 0: its loss is infinite, and nobody counts it
    (one, gradient), (other, _) = both(d, scores, batch(), Step())
    torch.testing.assert_close(one.total, other.total)
    assert bool(torch.isfinite(gradient).all())
    assert bool((gradient[3] == 0).all())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.0, 60.0), share=st.floats(0.0, 1.0), hot=st.floats(0.3, 8.0))
def test_any_student_at_any_temperature(seed: int, spread: float, share: float, hot: float) -> None:
    d = Distillation(Memory(answers(silent=seed % 2 == 0)), Mean(), Objective((KL(hot),), soft=share), classes(CLASSES))
    (one, gradient), (other, wanted) = both(d, student(seed, spread), batch(), Step())
    scale = float(wanted.abs().max()) + 1e-6
    torch.testing.assert_close(gradient / scale, wanted / scale, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(one.total, other.total, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("terms", [(DKD(2.0),), (JSD(),), (KL(2.0), ReverseKL())])
def test_other_terms_take_the_general_way(terms: Any) -> None:
    d = Distillation(Memory(answers()), Mean(), Objective(terms), classes(CLASSES))
    own = Classes.of(student().requires_grad_(), "logits")
    mixture = d.mixture(batch(), Step(), own)
    assert not closed.is_closed(d.objective, d.task, own, mixture)
    loss = d.loss_of(own, batch(), Step())
    assert all(part.total.requires_grad for part in loss.parts.values())


def test_nobody_who_wants_no_gradient_pays_for_one() -> None:
    d = Distillation(Memory(answers()), Mean(), Objective((KL(2.0),)), classes(CLASSES))
    own = Classes.of(student().requires_grad_(), "logits")
    with torch.no_grad():
        assert not closed.is_closed(d.objective, d.task, own, None)
        assert not d.loss_of(own, batch(), Step()).total.requires_grad


class Pool(torch.nn.Module):
    """The teachers' scores added up with shares that learn."""

    name = "pool"
    needs = frozenset({"trainable"})
    invariants = frozenset[str]()
    gives = "target"
    source = "you2017"

    def __init__(self) -> None:
        super().__init__()
        self.trust = torch.nn.Parameter(torch.tensor([0.0, 1.0, -1.0]))

    def forward(self, signals: Any, context: Any) -> Target:
        return Target(Classes.of((torch.softmax(self.trust, 0).view(3, 1, 1) * signals.scores).sum(0), "logits"))


def test_a_fusion_that_learns_takes_the_general_way_and_gets_its_gradient() -> None:
    pool = Pool()
    d = Distillation(Memory(answers()), pool, Objective((KL(2.0),), soft=0.7), classes(CLASSES))
    own = student().requires_grad_()
    found = [
        torch.autograd.grad(d.loss_of(Classes.of(own, "logits"), batch(), Step(), apart=apart).total, pool.trust)[0]
        for apart in (False, True)
    ]
    assert torch.equal(*found)
    assert bool((found[0] != 0).any())
