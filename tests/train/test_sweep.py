"""A sweep against `fit`, lane by lane: parameters, losses of every epoch, best epoch, reason to stop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tutelage as tl
from train.small import FEATURES, NAMES, Counted, joined, logits, net, table
from tutelage.core import Classes, InputError, Labels, Signals, Values
from tutelage.fusion import (
    Confidence,
    DynamicPerformance,
    Entropy,
    GeometricMean,
    HardVote,
    Mean,
    Median,
    Performance,
    SoftVote,
)
from tutelage.ops.schedules import Constant, Linear
from tutelage.tasks import Classification, MultiLabel, Regression
from tutelage.teaching import Distillation, Memory, Objective, terms
from tutelage.train import Fitted, Lane, Plateau, Swept, Training, fit, sweep
from tutelage.train.fitted import labels_only

QUICK = Training(3, 16, lr=0.02)
CLASSES = Classification(NAMES)


def make() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, 6), nn.ReLU(), nn.Linear(6, 3))


def fitted_alone(made: Callable[[], nn.Module], lane: Lane, rows: tl.Rows, training: Training) -> Fitted:
    torch.manual_seed(lane.seed)
    return fit(made(), lane.target, rows, replace(training, seed=lane.seed))


def assert_alike(swept: Swept, rows: tl.Rows, training: Training, made: Callable[[], nn.Module] = make) -> None:
    for lane, got in zip(swept.lanes, swept.fitted, strict=True):
        wanted = fitted_alone(made, lane, rows, training)
        assert (got.best_epoch, got.stopped) == (wanted.best_epoch, wanted.stopped), lane.name
        assert got.student.training == wanted.student.training
        for name, value in wanted.student.state_dict().items():
            torch.testing.assert_close(got.student.state_dict()[name], value, rtol=1e-4, atol=1e-4, msg=lane.name)
            torch.testing.assert_close(got.best[name], wanted.best[name], rtol=1e-4, atol=1e-4)
        assert len(got.history) == len(wanted.history)
        for mine, theirs in zip(got.history, wanted.history, strict=True):
            assert (mine.epoch, mine.step, mine.lr) == (theirs.epoch, theirs.step, theirs.lr)
            assert mine.parts == pytest.approx(theirs.parts, rel=1e-4, abs=1e-6), lane.name
            assert mine.watched == pytest.approx(theirs.watched, rel=1e-4, abs=1e-6), lane.name
            assert mine.metrics == pytest.approx(theirs.metrics, rel=1e-3, abs=1e-4)
            assert mine.weights == pytest.approx(theirs.weights, rel=1e-4, abs=1e-6), lane.name
            assert mine.acted == pytest.approx(theirs.acted, rel=1e-5, abs=1e-6), lane.name


def difficult() -> tuple[tl.Rows, Memory]:
    """Some rows without labels; three teachers, one of two classes only; all abstain on some rows."""
    chance = np.random.default_rng(5)
    rows = table(labelled=chance.random(120) < 0.4)
    silent = torch.from_numpy(chance.random((3, 120)) < 0.25)
    silent[:, ::11] = True
    coverage = torch.tensor([[True, True, True], [True, True, True], [True, True, False]])
    answers = tuple(
        Classes.of(logits(rows, 1.0 + i, i), "logits", valid=~silent[i], coverage=coverage[i]) for i in range(3)
    )
    return rows, Memory(Signals(("a", "b", "c"), answers))


OBJECTIVES = {
    "kl": Objective((terms.KL(2.0),)),
    "dkd": Objective((terms.DKD(2.0),), soft=0.6),
    "dist": Objective((terms.DIST(),), soft=0.8),
    "dist rows": Objective((terms.DIST(gamma=0.0),), soft=0.8),
    "lskd": Objective((terms.LSKD(terms.DKD(2.0)),), soft=0.5),
    "jsd": Objective((terms.JSD(),)),
    "two": Objective((terms.KL(3.0), terms.LogitMSE()), (1.0, 0.3), soft=Linear(0.9, 0.0), l2=0.01),
}


def lanes_of(source: Any, fusions: Sequence[Any], objectives: Sequence[Any], seeds: Sequence[int]) -> list[Lane]:
    targets = [(f, o, Distillation(source, f, o, CLASSES)) for f in fusions for o in objectives]
    return [Lane(f"{f.name} {i} {seed}", t, seed) for i, (f, _, t) in enumerate(targets) for seed in seeds]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_lane_ends_where_fit_ends(name: str) -> None:
    """Weights and targets, labels and none, abstaining teachers and different coverages, two seeds."""
    rows, source = difficult()
    fusions = (Mean(), Confidence()) if name in ("dist", "dist rows", "lskd") else (Mean(), SoftVote(), Entropy())
    lanes = lanes_of(source, fusions, [OBJECTIVES[name]], (0, 7))
    swept = sweep(make, lanes, rows, QUICK)
    assert swept.why == f"{len(lanes)} students as one batched network"
    assert all(swept.batched)
    assert_alike(swept, rows, QUICK)


def test_all_at_once_is_all_apart() -> None:
    """Lanes of different objectives, single teachers and labels alone in one network."""
    rows, source = difficult()
    lanes = lanes_of(source, (Mean(), SoftVote()), [OBJECTIVES[n] for n in ("kl", "dkd", "dist", "two")], (0,))
    single = Distillation(source.only("b"), Mean(), OBJECTIVES["kl"], CLASSES)
    lanes += [Lane("one teacher", single, 3), Lane("labels", labels_only(CLASSES), 3)]
    lanes += [Lane("labels, l2", replace(labels_only(CLASSES), objective=Objective((), soft=0.0, l2=0.1)), 4)]
    swept = sweep(make, lanes, rows, QUICK)
    assert all(swept.batched)
    assert_alike(swept, rows, QUICK)
    assert set(swept.fitted[-1].history[0].parts) == {"hard", "l2"}
    assert [len(fitted.history[0].weights) for fitted in swept.fitted][-4:] == [0, 1, 0, 0]


@pytest.mark.parametrize(
    "training",
    [
        Training(3, 16, "sgd", Constant(0.05), clip=0.05),
        Training(3, 119, "adam", clip=None),
        Training(2, 16, lr=0.02, watch="accuracy"),
        Training(2, 500, lr=0.02),
    ],
    ids=["sgd, clipped", "adam", "watches accuracy", "one step an epoch"],
)
def test_settings_mean_the_same(training: Training) -> None:
    rows = table()
    lanes = [Lane(f"{seed} {soft}", joined(rows, soft=soft, l2=0.02), seed) for seed in (0, 1) for soft in (0.3, 0.9)]
    swept = sweep(make, lanes, rows, training)
    assert all(swept.batched)
    assert_alike(swept, rows, training)


def test_lanes_that_change_during_training_share_the_network() -> None:
    """A temperature schedule (plan 2), a fusion that follows its student, one that needs labels, live teachers."""
    rows = table()
    source = joined(rows).source
    batch = rows.batch(rows.validation, inputs=False)
    shown = source.gather(batch.row, batch.view).stacked()
    followed = DynamicPerformance().fit(shown, batch.target, batch.labelled)
    kl, moving = Objective((terms.KL(2.0),)), Objective((terms.KL(Linear(4.0, 1.0)),))
    live = tl.Live((Counted(), Counted("other", sharp=0.5)), rows.columns)
    targets = [
        Distillation(source, Mean(), moving, CLASSES),
        Distillation(source, GeometricMean(), moving, CLASSES),
        Distillation(source, followed, kl, CLASSES, (), None, batch.row),
        Distillation(source, Mean(), kl, CLASSES),
        Distillation(live, Mean(), kl, CLASSES),
    ]
    assert [target.plan.number for target in targets] == [2, 2, 2, 1, 4]
    lanes = [Lane(f"{i} {seed}", target, seed) for i, target in enumerate(targets) for seed in (0, 1)]
    swept = sweep(make, lanes, rows, QUICK)
    assert all(swept.batched)
    assert_alike(swept, rows, QUICK)


@pytest.mark.parametrize(("watch", "every"), [("loss", 1), ("loss", 3), ("accuracy", 1)])
def test_lanes_stop_when_fit_would_stop(watch: str, every: int) -> None:
    rows = table()
    training = Training(40, 8, "adamw", Constant(0.1), patience=2, watch=watch, watch_every=every)
    lanes = [Lane(f"{seed} {soft}", joined(rows, soft=soft), seed) for seed in (0, 1, 2) for soft in (0.1, 0.9)]
    lanes += [Lane("dkd", replace(lanes[0].target, objective=OBJECTIVES["dkd"], means=None), 1)]
    swept = sweep(make, lanes, rows, training)
    assert len({len(fitted.history) for fitted in swept.fitted}) > 2
    assert_alike(swept, rows, training)
    for fitted in swept.fitted:
        assert all(torch.equal(fitted.student.state_dict()[name], value) for name, value in fitted.best.items())


def test_without_validation_rows_the_labelled_ones_are_watched_and_without_labels_the_training_loss() -> None:
    none, train = np.zeros(0, dtype=np.int64), np.arange(120)
    for labelled in (np.arange(120) % 2 == 0, np.zeros(120, dtype=bool)):
        rows = table(train=train, validation=none, test=none, labelled=labelled)
        lanes = [Lane(str(seed), joined(rows), seed) for seed in (0, 1)]
        swept = sweep(make, lanes, rows, QUICK)
        assert bool(swept.fitted[0].history[0].metrics) == bool(labelled.any())
        assert_alike(swept, rows, QUICK)


def test_several_labels_at_once() -> None:
    chance = np.random.default_rng(0)
    features, target = chance.normal(size=(90, FEATURES)).astype(np.float32), chance.random((90, 3)) < 0.4
    rows = tl.rows_of({"x": features}, target, names=NAMES, labelled=chance.random((90, 3)) < 0.7)
    valid = torch.from_numpy(chance.random((2, 90, 3)) < 0.7)
    truth = torch.from_numpy(2.0 * target - 1).float()
    answers = tuple(Labels.of(truth + torch.randn(90, 3), valid=valid[i]) for i in range(2))
    source, task = Memory(Signals(("a", "b"), answers)), MultiLabel(NAMES)
    goal = Objective((terms.BinaryKL(2.0),))
    lanes = [Lane(f"{f.name} {s}", Distillation(source, f, goal, task), s) for f in (Mean(), Entropy()) for s in (0, 1)]
    swept = sweep(make, lanes, rows, QUICK)
    assert all(swept.batched)
    assert_alike(swept, rows, QUICK)


def test_numbers() -> None:
    chance = np.random.default_rng(0)
    features = chance.normal(size=(90, FEATURES)).astype(np.float32)
    target = features[:, :2] * 10 + 5
    rows = tl.rows_of({"x": features}, target, names=("p", "q"))
    task = Regression(("p", "q"), (5.0, 5.0), (10.0, 10.0), with_scale=True, loss="nll")
    valid = torch.from_numpy(chance.random((2, 90, 2)) < 0.8)
    answers = tuple(
        Values.of(torch.from_numpy(target).float() + i, torch.full((90, 2), 2.0), valid=valid[i]) for i in range(2)
    )
    source = Memory(Signals(("a", "b"), answers))
    lanes: list[Lane] = []
    for term in (
        terms.MSE(task.centre, task.spread),
        terms.GaussianKL(),
        terms.Huber(centre=task.centre, spread=task.spread),
    ):
        for fusion in (Mean(), Median()):
            goal = Distillation(source, fusion, Objective((term,), soft=0.5), task)
            lanes.append(Lane(f"{term.name} {fusion.name}", goal, len(lanes)))

    def four() -> nn.Module:
        return nn.Sequential(nn.Linear(FEATURES, 6), nn.Tanh(), nn.Linear(6, 4))

    swept = sweep(four, lanes, rows, QUICK)
    assert all(swept.batched)
    assert_alike(swept, rows, QUICK, four)


def test_a_module_is_every_lanes_start_and_is_left_alone() -> None:
    rows, start = table(), make()
    next(start.parameters()).requires_grad_(False)
    before = {name: value.clone() for name, value in start.state_dict().items()}
    lanes = [Lane(str(seed), joined(rows), seed) for seed in (3, 4)]
    swept = sweep(start, lanes, rows, QUICK)
    assert all(torch.equal(start.state_dict()[name], value) for name, value in before.items())
    assert all(swept.batched)
    assert torch.equal(swept.fitted[0].student.state_dict()["0.weight"], before["0.weight"])
    assert_alike(swept, rows, QUICK, lambda: deepcopy(start))


def test_one_lane_is_a_sweep() -> None:
    rows = table()
    swept = sweep(make, [Lane("only", joined(rows))], rows, QUICK)
    assert swept.why == "1 student as one batched network"
    assert_alike(swept, rows, QUICK)


def test_all_lanes_are_one_call_of_the_student_per_step() -> None:
    calls: list[int] = []

    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = make()

        def forward(self, x: Tensor) -> Tensor:
            calls.append(1)
            return self.net(x)

    rows, counts = table(), list[int]()
    for lanes in (1, 12):
        calls.clear()
        sweep(Counts, [Lane(str(i), joined(rows), i) for i in range(lanes)], rows, QUICK)
        counts.append(len(calls) - 2 * lanes)
    assert counts[0] == counts[1]


def test_tied_parameters_stay_tied() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.out = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)
            self.b.weight = self.a.weight
            self.shift = nn.Buffer(torch.rand(5))

        def forward(self, x: Tensor) -> Tensor:
            return self.out(torch.relu(self.b(torch.relu(self.a(x + self.shift)))))

    rows = table()
    swept = sweep(Tied, [Lane(str(seed), joined(rows), seed) for seed in (0, 1)], rows, QUICK)
    assert all(swept.batched)
    student: Any = swept.fitted[1].student
    assert student.a.weight is student.b.weight
    assert_alike(swept, rows, QUICK, Tied)


class Odd(nn.Module):
    """Branches on its numbers, which torch.vmap cannot follow."""

    def __init__(self) -> None:
        super().__init__()
        self.net = make()

    def forward(self, x: Tensor) -> Tensor:
        found = self.net(x)
        return found if float(found.detach().sum()) > 1e9 else found * 1.0


STUDENTS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "dropout": (lambda: nn.Sequential(nn.Linear(5, 6), nn.Dropout(0.3), nn.Linear(6, 3)), "random numbers"),
    "batch norm": (lambda: nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)), "running statistics"),
    "branches": (Odd, "torch.vmap"),
    "too large": (lambda: nn.Sequential(nn.Linear(5, 500), nn.Linear(500, 400), nn.Linear(400, 3)), "204,603 param"),
    "shapes": (lambda: nn.Sequential(nn.Linear(5, torch.initial_seed() + 2), nn.LazyLinear(3)), "different shapes"),
}


@pytest.mark.parametrize("kind", STUDENTS)
def test_a_student_that_cannot_be_batched_is_trained_alone_and_says_why(kind: str) -> None:
    rows, (made, reason) = table(), STUDENTS[kind]

    def ready() -> nn.Module:
        student = made()
        student(torch.randn(4, 5))
        return student

    lanes = [Lane(str(seed), joined(rows), seed) for seed in (0, 1)]
    training = Training(1, 50)
    swept = sweep(ready, lanes, rows, training)
    assert not any(swept.batched)
    assert swept.why.startswith("trained one by one: ")
    assert reason in swept.why
    assert_alike(swept, rows, training, ready)


def test_convolutions_are_batched_while_images_are_small() -> None:
    def conv() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))

    chance = np.random.default_rng(0)
    for side, together in ((6, True), (17, False)):
        images = chance.normal(size=(40, 1, side, side)).astype(np.float32)
        rows = tl.rows_of({"image": images}, np.arange(40) % 2)
        lanes = [Lane(str(seed), labels_only(Classification(("0", "1"))), seed) for seed in (0, 1)]
        training = Training(2, 16, lr=0.02)
        swept = sweep(conv, lanes, rows, training)
        assert swept.batched == (together, together)
        assert together or "convolutions of more than 256 numbers a row (289)" in swept.why
        assert_alike(swept, rows, training, conv)


def test_settings_of_single_trainings_are_honoured_one_by_one(tmp_path: Path) -> None:
    rows = table()
    lanes = [Lane("a/b", joined(rows), 0), Lane("c", joined(rows), 1)]
    cases = {
        "Plateau": replace(QUICK, lr=Plateau(0.02)),
        "release": replace(QUICK, release={"0": 1}),
        "bf16": replace(QUICK, precision="bf16"),
        "checkpoint": replace(QUICK, checkpoint=tmp_path),
    }
    for word, training in cases.items():
        swept = sweep(make, lanes, rows, training)
        assert not any(swept.batched)
        assert word in swept.why
    assert len(list(tmp_path.glob("*/checkpoint.pt"))) == 2


def test_a_lane_that_cannot_be_batched_leaves_the_others_together() -> None:
    class Draws:
        name, needs, invariants, gives, source = "draws", frozenset({"random"}), frozenset[str](), "weights", "x"

        def __call__(self, signals: Any, context: Any) -> Any:
            chance = torch.rand(signals.valid.shape, generator=context.generator)
            return tl.core.Weights(chance / chance.sum(0))

    rows = table()
    plain = joined(rows)
    draws = [replace(plain, fusion=Draws(), generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    lanes = [Lane("mean 0", plain, 0), Lane("draws", draws[0], 0), Lane("mean 1", plain, 1)]
    weighted = Classification(NAMES, (1.0, 2.0, 1.0))
    lanes.append(Lane("weighted", replace(plain, task=weighted), 1))
    swept = sweep(make, lanes, rows, QUICK)
    assert swept.batched == (True, False, True, False)
    assert swept.why == (
        "2 students as one batched network; trained one by one: 1 because fusion 'draws' draws random numbers, in the "
        "order of a single training; 1 because its task differs from that of the first lane"
    )
    lanes[1] = Lane("draws", draws[1], 0)
    assert_alike(replace(swept, lanes=tuple(lanes)), rows, QUICK)


def test_a_loss_that_is_no_number_names_the_lane() -> None:
    rows = table()
    answers = tuple(torch.full((120, 3), value) for value in (0.0, math.nan))
    sources = [Memory(Signals(("t",), (Classes.of(answer, "logits"),))) for answer in answers]
    lanes = [Lane(f"lane {i}", Distillation(s, Mean(), OBJECTIVES["kl"], CLASSES), i) for i, s in enumerate(sources)]
    with pytest.raises(InputError, match=r"lane 'lane 1': the gradient became NaN .*epoch 1, step 0 .*'kl': nan"):
        sweep(make, lanes, rows, QUICK)


def test_what_a_sweep_refuses() -> None:
    rows = table()
    with pytest.raises(InputError, match=r"different names; given twice: \['a'\]"):
        sweep(make, [Lane("a", joined(rows)), Lane("a", joined(rows), 1)], rows, QUICK)
    with pytest.raises(InputError, match="at least one lane"):
        sweep(make, [], rows, QUICK)
    with pytest.raises(InputError, match=r"watch='f7' does not fit"):
        sweep(make, [Lane("a", joined(rows))], rows, replace(QUICK, watch="f7"))
    with pytest.raises(InputError, match=r"4\), but 3 classes need"):
        sweep(lambda: net(outputs=4), [Lane("a", joined(rows))], rows, QUICK)


def test_progress_and_the_sealed_test_rows() -> None:
    rows, told = table(), list[tuple[str, int, int]]()
    sweep(make, [Lane(str(i), joined(rows), i) for i in range(2)], rows, QUICK, lambda *heard: told.append(heard))
    assert told == [("2 students together", epoch, 3) for epoch in (1, 2, 3)]
    assert rows.test.openings == []


def test_fitted_fusions_and_votes_take_part() -> None:
    rows, source = difficult()
    batch = rows.batch(rows.validation, inputs=False)
    shown = source.gather(batch.row, batch.view).stacked()
    learnt = Performance().fit(shown, batch.target, batch.labelled)
    lanes = lanes_of(source, (learnt, HardVote()), [OBJECTIVES["kl"]], (0, 1))
    swept = sweep(make, lanes, rows, QUICK)
    assert all(swept.batched)
    assert_alike(swept, rows, QUICK)
