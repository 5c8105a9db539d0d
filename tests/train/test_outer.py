"""The outer-step hook: who learns, who is told what, and how it goes on after an interruption."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from train.small import joined, net, same, table
from train.test_resume import history, resumed
from tutelage.core import INVARIANTS, Context, InputError, Outer, Step, Turn, Weights
from tutelage.fusion import Mean, MetaWeights
from tutelage.ops.simplex import masked_softmax
from tutelage.teaching import MGDA, Distillation
from tutelage.train import Lane, OuterLoop, Training, fit, sweep


class Told(nn.Module):
    """Weights that move to the first teacher by one unit per step, and remember what they were told."""

    name = "told"
    gives = "weights"
    needs = frozenset({"trainable", "student"})
    invariants = INVARIANTS
    source = "you2017"

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2))
        self.turns: list[Turn] = []
        self.epochs = 0
        self.value = 1.0

    @property
    def steers(self) -> Mapping[str, float]:
        return {}

    def steering(self, learnt: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {}

    def own_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)

    def attached(self, signals: Any, context: Context, learnt: Mapping[str, Tensor]) -> Weights:
        return Weights(masked_softmax(learnt["bias"].unsqueeze(1).expand(signals.valid.shape), signals.valid))

    def forward(self, signals: Any, context: Context) -> Weights:
        with torch.no_grad():
            return self.attached(signals, context, dict(self.named_parameters()))

    def after_step(self, turn: Turn) -> Iterator[dict[str, Tensor]]:
        self.turns.append(turn)
        yield {"bias": torch.tensor([-self.value, 0.0])}

    def after_epoch(self) -> Iterator[dict[str, Tensor]]:
        self.epochs += 1
        yield {"bias": torch.tensor([0.0, 10.0])}


def test_every_step_and_epoch_is_told_and_gradients_are_taken() -> None:
    rows, fusion = table(), Told()
    assert isinstance(fusion, Outer)
    target = replace(joined(rows), fusion=fusion)
    fitted = fit(net(dropout=0.5), target, rows, Training(3, 16))
    steps = fitted.history[-1].step
    assert len(fusion.turns) == steps
    assert fusion.epochs == 3
    assert fusion.bias.tolist() == [float(steps), -30.0]
    assert fitted.history[0].weights[0] < fitted.history[1].weights[0]


def test_a_turn_tells_what_the_step_was_made_with() -> None:
    rows, fusion = table(), Told()
    target = replace(joined(rows), fusion=fusion)
    student = net(dropout=0.5)
    fit(student, target, rows, Training(1, 16))
    turn = fusion.turns[-1]
    assert turn.signals.valid.shape == (2, len(turn.batch))
    assert turn.weights.values.shape == (2, len(turn.batch))
    assert turn.context.student is not None
    assert all(torch.equal(turn.student[name], value) for name, value in student.named_parameters())
    one, two = (turn.hard(turn.student, turn.batch) for _ in range(2))
    assert torch.equal(one, two)  # no dropout
    assert torch.equal(turn.fetch(turn.batch.row.cpu()).inputs["features"], turn.batch.inputs["features"])


def test_the_loss_is_a_function_of_both() -> None:
    """Value and gradients are those of the weights written out by hand."""
    rows, fusion = table(), Told()
    plain = joined(rows)
    student = net()
    fit(student, replace(plain, fusion=fusion), rows, Training(1, 16))
    turn = fusion.turns[-1]
    bias = torch.tensor([0.3, -0.4], requires_grad=True)
    own = {name: value.detach().requires_grad_() for name, value in student.named_parameters()}
    found = turn.loss(own, {"bias": bias})
    trust = torch.softmax(bias, 0)
    alone = [
        replace(plain, source=plain.source.only(name), calibrations=()).loss(student, turn.batch).total
        for name in plain.names
    ]
    wanted = trust[0] * alone[0].detach() + trust[1] * alone[1].detach()
    assert float(found.detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)
    (pull,) = torch.autograd.grad(found, bias, retain_graph=True)
    (expected,) = torch.autograd.grad(wanted, bias)
    torch.testing.assert_close(pull, expected, rtol=1e-4, atol=1e-6)
    assert all(float(g.abs().max()) > 0 for g in torch.autograd.grad(found, list(own.values())))


def test_it_is_no_business_of_the_students_optimiser() -> None:
    rows = table()
    target = replace(joined(rows), fusion=MetaWeights())
    assert len(target.trainable) == 0
    student = net()
    target.check_optimizer(torch.optim.SGD(student.parameters(), lr=0.1))
    assert sum(p.numel() for p in target.attach(student).parameters()) == sum(p.numel() for p in student.parameters())
    assert target.plan.number == 2
    assert "trainable" in target.plan.reason


def test_a_loop_by_hand_is_the_loop_of_fit() -> None:
    rows, training = table(), Training(2, 16, "sgd", lr=0.05, momentum=0.0, clip=None)
    targets: list[Distillation] = [replace(joined(rows), fusion=MetaWeights()) for _ in range(2)]
    fitted = fit(net(), targets[0], rows, training)
    student, target = net(), targets[1]
    optimizer = training.optimizer(student)
    outer = OuterLoop(target, lambda row: rows.batch(row.numpy()), torch.device("cpu"))
    rates, rate = iter([epoch.lr for epoch in fitted.history]), 0.0
    per, step = -(-len(rows.train) // 16), 0
    for epoch in range(2):
        for batch in rows.batches(rows.train, 16, seed=0, epoch=epoch):
            at = Step(step, epoch, step / (per * 2))
            rate = training.rate().at(Step(step, epoch, at.progress + 1e-9))  # type: ignore[union-attr]
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = outer.target(target).loss(student, batch, at)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            outer.stepped(student, target, batch, at, rate)
            step += 1
        outer.finished()
        assert rate == pytest.approx(next(rates))
    assert same(student, fitted.student)
    assert torch.equal(target.fusion.bias, targets[0].fusion.bias)  # type: ignore[attr-defined]


def test_an_interrupted_training_goes_on_where_it_was(tmp_path: Path) -> None:
    rows, training = table(), Training(5, 16)
    made: Any = MetaWeights(soft=0.5, temperature=2.0)
    calm_target = replace(joined(rows), fusion=made)
    calm = fit(net(dropout=0.3), calm_target, rows, training)
    found = resumed(replace(joined(rows), fusion=made), training, tmp_path, (2, 3))
    assert same(found.student, calm.student)
    assert history(found) == history(calm)
    first: Any = calm_target.fusion
    assert first.steers["soft"] != pytest.approx(0.5, abs=1e-3)
    assert first.steers["temperature"] != pytest.approx(2.0, abs=1e-3)


def test_a_sweep_trains_such_students_alone_and_says_why() -> None:
    rows = table()
    lanes = [Lane("mean", joined(rows)), Lane("meta", replace(joined(rows), fusion=MetaWeights()))]
    swept = sweep(net, lanes, rows, Training(2, 16))
    assert swept.batched == (True, False)
    assert "fusion 'meta' learns in steps of its own" in swept.why


def test_other_fusions_are_left_alone() -> None:
    rows = table()
    target = joined(rows)
    outer = OuterLoop(target, lambda row: rows.batch(row.numpy()), torch.device("cpu"))
    assert outer.target(target) is target
    outer.stepped(net(), target, rows.batch(rows.train[:4]), Step(), 0.1)
    outer.finished()
    assert outer.state_dict() == {}
    assert isinstance(target.fusion, Mean)


def test_gradients_that_are_not_finite_and_shares_given_twice_are_named() -> None:
    rows, fusion = table(), Told()
    fusion.value = float("nan")
    with pytest.raises(InputError, match="fusion 'told': the gradient of 'bias'"):
        fit(net(), replace(joined(rows), fusion=fusion), rows, Training(1, 16))
    balanced = replace(joined(rows, balance=MGDA()), fusion=MetaWeights(soft=0.5))
    with pytest.raises(InputError, match="so does the balance"):
        fit(net(), balanced, rows, Training(1, 16))


def test_the_student_keeps_its_mode_and_its_statistics() -> None:
    rows, fusion = table(), MetaWeights()
    torch.manual_seed(0)
    student = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    student[1].eval()
    target = replace(joined(rows), fusion=fusion)
    outer = OuterLoop(target, lambda row: rows.batch(row.numpy()), torch.device("cpu"))
    for start in (0, 16):
        batch = rows.batch(rows.train[start : start + 16])
        outer.target(target).loss(student, batch)
        before = {name: value.clone() for name, value in student.state_dict().items()}
        outer.stepped(student, target, batch, Step(), 0.1)
        assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())
    assert (student.training, student[1].training, student[0].training) == (True, False, True)
    assert float(target.fusion.bias.detach().abs().max()) > 0  # type: ignore[attr-defined]
