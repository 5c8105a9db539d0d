"""Meta-learnt weights: exact and by difference, moved by what the student gets wrong, and better than the mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import tutelage as tl
from tutelage.core import Batch, Classes, Context, InputError, Labels, Signals, Values
from tutelage.data import Rows, Sealed
from tutelage.fusion import Mean, MetaWeights
from tutelage.ops.bilevel import around_step, leaves, through_step
from tutelage.tasks import Classification
from tutelage.teaching import Distillation, Memory, Objective, terms
from tutelage.train import Training, fit
from tutelage.train.outer import pure_loss

DIGITS = tuple("0123456789")
TEACHERS = ("good", "shifted", "swapped")


def digits(seed: int) -> Rows:
    images, target = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(target))
    known = np.zeros(len(target), dtype=bool)
    known[order[:160]] = True
    found = tl.rows_of(
        {"pixels": (images / 16.0).astype(np.float32)}, np.array(DIGITS)[target], names=DIGITS, seed=seed
    )
    return replace(found, labelled=known, train=order[:700], validation=order[:0], test=Sealed(order[700:]))


def signals(rows: Rows, seed: int) -> Signals:
    """One teacher that is mostly right; two that mostly say another class, each in its own way."""
    chance = np.random.default_rng(seed)
    truth = rows.target
    told = (truth, (truth + 1) % 10, 9 - truth)
    logits = [4.0 * np.eye(10)[one] + chance.normal(size=(len(truth), 10)) for one in told]
    return Signals(TEACHERS, tuple(Classes.of(torch.from_numpy(one).float(), "logits") for one in logits))


def net(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def accuracy(student: nn.Module, rows: Rows) -> float:
    left = np.setdiff1d(np.arange(len(rows)), rows.train)
    with torch.no_grad():
        guess = student(torch.from_numpy(rows.columns["pixels"][left])).argmax(1).numpy()
    return float((guess == rows.target[left]).mean())


def joined(rows: Rows, seed: int, fusion: Any) -> Distillation:
    return Distillation(
        Memory(signals(rows, seed)), fusion, Objective((terms.KL(2.0),), soft=0.8), Classification(DIGITS)
    )


@pytest.mark.parametrize("finite", [False, True])
def test_weights_find_the_good_teacher_and_the_student_gains(finite: bool) -> None:
    """One good and two corrupted teachers: trust moves, and beats the plain mean under every seed."""
    gains: list[float] = []
    for seed in range(3):
        rows = digits(seed)
        plain, learnt = (joined(rows, seed, fusion) for fusion in (Mean(), MetaWeights(finite=finite)))
        for target in (plain, learnt):
            student = fit(net(seed), target, rows, Training(8, lr=5e-3, seed=seed)).student
            gains.append(accuracy(student, rows))
        made: Any = learnt.fusion
        trust = made(learnt.signals(torch.arange(4)).stacked(), Context()).values[:, 0]
        assert float(trust[0]) > 0.8, trust
    difference = np.array(gains[1::2]) - np.array(gains[::2])
    assert (difference > 0.02).all(), gains


class _Tiny:
    """A student of float64, teachers who disagree, and two batches."""

    def __init__(self, **options: Any) -> None:
        chance = torch.Generator().manual_seed(3)
        self.student = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
        told = [torch.randn(12, 3, generator=chance, dtype=torch.float64) for _ in range(3)]
        inputs = torch.randn(12, 4, generator=chance, dtype=torch.float64)
        target = torch.arange(12) % 3
        self.first = Batch.of({"x": inputs[:6]}, target[:6], row=torch.arange(6))
        self.other = Batch.of({"x": inputs[6:]}, target[6:], row=torch.arange(6, 12))
        source = Memory(Signals(("a", "b", "c"), tuple(Classes.of(one, "logits") for one in told)))
        task = Classification(("x", "y", "z"))
        objective = Objective((terms.KL(2.0), terms.DKD(temperature=2.0)), soft=0.7, l2=0.01)
        self.target = Distillation(source, MetaWeights(**options), objective, task)
        self.fusion: Any = self.target.fusion
        self.fusion.double()

    def inner(self, own: Mapping[str, Tensor], learnt: Mapping[str, Tensor]) -> Tensor:
        return pure_loss(self.student, self.target, self.fusion, self.first, tl.Step(), own, learnt)

    def outer(self, own: Mapping[str, Tensor]) -> Tensor:
        answer = Classes.of(torch.func.functional_call(self.student, dict(own), (self.other.inputs["x"],)), "logits")
        return self.target.task.hard_loss(answer, self.other.target).mean()


@pytest.mark.parametrize(
    "options", [{}, {"gate": 4}, {"soft": 0.6}, {"temperature": 1.5}, {"gate": 2, "soft": 0.3, "temperature": 3.0}]
)
def test_exact_and_by_difference_agree(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    tiny = _Tiny(**options)
    with torch.no_grad():
        for value in tiny.fusion.parameters():
            value.add_(0.3 * torch.randn_like(value))
    own, learnt = dict(tiny.student.named_parameters()), dict(tiny.fusion.named_parameters())
    exact = through_step(tiny.inner, tiny.outer, own, learnt, 0.1)
    near = around_step(tiny.inner, tiny.outer, own, learnt, 0.1, 1e-3)
    for name, gradient in exact.items():
        assert float(gradient.abs().max()) > 1e-8, name
        torch.testing.assert_close(near[name], gradient, rtol=1e-4, atol=1e-9)


def test_the_gradient_is_that_of_the_end_of_the_step() -> None:
    """Bending one weight by hand changes the loss after a real step as the gradient says."""
    tiny = _Tiny()
    own = dict(tiny.student.named_parameters())
    learnt = {name: value.detach().clone() for name, value in tiny.fusion.named_parameters()}

    def ends(bias: Tensor) -> float:
        leaf = leaves(own)
        loss = tiny.inner(leaf, {"bias": bias})
        pull = torch.autograd.grad(loss, list(leaf.values()))
        return float(tiny.outer({n: v.detach() - 0.1 * g for (n, v), g in zip(leaf.items(), pull, strict=True)}))

    found = through_step(tiny.inner, tiny.outer, own, learnt, 0.1)["bias"]
    for teacher in range(3):
        bend = 1e-4 * torch.eye(3, dtype=torch.float64)[teacher]
        slope = (ends(learnt["bias"] + bend) - ends(learnt["bias"] - bend)) / 2e-4
        assert slope == pytest.approx(float(found[teacher]), rel=1e-5, abs=1e-10)


def test_learnt_temperature_and_share_mean_what_fixed_ones_mean() -> None:
    """The loss with steered numbers is the loss of an objective with these numbers."""
    tiny = _Tiny(soft=0.35, temperature=2.5)
    own, learnt = dict(tiny.student.named_parameters()), dict(tiny.fusion.named_parameters())
    fixed = Objective((terms.KL(2.5), terms.DKD(temperature=2.5)), soft=0.35, l2=0.01)
    plain = replace(tiny.target, fusion=Mean(), objective=fixed)
    wanted = plain.loss(tiny.student, tiny.first).total
    assert float(tiny.inner(own, learnt).detach()) == pytest.approx(float(wanted.detach()), rel=1e-6)


def test_hard_rows_are_those_the_student_gets_wrong_and_never_those_of_the_batch() -> None:
    rows = digits(0)
    target = joined(rows, 0, MetaWeights(buffer=40))
    student = fit(net(0), target, rows, Training(2, lr=1e-3)).student
    fusion: Any = target.fusion
    kept = fusion.hard[fusion.hard >= 0].numpy()
    assert 0 < len(kept) <= 40
    assert rows.labelled[kept].all()
    assert np.isin(kept, rows.train).all()
    assert len(set(kept.tolist())) == len(kept)
    with torch.no_grad():
        guess = student(torch.from_numpy(rows.columns["pixels"])).argmax(1).numpy()
    known = np.intersect1d(rows.train, np.flatnonzero(rows.labelled))
    assert (guess[kept] != rows.target[kept]).mean() > (guess[known] != rows.target[known]).mean()


def test_every_distillation_has_its_own() -> None:
    plan, rows = MetaWeights(), digits(0)
    first, second = (joined(rows, 0, plan) for _ in range(2))
    assert first.fusion is not second.fusion
    assert replace(first, heldout=None).fusion is first.fusion
    made: Any = first.fusion
    with pytest.raises(InputError, match="make a new one"):
        made.bound(("other", "names", "here"))
    with pytest.raises(InputError, match=r"call \.bound"):
        plan(signals(rows, 0).stacked(), Context())


def test_some_teachers_keep_what_was_learnt_about_them() -> None:
    made = MetaWeights(("a", "b", "c"), gate=2)
    with torch.no_grad():
        made.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    assert made.taking([2, 0]).bias.tolist() == [3.0, 1.0]
    assert made.taking([2, 0]).names == ("c", "a")


@pytest.mark.parametrize("answer", [Labels, Values])
def test_it_learns_about_other_answers_too(answer: Any) -> None:
    chance = np.random.default_rng(0)
    features = chance.normal(size=(200, 5)).astype(np.float32)
    truth = features @ chance.normal(size=(5, 2)).astype(np.float32)
    target = truth > 0 if answer is Labels else truth
    rows = tl.rows_of({"x": features}, target, names=("u", "v"))
    sign = torch.from_numpy(target * 4 - 2 if answer is Labels else target).float()
    made = tuple(answer.of(one) for one in (sign, -sign, torch.flip(-sign, (1,))))
    task: Any = tl.MultiLabel(("u", "v")) if answer is Labels else tl.Regression(("u", "v"))
    term: Any = terms.BinaryKL() if answer is Labels else terms.MSE()
    target_of = Distillation(Memory(Signals(TEACHERS, made)), MetaWeights(), Objective((term,), soft=0.5), task)
    torch.manual_seed(0)
    fit(nn.Linear(5, 2), target_of, rows, Training(6, 20))
    trust: Any = target_of.fusion
    assert int(trust.bias.argmax()) == 0
    with pytest.raises(InputError, match="gate=0"):
        MetaWeights(TEACHERS, gate=2)(Signals(TEACHERS, made).stacked(), Context())


def test_numbers_out_of_range_are_named() -> None:
    wrong: list[dict[str, Any]] = [
        {"lr": 0.0},
        {"every": 0},
        {"rate": -1.0},
        {"soft": 1.0},
        {"temperature": 0.0},
        {"gate": -1},
    ]
    for options in wrong:
        with pytest.raises(InputError, match="meta needs"):
            MetaWeights(**options)
