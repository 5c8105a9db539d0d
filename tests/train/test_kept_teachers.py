"""Teachers trained here: stopped by rows that they do not learn from, and kept, each in a folder of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tutelage as tl
from train.small import FEATURES, arrays, table
from tutelage.core import InputError, StoreError
from tutelage.data import Rows
from tutelage.train import Epoch, Training, train_models

EARLY = Training(40, 16, lr=0.05, patience=3)
SHORT = Training(3, 16, patience=2)


def wide() -> nn.Sequential:
    """So wide that it soon knows its rows by heart."""
    return nn.Sequential(nn.Linear(FEATURES, 256), nn.ReLU(), nn.Linear(256, 3))


def narrow() -> nn.Sequential:
    return nn.Sequential(nn.Linear(FEATURES, 4), nn.ReLU(), nn.Linear(4, 3))


class Diary:
    def __init__(self) -> None:
        self.epochs: dict[str, list[Epoch]] = {}

    def __call__(self, name: str, epoch: Epoch, planned: int) -> None:
        self.epochs.setdefault(name, []).append(epoch)

    @property
    def lengths(self) -> Mapping[str, int]:
        return {name: len(epochs) for name, epochs in self.epochs.items()}


def weights(teacher: Any) -> list[torch.Tensor]:
    return list(teacher.module.state_dict().values())


def noisy() -> Rows:
    """Of which no net can learn more than a part."""
    features, target = arrays(240)
    return tl.rows_of({"features": features}, np.where(np.arange(240) % 3, target, (target + 1) % 3))


def test_early_stopping_looks_at_validation_rows_and_keeps_the_best_epoch() -> None:
    rows, diary = noisy(), Diary()
    (teacher,) = train_models(rows, wide, 1, folds=1, training=EARLY, progress=diary)
    epochs = diary.epochs["model"]
    best = min(epochs, key=lambda epoch: epoch.watched)
    assert len(epochs) == best.epoch + 3 < EARLY.epochs
    assert teacher.seen is not None
    assert set(teacher.seen) == set(rows.labelled_train), "validation rows are watched, not learnt from"
    said: Any = teacher.answer({"features": rows.columns["features"][rows.validation]})
    right = torch.from_numpy(rows.target[rows.validation])
    watched = float(nn.functional.cross_entropy(said.scores, right))
    assert watched == pytest.approx(best.watched, rel=1e-4)
    assert watched < epochs[-1].watched


def test_without_patience_what_is_learnt_does_not_depend_on_validation_rows() -> None:
    rows, plain = noisy(), replace(EARLY, patience=None, epochs=3)
    (one,) = train_models(rows, wide, 1, folds=1, training=plain)
    (other,) = train_models(replace(rows, validation=np.zeros(0, dtype=np.int64)), wide, 1, folds=1, training=plain)
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_validation_rows_that_are_fitted_on_and_hidden_labels_are_not_watched() -> None:
    rows, diary = noisy(), Diary()
    row = np.concatenate([rows.train, rows.validation[:-5]])
    last, hidden = rows.validation[-5:], rows.validation[-2:]
    shown = rows.with_labels(np.setdiff1d(np.arange(len(rows)), hidden))
    (teacher,) = train_models(shown, narrow, 1, row=row, folds=1, training=EARLY, progress=diary)
    said: Any = teacher.answer({"features": rows.columns["features"][last[:3]]})
    watched = float(nn.functional.cross_entropy(said.scores, torch.from_numpy(rows.target[last[:3]])))
    assert watched == pytest.approx(min(epoch.watched for epoch in diary.epochs["model"]), rel=1e-4)


def test_a_bound_teacher_watches_rows_that_have_its_source() -> None:
    rows, diary = noisy(), Diary()
    there = np.arange(len(rows)) % 2 == 0
    bare = replace(rows, columns={**rows.columns, "there": there})
    binding = tl.Binding("clinic", present=("there",))
    train_models(bare, narrow, 1, folds=1, training=EARLY, binding=binding, progress=diary)
    alone = Diary()
    part = replace(rows, validation=rows.validation[there[rows.validation]])
    train_models(part, narrow, 1, row=rows.train[there[rows.train]], folds=1, training=EARLY, progress=alone)
    assert [e.watched for e in diary.epochs["model"]] == [e.watched for e in alone.epochs["model"]]


@pytest.mark.parametrize("folds", [1, 2])
def test_a_finished_teacher_is_not_trained_again(tmp_path: Path, folds: int) -> None:
    rows, first, second = table(), Diary(), Diary()
    options: dict[str, Any] = {"vary": ["architecture", "optimiser"], "training": SHORT, "folder": tmp_path}
    before = train_models(rows, [wide, narrow], 2, folds=folds, progress=first, **options)
    again = train_models(rows, [wide, narrow], 2, folds=folds, progress=second, **options)
    names = {"model_0", "model_1"} if folds == 1 else {f"model_{n}/{fold}" for n in (0, 1) for fold in (0, 1)}
    assert set(first.lengths) == names
    assert {str(file.parent.relative_to(tmp_path)) for file in tmp_path.rglob("checkpoint.pt")} == names
    assert not second.epochs
    assert [one.fingerprint for one in before] == [one.fingerprint for one in again]


def test_a_teacher_that_was_interrupted_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    rows = table()
    (whole,) = train_models(rows, wide, 1, folds=1, training=EARLY)
    told = Counter[str]()

    def cut(name: str, epoch: Epoch, planned: int) -> None:
        told[name] += 1
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_models(rows, wide, 1, folds=1, training=EARLY, folder=tmp_path, progress=cut)
    diary = Diary()
    (rest,) = train_models(rows, wide, 1, folds=1, training=EARLY, folder=tmp_path, progress=diary)
    assert diary.epochs["model"][0].epoch == 3
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(rest), strict=True))


def test_another_teacher_is_not_mistaken_for_the_one_in_the_folder(tmp_path: Path) -> None:
    rows = table()
    options: dict[str, Any] = {"folds": 1, "training": EARLY, "folder": tmp_path}
    train_models(rows, wide, 1, **options)
    with pytest.raises(InputError, match=r"belongs to another training .*student"):
        train_models(rows, narrow, 1, **options)
    with pytest.raises(InputError, match=r"belongs to another training .*seed: 0, now 1"):
        train_models(rows, wide, 1, seed=1, **options)
    with pytest.raises(InputError, match=r"belongs to another training .*rows"):
        train_models(table(100), wide, 1, **options)
    (tmp_path / "model" / "checkpoint.pt").write_bytes(b"half")
    with pytest.raises(StoreError, match=r"model.checkpoint.pt is damaged"):
        train_models(rows, wide, 1, **options)


def test_other_pictures_under_the_same_labels_are_noticed(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    target = np.arange(60) % 2
    options: dict[str, Any] = {"folds": 1, "training": Training(1), "folder": tmp_path}

    def net() -> nn.Module:
        return tl.VGG(3, 2, (4,), 1, scale=1 / 255)

    train_models(tl.rows_of({"image": image}, target), net, 1, **options)
    with pytest.raises(InputError, match=r"belongs to another training .*inputs"):
        train_models(tl.rows_of({"image": 255 - image}, target), net, 1, **options)
