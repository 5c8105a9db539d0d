"""Adversarial terms: what the turned gradient does, and where the naive form is thrown out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from distilling import Says, classes, named
from train.small import joined, net, same, table
from tutelage.core import Batch, Classes, InputError
from tutelage.fusion import Mean, RandomTeacher
from tutelage.teaching import Distillation, Memory, Objective
from tutelage.teaching.terms import KL, Adversarial
from tutelage.teaching.terms.adversarial import turned
from tutelage.testing import check_term
from tutelage.train import Training, fit

ROWS, WIDTH = 16, 4


def taught(form: Any, seed: int, steps: int = 300) -> tuple[list[float], Adversarial]:
    """A student that knows nothing but the discriminator: distance of its mean answer from the teacher's, by step."""
    chance = torch.Generator().manual_seed(seed)
    told = 0.5 * torch.randn(ROWS, WIDTH, generator=chance)
    student = Says(2 * torch.randn(ROWS, WIDTH, generator=chance))
    term = Adversarial(WIDTH, hidden=32, form=form, seed=seed)
    objective = Objective((term,), soft=1.0)
    target = Distillation(Memory(named(Classes.of(told, "logits"))), Mean(), objective, classes(WIDTH))
    optimizer = torch.optim.SGD(target.attach(student).parameters(), lr=0.5, momentum=0.9)
    batch, found = Batch.of({"row": torch.arange(ROWS)}), list[float]()
    for _ in range(steps):
        optimizer.zero_grad()
        target.loss(student, batch).backward()
        optimizer.step()
        away = student.answers.detach().softmax(1).mean(0) - told.softmax(1).mean(0)
        found.append(float(away.abs().sum() / 2))
    return found, term


@pytest.mark.parametrize("seed", range(3))
def test_the_naive_form_diverges_where_the_stable_ones_settle(seed: int) -> None:
    naive, _ = taught("naive", seed)
    assert not math.isfinite(naive[-1])
    for form in ("spectral", "r1"):
        stable, term = taught(form, seed)
        assert all(math.isfinite(one) for one in stable)
        assert max(stable[-50:]) < 0.12, form
        assert all(float(matrix.detach().norm()) < 20.0 for matrix in term.matrices)


def test_the_discriminator_changes_by_no_more_than_its_input() -> None:
    term = Adversarial(WIDTH).double()
    with torch.no_grad():
        for matrix in term.matrices:
            matrix.mul_(50.0)
    one, other = (torch.rand(100, WIDTH).double().softmax(-1) for _ in range(2))
    assert bool(((term.judged(one) - term.judged(other)).abs() <= (one - other).norm(dim=1) + 1e-9).all())
    bent = Adversarial(WIDTH, form="naive").double()
    bent.load_state_dict(term.state_dict())
    assert bool(((bent.judged(one) - bent.judged(other)).abs() > (one - other).norm(dim=1)).any())


def test_student_and_discriminator_pull_against_each_other() -> None:
    """The student's gradient is minus strength times that of a student who helps the discriminator."""
    told, start = torch.randn(ROWS, WIDTH), torch.randn(ROWS, WIDTH)
    term = Adversarial(WIDTH, strength=3.0)
    target = Distillation(
        Memory(named(Classes.of(told, "logits"))), Mean(), Objective((term,), soft=1.0), classes(WIDTH)
    )
    student = Says(start)
    target.loss(student, Batch.of({"row": torch.arange(ROWS)})).backward()
    leaf = start.clone().requires_grad_()
    helped = torch.nn.functional.softplus(term.judged(leaf.softmax(1))).mean()
    (pull,) = torch.autograd.grad(helped, leaf)
    torch.testing.assert_close(student.answers.grad, -3.0 * pull, rtol=1e-4, atol=1e-7)
    assert all(matrix.grad is not None and float(matrix.grad.abs().max()) > 0 for matrix in term.matrices)
    value = torch.tensor([2.0], requires_grad=True)
    assert turned(value, 5.0).item() == 2.0


def test_it_works_beside_a_distance_with_one_random_teacher_per_batch() -> None:
    rows = table()
    term = Adversarial(3)
    plain = joined(rows)
    target = replace(plain, fusion=RandomTeacher(), objective=Objective((KL(2.0), term), (1.0, 0.3), soft=0.7))
    assert target.plan.number == 3
    assert list(target.trainable) == ["adversarial"]
    before = [matrix.detach().clone() for matrix in term.matrices]
    fitted = fit(net(), target, rows, Training(8, 16, lr=1e-2))
    assert all(not torch.equal(a, b.detach()) for a, b in zip(before, term.matrices, strict=True))
    assert {"kl", "adversarial"} <= set(fitted.history[-1].parts)
    assert fitted.history[-1].metrics["accuracy"] > 0.5


def test_a_student_who_forgets_the_discriminator_in_its_optimiser_is_told() -> None:
    rows = table()
    target = replace(joined(rows), objective=Objective((Adversarial(3),), soft=0.5))
    with pytest.raises(InputError, match="attach"):
        target.check_optimizer(torch.optim.SGD(net().parameters(), lr=0.1))


def test_an_interrupted_training_goes_on_where_it_was(tmp_path: Any) -> None:
    rows, training = table(), Training(4, 16)

    def made() -> Distillation:
        return replace(joined(rows), objective=Objective((KL(), Adversarial(3, form="r1")), soft=0.5))

    class StoppedError(Exception):
        pass

    def look(epoch: Any, _: int) -> None:
        if epoch.epoch == 2:
            raise StoppedError

    calm = fit(net(), made(), rows, training)
    held = replace(training, checkpoint=tmp_path)
    with pytest.raises(StoppedError):
        fit(net(), made(), rows, held, look)
    assert same(fit(net(), made(), rows, held).student, calm.student)


@pytest.mark.parametrize("form", ["spectral", "naive"])
def test_it_keeps_the_contract_of_terms(form: Any) -> None:
    check_term(Adversarial(5, form=form), divergence=False, settles=False)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(InputError, match="classes=7"):
        Adversarial(5).judged(torch.rand(2, 7))
    for options in ({"classes": 1}, {"hidden": 0}, {"strength": 0.0}, {"gamma": -1.0}):
        with pytest.raises(InputError, match="adversarial term needs"):
            Adversarial(**options)  # type: ignore[arg-type]
