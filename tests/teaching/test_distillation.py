"""`Distillation.loss`: what rows, labels, teachers, plans and micro-batches do to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from distilling import Says, Trust, classes, gradient, named
from tutelage.core import Batch, Classes, Context, InputError, Labels, Space, Step, Target, Values, Weights
from tutelage.fusion import GeometricMean, Mean, SoftVote, Stacking
from tutelage.ops.schedules import Linear
from tutelage.tasks import MultiLabel, Regression
from tutelage.teaching import AsIs, Distillation, Live, Memory, Objective, add_counts, calibrate
from tutelage.teaching.calibration import Temperature
from tutelage.teaching.heldout import row_loss
from tutelage.teaching.means import Means
from tutelage.teaching.objective import Part
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
    Huber,
    LogitL1,
    LogitMSE,
    ReverseKL,
    SquaredError,
    TotalVariation,
)

ROWS, WIDTH = 8, 4
EVERY_CLASS_TERM: tuple[Any, ...] = (
    KL(),
    CrossEntropy(),
    ReverseKL(),
    SquaredError(),
    JSD(),
    TotalVariation(),
    LogitMSE(),
    LogitL1(),
    DKD(),
    DIST(),
    LSKD(),
)


def logits(rows: int = ROWS, width: int = WIDTH) -> Tensor:
    return torch.randn(rows, width, dtype=torch.float64)


def batch_of(rows: Tensor | int, target: Tensor | None = None, **parts: Any) -> Batch:
    row = torch.arange(rows) if isinstance(rows, int) else rows
    weight = parts.pop("weight", torch.ones(len(row), dtype=torch.float64))
    return Batch.of({"row": row}, target, row=row, weight=weight, **parts)


def distillation_of(
    *answers: Any, terms: tuple[Any, ...] = (KL(2.0),), fusion: Any = None, **rest: Any
) -> Distillation:
    objective = Objective(terms, **{name: rest.pop(name) for name in ("soft", "coverage", "l2") if name in rest})
    task = rest.pop("task", classes(WIDTH))
    return Distillation(Memory(named(*answers)), fusion or Mean(), objective, task, **rest)


def test_one_teacher_and_no_labels_is_plain_distillation() -> None:
    z_t, z_s = logits(), logits()
    found = distillation_of(Classes.of(z_t, "logits"), soft=1.0).loss(Says(z_s), batch_of(ROWS))
    log_p, log_q = (torch.log_softmax(z / 2.0, -1) for z in (z_t, z_s))
    assert found.item() == pytest.approx(4.0 * float((log_p.exp() * (log_p - log_q)).sum(-1).mean()))


def test_hard_and_soft_share() -> None:
    z_t, z_s, y = logits(), logits(), torch.arange(ROWS) % WIDTH
    make = lambda soft: distillation_of(Classes.of(z_t, "logits"), soft=soft).loss(Says(z_s), batch_of(ROWS, y)).item()  # noqa: E731
    hard = float(torch.nn.functional.cross_entropy(z_s, y))
    assert make(0.0) == pytest.approx(hard)
    assert make(0.3) == pytest.approx(0.7 * hard + 0.3 * make(1.0))


def test_a_row_without_a_teacher_learns_from_its_label_alone() -> None:
    valid = torch.arange(ROWS) >= 3
    teacher, student, y = Classes.of(logits(), "logits", valid=valid), Says(logits()), torch.arange(ROWS) % WIDTH
    found = gradient(distillation_of(teacher, soft=0.9).loss(student, batch_of(ROWS, y)).total, student)
    only = gradient(distillation_of(teacher, soft=0.0).loss(student, batch_of(ROWS, y)).total, student)
    alone = found.view(ROWS, WIDTH)[:3], only.view(ROWS, WIDTH)[:3]
    torch.testing.assert_close(*alone)  # hard share 1, not .1


def test_a_teacher_that_abstains_leaves_the_row_to_the_others() -> None:
    valid = torch.arange(ROWS) != 2
    one, other, student = logits(), logits(), Says(logits())
    both = distillation_of(Classes.of(one, "logits", valid=valid), Classes.of(other, "logits"), soft=1.0)
    alone = distillation_of(Classes.of(other, "logits"), soft=1.0)
    found = [gradient(d.loss(student, batch_of(ROWS)).total, student).view(ROWS, WIDTH)[2] for d in (both, alone)]
    torch.testing.assert_close(*found)


def test_nothing_to_learn_gives_exactly_nothing() -> None:
    silent = Classes.of(logits(), "logits", valid=torch.zeros(ROWS, dtype=torch.bool))
    for terms in ((term,) for term in EVERY_CLASS_TERM):
        student = Says(logits())
        found = distillation_of(silent, terms=terms).loss(student, batch_of(ROWS))
        assert found.item() == 0.0
        assert float(gradient(found.total, student).abs().max()) == 0.0


def test_rows_without_labels() -> None:
    y, labelled = torch.arange(ROWS) % WIDTH, torch.arange(ROWS) < 2
    teacher, student = Classes.of(logits(), "logits"), Says(logits())
    d = distillation_of(teacher, soft=0.5)
    found = d.loss(student, batch_of(ROWS, y, labelled=labelled))
    hard = torch.nn.functional.cross_entropy(student.answers[:2], y[:2])
    soft = replace(d, objective=Objective((KL(2.0),), soft=1.0)).loss(student, batch_of(ROWS)).item()
    assert found.item() == pytest.approx(0.5 * float(hard.detach()) + 0.5 * soft)
    y[2:] = -1  # any number may stand where there is no label
    assert d.loss(student, batch_of(ROWS, y, labelled=labelled)).item() == found.item()


@pytest.mark.parametrize("term", [KL(), JSD(), DKD(), LogitMSE()])
@pytest.mark.parametrize("pieces", [2, 4])
def test_micro_batches_add_up_to_the_whole(term: Any, pieces: int) -> None:
    """64 rows at once = 2 x 32 = 4 x 16, with teachers, labels and weights spread unevenly."""
    rows, chance = 64, torch.Generator().manual_seed(0)
    uneven = torch.linspace(0, 1, rows)
    y, labelled = torch.arange(rows) % WIDTH, torch.rand(rows, generator=chance) < uneven
    weight = torch.rand(rows, generator=chance, dtype=torch.float64)
    teachers = [Classes.of(logits(rows), "logits", valid=torch.rand(rows, generator=chance) > uneven) for _ in range(3)]
    d = distillation_of(*teachers, terms=(term,), soft=0.7, l2=0.01)
    student = Says(logits(rows))

    def part(row: Tensor) -> Batch:
        return batch_of(row, y[row], labelled=labelled[row], weight=weight[row])

    whole = d.loss(student, part(torch.arange(rows)))
    wanted = gradient(whole.total, student)
    batches = [part(row) for row in torch.arange(rows).chunk(pieces)]
    counts = add_counts(d.counts(one) for one in batches)
    losses = [d.loss(student, one, counts=counts) for one in batches]
    total = torch.stack([one.total for one in losses]).sum()
    assert float(total.detach()) == pytest.approx(whole.item())
    torch.testing.assert_close(gradient(total, student), wanted)
    naive = sum(d.loss(student, one).item() for one in batches) / pieces
    assert naive != pytest.approx(whole.item(), rel=1e-3)  # what the counts are for


def test_one_vote_each_is_not_one_vote_per_entry() -> None:
    """Multi-label: entries, not rows, are what is averaged over."""
    z_t, z_s = logits(2, 3), logits(2, 3)
    valid = torch.tensor([[True, False, False], [True, True, True]])
    d = distillation_of(Labels.of(z_t, valid=valid), terms=(BinaryKL(1.0),), task=MultiLabel(("a", "b", "c")), soft=1.0)
    target, labelled = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    found = d.loss(Says(z_s), batch_of(2, target, labelled=labelled))
    p, q = torch.sigmoid(z_t), torch.sigmoid(z_s)
    items = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    assert found.item() == pytest.approx(float(items[valid].mean()))


def test_closed_and_restricted_coverage_are_different_lessons() -> None:
    known = torch.tensor([True, True, False, False])
    some, all_ = Classes.of(logits(), "logits", coverage=known), Classes.of(logits(), "logits")
    student, pulls = Says(logits()), {}
    for policy in ("restricted", "closed"):
        d = distillation_of(some, soft=1.0, coverage=policy)
        pulls[policy] = gradient(d.loss(student, batch_of(ROWS)).total, student).view(ROWS, WIDTH)
    assert float(pulls["restricted"][:, 2:].abs().max()) == 0.0  # nothing is said about the unknown classes
    assert float(pulls["closed"][:, 2:].min()) > 0.0  # they are pushed down
    both = gradient(distillation_of(some, all_, soft=1.0).loss(student, batch_of(ROWS)).total, student)
    zeroed = gradient(
        distillation_of(some, all_, soft=1.0, coverage="closed").loss(student, batch_of(ROWS)).total, student
    )
    assert float((both - zeroed).abs().max()) > 1e-3  # the mean over different coverages is no shortcut


def test_restricted_coverage_renormalises_the_student() -> None:
    known = torch.tensor([True, True, False, False])
    z_t, z_s = logits(), logits()
    found = distillation_of(Classes.of(z_t, "logits", coverage=known), soft=1.0).loss(Says(z_s), batch_of(ROWS))
    log_p, log_q = (torch.log_softmax(z[:, :2] / 2.0, -1) for z in (z_t, z_s))
    assert found.item() == pytest.approx(4.0 * float((log_p.exp() * (log_p - log_q)).sum(-1).mean()))


def test_a_target_brings_its_own_temperature() -> None:
    """A vote that no temperature softened is compared at temperature 1, without the 16 of temperature 4."""
    student, signals = Says(logits()), [Classes.of(logits(), "logits") for _ in range(3)]
    found = {t: distillation_of(*signals, terms=(KL(t),), fusion=Sure(), soft=1.0) for t in (1.0, 4.0)}
    assert len({d.loss(student, batch_of(ROWS)).item() for d in found.values()}) == 1
    soft = {t: distillation_of(*signals, terms=(KL(t),), fusion=GeometricMean(), soft=1.0) for t in (1.0, 4.0)}
    assert len({d.loss(student, batch_of(ROWS)).item() for d in soft.values()}) == 2


@dataclass(frozen=True)
class Sure:
    """The first teacher's choice with probability .9, formed at temperature 1."""

    name: str = "sure"
    needs: frozenset[str] = frozenset()
    invariants: frozenset[str] = frozenset()
    gives: str = "target"
    source: str = "lam1997"

    def __call__(self, signals: Any, context: Context) -> Target:
        hot = torch.nn.functional.one_hot(signals.scores[0].argmax(-1), WIDTH)
        return Target(Classes.from_probs(hot * 0.8 + 0.05), 1.0)


