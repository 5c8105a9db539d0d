"""The training loop against a loop written by hand, its schedules, and what it refuses."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tutelage as tl
from train.small import FEATURES, NAMES, arrays, joined, logits, net, same, table
from tutelage.core import InputError, LeakageError
from tutelage.data import Rows
from tutelage.ops.schedules import Constant, Cosine, InverseTime, Linear
from tutelage.train import Fitted, Plateau, Training, fit
from tutelage.train.fitted import labels_only

EPOCHS, SIZE, LR = 3, 16, 0.03


def by_hand(
    rows: Rows, optimizer: torch.optim.Optimizer, student: nn.Module, l2: float, soft: Callable[[float], float]
) -> list[float]:
    """(1 - soft) CE + soft 4 KL(mean teacher || student) at temperature 2 + l2 |theta|^2, step by step; the losses."""
    teacher = torch.stack([(logits(rows, sharp, s) / 2).softmax(-1) for s, sharp in ((0, 1.0), (1, 3.0))]).mean(0)
    each = [(logits(rows, sharp, s) / 2).softmax(-1) for s, sharp in ((0, 1.0), (1, 3.0))]
    features, target = torch.from_numpy(rows.columns["features"]), torch.from_numpy(rows.target)
    losses: list[float] = []
    total = EPOCHS * math.ceil(len(rows.train) / SIZE)
    student.train()
    for epoch in range(EPOCHS):
        order = np.random.default_rng((0, epoch)).permutation(rows.train)
        for start in range(0, len(order), SIZE):
            row = torch.from_numpy(order[start : start + SIZE])
            share = soft(len(losses) / total)
            found = student(features[row])
            hard = nn.functional.cross_entropy(found, target[row])
            logs = (found / 2).log_softmax(-1)
            kl = 4 * (teacher[row].clamp_min(1e-9) * -logs).sum(-1).mean()
            constant = 4 * torch.stack([(p[row] * p[row].log()).sum(-1).mean() for p in each]).mean()
            squares = torch.stack([p.square().sum() for p in student.parameters()]).sum()
            loss = (1 - share) * hard + share * (kl + constant) + l2 * squares
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    return losses


OPTIMISERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, LR, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, LR),
    "adamw": lambda p: torch.optim.AdamW(p, LR, weight_decay=1e-4),
}


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("l2", [0.0, 0.02])
def test_a_training_is_the_loop_one_would_write(optimiser: Any, l2: float) -> None:
    rows, student, other = table(), net(), net()
    training = Training(EPOCHS, SIZE, optimiser, Constant(LR), clip=None)
    fitted = fit(student, joined(rows, l2=l2), rows, training)
    losses = by_hand(rows, OPTIMISERS[optimiser](other.parameters()), other, l2, lambda _: 0.7)
    for mine, hand in zip(student.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, hand, rtol=1e-4, atol=1e-6)
    per_epoch = np.array(losses).reshape(EPOCHS, -1).mean(1)
    told = [sum(epoch.parts.values()) for epoch in fitted.history]
    np.testing.assert_allclose(told, per_epoch, rtol=1e-4)
    assert set(fitted.history[0].parts) == {"hard", "kl"} | ({"l2"} if l2 else set())


def test_the_soft_share_follows_its_schedule() -> None:
    rows, student, other = table(), net(), net()
    fit(student, joined(rows, soft=Linear(0.9, 0.1)), rows, Training(EPOCHS, SIZE, "sgd", Constant(LR), clip=None))
    by_hand(rows, OPTIMISERS["sgd"](other.parameters()), other, 0.0, lambda done: 0.9 - 0.8 * done)
    for mine, hand in zip(student.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, hand, rtol=1e-4, atol=1e-6)


def test_a_temperature_schedule_ends_where_it_says() -> None:
    """The last epoch of a schedule that stands still at 2 from the start is that of the constant."""
    rows, one, two, three = table(), net(), net(), net()
    training = Training(2, SIZE, "sgd", Constant(LR))
    assert joined(rows, temperature=Linear(4.0, 2.0)).plan.number == 2
    fit(one, joined(rows, temperature=Linear(2.0, 2.0)), rows, training)
    fit(two, joined(rows, temperature=2.0), rows, training)
    fit(three, joined(rows, temperature=Linear(4.0, 2.0)), rows, training)
    torch.testing.assert_close(one[0].weight, two[0].weight)
    assert not torch.allclose(next(three.parameters()), next(two.parameters()), atol=1e-4)


def test_l2_pulls_twice_lambda_theta_and_decay_does_not_enter_the_loss() -> None:
    rows = table(labelled=np.zeros(120, dtype=bool))
    student = net()
    before = [p.detach().clone() for p in student.parameters()]
    flat = replace(labels_only(joined(rows).task), objective=tl.Objective((), soft=0.0, l2=0.05))
    fitted = fit(student, flat, rows, Training(1, 999, "sgd", Constant(0.1), momentum=0.0, clip=None))
    for now, then in zip(student.parameters(), before, strict=True):
        torch.testing.assert_close(now.detach(), then - 0.1 * 2 * 0.05 * then)
    assert fitted.history[0].parts["l2"] == pytest.approx(0.05 * sum(float(p.square().sum()) for p in before))
    decayed = net()
    shrunk = fit(decayed, labels_only(flat.task), rows, Training(1, 999, "adamw", Constant(0.1), decay=0.5))
    assert set(shrunk.history[0].parts) == {"hard"}
    for now, then in zip(decayed.parameters(), before, strict=True):
        torch.testing.assert_close(now.detach(), then * (1 - 0.1 * 0.5))


def rates(lr: Any, epochs: int = 4, **options: Any) -> Fitted:
    rows = table()
    return fit(net(), joined(rows), rows, Training(epochs, 32, "sgd", lr, **options))


def test_inverse_time_is_eta_over_one_plus_alpha_t() -> None:
    found = [epoch.lr for epoch in rates(InverseTime(0.2, 0.5)).history]
    assert found == pytest.approx([0.2, 0.2 / 1.5, 0.2 / 2.0, 0.2 / 2.5])


def test_a_number_is_a_cosine_after_a_warm_up() -> None:
    found = rates(0.1, epochs=10).history
    steps = found[0].step
    for epoch in found:
        done = (epoch.step - 1) / (10 * steps)
        assert epoch.lr == pytest.approx(0.1 * 0.5 * (1 + math.cos(math.pi * (done - 0.05) / 0.95)), rel=1e-5)
    warm = rates(Cosine(0.1, warmup=0.5), epochs=4).history
    assert warm[0].lr == pytest.approx(0.1 * (warm[0].step - 1) / (2 * warm[0].step))


def test_plateau_waits_then_falls_and_stops_falling() -> None:
    found = rates(Plateau(1e-12, factor=0.1, patience=2, smallest=1e-14), epochs=8).history
    assert [round(math.log10(epoch.lr)) for epoch in found] == [-12, -12, -12, -13, -13, -14, -14, -14]


def test_early_stopping_keeps_the_best_epoch() -> None:
    rows, student = table(), net()
    fitted = fit(student, joined(rows), rows, Training(60, 8, "sgd", Constant(0.8), patience=3, clip=None))
    watched = [epoch.watched for epoch in fitted.history]
    assert fitted.best_epoch == int(np.argmin(watched)) + 1
    assert len(watched) == fitted.best_epoch + 3 < 60
    assert f"best at epoch {fitted.best_epoch}" in fitted.stopped
    assert all(torch.equal(student.state_dict()[name], value) for name, value in fitted.best.items())


def test_without_patience_the_student_is_that_of_the_last_epoch_and_the_best_is_kept() -> None:
    rows, student, again = table(), net(), net()
    training = Training(12, 8, "sgd", Constant(0.5), watch="accuracy")
    fitted = fit(student, joined(rows), rows, training)
    scores = [epoch.metrics["accuracy"] for epoch in fitted.history]
    assert [-epoch.watched for epoch in fitted.history] == scores
    assert fitted.best_epoch == int(np.argmax(scores)) + 1 < 12
    assert fitted.stopped == "all epochs done"
    fit(again, joined(rows), rows, replace(training, epochs=fitted.best_epoch))
    assert all(torch.equal(again.state_dict()[name], value) for name, value in fitted.best.items())
    assert not same(student, again)


def test_looking_less_often_teaches_the_same_student_and_notes_each_look() -> None:
    rows, student, rarely, training = table(), net(), net(), Training(8, 8, "sgd", Constant(0.5))
    often = fit(student, joined(rows), rows, training)
    looks, told = [3, 6, 8], list[int]()
    few = fit(rarely, joined(rows), rows, replace(training, watch_every=3), lambda epoch, _: told.append(epoch.epoch))
    assert same(student, rarely)
    assert told == list(range(1, 9))
    assert [epoch.epoch for epoch in few.history] == looks
    assert [epoch.watched for epoch in few.history] == [often.history[number - 1].watched for number in looks]
    assert few.best_epoch == min(looks, key=lambda number: often.history[number - 1].watched)


def test_patience_counts_looks() -> None:
    rows = table()
    fitted = fit(
        net(), joined(rows), rows, Training(200, 8, "sgd", Constant(0.8), watch_every=4, patience=2, clip=None)
    )
    assert [epoch.epoch for epoch in fitted.history] == list(range(4, fitted.best_epoch + 9, 4))
    assert fitted.history[-1].epoch < 200
    assert f"no better loss for 2 looks, best at epoch {fitted.best_epoch}" in fitted.stopped


def test_the_watched_loss_is_the_validation_loss_at_the_final_share_and_temperature() -> None:
    rows, student = table(), net()
    target = joined(rows, soft=Linear(0.9, 0.2), temperature=Linear(4.0, 1.0))
    fitted = fit(student, target, rows, Training(2, 16, lr=Constant(0.01)))
    end = joined(rows, soft=0.2, temperature=1.0)
    student.eval()
    assert fitted.history[-1].watched == pytest.approx(end.loss(student, rows.batch(rows.validation)).item(), rel=1e-5)


def test_released_parameters_learn_from_their_epoch() -> None:
    rows, student = table(), net()
    first = [p.detach().clone() for p in student.parameters()]
    moved: list[list[bool]] = []

    def look(*_: Any) -> None:
        moved.append([not torch.equal(a, b) for a, b in zip(student.parameters(), first, strict=True)])

    fit(student, joined(rows), rows, Training(3, 16, lr=Constant(0.01), release={"0.": 2}), look)
    assert moved == [[False, False, True, True], [False, False, True, True], [True] * 4]
    with pytest.raises(InputError, match=r"release names 'body'.*'0.weight'"):
        fit(student, joined(rows), rows, Training(1, release={"body": 1}))


def test_parameters_that_the_user_froze_stay_frozen() -> None:
    rows, student = table(), net()
    first = list(student.parameters())[:2]
    for parameter in first:
        parameter.requires_grad_(False)
    before = first[0].detach().clone()
    fit(student, joined(rows, l2=0.1), rows, Training(2, 16, lr=Constant(0.01)))
    assert torch.equal(first[0], before)
    assert [p.requires_grad for p in student.parameters()] == [False, False, True, True]


def test_the_gradient_is_clipped() -> None:
    rows, student = table(), net()
    before = [p.detach().clone() for p in student.parameters()]
    fit(student, joined(rows), rows, Training(1, 999, "sgd", Constant(1.0), momentum=0.0, clip=1e-3))
    step = torch.cat([(a - b).flatten() for a, b in zip(student.parameters(), before, strict=True)])
    assert float(step.detach().norm()) == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("clip", [5.0, None])
def test_a_loss_that_is_no_number_names_epoch_step_and_part_and_spares_the_student(clip: float | None) -> None:
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.calls = net(), 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += self.training
            return self.net(x) * (math.nan if self.training and self.calls > 8 else 1.0)

    rows, student = table(), Fails()
    with pytest.raises(InputError, match=r"NaN or infinite in epoch 2, step 8 .*'hard': nan.*learning rate"):
        fit(student, joined(rows), rows, Training(4, 16, clip=clip))
    assert all(bool(torch.isfinite(p).all()) for p in student.parameters())


def test_a_student_takes_several_columns_in_their_order() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(2, 3), nn.Linear(3, 3)

        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            return self.left(left) + self.right(right)

    features, target = arrays()
    rows = tl.rows_of({"right": features[:, 2:], "left": features[:, :2]}, target, inputs=["left", "right"])
    fitted = fit(Two(), labels_only(tl.Classification(("0", "1", "2"))), rows, Training(8, lr=0.05))
    assert fitted.history[-1].metrics["accuracy"] > 0.6


def test_a_student_with_the_wrong_number_of_outputs_is_refused() -> None:
    rows = table()
    with pytest.raises(InputError, match=r"shape \(64, 4\), but 3 classes need \[rows, 3\]"):
        fit(net(outputs=4), joined(rows), rows, Training(1))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device that is asked for")
def test_a_device_that_is_not_there_is_refused() -> None:
    rows = table()
    with pytest.raises(InputError, match=r"'cuda' was asked for and this machine has none: use --device auto"):
        fit(net(), joined(rows), rows, Training(1, device="cuda"))
    with pytest.raises(InputError, match=r"'gpu' is not known: auto, cpu, cuda, mps"):
        fit(net(), joined(rows), rows, Training(1, device="gpu"))


def test_bf16_trains_about_as_well() -> None:
    rows, one, two = table(), net(), net()
    plain = fit(one, joined(rows), rows, Training(5, 16, precision="fp32"))
    half = fit(two, joined(rows), rows, Training(5, 16, precision="bf16"))
    assert not same(one, two)
    assert half.history[-1].watched == pytest.approx(plain.history[-1].watched, rel=0.05)
    assert two[0].weight.dtype == torch.float32


@pytest.mark.slow
def test_a_compiled_student_learns_the_same() -> None:
    rows, one, two = table(), net(), net()
    fit(one, joined(rows), rows, Training(2, 16))
    fit(two, joined(rows), rows, Training(2, 16, compile=True))
    for mine, plain in zip(two.parameters(), one.parameters(), strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-4, atol=1e-5)


def test_tensorboard_and_profiler_files_are_written(tmp_path: Path) -> None:
    rows = table()
    training = Training(4, 4, tensorboard=tmp_path / "board", profile=tmp_path / "profile")
    fit(net(), joined(rows), rows, training)
    assert any(file.name.startswith("events.") for file in (tmp_path / "board").iterdir())
    trace = json.loads((tmp_path / "profile" / "trace.json").read_text())
    steps = [e["name"] for e in trace["traceEvents"] if str(e.get("name", "")).startswith("ProfilerStep")]
    assert {int(name.split("#")[1]) for name in steps} == set(range(2, 22)), "not the first steps"


def test_onlookers_are_closed_after_an_error(tmp_path: Path) -> None:
    rows = table()

    def fail(*_: Any) -> None:
        raise RuntimeError("stop")

    training = Training(4, 4, profile=tmp_path)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="stop"):
            fit(net(), joined(rows), rows, training, fail)
    assert (tmp_path / "trace.json").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs and batch_size must be at least 1"),
        ({"batch_size": 0}, "epochs and batch_size must be at least 1"),
        ({"optimiser": "lion"}, r"optimiser 'lion' is not known: sgd, adam, adamw"),
        ({"optimiser": "sgd", "decay": 0.1}, "exact L2 term"),
        ({"precision": "fp16"}, r"precision 'fp16' is not known: auto, fp32, bf16"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"watch_every": 0}, "watch_every must be at least 1"),
        ({"clip": 0.0}, "clip must be positive"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"lr": -1.0}, "lr must be positive"),
        ({"lr": math.nan}, "lr must be positive"),
        ({"release": {"0.": -1}}, "release"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any], message: str) -> None:
    training = Training()
    for name, value in settings.items():
        object.__setattr__(training, name, value)  # past the checks of types, which a user does not have
    with pytest.raises(InputError, match=message):
        training.__post_init__()


def test_an_unknown_metric_is_refused_before_anything_is_trained() -> None:
    rows, student = table(), net()
    with pytest.raises(InputError, match=r"watch='f2' is not known: loss or one of \['accuracy'"):
        fit(student, joined(rows), rows, Training(1, watch="f2"))
    assert same(student, net())


def test_test_rows_are_refused_by_training_and_batches() -> None:
    rows = table()
    with pytest.raises(LeakageError, match="sealed"):
        list(rows.batches(rows.test, 8))
    with pytest.raises(LeakageError, match="sealed"):
        rows.batch(rows.test)
    with pytest.raises(LeakageError, match="both train and test"):
        replace(rows, train=rows.test.open("by mistake"))
    assert rows.test.openings == ["by mistake"]


def test_no_test_row_is_opened_by_training() -> None:
    rows = table()
    fit(net(), joined(rows), rows, Training(2))
    assert rows.test.openings == []


def test_a_last_batch_of_one_row_is_no_trouble_for_batch_norm() -> None:
    rows = table(train=np.arange(65), validation=np.arange(65, 90), test=np.arange(90, 120))
    student = nn.Sequential(nn.Linear(FEATURES, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    fitted = fit(student, joined(rows), rows, Training(2, 16))
    assert fitted.history[-1].step == 8


def test_names_of_the_table_are_those_of_the_task() -> None:
    assert table().space.names == NAMES
