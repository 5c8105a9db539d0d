from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tutelage.core import Batch, InputError, Labels
from tutelage.tasks import MultiLabel, task_from_json, task_to_json

TASK = MultiLabel(("red", "round", "sweet"))


def test_entries_without_labels_are_left_out() -> None:
    truth = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    answer = Labels.of(20.0 * (2 * truth - 1) * torch.tensor([1.0, 1.0, -1.0]))  # the last label is all wrong
    labelled = torch.tensor([[True, True, False], [True, True, True]])
    found = TASK.metrics(answer, truth, labelled)
    assert found["hamming_loss"] == pytest.approx(1 / 5)
    assert found["subset_accuracy"] == 0.5
    assert found["macro_f1"] == pytest.approx(2 / 3)
    assert found["micro_f1"] == pytest.approx(2 * 2 / (2 + 3))


def test_areas_are_means_over_the_labels_that_tell_rows_apart() -> None:
    truth = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    scores = torch.tensor([[0.9, 0.2, 0.1], [0.8, 0.3, 0.8], [0.7, 0.4, 0.3], [0.2, 0.1, 0.4]])
    labelled = torch.ones_like(truth, dtype=torch.bool)
    labelled[2, 0] = False
    found = TASK.metrics(Labels.from_probs(scores), truth, labelled)
    assert found["roc_auc"] == pytest.approx((1.0 + 3 / 4) / 2), "who is red of three, and who is sweet; all are round"
    assert found["average_precision"] == pytest.approx((1.0 + (1 + 2 / 3) / 2) / 2)
    assert math.isnan(TASK.metrics(Labels.from_probs(scores), torch.ones_like(truth), labelled)["roc_auc"])


def test_abstaining_counts_as_wrong() -> None:
    truth = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    every = torch.ones_like(truth, dtype=torch.bool)
    silent = every.clone()
    silent[0, :2] = False
    found = TASK.metrics(Labels.of(20.0 * (2 * truth - 1), valid=silent), truth, every)
    assert found["hamming_loss"] == pytest.approx(2 / 6)
    assert found["subset_accuracy"] == 0.5
    assert found["macro_recall"] == pytest.approx(2 / 3)  # "red" is missed, and nothing is said that is wrong
    assert found["macro_precision"] == pytest.approx(2 / 3)
    assert found["cross_entropy"] == pytest.approx(2 * math.log(2) / 6, rel=1e-4)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="at least one label"):
        MultiLabel(())
    with pytest.raises(InputError, match="one output per label"):
        TASK.answer(nn.Linear(2, 4), Batch.of({"x": torch.zeros(2, 2)}))


def test_json() -> None:
    assert task_from_json(task_to_json(TASK)) == TASK