@dataclass(frozen=True)
class Unanimous(Sure):
    """The first teacher's answer where both choose the same class, nothing elsewhere."""

    name: str = "unanimous"

    def __call__(self, signals: Any, context: Context) -> Target:
        same = signals.scores[0].argmax(-1) == signals.scores[1].argmax(-1)
        return Target(Classes.of(signals.scores[0], "log_probs", valid=same & signals.valid.all(0)))


def test_micro_batches_of_a_fusion_that_abstains_itself() -> None:
    d = distillation_of(*(Classes.of(logits(), "logits") for _ in range(2)), fusion=Unanimous(), soft=1.0)
    student = Says(logits())
    whole, batches = d.loss(student, batch_of(ROWS)), [batch_of(row) for row in torch.arange(ROWS).chunk(3)]
    assert 0 < float(whole.parts["kl"].count) < ROWS
    counts = add_counts(d.counts(one) for one in batches)
    assert sum(d.loss(student, one, counts=counts).item() for one in batches) == pytest.approx(whole.item())


def test_a_closed_target_says_never_about_classes_that_nobody_knows() -> None:
    known = torch.tensor([True, True, True, False])
    student, pulls = Says(logits()), {}
    for policy in ("restricted", "closed"):
        teachers = [Classes.of(logits(), "logits", coverage=known) for _ in range(2)]
        d = distillation_of(*teachers, fusion=SoftVote(), soft=1.0, coverage=policy)
        pulls[policy] = gradient(d.loss(student, batch_of(ROWS)).total, student).view(ROWS, WIDTH)[:, 3]
    assert float(pulls["restricted"].abs().max()) == 0.0
    assert float(pulls["closed"].min()) > 0.0


