"""Values leave the house in units of the target, whoever reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from tutelage.compress import export_run
from tutelage.data import rows_of
from tutelage.nets import MLP
from tutelage.search import distill
from tutelage.tasks import Enhancement
from tutelage.train import Training, load, train_models
from tutelage.train.evaluate import teacher_answers
from tutelage.train.fitted import in_units


def table() -> tuple[np.ndarray, np.ndarray]:
    data: Any = load_diabetes()
    return (data.data * 20).astype(np.float32), data.target + 0.5


def test_a_net_trained_here_teaches_in_units_of_the_target() -> None:
    inputs, target = table()
    rows = rows_of(inputs, target)
    (teacher,) = train_models(rows, lambda: MLP(10, 1, (8,)), 1, folds=2, training=Training(20))
    said = teacher_answers(teacher, rows, rows.train).mean[:, 0].numpy()
    assert said.mean() == pytest.approx(target[rows.train].mean(), rel=0.1)
    assert np.corrcoef(said, target[rows.train])[0, 1] > 0.5


def test_the_shipped_files_answer_in_units_of_the_target(tmp_path: Path) -> None:
    inputs, target = table()
    rows = rows_of(inputs, target)
    (ridge,) = train_models(rows, Ridge, 1, folds=2)
    distill(lambda: MLP(10, 1, (8,)), rows, [ridge], training=Training(10), seeds=(0,), run=tmp_path, baselines={})
    run = load(tmp_path)
    predicted = np.array(run.predict({"features": inputs}))
    assert predicted.mean() == pytest.approx(target.mean(), rel=0.15)
    with torch.no_grad():
        bare = torch.export.load(tmp_path / "student.pt2").module()(torch.from_numpy(inputs))
    assert np.allclose(bare[:, 0], predicted, rtol=1e-5)
    forms = export_run(run, {"features": inputs}, tmp_path / "export")
    assert [form.name for form in forms] == ["torch", "onnx"]
    assert forms[1].largest_change < 1e-3


def test_the_kind_of_task_is_kept() -> None:
    asked = Enhancement.of_wave(2, 0.5, loss="huber", headline="snr")
    module, task = in_units(torch.nn.Identity(), asked)
    assert task == Enhancement.of_wave(2, 1.0, loss="huber", headline="snr")
    assert torch.equal(module(torch.ones(1, 2)), torch.full((1, 2), 0.5))
