"""Training on views: teachers answer each view of a row once, the student sees the same views, and it all repeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from small import same

import tutelage as tl
from tutelage.core import Answer, Classes, InputError, Space, StoreError
from tutelage.data import Rows
from tutelage.data.views import Crop, Flip, Views
from tutelage.fusion import Mean
from tutelage.teachers import StoredTeacher
from tutelage.teachers.predictions import Predictions
from tutelage.train import Training, fit

NAMES = tuple(str(digit) for digit in range(10))


def digits(views: Views | None = None, count: int = 300) -> Rows:
    data: Any = load_digits()
    columns = {"image": (data.images[:count] / 16).astype("float32"), "number": np.arange(count)}
    return tl.rows_of(columns, data.target[:count], names=NAMES, inputs=["image"], seed=0).with_views(views)


@dataclass
class Eye:
    """A teacher of digits that remembers what it was shown."""

    shown: list[np.ndarray] = field(default_factory=list[np.ndarray])
    name: str = "eye"
    seen: np.ndarray | None = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    frozen: bool = True
    deterministic: bool = True
    reads: tuple[str, ...] = ("image",)
    parameters: int | None = None
    space: Space = field(default_factory=lambda: Space(Classes, NAMES))

    @property
    def fingerprint(self) -> Mapping[str, str]:
        return {"weights": "one linear map"}

    def answer(self, columns: Mapping[str, np.ndarray]) -> Answer:
        image = torch.from_numpy(np.asarray(columns["image"])).flatten(1)
        self.shown.append(np.asarray(columns["image"]))
        return Classes.of(image @ torch.randn(64, 10, generator=torch.Generator().manual_seed(3)), "logits")

    @property
    def rows(self) -> int:
        return sum(map(len, self.shown))


def student(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return tl.ConvNet(1, 10, (8, 8))


def lesson(rows: Rows, store: tl.Store, eye: Eye) -> tuple[torch.nn.Module, tl.Distillation]:
    source = tl.generate_predictions([eye], rows, store, optimise=False)
    target = tl.generate_distillation_targets(source, rows, Mean())
    return fit(student(), target, rows, Training(epochs=4)).student, target


TWICE = Training(epochs=3, patience=2)
MIRROR = Views(Flip(("image",), probability=1.0))


def test_teachers_answer_each_view_once_and_a_second_run_is_the_same_to_the_bit(tmp_path: Path) -> None:
    rows, eye = digits(MIRROR), Eye()
    first, target = lesson(rows, tl.Store(tmp_path), eye)
    assert target.plan.number == 1
    assert eye.rows == len(rows.taught) + len(rows.train)
    again, _ = lesson(digits(MIRROR), tl.Store(tmp_path), eye)
    assert eye.rows == len(rows.taught) + len(rows.train)
    assert same(first, again)
    plain, _ = lesson(digits(), tl.Store(tmp_path / "plain"), Eye())
    assert not same(first, plain)


def test_teacher_and_student_see_the_same_view(tmp_path: Path) -> None:
    rows, eye = digits(Views((Crop(("image",), pad=2), Flip(("image",))), count=3, seed=5)), Eye()
    source = tl.generate_predictions([eye], rows, tl.Store(tmp_path), optimise=False)
    for batch in rows.batches(rows.train, 32, seed=1, epoch=7):
        assert set(batch.view.tolist()) == {0, 1, 2}
        said = source.gather(batch.row, batch.view).answers[0]
        asked = Eye().answer({"image": batch.inputs["image"].numpy()})
        torch.testing.assert_close(said.to_arrays()["scores"], asked.to_arrays()["scores"])


def test_each_row_goes_through_all_its_views_and_validation_stays_as_it_is() -> None:
    rows = digits(Views(Crop(("image",), pad=1), count=4))
    views = [rows.view_of(rows.train, epoch) for epoch in range(4)]
    assert all(view is not None for view in views)
    assert (np.sort(np.stack([view for view in views if view is not None]), axis=0) == np.arange(4)[:, None]).all()
    assert all(not batch.view.any() for batch in rows.batches(rows.validation, 16))


def test_other_views_are_not_mistaken_for_the_stored_ones(tmp_path: Path) -> None:
    store = tl.Store(tmp_path)
    lesson(digits(Views(Crop(("image",), pad=1), count=2, seed=0)), store, Eye())
    with pytest.raises(StoreError, match="other views of rows"):
        lesson(digits(Views(Crop(("image",), pad=1), count=2, seed=1)), store, Eye())
    with pytest.raises(StoreError, match="other views of rows"):
        lesson(digits(Views(Crop(("image",), pad=2), count=2, seed=0)), store, Eye())
    eye = Eye()
    more = digits(Views(Crop(("image",), pad=1), count=3, seed=0))
    lesson(more, store, eye)
    assert eye.rows == len(more.train)  # the third view only


def test_views_without_end_are_asked_live(tmp_path: Path) -> None:
    rows, eye = digits(Views(Crop(("image",), pad=1), count=None)), Eye()
    _, target = lesson(rows, tl.Store(tmp_path), eye)
    assert target.plan.number == 4
    assert eye.rows >= 4 * len(rows.train)
    assert [rows.view_of(rows.train, epoch)[0] for epoch in range(3)] == [0, 1, 2]  # pyright: ignore[reportOptionalSubscript]
    with pytest.raises(InputError, match="without end"):
        tl.Memory.of([eye], rows.columns, rows.views)


def test_memory_live_and_store_agree_about_views(tmp_path: Path) -> None:
    rows = digits(Views(Crop(("image",), pad=1), count=3))
    stored = tl.generate_predictions([Eye()], rows, tl.Store(tmp_path), optimise=False)
    memory, live = tl.Memory.of([Eye()], rows.columns, rows.views), tl.Live((Eye(),), rows.columns, views=rows.views)
    batch = next(rows.batches(rows.train, 40, seed=0))
    found = [source.gather(batch.row, batch.view).answers[0].to_arrays()["scores"] for source in (stored, memory, live)]
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])
    with pytest.raises(InputError, match="about 1 views"):
        tl.Memory.of([Eye()], rows.columns).gather(batch.row, batch.view)
    with pytest.raises(InputError, match="know no views"):
        tl.Live((Eye(),), rows.columns).gather(batch.row, batch.view)


def test_predictions_that_are_looked_up_cannot_speak_of_views(tmp_path: Path) -> None:
    rows = digits(MIRROR)
    said = Classes.of(torch.eye(10)[torch.from_numpy(rows.target)], "votes")
    stored = StoredTeacher(Predictions(rows.columns["number"], said, rows.space, "votes"), key="number")
    with pytest.raises(InputError, match="looks its answers up"):
        tl.generate_predictions([stored], rows, tl.Store(tmp_path))


def test_a_sweep_sees_what_fit_sees(tmp_path: Path) -> None:
    rows = digits(Views(Crop(("image",), pad=1), count=2))
    rows = replace(rows, inputs=("image",))
    source = tl.generate_predictions([Eye()], rows, tl.Store(tmp_path), optimise=False)
    target = tl.generate_distillation_targets(source, rows, Mean())
    training = Training(epochs=3)
    swept = tl.sweep(lambda: tl.MLP(64, 10, (8,)), [tl.Lane("a", target, 0), tl.Lane("b", target, 1)], rows, training)
    torch.manual_seed(0)
    alone = fit(tl.MLP(64, 10, (8,)), target, rows, training).student
    assert swept.batched == (True, True)
    for one, other in zip(alone.parameters(), swept.fitted[0].student.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_distill_with_views_compares_students_that_all_saw_the_views(tmp_path: Path) -> None:
    rows, eye = digits(MIRROR), Eye()
    images = rows.columns["image"]
    mirrored = {image[:, ::-1].tobytes() for image in images[rows.train]} - {image.tobytes() for image in images}

    def asked() -> int:
        return sum(image.tobytes() in mirrored for shown in eye.shown for image in shown)

    for _ in range(2):
        report = tl.distill(student, rows, [eye], training=TWICE, seeds=[0], run=tmp_path / "run", optimise=False)
        assert report.table()
        assert asked() == len(mirrored)