def test_labels_that_are_not_there_may_be_any_number() -> None:
    answer, labelled = Classes.of(logits(40), "logits"), torch.arange(40) % 2 == 0
    told = torch.arange(40) % WIDTH
    odd = torch.where(labelled, told, torch.tensor([-1, 999]).repeat(20))
    assert calibrate(answer, odd, labelled) == calibrate(answer, told, labelled)
    found, known = row_loss(answer, batch_of(40, odd, labelled=labelled))
    assert known.tolist() == labelled.tolist()
    assert bool(torch.isfinite(found).all())


def test_calibration_never_enters_the_temperature() -> None:
    """A teacher that is twice too sure is the same as one that is not, once it is calibrated."""
    z_t, student = logits(), Says(logits())
    plain = distillation_of(Classes.of(z_t, "logits"), soft=1.0)
    sure = distillation_of(Classes.of(2 * z_t, "logits"), soft=1.0, calibrations=(Temperature(2.0),))
    assert sure.loss(student, batch_of(ROWS)).item() == pytest.approx(plain.loss(student, batch_of(ROWS)).item())


def test_votes_become_probabilities_before_any_term_sees_them() -> None:
    votes = Classes.of(torch.eye(WIDTH, dtype=torch.float64)[torch.arange(ROWS) % WIDTH], "votes")
    d = distillation_of(votes, terms=(KL(1.0),), soft=1.0, calibrations=(AsIs(0.7),))
    student = Says((torch.eye(WIDTH).double() * 0.6 + 0.1).log()[torch.arange(ROWS) % WIDTH])
    assert d.loss(student, batch_of(ROWS)).item() == pytest.approx(0.0, abs=1e-9)


