from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from tutelage.core import Batch, InputError, Space, Values
from tutelage.tasks import Regression, task_for, task_from_json, task_to_json
from tutelage.tasks.regression import SMALLEST_SCALE


class Says(nn.Module):
    def __init__(self, found: list[list[float]]) -> None:
        super().__init__()
        self.found = torch.tensor(found)

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.found


def batch(target: list[list[float]]) -> Batch:
    return Batch.of({"x": torch.zeros(len(target), 1)}, torch.tensor(target))


def test_the_student_works_in_z_scores_and_answers_in_units() -> None:
    task = Regression(("price", "rooms"), centre=(1e5, 3.0), spread=(2e4, 0.5))
    given = batch([[1e5, 3.0], [1.4e5, 2.0]])
    answer = task.answer(Says([[0.0, 0.0], [1.0, -2.0]]), given)
    assert answer.mean.tolist() == [[1e5, 3.0], [1.2e5, 2.0]]
    assert task.hard_loss(answer, given.target).tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert task.metrics(answer, given.target, given.labelled)["mae"] == pytest.approx(0.5 * 1e4)


def test_scales() -> None:
    task = Regression(("y",), spread=(10.0,), with_scale=True, loss="nll")
    given = batch([[10.0], [0.0]])
    answer = task.answer(Says([[1.0, math.log(math.e - 1)], [0.0, -1e4]]), given)
    assert answer.scale is not None
    assert answer.scale.flatten().tolist() == pytest.approx([10.0 * (1 + SMALLEST_SCALE), 10.0 * SMALLEST_SCALE])
    losses = task.hard_loss(answer, given.target).flatten()
    assert losses.tolist() == pytest.approx([SMALLEST_SCALE, math.log(SMALLEST_SCALE)], abs=1e-6)
    nll = task.metrics(answer, given.target, given.labelled)["nll"]
    assert nll == pytest.approx(float(losses.mean()) + 0.5 * math.log(2 * math.pi) + math.log(10.0), abs=1e-5)


def test_huber_is_half_the_square_and_then_a_line() -> None:
    task = Regression(("y",), spread=(2.0,), loss="huber")
    answer = Values.of(torch.tensor([[1.0], [6.0]]))
    assert task.hard_loss(answer, torch.zeros(2, 1)).flatten().tolist() == [0.125, 2.5]


def test_rows_without_an_answer_get_the_centre() -> None:
    task = Regression(("y",), centre=(5.0,), spread=(2.0,))
    given = batch([[9.0], [1.0]])
    silent = Values.of(given.target, valid=torch.tensor([True, False]))
    found = task.metrics(silent, given.target, given.labelled)
    assert found["mae"] == 2.0
    assert found["rmse"] == pytest.approx(math.sqrt(8.0))
    assert "nll" not in found


def test_columns_without_labels_are_left_out() -> None:
    task = Regression(("y", "z"))
    given = batch([[1.0, 7.0], [3.0, 8.0]])
    labelled = torch.tensor([[True, False], [True, False]])
    found = task.metrics(Values.of(torch.zeros(2, 2)), given.target, labelled)
    assert found["mae"] == 2.0


def test_units_are_learnt_from_labelled_targets() -> None:
    target = np.array([[1.0, 5.0, 0.0], [3.0, 5.0, 0.0], [99.0, 5.0, 0.0]], dtype=np.float32)
    labelled = np.array([[True, True, False], [True, True, False], [False, True, False]])
    task = task_for(Space(Values, ("a", "constant", "unknown")), target, labelled)
    assert isinstance(task, Regression)
    assert task.centre == (2.0, 5.0, 0.0)
    assert task.spread == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"columns": ()}, "at least one column"),
        ({"columns": ("y",), "centre": (1.0, 2.0)}, "as many centres"),
        ({"columns": ("y",), "spread": (0.0,)}, "must be positive"),
        ({"columns": ("y",), "loss": "nll"}, "with_scale=True"),
    ],
)
def test_bad_input(arguments: dict[str, object], why: str) -> None:
    with pytest.raises(InputError, match=why):
        Regression(**arguments)  # pyright: ignore[reportArgumentType]


def test_json() -> None:
    task = Regression(("y",), (1.0,), (2.0,), with_scale=True, loss="nll")
    assert task_from_json(task_to_json(task)) == task
