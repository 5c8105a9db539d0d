"""Terms of rankings against slow, readable twins; what their papers claim; plans that give one number."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tutelage.core import Batch, Context, InputError, Scores, Signals
from tutelage.fusion import Borda, Mean, ReciprocalRank, Weighted
from tutelage.tasks import Ranking
from tutelage.teaching import AsIs, Distillation, Memory, Objective, Standardised, Temperature, calibrate
from tutelage.teaching.calibration import from_json
from tutelage.teaching.heldout import row_loss
from tutelage.teaching.terms import KL, ListNet, PlackettLuce

ROWS, PLACES = 6, 5
CHANCE = torch.Generator().manual_seed(11)
STUDENT = torch.randn(ROWS, PLACES, generator=CHANCE, dtype=torch.float64)
TEACHERS = 2 * torch.randn(3, ROWS, PLACES, generator=CHANCE, dtype=torch.float64)
ITEM = torch.arange(PLACES).expand(ROWS, PLACES)


class Says(nn.Module):
    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores.clone())

    def forward(self, *columns: Tensor) -> Tensor:
        return self.scores


def signals(listed: Tensor | None = None) -> Signals:
    own = torch.ones(3, ROWS, PLACES, dtype=torch.bool) if listed is None else listed
    answers = tuple(Scores.of(score, ITEM, listed=known) for score, known in zip(TEACHERS, own, strict=True))
    return Signals(("a", "b", "c"), answers)


def batch(labelled: Tensor | None = None) -> Batch:
    target = torch.nn.functional.one_hot(torch.arange(ROWS) % PLACES, PLACES).double()
    known = torch.ones(ROWS, dtype=torch.bool) if labelled is None else labelled
    return Batch.of({"candidates": ITEM}, target, labelled=known, weight=torch.ones(ROWS, dtype=torch.float64))


def made(term: Any, told: Signals, fusion: Any = None, soft: float = 1.0) -> Distillation:
    return Distillation(Memory(told), fusion or Mean(), Objective((term,), soft=soft), Ranking())


def found(distillation: Distillation, rows: Batch) -> tuple[float, Tensor]:
    student = Says(STUDENT)
    loss = distillation.loss(student, rows)
    loss.backward()
    assert student.scores.grad is not None
    return loss.item(), student.scores.grad


def naive_listnet(score: Tensor, teacher: Tensor, known: Tensor, temperature: float) -> Tensor:
    """KL of one row, entry by entry."""
    places = known.nonzero().flatten().tolist()
    p = [math.exp(float(teacher[i]) / temperature) for i in places]
    q = [(score[i] / temperature).exp() for i in places]
    total, whole = sum(p), sum(q)
    terms = [a / total * (math.log(a / total) - (b / whole).log()) for a, b in zip(p, q, strict=True)]
    return temperature**2 * torch.stack(terms).sum()


def naive_luce(score: Tensor, teacher: Tensor, known: Tensor, top: int) -> Tensor:
    """Minus the log-likelihood of one row, draw by draw."""
    order = sorted(known.nonzero().flatten().tolist(), key=lambda i: -float(teacher[i]))
    drawn = [
        torch.stack([score[j] for j in order[place:]]).logsumexp(0) - score[i]
        for place, i in enumerate(order[: min(top, len(order) - 1)])
    ]
    return torch.stack(drawn).mean()


@pytest.mark.parametrize("lists", ["whole", "own"])
@pytest.mark.parametrize("name", ["listnet", "plackett_luce"])
def test_against_a_readable_twin(name: str, lists: str) -> None:
    listed = torch.ones(3, ROWS, PLACES, dtype=torch.bool)
    if lists == "own":
        listed[0, :, 0], listed[1, 2:, 3], listed[2, 1] = False, False, False
    common = (listed | ~listed.any(-1, keepdim=True)).all(0)
    student = STUDENT.clone().requires_grad_()
    term = ListNet(2.0) if name == "listnet" else PlackettLuce(top=2)
    rows: list[Tensor] = []
    for row in range(ROWS):
        answering = [t for t in range(3) if listed[t, row].any()]
        each = [
            naive_listnet(student[row], TEACHERS[t, row], common[row], 2.0)
            if name == "listnet"
            else naive_luce(student[row], TEACHERS[t, row], common[row], 2)
            for t in answering
        ]
        rows.append(torch.stack(each).mean())
    wanted = torch.stack(rows).mean()
    wanted.backward()
    value, gradient = found(made(term, signals(listed)), batch())
    assert value == pytest.approx(float(wanted.detach()), rel=1e-9)
    assert student.grad is not None
    assert torch.allclose(gradient, student.grad, atol=1e-10)


def test_listnet_needs_one_target_and_plackett_luce_one_per_teacher() -> None:
    told, rows = signals(), batch()
    plain = made(ListNet(), told)
    assert plain.plan.number == 1
    kept = plain.prepared([rows])
    assert kept.means is not None
    for one, other in zip(found(plain, rows), found(kept, rows), strict=True):
        assert torch.allclose(torch.as_tensor(one), torch.as_tensor(other))
    assert made(PlackettLuce(), told).plan.number == 3
    assert made(PlackettLuce(), told, Borda()).plan.number == 1


def test_weights_make_the_weighted_sum_of_the_losses() -> None:
    told, rows = signals(), batch()
    each = [found(made(ListNet(), told.only(t)), rows) for t in range(3)]
    value, gradient = found(made(ListNet(), told, Weighted((0.5, 0.3, 0.2))), rows)
    assert value == pytest.approx(sum(w * loss for w, (loss, _) in zip((0.5, 0.3, 0.2), each, strict=True)))
    whole = torch.stack([w * g for w, (_, g) in zip((0.5, 0.3, 0.2), each, strict=True)]).sum(0)
    assert torch.allclose(gradient, whole)


def test_only_the_order_of_the_first_places_matters_to_plackett_luce() -> None:
    """Its point over ListNet: other units and another tail give the same loss."""
    order = TEACHERS[:1].argsort(-1, descending=True)
    stretched = torch.zeros_like(TEACHERS[:1]).scatter(
        -1, order, torch.tensor([900.0, 30.0, -5.0, -7.0, -6.0]).double().expand(order.shape)
    )
    told = [Signals(("a",), (Scores.of(score[0], ITEM),)) for score in (TEACHERS[:1], stretched)]
    same = [found(made(PlackettLuce(top=2), one), batch())[0] for one in told]
    other = [found(made(ListNet(), one), batch())[0] for one in told]
    assert same[0] == pytest.approx(same[1], rel=1e-12)
    assert abs(other[0] - other[1]) > 0.1


def test_an_order_can_be_learnt() -> None:
    """The likeliest order under the learnt scores is the teacher's, of all orders there are."""
    student = Says(torch.zeros(1, 4, dtype=torch.float64))
    teacher = Scores.of(torch.tensor([[1.0, 4.0, 2.0, 3.0]], dtype=torch.float64))
    term, optimizer = PlackettLuce(top=4), torch.optim.Adam(student.parameters(), lr=0.1)
    phi = term.statistic(teacher, 1.0, Context())
    for _ in range(100):
        loss = term.loss(Scores.of(student.scores), phi, teacher.coverage, 1.0, Context()).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    orders = {
        order: naive_luce(student.scores[0], -torch.tensor(order).argsort().double(), torch.ones(4).bool(), 4)
        for order in itertools.permutations(range(4))
    }
    assert min(orders, key=lambda order: float(orders[order].detach())) == (1, 3, 2, 0)