def test_shares_that_change_keep_plan_1() -> None:
    d = distillation_of(Classes.of(logits(), "logits"), soft=Linear(1.0, 0.0)).prepared([batch_of(ROWS)])
    student, y = Says(logits()), torch.arange(ROWS) % WIDTH
    at = {share: d.loss(student, batch_of(ROWS, y), Step(progress=1 - share)).item() for share in (0.0, 0.25, 1.0)}
    assert d.means is not None
    assert at[0.25] == pytest.approx(0.75 * at[0.0] + 0.25 * at[1.0])
    assert at[0.0] == pytest.approx(float(torch.nn.functional.cross_entropy(student.answers, y).detach()))
    assert set(d.counts(batch_of(ROWS, y), Step(progress=1.0))) == {"hard"}


def test_a_temperature_that_changes_is_followed() -> None:
    teachers, student = [Classes.of(logits(), "logits") for _ in range(2)], Says(logits())
    moving = distillation_of(*teachers, terms=(KL(Linear(4.0, 1.0)),), soft=1.0)
    assert moving.plan.number == 2
    assert moving.prepared([batch_of(ROWS)]) is moving
    for progress, temperature in ((0.0, 4.0), (1.0, 1.0)):
        fixed = distillation_of(*teachers, terms=(KL(temperature),), soft=1.0)
        found = moving.loss(student, batch_of(ROWS), Step(progress=progress)).item()
        assert found == pytest.approx(fixed.loss(student, batch_of(ROWS)).item())


