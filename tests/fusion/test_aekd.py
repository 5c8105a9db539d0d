from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tutelage.core import Classes, Context, InputError, Labels, Scores, Values
from tutelage.fusion import AEKD, Mean
from tutelage.fusion.aekd import mean_gradients
from tutelage.ops.least_norm import least_norm
from tutelage.ops.mixing import mixed
from tutelage.teaching.terms import KL, BinaryKL


def answers(*teachers: list[list[float]], **more: Tensor) -> Classes:
    """Stacked answers [T, B, C] from probabilities."""
    return Classes.of(torch.tensor(teachers, dtype=torch.float64).log(), "log_probs", **more)


def says(*rows: list[float]) -> Classes:
    return Classes.of(torch.tensor(rows, dtype=torch.float64).log(), "log_probs")


def test_teachers_that_pull_apart_cancel_where_the_mean_follows_the_many() -> None:
    """Two teachers pull one way, one pulls the other way: the mean follows the two, AEKD stays between both sides."""
    signals = answers([[0.8, 0.1, 0.1]], [[0.8, 0.1, 0.1]], [[0.1, 0.8, 0.1]])
    student = says([0.3, 0.3, 0.4])
    weights = AEKD(1.0)(signals, Context(student=student)).values
    assert weights[:, 0].tolist() == pytest.approx([0.25, 0.25, 0.5])
    even = mixed(signals.probs(), weights)[0]
    assert even[0] == pytest.approx(float(even[1]))
    plain = mixed(signals.probs(), Mean()(signals, Context()).values)[0]
    assert plain[0] > plain[1] + 0.2


def test_the_cap_binds() -> None:
    signals = answers([[0.31, 0.29, 0.4]], [[0.9, 0.05, 0.05]], [[0.8, 0.1, 0.1]])
    student = says([0.3, 0.3, 0.4])
    assert AEKD(1.0)(signals, Context(student=student)).values[0] == pytest.approx(1.0)
    assert AEKD()(signals, Context(student=student)).values[0] == pytest.approx(0.6)
    assert AEKD(0.1)(signals, Context(student=student)).values[:, 0].tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_gradients_are_those_of_the_term(kind: str) -> None:
    """Closed form against autograd of the term's own loss, with teachers that abstain and know different classes."""
    chance = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 7, 4, dtype=torch.float64, generator=chance)
    valid = torch.rand(3, 7, generator=chance) > 0.3
    coverage = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 1], [0, 1, 1, 1]], dtype=torch.bool)
    own = torch.randn(7, 4, dtype=torch.float64, generator=chance).requires_grad_()
    signals: Any
    student: Any
    term: Any
    if kind == "classes":
        signals, student, term = Classes.of(scores, "logits", valid=valid, coverage=coverage), None, KL(2.0)
        student = Classes.of(own, "logits")
    else:
        signals = Labels.of(scores, valid=valid, coverage=coverage)
        student, term = Labels.of(own), BinaryKL(2.0)
    found = mean_gradients(signals, type(student).of(own.detach(), *["logits"][: kind == "classes"]), 2.0)
    context = Context(temperature=2.0)
    for teacher in range(3):
        phi = term.statistic(signals, 2.0, context)[teacher]
        losses = term.loss(student, phi, coverage[teacher], 2.0, context)
        heard = signals.valid[teacher]
        total = torch.where(heard, losses, 0.0).sum(0)
        share = total / heard.sum(0).clamp_min(1)
        (wanted,) = torch.autograd.grad(share.sum(), own, retain_graph=True)
        torch.testing.assert_close(2.0 * found[teacher], wanted.sum(0))


def test_scale_of_values_does_not_matter() -> None:
    chance = torch.Generator().manual_seed(1)
    told, own = (torch.randn(*shape, 2, dtype=torch.float64, generator=chance) for shape in ((3, 9), (9,)))
    unit = torch.tensor([1e-6, 1e5], dtype=torch.float64)
    one = AEKD()(Values.of(told), Context(student=Values.of(own))).values
    two = AEKD()(Values.of(told * unit), Context(student=Values.of(own * unit))).values
    torch.testing.assert_close(one, two)
    assert (one - 1 / 3).abs().max() > 0.01


def test_without_a_student_all_count_alike() -> None:
    signals = answers([[0.8, 0.2]], [[0.5, 0.5]])
    result = AEKD()(signals, Context())
    assert result.values.tolist() == [[0.5], [0.5]]
    assert result.acted is not None
    assert not result.acted.any()


@pytest.mark.parametrize("style", ["saturated", "one-hot", "fifty", "silent", "one row", "identical"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extremes(style: str, dtype: torch.dtype) -> None:
    chance = torch.Generator().manual_seed(2)
    rows = 1 if style == "one row" else 5
    scores = torch.randn(4, rows, 3, dtype=dtype, generator=chance)
    own = torch.randn(rows, 3, dtype=dtype, generator=chance)
    scale = {"saturated": 1e4, "one-hot": 60.0, "fifty": 50.0}.get(style)
    if scale is not None:
        scores = scale * scores.sign()
        own = scale * own.sign()
    if style == "identical":
        scores = own.expand_as(scores)
    valid = torch.full((4, rows), style != "silent")
    student = Classes.of(own, "logits")
    weights = AEKD()(Classes.of(scores, "logits", valid=valid), Context(student=student, temperature=4.0)).values
    assert weights.dtype == dtype
    assert bool(torch.isfinite(weights).all())
    assert weights.sum(0).tolist() == pytest.approx([0.0 if style == "silent" else 1.0] * rows, abs=1e-5)
    if style == "identical":
        assert weights.flatten().tolist() == pytest.approx([0.25] * 4 * rows)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(2, 6), st.integers(1, 6), st.integers(2, 5), st.integers(0, 2**31 - 1))
def test_no_other_weights_give_a_shorter_gradient(teachers: int, rows: int, width: int, seed: int) -> None:
    chance = torch.Generator().manual_seed(seed)
    signals = Classes.of(3 * torch.randn(teachers, rows, width, dtype=torch.float64, generator=chance), "logits")
    student = Classes.of(torch.randn(rows, width, dtype=torch.float64, generator=chance), "logits")
    weights = AEKD(1.0)(signals, Context(student=student)).values[:, 0]
    pulls = mean_gradients(signals, student, 1.0)
    best = (weights @ pulls).norm()
    others = torch.rand(200, teachers, dtype=torch.float64, generator=chance)
    others = others / others.sum(1, keepdim=True)
    assert float(best) <= float((others @ pulls).norm(dim=1).min()) + 1e-9
    assert weights.tolist() == pytest.approx(least_norm((pulls @ pulls.T).tolist()), abs=1e-7)


def test_errors() -> None:
    with pytest.raises(InputError, match=r"largest weight.*1\.5"):
        AEKD(1.5)
    ranks = Scores.of(torch.zeros(2, 3, 4))
    with pytest.raises(InputError, match="Performance"):
        AEKD()(ranks, Context(student=ranks))
    with pytest.raises(InputError, match="student gives Values"):
        AEKD()(answers([[0.5, 0.5]]), Context(student=Values.of(torch.zeros(1, 2))))
