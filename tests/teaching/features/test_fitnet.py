"""FitNet: the teacher's features can be read off the student's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import tutelage as tl
from hinted import hinted, known, learnt
from tutelage.data import Rows
from tutelage.teaching import Hint, Memory
from tutelage.teaching.features import Adapter, FitNet
from tutelage.teaching.features.adapter import level
from tutelage.train import Training


def unexplained(student: Tensor, teacher: Tensor) -> float:
    """Share of the teacher's variance that the best linear map of the student's features leaves."""
    design = torch.cat([student, torch.ones(len(student), 1)], 1).double()
    rest = teacher.double() - design @ torch.linalg.lstsq(design, teacher.double()).solution
    return float(rest.square().sum() / (teacher - teacher.mean(0)).double().square().sum())


def test_a_student_with_hints_knows_more_of_the_teacher_than_answers_tell() -> None:
    with_hint, _ = learnt(FitNet(), 50.0, epochs=80)
    without, _ = learnt(FitNet(), 0.0, epochs=80)
    assert unexplained(with_hint, known()) < 0.8 * unexplained(without, known())


def digits() -> Rows:
    images, target = load_digits(return_X_y=True)
    images, target = images[:600].reshape(-1, 8, 8).astype(np.float32) / 16, target[:600]
    return tl.rows_of({"image": images}, target, seed=0)


def test_maps_of_a_small_convolutional_student() -> None:
    """The larger map is averaged down, an adapter joins the channels, and the student gets nearer to its teacher."""
    rows = digits()
    torch.manual_seed(1)
    big = tl.ConvNet(1, 10, (16, 32))
    tl.fit(big, hinted([], names=rows.space.names), rows, Training(4, 64))
    source = Memory.of([tl.FeatureTeacher(big, "stages.6", reads="image", name="big")], rows.columns)
    away: dict[float, float] = {}
    for weight in (0.0, 20.0):
        torch.manual_seed(2)
        small = tl.ConvNet(1, 10, (6, 8))
        hint = Hint(source, "stages.7", FitNet(), weight, Adapter(norm=True, relu=True))
        target = hinted([hint], names=rows.space.names)
        tl.fit(small, target, rows, Training(4, 64, watch="accuracy"))
        assert list(small.state_dict()) == list(tl.ConvNet(1, 10, (6, 8)).state_dict())
        with torch.no_grad(), tl.capture(small.eval(), ["stages.7"]) as found:
            small(torch.from_numpy(rows.columns["image"]))
        teacher = nn.functional.adaptive_avg_pool2d(source.signals.answers[0].to_arrays()["values"], (2, 2))
        away[weight] = unexplained(found["stages.7"].movedim(1, -1).flatten(0, 2), teacher.movedim(1, -1).flatten(0, 2))
    assert away[20.0] < away[0.0]


def test_layers_that_do_not_fit_say_so() -> None:
    with pytest.raises(tl.InputError, match="position by position"):
        level(torch.zeros(4, 5, 3), torch.zeros(4, 4, 8, 8))
    with pytest.raises(tl.InputError, match="position by position"):
        level(torch.zeros(4, 5, 3), torch.zeros(4, 6, 3))
    one, other = level(torch.zeros(4, 7), torch.zeros(4, 5, 8, 8))
    assert (one.shape, other.shape) == ((4, 7), (4, 5))