def test_means_are_the_same_after_a_way_to_disk(tmp_path: Path) -> None:
    known = torch.tensor([True, False, True, True])
    teachers = [
        Classes.of(logits(), "logits"),
        Classes.of(logits(), "logits", coverage=known, valid=torch.arange(ROWS) != 4),
    ]
    d = distillation_of(*teachers, terms=(KL(2.0), DKD(), LogitMSE()), soft=0.6)
    y = torch.arange(ROWS) % WIDTH
    ready = d.prepared(
        [batch_of(torch.tensor([5, 1, 2]), y[[5, 1, 2]]), batch_of(torch.tensor([0, 3, 4, 6, 7]), y[[0, 3, 4, 6, 7]])]
    )
    assert ready.means is not None
    ready.means.save(tmp_path)
    loaded = replace(d, means=Means.load(tmp_path))
    student, batch = Says(logits()), batch_of(torch.tensor([7, 4, 5]), y[[7, 4, 5]])
    losses = [one.loss(student, batch) for one in (d, ready, loaded)]
    assert losses[1].item() == losses[2].item() == pytest.approx(losses[0].item())
    assert losses[2].weights is not None
    torch.testing.assert_close(losses[2].weights, losses[0].weights)
    with pytest.raises(InputError, match=r"1 rows were not prepared \(first \[8\]\)"):
        loaded.loss(Says(logits(9)), batch_of(torch.tensor([8])))


@dataclass
class Asked:
    """A live teacher that counts its rows and answers from inside inference mode."""

    weight: Tensor
    kind: str = "classes"
    name: str = "asked"
    reads: tuple[str, ...] = ("x",)
    frozen: bool = True
    deterministic: bool = True
    seen: None = None
    parameters: None = None
    rows: list[int] = field(default_factory=list[int])

    @property
    def space(self) -> Space:
        return Space({"classes": Classes, "labels": Labels, "values": Values}[self.kind], tuple("abcd"))

    @property
    def fingerprint(self) -> dict[str, str]:
        return {"weights": "1"}

    def answer(self, columns: Mapping[str, np.ndarray]) -> Any:
        self.rows += [len(columns["x"])]
        with torch.inference_mode():
            found = torch.from_numpy(columns["x"]) @ self.weight
            if self.kind == "values":
                return Values.of(found, found.exp())
            return Classes.of(found, "logits") if self.kind == "classes" else Labels.of(found)


LIVE: dict[str, tuple[Any, ...]] = {
    "classes": EVERY_CLASS_TERM,
    "labels": (BinaryKL(),),
    "values": (MSE(), Huber(), GaussianKL()),
}


@pytest.mark.parametrize("fusion", [Mean(), GeometricMean()])
@pytest.mark.parametrize("kind", LIVE)
def test_live_answers_from_inference_mode_can_be_learnt_from(kind: str, fusion: Any) -> None:
    columns = {"x": np.random.default_rng(0).normal(size=(ROWS, 3))}
    teacher = Asked(torch.randn(3, WIDTH, dtype=torch.float64), kind)
    task: Any = {"labels": MultiLabel(tuple("abcd")), "values": Regression(tuple("abcd"), with_scale=True)}.get(kind)
    task = task or classes(WIDTH)
    target = torch.zeros(ROWS, dtype=torch.int64) if kind == "classes" else torch.zeros(ROWS, WIDTH)
    for term in LIVE[kind]:
        d = Distillation(Live((teacher,), columns), fusion, Objective((term,), soft=1.0), task)
        assert d.plan.number == 4
        student = Says(logits(ROWS, 2 * WIDTH if kind == "values" else WIDTH))
        assert float(gradient(d.loss(student, batch_of(ROWS, target)).total, student).abs().max()) > 0


def test_a_live_teacher_is_asked_once_per_batch() -> None:
    teacher = Asked(torch.randn(3, WIDTH, dtype=torch.float64))
    source = Live((teacher,), {"x": np.zeros((ROWS, 3))})
    d = Distillation(source, Mean(), Objective((KL(), JSD(), DKD())), classes(WIDTH))
    for _ in range(3):
        d.loss(Says(logits()), batch_of(ROWS))
    assert teacher.rows == [ROWS] * 3


def test_a_stored_teacher_is_asked_once_per_row() -> None:
    """Plan 1, ten epochs: exactly one answer per row, whatever the number of epochs."""
    teacher = Asked(torch.randn(3, WIDTH, dtype=torch.float64))
    d = Distillation(
        Memory.of((teacher,), {"x": np.zeros((ROWS, 3))}), Mean(), Objective((KL(),)), classes(WIDTH)
    ).prepared([batch_of(ROWS)])
    assert d.plan.number == 1
    for _ in range(10):
        for row in torch.arange(ROWS).chunk(2):
            d.loss(Says(logits()), batch_of(row))
    assert sum(teacher.rows) == ROWS