def test_rows_without_labels_learn_from_teachers_and_silent_teachers_from_labels() -> None:
    labelled = torch.arange(ROWS) % 2 == 0
    listed = torch.ones(3, ROWS, PLACES, dtype=torch.bool)
    listed[:, 0] = False
    _, gradient = found(made(ListNet(), signals(listed), soft=0.5), batch(labelled))
    assert bool((gradient.abs().sum(-1) > 0).all())
    value, gradient = found(made(ListNet(), signals(torch.zeros_like(listed)), soft=1.0), batch(labelled))
    hard = Ranking().hard_loss(Scores.of(STUDENT, ITEM), batch().target)[labelled].mean()
    assert value == pytest.approx(float(hard))
    assert gradient[1].abs().sum() == 0.0


def test_terms_of_other_answers_are_refused() -> None:
    with pytest.raises(InputError, match="choose a term made for scores"):
        made(KL(), signals())
    with pytest.raises(InputError, match="at least one place"):
        PlackettLuce(top=0)


def test_reciprocal_ranks_join_short_lists_that_a_mean_cannot() -> None:
    listed = torch.zeros(3, ROWS, PLACES, dtype=torch.bool)
    listed[0, :, :2], listed[1, :, 2:4], listed[2, :, 3:] = True, True, True
    rows = batch(torch.zeros(ROWS, dtype=torch.bool))
    assert found(made(ListNet(), signals(listed)), rows)[0] == 0.0
    value, gradient = found(made(ListNet(), signals(listed), ReciprocalRank()), rows)
    assert value > 0.0
    assert bool((gradient.abs().sum(-1) > 0).all())


