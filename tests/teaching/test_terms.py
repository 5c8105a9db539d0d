"""What each term does differently, and reference values on fixed inputs.

The inputs and values were computed once with independent implementations (RepDistiller, mdistiller,
torchdistill, MMRazor, TextBrewer); which of them agree on what is noted beside.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from distilling import Says, Trust, classes, gradient, named
from tutelage.core import Batch, Classes, Context, Fusion, InputError, Labels, Values
from tutelage.fusion import Mean, MeanLogits
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
    LogitMSE,
    ReverseKL,
    SquaredError,
    TotalVariation,
)

ROW, COLUMN = (x.double() for x in torch.meshgrid(torch.arange(8), torch.arange(10), indexing="ij"))
S = 3 * torch.sin(0.7 * ROW + 1.3 * COLUMN + 0.2)
T1 = 4 * torch.cos(0.9 * ROW - 0.5 * COLUMN + 0.1)
T2 = 2 * torch.sin(0.4 * ROW + 0.8 * COLUMN + 0.5)
Y = (3 * torch.arange(8)) % 10


def loss(term: Any, *teachers: Tensor, fusion: Fusion | None = None, soft: float = 1.0, strength: float = 1.0) -> float:
    signals = named(*(Classes.of(z, "logits") for z in teachers))
    objective = Objective((term,), (strength,), soft=soft)
    distillation = Distillation(Memory(signals), fusion or Mean(), objective, classes(10))
    weight = torch.ones(8, dtype=torch.float64)
    return distillation.loss(Says(S), Batch.of({"row": torch.arange(8)}, Y, weight=weight)).item()


def test_reference_values() -> None:
    near = lambda value: pytest.approx(value, rel=1e-8)  # noqa: E731
    assert loss(KL(), T1, soft=0.0) == near(3.973122841)  # the hard loss alone
    assert loss(KL(), T1) == near(5.235240526)  # mdistiller, RepDistiller, MMRazor
    assert loss(CrossEntropy(), T1) / 16 == near(2.422414305)  # TextBrewer, without T^2
    assert loss(KL(), T1, soft=0.5) == near(4.604181683)  # torchdistill
    assert loss(DKD(), T1) == near(42.32199878)  # mdistiller, MMRazor
    assert loss(DKD(beta=0.0), T1) == near(0.690172823)
    assert loss(DKD(alpha=0.0, beta=1.0), T1) == near(5.203978244)
    assert loss(DIST(), T1) == pytest.approx(2.05144998, rel=1e-7)  # torchdistill, MMRazor
    assert loss(DIST(4.0), T1) == pytest.approx(30.943815, rel=1e-6)
    # torchdistill's standardised KD: half hard, half soft, at its default temperature 4 and strength 1
    assert loss(LSKD(KL(4.0)), T1, soft=1.0) / 16 == near(0.05378430052)
    assert loss(LSKD(KL(4.0)), T1, soft=0.5) == near(2.416835825)
    offset = float((S - T1).mean(-1).square().mean())
    assert (loss(LogitMSE(), T1) + offset) / 16 == near(0.7526411987)  # TextBrewer compares raw logits


def test_reference_values_of_two_teachers() -> None:
    near = lambda value: pytest.approx(value, rel=1e-8)  # noqa: E731
    assert loss(KL(), T1, T2) == near(4.350038998)  # the mean of the two losses
    assert loss(KL(), T1, T2, fusion=MeanLogits()) == near(3.353884486)
    assert loss_of_mixture(0.5) == near(3.258834899)  # the loss of the mean probability: the same gradient
    assert loss_of_mixture(0.7) == near(3.76320942)
    mixture = gradient_of(KL(), T1, T2, trust=0.7)
    torch.testing.assert_close(mixture, 0.7 * gradient_of(KL(), T1) + 0.3 * gradient_of(KL(), T2))


def loss_of_mixture(share: float) -> float:
    """KL to the mean probability at temperature 4, given to KL as one teacher of logits 4 log p."""
    mixed = share * torch.softmax(T1 / 4, -1) + (1 - share) * torch.softmax(T2 / 4, -1)
    return loss(KL(), 4 * mixed.log())


def gradient_of(term: Any, *teachers: Tensor, trust: float = 1.0) -> Tensor:
    signals = named(*(Classes.of(z, "logits") for z in teachers))
    values = torch.tensor([trust, 1 - trust], dtype=torch.float64)[: len(teachers), None].expand(-1, 8)
    distillation = Distillation(Memory(signals), Trust(values), Objective((term,), soft=1.0), classes(10))
    student, batch = Says(S), Batch.of({"row": torch.arange(8)}, Y, weight=torch.ones(8, dtype=torch.float64))
    return gradient(distillation.loss(student, batch).total, student)


def test_dkd_of_the_mean_probability_is_another_loss() -> None:
    """Why DKD has a statistic of its own."""
    mixed = 0.5 * torch.softmax(T1 / 4, -1) + 0.5 * torch.softmax(T2 / 4, -1)
    away = gradient_of(DKD(), T1, T2, trust=0.5) - gradient_of(DKD(), 4 * mixed.log())
    assert float(away.abs().max()) > 1e-2


def test_many_teachers_act_through_their_geometric_mean_under_reverse_kl() -> None:
    mean = 0.5 * torch.log_softmax(T1, -1) + 0.5 * torch.log_softmax(T2, -1)
    exact = ReverseKL(floor=0.0)
    torch.testing.assert_close(gradient_of(exact, T1, T2, trust=0.5), gradient_of(exact, mean))


def test_the_floor_takes_the_veto_from_one_teacher() -> None:
    sure = T1.clone()
    sure[:, 0] = -80.0
    bare, floored = (
        ReverseKL(floor=floor).statistic(Classes.of(sure, "logits"), 1.0, Context()) for floor in (0.0, 1e-6)
    )
    assert float(bare.min()) < -80
    assert float(floored.min()) == pytest.approx(-13.8, abs=0.1)
    torch.testing.assert_close(floored.exp().sum(-1), torch.ones(8, dtype=torch.float64))


def test_high_temperature_is_logit_matching() -> None:
    hot = gradient_of(KL(1000.0), T1) * 10  # the gradient of T^2 KL goes to (z_s - z_t) / C, centred
    torch.testing.assert_close(hot, gradient_of(LogitMSE("sum"), T1) / 2, rtol=1e-2, atol=1e-3)


def test_total_variation_follows_the_majority_and_squared_error_the_mean() -> None:
    yes, no = torch.tensor([[4.0, 0.0]]).double(), torch.tensor([[0.0, 4.0]]).double()
    signals = named(*(Classes.of(z, "logits") for z in (yes, yes, no)))
    p, q = float(torch.softmax(yes, -1)[0, 0]), float(torch.softmax(no, -1)[0, 0])
    found = {}
    for term in (TotalVariation(), SquaredError()):
        distillation = Distillation(Memory(signals), Mean(), Objective((term,), soft=1.0), classes(2))
        student, batch = Says(torch.zeros(1, 2).double()), Batch.of({"row": torch.arange(1)})
        optimizer = torch.optim.SGD(student.parameters(), lr=0.3)
        for _ in range(400):
            optimizer.zero_grad()
            distillation.loss(student, batch).backward()
            optimizer.step()
        found[term.name] = float(torch.softmax(student.answers.detach(), -1)[0, 0])
    assert found["squared_error"] == pytest.approx((2 * p + q) / 3, abs=0.01)
    assert found["total_variation"] == pytest.approx(p, abs=0.05)


def test_jsd_between_the_kls() -> None:
    assert loss(JSD(4.0, 0.0), T1) == pytest.approx(loss(KL(), T1))
    assert loss(JSD(4.0, 1.0), T1) == pytest.approx(loss(ReverseKL(4.0, floor=0.0), T1))
    assert loss(JSD(4.0, 0.5), T1) < loss(KL(), T1)


def test_dkd_without_a_usable_label() -> None:
    teacher = Classes.of(T1[:3], "logits", coverage=torch.tensor([True] * 5 + [False] * 5))
    blank = Context(target=torch.tensor([1, 1, 9]), labelled=torch.tensor([True, False, True]))
    student = Classes.of(S[:3], "logits")
    kl, dkd = KL(), DKD()
    items = {
        term.name: term.loss(student, term.statistic(teacher, 4.0, blank), teacher.coverage, 4.0, blank)
        for term in (kl, dkd)
    }
    torch.testing.assert_close(items["dkd"][1:], items["kl"][1:])  # no label; a label the teacher does not know
    assert abs(float(items["dkd"][0] - items["kl"][0])) > 1e-2


def test_dkd_pivots_on_what_the_teachers_think() -> None:
    term = DKD(pivot="target")
    both = Classes.of(torch.stack([T1, T2]), "logits")
    top = (torch.softmax(T1 / 4, -1) + torch.softmax(T2 / 4, -1)).argmax(-1)
    blank = Context(target=Y, labelled=torch.zeros(8, dtype=torch.bool))
    told = Context(target=top, labelled=torch.ones(8, dtype=torch.bool))
    torch.testing.assert_close(term.statistic(both, 4.0, blank), DKD().statistic(both, 4.0, told))
    silent = Classes.of(torch.stack([T1, T2]), "logits", valid=torch.tensor([[False] * 8, [True] * 8]))
    assert term.statistic(silent, 4.0, blank)[1, :, -1].tolist() == (T2.argmax(-1) + 1).tolist()


def test_dkd_of_a_teacher_of_one_class() -> None:
    only = torch.tensor([True] + [False] * 9)
    term, told = DKD(), Context(target=torch.zeros(8, dtype=torch.int64), labelled=torch.ones(8, dtype=torch.bool))
    phi = term.statistic(Classes.of(T1, "logits", coverage=only), 1.0, told)
    assert term.loss(Classes.of(S, "logits"), phi, only, 1.0, told).abs().max() < 1e-12


def test_dkd_where_a_peer_gives_nan() -> None:
    """Logits 100 times as far apart, in float32, at temperature 1."""
    far = Classes.of(100 * S.float(), "logits")
    told = Context(target=Y, labelled=torch.ones(8, dtype=torch.bool))
    term = DKD(1.0)
    found = term.loss(far, term.statistic(Classes.of(100 * T1.float(), "logits"), 1.0, told), far.coverage, 1.0, told)
    assert bool(torch.isfinite(found).all())


def test_standardised_logits_ignore_shift_and_scale() -> None:
    for term in (LSKD(), LSKD(DKD(2.0))):
        assert loss(term, 7 * T1 + 3) == pytest.approx(loss(term, T1), rel=1e-6)
    assert loss(KL(2.0), 7 * T1 + 3) != pytest.approx(loss(KL(2.0), T1), rel=1e-2)


def test_rows_without_spread() -> None:
    flat = torch.zeros(8, 10, dtype=torch.float64)
    uniform = LSKD().statistic(Classes.of(flat + 5.0, "logits"), 2.0, Context())
    torch.testing.assert_close(uniform, torch.full_like(uniform, 0.1))
    rows = DIST(gamma=0.0)
    assert loss(rows, flat) == 0.0
    assert float(gradient_of(rows, flat).abs().max()) == 0.0


@pytest.mark.parametrize("term", [LSKD(), DIST(gamma=0.0), DIST()])
def test_a_student_that_starts_at_zero_moves_by_an_ordinary_step(term: Any) -> None:
    student = torch.zeros(8, 10, dtype=torch.float64, requires_grad=True)
    answer = Classes.of(student, "logits")
    phi = term.statistic(Classes.of(T1, "logits"), 2.0, Context())
    term.loss(answer, phi, answer.coverage, 2.0, Context()).sum().backward()
    assert student.grad is not None
    assert 1e-4 < float(student.grad.abs().max()) < 10.0


def test_dist_leaves_out_rows_without_a_teacher() -> None:
    term, student = DIST(), Classes.of(S, "logits")
    phi = term.statistic(Classes.of(T1, "logits"), 1.0, Context())
    phi[5:] = 0.0
    fewer = term.loss(Classes.of(S[:5], "logits"), phi[:5], student.coverage, 1.0, Context())
    torch.testing.assert_close(term.loss(student, phi, student.coverage, 1.0, Context())[:5], fewer)


def test_binary_kl_is_kl_of_two_classes() -> None:
    z_s, z_t = S[:, :3], T1[:, :3]
    term, found = BinaryKL(3.0), KL(3.0)
    binary = term.loss(
        Labels.of(z_s), term.statistic(Labels.of(z_t), 3.0, Context()), torch.ones(3).bool(), 3.0, Context()
    )
    for label in range(3):
        two = [Classes.of(torch.stack([torch.zeros(8).double(), z[:, label]], -1), "logits") for z in (z_s, z_t)]
        plain = found.loss(two[0], found.statistic(two[1], 3.0, Context()), two[0].coverage, 3.0, Context())
        torch.testing.assert_close(binary[:, label], plain)


def test_gaussian_terms_survive_large_means_and_small_scales() -> None:
    mean = torch.full((1, 1), 1e5)
    teacher, student = Values.of(mean, torch.full((1, 1), 1e-1)), Values.of(mean + 0.1, torch.full((1, 1), 1e-1))
    for centre, spread in (((0.0,), (1.0,)), ((9e4,), (1e4,))):
        term = GaussianKL(centre, spread)
        found = term.loss(student, term.statistic(teacher, 1.0, Context()), teacher.coverage, 1.0, Context())
        assert float(found) == pytest.approx(0.5, rel=0.05)  # float32 holds 100000.1 to within 0.004


def test_gaussian_terms_need_scales() -> None:
    bare, full = Values.of(torch.zeros(2, 1)), Values.of(torch.zeros(2, 1), torch.ones(2, 1))
    for term in (GaussianKL(), GaussianNLL()):
        with pytest.raises(InputError, match=f"{term.name} needs a scale"):
            term.statistic(bare, 1.0, Context())
        phi = term.statistic(full, 1.0, Context())
        with pytest.raises(InputError, match="with_scale=True"):
            term.loss(bare, phi, full.coverage, 1.0, Context())


def test_columns_of_different_units_weigh_the_same() -> None:
    teacher, student = Values.of(torch.tensor([[1e5, 3.0]])), Values.of(torch.tensor([[1.2e5, 3.5]]))
    term = MSE(centre=(1e5, 3.0), spread=(2e4, 0.5))
    found = term.loss(student, term.statistic(teacher, 1.0, Context()), teacher.coverage, 1.0, Context())
    torch.testing.assert_close(found, torch.ones(1, 2))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: JSD(beta=1.5), "beta"),
        (lambda: ReverseKL(floor=1.0), "floor"),
        (lambda: DKD(alpha=-1.0), "alpha"),
        (lambda: DIST(gamma=-1.0), "gamma"),
        (lambda: MSE(spread=(0.0,)), "positive"),
    ],
)
def test_bad_parameters(make: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        make()