def test_a_step_on_the_probabilities_lowers_the_squared_error() -> None:
    """Teachers say (.6, .3, .1); the student says (.55, .35, .1), a squared error of .005."""
    teacher = Classes.from_probs(torch.tensor([[0.6, 0.3, 0.1]]).double())
    student = Says(torch.tensor([[0.55, 0.35, 0.1]]).double().log())
    d = Distillation(Memory(named(teacher)), Mean(), Objective((SquaredError(),), soft=1.0), classes(3))
    optimizer = torch.optim.SGD(student.parameters(), lr=0.5)
    before = d.loss(student, batch_of(1))
    assert before.item() == pytest.approx(0.005, rel=1e-5)
    before.backward()
    optimizer.step()
    assert d.loss(student, batch_of(1)).item() < 0.004


class Gate(nn.Module):
    """A fusion with a parameter of its own."""

    name = "gate"
    needs = frozenset({"trainable"})
    invariants = frozenset[str]()
    gives = "weights"
    source = "you2017"

    def __init__(self, teachers: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(teachers, dtype=torch.float64))

    def forward(self, signals: Any, context: Context) -> Weights:
        return Weights(torch.softmax(self.scores, 0).unsqueeze(-1).expand(signals.valid.shape))


def test_trainable_parts_must_be_known_to_the_optimiser() -> None:
    d = distillation_of(*(Classes.of(logits(), "logits") for _ in range(2)), fusion=Gate(2))
    student = Says(logits())
    assert d.plan.number == 2
    with pytest.raises(InputError, match=r"\['gate.scores'\].*distillation.attach"):
        d.check_optimizer(torch.optim.SGD(student.parameters(), lr=0.1))
    attached = d.attach(student)
    d.check_optimizer(torch.optim.SGD(attached.parameters(), lr=0.1))
    assert Distillation.detach(attached) is student
    assert {name for name, _ in attached.named_parameters()} == {"student.answers", "trainable.gate.scores"}


def test_no_teacher_hides_in_a_module_tree() -> None:
    d = distillation_of(Classes.of(logits(), "logits"))
    assert not isinstance(d, nn.Module)
    assert list(d.trainable.parameters()) == []
    assert list(d.attach(Says(logits())).state_dict()) == ["student.answers"]


def test_weights_carry_no_gradient() -> None:
    d = distillation_of(*(Classes.of(logits(), "logits") for _ in range(2)), fusion=Gate(2), soft=1.0)
    attached = d.attach(Says(logits()))
    d.loss(Distillation.detach(attached), batch_of(ROWS)).backward()
    assert all(p.grad is None for p in d.trainable.parameters())


def test_the_exact_penalty() -> None:
    student, y = Says(logits()), torch.arange(ROWS) % WIDTH
    plain, with_l2 = (distillation_of(Classes.of(logits(), "logits"), soft=0.0, l2=l2) for l2 in (0.0, 0.1))
    square = float(student.answers.detach().square().sum())
    found = with_l2.loss(student, batch_of(ROWS, y))
    assert found.item() - plain.loss(student, batch_of(ROWS, y)).item() == pytest.approx(0.1 * square)
    away = gradient(found.total, student) - gradient(plain.loss(student, batch_of(ROWS, y)).total, student)
    torch.testing.assert_close(away, 0.2 * student.answers.detach().flatten())


def test_a_fusion_sees_only_what_it_asked_for() -> None:
    seen: list[Context] = []

    class Looks(Gate):
        def __init__(self, *needs: str) -> None:
            super().__init__(1)
            self.needs = frozenset(needs)

        def forward(self, signals: Any, context: Context) -> Weights:
            seen.append(context)
            return super().forward(signals, context)

    y = torch.arange(ROWS) % WIDTH
    for needs in ((), ("labels",), ("student",)):
        distillation_of(Classes.of(logits(), "logits"), fusion=Looks(*needs)).loss(Says(logits()), batch_of(ROWS, y))
    assert [c.target is not None for c in seen] == [False, True, False]
    assert [c.student is not None for c in seen] == [False, False, True]
    assert not seen[2].student.scores.requires_grad