def chosen(rows: int = 400) -> tuple[Tensor, Tensor]:
    """Scores whose softmax the choices follow, and the choices, [N, 8] both."""
    chance = torch.Generator().manual_seed(5)
    score = torch.randn(rows, 8, generator=chance, dtype=torch.float64) * 1.5
    drawn = torch.multinomial(score.softmax(-1), 1, generator=chance)
    return score, torch.zeros(rows, 8).scatter(-1, drawn, 1.0)


def test_calibration_brings_any_unit_back() -> None:
    score, target = chosen()
    known = torch.ones(len(score), dtype=torch.bool)
    for unit in (1.0, 1e4, 1e-4):
        learnt = calibrate(Scores.of(score * unit), target, known)
        assert isinstance(learnt, Temperature)
        assert learnt.value == pytest.approx(unit, rel=0.2)
        assert from_json(learnt.to_json()) == learnt
    assert calibrate(Scores.of(score), target, torch.arange(len(score)) < 5) == AsIs()
    assert calibrate(Scores.of(torch.zeros_like(score)), target, known) == AsIs()


def test_scores_that_grow_with_the_row_are_standardised() -> None:
    score, target = chosen()
    score = score / score.std(-1, keepdim=True) * 1.5
    target = torch.zeros_like(target).scatter(-1, torch.multinomial(score.softmax(-1), 1), 1.0)
    known = torch.ones(len(score), dtype=torch.bool)
    said = Scores.of(score * torch.logspace(-2, 2, len(score)).unsqueeze(-1))
    learnt = calibrate(said, target, known)
    assert isinstance(learnt, Standardised)
    assert from_json(learnt.to_json()) == learnt
    assert "standardised" in str(learnt)
    assert learnt.apply(said).score.std(-1, unbiased=False).std() < 1e-3
    rows = Batch.of({}, target, labelled=known)
    assert float(row_loss(learnt.apply(said), rows)[0].mean()) < float(row_loss(said, rows)[0].mean()) - 0.5


def test_a_short_list_costs_what_it_leaves_out() -> None:
    target = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    listed = torch.tensor([[False, False, True, True]])
    rows = Batch.of({}, target, labelled=torch.ones(1, dtype=torch.bool))
    loss, known = row_loss(Scores.of(torch.tensor([[0.0, 0.0, 3.0, 1.0]]), listed=listed), rows)
    assert known.tolist() == [True]
    assert float(loss) == pytest.approx(math.log(3 * math.exp(1) + math.exp(3)) - 1.0)
