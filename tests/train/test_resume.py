"""An interrupted training ends where an undisturbed one does, bit for bit, or says why it cannot go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from train.small import joined, net, same, table
from tutelage.core import InputError, StoreError
from tutelage.fusion import DynamicPerformance, Weighted
from tutelage.ops.schedules import Constant, Linear
from tutelage.teaching import Distillation
from tutelage.teaching.heldout import learn
from tutelage.train import Fitted, Plateau, Training, fit


class StoppedError(Exception):
    pass


def history(fitted: Fitted) -> list[Any]:
    return [replace(epoch, seconds=0.0) for epoch in fitted.history]


def resumed(distillation: Distillation, training: Training, folder: Path, stops: tuple[int, ...]) -> Fitted:
    """A training stopped after each of these epochs and taken up by a process that starts from scratch."""
    rows, training = table(), replace(training, checkpoint=folder)
    for stop in stops:

        def look(epoch: Any, _: int, stop: int = stop) -> None:
            if epoch.epoch == stop:
                raise StoppedError

        torch.manual_seed(stop)
        with pytest.raises(StoppedError):
            fit(net(dropout=0.3), distillation, rows, training, look)
    torch.manual_seed(99)
    return fit(net(dropout=0.3), distillation, rows, training)


SETTINGS: dict[str, Training] = {
    "adamw": Training(6, 16),
    "sgd with momentum": Training(6, 16, "sgd", Constant(0.1)),
    "plateau": Training(6, 16, "adam", Plateau(0.3, patience=1)),
    "release": Training(6, 16, release={"0.": 3}, watch="accuracy"),
    "looked at rarely": Training(9, 16, watch_every=2),
    "stopped early": Training(30, 16, "sgd", Constant(0.9), patience=2, clip=None),
}


@pytest.mark.parametrize("training", SETTINGS.values(), ids=SETTINGS.keys())
def test_interrupted_and_undisturbed_are_one(training: Training, tmp_path: Path) -> None:
    rows, student = table(), net(dropout=0.3)
    calm = fit(student, joined(rows, soft=Linear(0.9, 0.1)), rows, training)
    stops = (1, len(calm.history) - 1, len(calm.history))
    found = resumed(joined(rows, soft=Linear(0.9, 0.1)), training, tmp_path, stops)
    assert same(found.student, student)
    assert history(found) == history(calm)
    assert (found.best_epoch, found.stopped) == (calm.best_epoch, calm.stopped)
    assert all(torch.equal(found.best[name], calm.best[name]) for name in calm.best)


@pytest.mark.parametrize("name", ["adamw", "stopped early"])
def test_a_finished_training_is_not_trained_again(name: str, tmp_path: Path) -> None:
    rows, training = table(), replace(SETTINGS[name], checkpoint=tmp_path)
    first = fit(net(), joined(rows), rows, training)
    told: list[Any] = []
    again = fit(net(seed=5), joined(rows), rows, training, lambda *epoch: told.append(epoch))
    assert told == []
    assert same(first.student, again.student)
    assert history(first) == history(again)
    assert again.stopped == first.stopped


def test_a_fusion_that_follows_the_student_is_resumed_too(tmp_path: Path) -> None:
    rows = table()
    batch = rows.batch(rows.validation, inputs=False)
    plain = joined(rows)
    calibrations, fusion = learn(plain.source, DynamicPerformance(), batch)
    follows = replace(plain, fusion=fusion, calibrations=calibrations, heldout=batch.row)
    calm = fit(net(dropout=0.3), follows, rows, Training(5, 16))
    weights = [epoch.weights for epoch in calm.history]
    assert weights[0] != weights[-1]
    found = resumed(follows, Training(5, 16), tmp_path, (2, 3))
    assert same(found.student, calm.student)
    assert history(found) == history(calm)


OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "optimiser": ({"optimiser": "adam"}, {}, {}),
    "batch_size": ({"batch_size": 8}, {}, {}),
    "decay": ({"decay": 0.5}, {}, {}),
    "clip": ({"clip": 1.0}, {}, {}),
    "lr": ({"lr": 0.1}, {}, {}),
    "seed": ({"seed": 1}, {}, {}),
    "release": ({"release": {"0.": 1}}, {}, {}),
    "objective": ({}, {"soft": 0.2}, {}),
    "rows": ({}, {}, {"seed": 1}),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_checkpoint_of_another_training_is_refused(what: str, tmp_path: Path) -> None:
    rows, (training, objective, split) = table(), OTHERS[what]
    fit(net(), joined(rows), rows, Training(2, checkpoint=tmp_path))
    other = table(**split)
    with pytest.raises(InputError, match=rf"belongs to another training \({what}: .*another folder"):
        fit(net(), joined(other, **objective), other, Training(2, checkpoint=tmp_path, **training))


def test_a_checkpoint_of_another_student_or_fusion_is_refused(tmp_path: Path) -> None:
    rows = table()
    fit(net(), joined(rows), rows, Training(2, checkpoint=tmp_path))
    with pytest.raises(InputError, match=r"another training \(student: "):
        fit(nn.Linear(5, 3), joined(rows), rows, Training(2, checkpoint=tmp_path))
    weighted = replace(joined(rows), fusion=Weighted({"weak": 1.0, "strong": 3.0}))
    with pytest.raises(InputError, match=r"another training \(fusion: mean .*now weighted"):
        fit(net(), weighted, rows, Training(2, checkpoint=tmp_path))


def test_threads_and_onlookers_may_change_in_between(tmp_path: Path) -> None:
    rows = table()
    fit(net(), joined(rows), rows, Training(2, checkpoint=tmp_path))
    fit(net(), joined(rows), rows, Training(2, checkpoint=tmp_path, threads=2, tensorboard=tmp_path / "board"))


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    rows, training = table(), Training(2, checkpoint=tmp_path)
    fit(net(), joined(rows), rows, training)
    path = tmp_path / "checkpoint.pt"
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"not a checkpoint"):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"checkpoint.pt is damaged .*delete it"):
            fit(net(), joined(rows), rows, training)
    path.unlink()
    fit(net(), joined(rows), rows, training)


def test_a_checkpoint_that_cannot_be_written_spares_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, training = table(), Training(3, checkpoint=tmp_path)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    def look(epoch: Any, _: int) -> None:
        if epoch.epoch == 1:
            monkeypatch.setattr("os.fsync", full)

    with pytest.raises(StoreError, match=r"could not be written .*No space left.*make room and resume"):
        fit(net(), joined(rows), rows, training, look)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
    calm = fit(net(), joined(rows), rows, replace(training, checkpoint=None))
    assert same(fit(net(), joined(rows), rows, training).student, calm.student)


def test_order_and_chance_depend_on_seed_and_epoch_only() -> None:
    rows = table()

    def order(seed: int, epoch: int) -> list[int]:
        np.random.seed(seed * 7 + epoch)
        return [int(r) for batch in rows.batches(rows.train, 16, seed=seed, epoch=epoch) for r in batch.row]

    assert order(0, 3) == order(0, 3)
    assert sorted(order(0, 3)) == sorted(order(1, 3)) == rows.train.tolist()
    assert len({tuple(order(s, e)) for s in (0, 1) for e in (0, 1)}) == 4