def test_what_the_loss_says_about_the_fusion() -> None:
    valid = torch.arange(ROWS) != 2
    d = distillation_of(Classes.of(logits(), "logits", valid=valid), Classes.of(logits(), "logits", valid=valid))
    found = d.loss(Says(logits()), batch_of(ROWS))
    assert found.acted is not None
    assert found.acted.tolist() == valid.tolist()
    assert found.weights is not None
    torch.testing.assert_close(found.weights.sum(0), valid.to(found.weights))
    vote = distillation_of(Classes.of(logits(), "logits"), fusion=SoftVote()).loss(Says(logits()), batch_of(ROWS))
    assert vote.weights is None


@pytest.mark.parametrize("term", EVERY_CLASS_TERM)
def test_saturated_teachers_and_students(term: Any) -> None:
    """Logits of +-50 and one-hot teachers, half of them silent, in single precision."""
    far = torch.where(logits() > 0, 50.0, -50.0).float()
    hot = 60.0 * torch.eye(WIDTH)[torch.arange(ROWS) % WIDTH]
    teachers = [Classes.of(far, "logits"), Classes.of(hot, "logits", valid=torch.arange(ROWS) % 2 == 0)]
    for z_s in (far, -far, torch.zeros(ROWS, WIDTH)):
        student, y = Says(z_s), torch.arange(ROWS) % WIDTH
        found = distillation_of(*teachers, terms=(term,)).loss(
            student, replace(batch_of(ROWS, y), weight=torch.ones(ROWS))
        )
        assert bool(torch.isfinite(found.total))
        assert bool(torch.isfinite(gradient(found.total, student)).all())


def test_bad_input() -> None:
    teacher = Classes.of(logits(), "logits")
    with pytest.raises(InputError, match="compares labels, but the task 'classification' answers with classes"):
        distillation_of(teacher, terms=(BinaryKL(),))
    with pytest.raises(InputError, match="as many calibrations, got 2"):
        distillation_of(teacher, calibrations=(AsIs(), AsIs()))
    with pytest.raises(InputError, match="'stacking' learns from held-out rows"):
        distillation_of(teacher, fusion=Stacking())
    with pytest.raises(InputError, match=r"different names, got \['t0', 't0'\]"):
        Distillation(
            Memory(replace(named(teacher, teacher), names=("t0", "t0"))), Mean(), Objective(()), classes(WIDTH)
        )


def test_an_extra_part_without_a_gradient_is_refused() -> None:
    distillation, student = distillation_of(Classes.of(logits(), "logits")), logits().requires_grad_()
    answer, batch = Classes.of(student, "logits"), batch_of(ROWS)
    own = student.square().sum()
    alive, dead = Part(own, torch.ones(())), Part(torch.tensor([own.item()]).mean(), torch.ones(()))
    assert distillation.loss_of(answer, batch, Step(), extra={"hint": alive}).total.requires_grad
    with pytest.raises(InputError, match=r"\['hint'\] carry no gradient"):
        distillation.loss_of(answer, batch, Step(), extra={"hint": dead})
    with torch.no_grad():
        distillation.loss_of(Classes.of(logits(), "logits"), batch, Step(), extra={"hint": dead})


def test_trust_by_row() -> None:
    one, other = logits(), logits()
    values = torch.stack([torch.arange(ROWS) % 2, 1 - torch.arange(ROWS) % 2]).double()
    d = distillation_of(Classes.of(one, "logits"), Classes.of(other, "logits"), fusion=Trust(values), soft=1.0)
    odd = (torch.arange(ROWS) % 2 == 1).unsqueeze(-1)
    chosen = distillation_of(Classes.of(torch.where(odd, one, other), "logits"), soft=1.0)
    student = Says(logits())
    assert d.loss(student, batch_of(ROWS)).item() == pytest.approx(chosen.loss(student, batch_of(ROWS)).item())
