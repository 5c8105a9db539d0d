"""Values leave the house in units of the target, whoever reads them."""

from __future__ import annotations

from dataclasses import replace
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
from tutelage.tasks import Enhancement, Regression
from tutelage.train import Training, load, train_models
from tutelage.train.evaluate import teacher_answers
from tutelage.train.fitted import as_teacher, in_units


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


def test_a_net_of_means_and_scales_teaches_both(tmp_path: Path) -> None:
    inputs, target = table()
    rows = rows_of(inputs, target)
    task = replace(Regression.of(rows.space, rows.target, rows.labelled), with_scale=True, loss="nll")
    rows = replace(rows, task=task)
    torch.manual_seed(0)
    (teacher,) = train_models(rows, lambda: MLP(10, 2, (8,)), 1, folds=2, training=Training(30))
    said = teacher_answers(teacher, rows, rows.train)
    assert said.scale is not None
    away = ((said.mean[:, 0].numpy() - target[rows.train]) / said.scale[:, 0].numpy()) ** 2
    assert 0.6 < away.mean() < 1.6, "scales are standard deviations in units of the target"
    net = MLP(10, 2, (8,))
    batch = rows.batch(rows.train[:5])
    given = {name: rows.columns[name][rows.train[:5]] for name in rows.inputs}
    own: Any = as_teacher(net, "own", rows.inputs, rows.train, task).answer(given)
    meant: Any = task.answer(net, batch)
    assert torch.allclose(own.mean, meant.mean.detach())
    assert torch.allclose(own.scale, meant.scale.detach())
    distill(lambda: MLP(10, 2, (8,)), rows, [teacher], training=Training(3), seeds=(0,), run=tmp_path, baselines={})
    assert load(tmp_path).report.contenders
