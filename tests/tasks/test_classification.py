from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tutelage.core import Batch, Classes, InputError
from tutelage.ops.losses import constants
from tutelage.tasks import Classification, task_from_json, task_to_json

TASK = Classification(("cat", "dog", "owl"))
EVERY = torch.ones(4, dtype=torch.bool)


def test_abstaining_counts_as_wrong() -> None:
    truth = torch.tensor([0, 0, 1, 2])
    scores = 20.0 * torch.nn.functional.one_hot(truth, 3).float()
    whole = TASK.metrics(Classes.of(scores, "logits"), truth, EVERY)
    assert whole["accuracy"] == whole["macro_f1"] == whole["macro_recall"] == 1.0
    silent = Classes.of(scores, "logits", valid=torch.tensor([False, True, True, True]))
    partly = TASK.metrics(silent, truth, EVERY)
    assert partly["accuracy"] == 0.75
    assert partly["macro_recall"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert partly["macro_precision"] == 1.0
    assert partly["macro_f1"] == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert partly["cross_entropy"] == pytest.approx(math.log(3) / 4, rel=1e-5)


def test_only_covered_classes_are_guessed() -> None:
    answer = Classes.of(torch.tensor([[-5.0, 9.0, -6.0]]), "logits", coverage=torch.tensor([True, False, True]))
    assert TASK.decode(answer).tolist() == [0]


def test_class_weights() -> None:
    weighted = Classification(TASK.classes, (1.0, 2.0, 5.0))
    answer, truth = Classes.of(torch.zeros(3, 3), "logits"), torch.arange(3)
    torch.testing.assert_close(weighted.hard_loss(answer, truth), math.log(3) * torch.tensor([1.0, 2.0, 5.0]))
    like = torch.zeros(1)
    assert constants((1.0, 2.0), like) is constants((1.0, 2.0), like)


def test_constants_made_while_serving_can_be_trained_with() -> None:
    weighted = Classification(TASK.classes, (1.5, 2.5, 3.5))
    scores = torch.zeros(3, 3, requires_grad=True)
    with torch.inference_mode():
        weighted.hard_loss(Classes.of(torch.zeros(3, 3), "logits"), torch.arange(3))
    weighted.hard_loss(Classes.of(scores, "logits"), torch.arange(3)).sum().backward()
    assert scores.grad is not None


def test_students_with_several_inputs() -> None:
    class Sum(nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return a - b

    batch = Batch.of({"first": torch.full((2, 3), 5.0), "second": torch.ones(2, 3)})
    assert TASK.answer(Sum(), batch).scores.tolist() == [[4.0] * 3] * 2


def test_bad_input() -> None:
    with pytest.raises(InputError, match="two different classes"):
        Classification(("a", "a"))
    with pytest.raises(InputError, match="as many class weights"):
        Classification(("a", "b"), (1.0,))
    with pytest.raises(InputError, match=r"\(2, 4\).*3 classes"):
        TASK.answer(nn.Linear(2, 4), Batch.of({"x": torch.zeros(2, 2)}))


def test_the_rarest_class_has_a_number_of_its_own() -> None:
    """Whoever always says "cat" is right on nine rows of ten, and finds no owl."""
    truth = torch.tensor([0] * 9 + [2])
    always = Classes.of(torch.tensor([[5.0, 0.0, 0.0]]).expand(10, 3), "logits")
    task = Classification(TASK.classes, headline="rare_recall")
    found = task.metrics(always, truth, torch.ones(10, dtype=torch.bool))
    assert found["accuracy"] == 0.9
    assert found[task.headline] == 0.0
    with pytest.raises(InputError, match="headline 'luck' is not known: accuracy"):
        Classification(TASK.classes, headline="luck")


def test_json() -> None:
    for task in (
        TASK,
        Classification(TASK.classes, headline="macro_f1"),
        Classification(TASK.classes, (1.0, 2.0, 3.0)),
    ):
        assert task_from_json(task_to_json(task)) == task


def test_decisions_follow_costs_and_leave_probabilities_alone() -> None:
    probs = torch.tensor([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]])
    plain, costly = Classification(("healthy", "ill")), Classification(("healthy", "ill"), decision=(1.0, 5.0))
    answer, target = Classes.from_probs(probs), torch.tensor([1, 0, 1])
    assert plain.decode(answer).tolist() == [0, 0, 1]
    assert costly.decode(answer).tolist() == [0, 1, 1]
    known = torch.ones(3, dtype=torch.bool)
    one, other = plain.metrics(answer, target, known), costly.metrics(answer, target, known)
    assert one["cross_entropy"] == other["cross_entropy"]
    assert "cost" not in one
    assert other["cost"] == pytest.approx((5.0 + 1.0) / 3)
    votes = Classes.of(torch.tensor([[1.0, 0.0]]), "votes")
    assert costly.decode(votes).tolist() == [0]


def test_decision_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="2 classes need as many decision weights, got 3"):
        Classification(("a", "b"), decision=(1.0, 1.0, 1.0))
    with pytest.raises(InputError, match="decision weights are positive"):
        Classification(("a", "b"), decision=(1.0, 0.0))
