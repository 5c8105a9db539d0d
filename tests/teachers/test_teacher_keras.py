"""Keras files, in this process and in one of their own; and Keras models as students."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from torch import nn

import tutelage as tl
from outside import heavy
from tutelage.core import Classes, InputError, MissingExtraError, Space, Values
from tutelage.teachers import KerasTeacher, load_saved, load_teacher, save_teacher
from tutelage.testing import check_teacher

DATA: Any = load_iris()
X = np.asarray(DATA.data, dtype=np.float32)
COLUMNS = {"x": X[::10], "four": X[::10, 3:], "other": np.arange(15)}


pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside Keras 3.15


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ["KERAS_BACKEND"] = "torch"
    return heavy("keras")


def net(keras: Any, seed: int = 0, outputs: int = 3, end: str | None = "softmax") -> Any:
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    middle = [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.5)]
    return keras.Sequential([layers.Input((4,)), *middle, layers.Dense(outputs, activation=end)])


@pytest.mark.parametrize("own_process", [False, True])
def test_it_keeps_the_contract_here_and_apart(keras: Any, own_process: bool, tmp_path: Path) -> None:
    model = net(keras)
    model.save(tmp_path / "net.keras")
    net(keras, 1).save(tmp_path / "two.keras")
    teacher = KerasTeacher(tmp_path / "net.keras", reads="x", classes="abc", own_process=own_process, batch_size=4)
    assert teacher.own_process == own_process
    changed = KerasTeacher(tmp_path / "two.keras", reads="x", classes="abc")
    check_teacher(teacher, COLUMNS, changed=changed)
    found: Any = teacher.answer(COLUMNS)
    wanted = keras.ops.convert_to_numpy(model(COLUMNS["x"], training=False))
    torch.testing.assert_close(found.probs(), torch.from_numpy(wanted), atol=1e-5, rtol=1e-4)
    assert teacher.output_found == "probabilities (found out: rows sum to 1)"


def test_values_and_two_inputs(keras: Any, tmp_path: Path) -> None:
    one, two = keras.layers.Input((4,)), keras.layers.Input((1,))
    made = keras.layers.Dense(1)(keras.layers.Concatenate()([one, two]))
    keras.Model([one, two], made).save(tmp_path / "two.keras")
    space = Space(Values, ("v",))
    for own_process in (False, True):
        teacher = KerasTeacher(tmp_path / "two.keras", reads=("x", "four"), space=space, own_process=own_process)
        check_teacher(teacher, COLUMNS)
    with pytest.raises(InputError, match="takes 2 columns, but reads"):
        KerasTeacher(tmp_path / "two.keras", reads="x", space=space)


def test_saved_loaded_and_by_name_of_file(keras: Any, tmp_path: Path) -> None:
    net(keras, end=None).save(tmp_path / "net.keras")
    teacher = KerasTeacher(tmp_path / "net.keras", reads="x", classes="abc", output="logits", seen=[1])
    text = json.dumps(save_teacher(teacher, tmp_path / "one", COLUMNS))
    loaded = load_saved(json.loads(text), tmp_path / "one")
    assert dict(loaded.fingerprint) == dict(teacher.fingerprint)
    assert torch.equal(loaded.answer(COLUMNS).scores, teacher.answer(COLUMNS).scores)  # type: ignore[attr-defined]
    named = load_teacher(tmp_path / "net.keras", reads="x", classes="abc", space=Space(Classes, tuple("bca")))
    assert named.answer(COLUMNS).valid.all()


@pytest.mark.parametrize("own_process", [False, True])
def test_damage_code_and_wrong_columns(keras: Any, own_process: bool, tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    net(keras).save(path)
    teacher = KerasTeacher(path, reads="four", classes="abc", own_process=own_process)
    with pytest.raises(InputError, match=r"cannot be asked about columns of shapes \[\(15, 1\)\]"):
        teacher.answer(COLUMNS)
    with pytest.raises(InputError, match="it takes numbers"):
        teacher.answer({"four": np.array(["?"] * 3)})
    assert KerasTeacher(path, reads="x", classes="abc", own_process=own_process).answer(COLUMNS).valid.all()
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="cannot be opened"):
        KerasTeacher(path, reads="x", own_process=own_process)
    keras.Sequential([keras.layers.Input((4,)), keras.layers.Lambda(lambda x: x * 2)]).save(path)
    with pytest.raises(InputError, match="cannot be opened: ValueError: Requested the deserialization of a `Lambda`"):
        KerasTeacher(path, reads="x", own_process=own_process)
    with pytest.raises(InputError, match=r"no \.keras file"):
        KerasTeacher(tmp_path / "none.keras", reads="x")


def test_a_process_that_dies_is_named(keras: Any, tmp_path: Path) -> None:
    net(keras).save(tmp_path / "net.keras")
    teacher: Any = KerasTeacher(tmp_path / "net.keras", reads="x", classes="abc", own_process=True)
    process = teacher._asking.process
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(InputError, match="its process has ended: exit status -9"):
        teacher.answer(COLUMNS)
    other: Any = KerasTeacher(tmp_path / "net.keras", reads="x", classes="abc", own_process=True)
    process = other._asking.process
    del other
    assert process.wait(10) == 0


def test_a_backend_that_is_not_installed(keras: Any, tmp_path: Path) -> None:
    net(keras).save(tmp_path / "net.keras")
    for backend in ("jax", "tensorflow"):
        if __import__("importlib.util").util.find_spec(backend) is None:
            with pytest.raises(InputError, match=f"cannot be opened.*{backend}"):
                KerasTeacher(tmp_path / "net.keras", reads="x", classes="abc", backend=backend)  # type: ignore[arg-type]


def test_a_keras_model_as_student(keras: Any) -> None:
    """On the torch backend a Keras model is a module like any other."""
    from sklearn.ensemble import RandomForestClassifier

    rows = tl.rows_of({"x": X}, DATA.target_names[DATA.target], prepare=False)
    teachers = tl.train_models(rows, lambda: RandomForestClassifier(20, random_state=0), n=1, folds=3)
    targets = tl.generate_distillation_targets(tl.Memory.of(teachers, rows.columns), rows, tl.fusion.Mean())
    student = net(keras, end=None)
    assert isinstance(student, nn.Module)
    fitted = tl.fit(student, targets, rows, tl.Training(epochs=60, lr=0.01))
    assert tl.evaluate_performance(fitted.student, rows).metrics["accuracy"] > 0.8


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.keras").write_bytes(b"?")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"tutelage\[keras\]"):
        KerasTeacher(tmp_path / "m.keras", reads="x")
