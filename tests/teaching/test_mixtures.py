"""Many classes: teachers mixed one by one, or some rows at a time, give what the stacked answers give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from distilling import classes, named
from tutelage.core import Batch, Classes, Context, Values
from tutelage.fusion import Entropy, HardVote, Mean, Weighted
from tutelage.ops.mixing import softmax_mixture
from tutelage.teaching import Distillation, Memory, Objective, mixtures
from tutelage.teaching.calibration import AsIs, Temperature
from tutelage.teaching.mixtures import Mixer
from tutelage.teaching.terms import DIST, DKD, JSD, KL, MSE, CrossEntropy

ROWS, CLASSES = 7, 300


def said(*, silent: bool = False) -> Any:
    torch.manual_seed(0)
    answers: list[Classes] = []
    for teacher in range(4):
        valid = torch.ones(ROWS, dtype=torch.bool)
        if silent:
            valid[[teacher, 6]] = False
        scores = 3 * torch.randn(ROWS, CLASSES) + 50
        scores[~valid] = torch.nan
        answers.append(Classes.of(scores, "logits", valid=valid))
    return named(*answers)


def context() -> Context:
    target = torch.arange(ROWS) % CLASSES
    return Context(row=torch.arange(ROWS), target=target, labelled=torch.arange(ROWS) % 2 == 0)


def parts(fusion: Any, terms: tuple[Any, ...], *, silent: bool, warm: bool) -> Any:
    calibrations = (Temperature(1.7) if warm else AsIs(),) * 4
    mixer = Mixer(calibrations, fusion, Objective(terms))
    return mixer.mixture(said(silent=silent), torch.zeros(ROWS, dtype=torch.int64), context())


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("fusion", [Mean(), Weighted((1.0, 2.0, 0.0, 0.5)), Entropy(), HardVote()])
@pytest.mark.parametrize("terms", [(KL(2.0), CrossEntropy(1.0)), (KL(2.0), DKD(2.0)), (JSD(),)])
def test_pieces_are_the_whole(monkeypatch, fusion, terms, silent, warm):
    whole = parts(fusion, terms, silent=silent, warm=warm)
    monkeypatch.setattr(mixtures, "WIDE", 1)
    monkeypatch.setattr(mixtures, "MANY", 1)
    monkeypatch.setattr(mixtures, "BLOCK", 2 * CLASSES)
    monkeypatch.setattr(mixtures, "PIECE", 2 * 4 * CLASSES)
    pieces = parts(fusion, terms, silent=silent, warm=warm)
    assert len(pieces.row) == ROWS
    for one, other in zip(whole.parts, pieces.parts, strict=True):
        torch.testing.assert_close(one.gap, other.gap, rtol=1e-5, atol=1e-5)
        for a, b in zip(one.groups, other.groups, strict=True):
            torch.testing.assert_close(a.phi, b.phi, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(a.mass, b.mass)
    assert torch.equal(whole.acted, pieces.acted)


def test_blind_fusions_stack_nothing(monkeypatch):
    monkeypatch.setattr(mixtures, "WIDE", 1)

    def refuse(_: Any) -> Any:
        raise AssertionError("stacked")

    monkeypatch.setattr(Classes, "stack", refuse)
    parts(Mean(), (KL(2.0),), silent=False, warm=False)
    with pytest.raises(AssertionError, match="stacked"):
        parts(Entropy(), (KL(2.0),), silent=False, warm=False)


@pytest.mark.parametrize("term", [DIST(1.0)])
def test_a_term_that_looks_at_the_batch_gets_the_whole_batch(monkeypatch, term):
    whole = parts(Mean(), (term,), silent=False, warm=False)
    monkeypatch.setattr(mixtures, "MANY", 1)
    monkeypatch.setattr(mixtures, "PIECE", 1)
    again = parts(Mean(), (term,), silent=False, warm=False)
    torch.testing.assert_close(whole.parts[0].groups[0].phi, again.parts[0].groups[0].phi)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("block", [1, 2 * CLASSES, 10**6])
def test_softmax_mixture_is_the_written_out_sum(monkeypatch, temperature, block):
    monkeypatch.setattr("tutelage.ops.mixing.BLOCK", block)
    torch.manual_seed(1)
    scores = [30 * torch.randn(ROWS, CLASSES, dtype=torch.float64) for _ in range(3)]
    weights = torch.rand(3, ROWS, dtype=torch.float64)
    weights[0, 2] = 0.0
    scores[0][2] = torch.inf
    probs = torch.softmax(torch.stack(scores).nan_to_num(posinf=0.0) / temperature, -1)
    mean, order = softmax_mixture(scores, weights, temperature)
    torch.testing.assert_close(mean, (weights.unsqueeze(-1) * probs).sum(0))
    torch.testing.assert_close(order, (weights * torch.special.xlogy(probs, probs).sum(-1)).sum(0))


def test_the_gradient_with_many_classes_is_that_of_the_literal_sum():
    torch.manual_seed(2)
    wide = 2 * mixtures.WIDE // ROWS
    answers = [torch.randn(ROWS, wide) for _ in range(3)]
    source = Memory(named(*(Classes.of(a, "logits") for a in answers)))
    target = Distillation(source, Mean(), Objective((KL(2.0),), soft=1.0), classes(wide))
    student = torch.randn(ROWS, wide, requires_grad=True)
    batch = Batch.of({"row": torch.arange(ROWS)}, torch.zeros(ROWS, dtype=torch.int64))
    loss = target.loss_of(Classes.of(student, "logits"), batch, replace(context()).at)
    loss.backward()
    found, student.grad = student.grad, None
    log_q = torch.log_softmax(student / 2, -1)
    kls = [torch.nn.functional.kl_div(log_q, torch.softmax(a / 2, -1), reduction="batchmean") for a in answers]
    literal = torch.stack(kls).mean() * 4
    literal.backward()
    torch.testing.assert_close(loss.total, literal)
    torch.testing.assert_close(found, student.grad)


@pytest.mark.parametrize("columns", [3, mixtures.WIDE_ROW])
def test_of_wide_rows_the_mean_trust_is_remembered(columns: int) -> None:
    torch.manual_seed(0)
    valid = torch.ones(ROWS, columns, dtype=torch.bool)
    valid[:, 0] = False
    answers = [Values.of(torch.randn(ROWS, columns), valid=valid) for _ in range(2)]
    mixer = Mixer((AsIs(),) * 2, Weighted((3.0, 1.0)), Objective((MSE(),)))
    asked = Context(row=torch.arange(ROWS), target=torch.zeros(ROWS, columns), labelled=valid)
    found = mixer.mixture(named(*answers), torch.zeros(ROWS, dtype=torch.int64), asked)
    assert found.weights is not None
    if columns < mixtures.WIDE_ROW:
        assert found.weights.shape == (2, ROWS, columns)
    else:
        torch.testing.assert_close(found.weights, torch.tensor([[0.75], [0.25]]).expand(2, ROWS))
    assert found.parts[0].groups[0].phi.shape == (ROWS, columns)
