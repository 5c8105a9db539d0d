"""Plan 1's statistics are kept beside the store, under a key of everything that they depend on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from tutelage.core import Batch
from tutelage.fusion import Confidence, Mean
from tutelage.store import Store, StoredSignals
from tutelage.tasks import Classification
from tutelage.teachers import EstimatorTeacher
from tutelage.teaching import Distillation, Objective, Temperature
from tutelage.teaching.means import Means
from tutelage.teaching.teach import teach
from tutelage.teaching.terms import KL

CLASSES = ("0", "1", "2")


@pytest.fixture
def signals(tmp_path: Path) -> StoredSignals:
    inputs, target = load_iris(return_X_y=True)
    models = {"line": LogisticRegression(max_iter=500), "bayes": GaussianNB()}
    teachers = [EstimatorTeacher(m.fit(inputs, target), reads="x", name=n) for n, m in models.items()]
    return teach(teachers, {"x": inputs}, np.arange(len(target)), Store(tmp_path))


def labelled_batch() -> Batch:
    inputs, target = load_iris(return_X_y=True)
    return Batch.of({"x": torch.from_numpy(inputs).float()}, torch.from_numpy(target).long())


def folders(signals: StoredSignals) -> int:
    return len(list(signals.folder.iterdir())) if signals.folder.exists() else 0


def joined(signals: StoredSignals) -> Distillation:
    return Distillation(signals, Mean(), Objective((KL(2.0),), soft=1.0), Classification(CLASSES))


def test_the_second_preparation_reads_what_the_first_wrote(
    signals: StoredSignals, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, student = labelled_batch(), torch.nn.Linear(4, 3)
    first = joined(signals).prepared([batch])
    wanted = joined(signals).loss(student, batch).item()
    assert folders(signals) == 1
    monkeypatch.setattr(Means, "collect", lambda _: pytest.fail("the statistics were computed again"))
    again = joined(signals).prepared([batch])
    assert again.loss(student, batch).item() == first.loss(student, batch).item()
    assert again.loss(student, batch).item() == pytest.approx(wanted, rel=1e-6)


def test_each_thing_the_statistics_depend_on_has_its_own_key(signals: StoredSignals) -> None:
    batch = labelled_batch()
    plain = joined(signals)
    plain.prepared([batch])
    changed = [
        replace(plain, fusion=Confidence()),
        replace(plain, objective=Objective((KL(3.0),), soft=1.0)),
        replace(plain, objective=Objective((KL(2.0),), soft=1.0, coverage="closed")),
        replace(plain, calibrations=(Temperature(2.0), Temperature(1.0))),
    ]
    for number, other in enumerate(changed, start=2):
        other.prepared([batch])
        assert folders(signals) == number
    plain.prepared([replace(batch, labelled=torch.zeros(len(batch), dtype=torch.bool))])
    assert folders(signals) == len(changed) + 2


def test_a_half_written_folder_is_not_taken_for_a_whole_one(signals: StoredSignals) -> None:
    batch, student = labelled_batch(), torch.nn.Linear(4, 3)
    wanted = joined(signals).prepared([batch]).loss(student, batch).item()
    (place,) = signals.folder.iterdir()
    (place / "means.json").unlink()
    assert joined(signals).prepared([batch]).loss(student, batch).item() == wanted
    assert Means.there(place)
