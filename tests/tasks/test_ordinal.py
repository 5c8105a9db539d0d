"""Classes in order: the median is predicted, mistakes cost their distance, and a kept task is the same again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import tutelage as tl
from tutelage.core import Classes, InputError
from tutelage.tasks import Ordinal, task_from_json, task_to_json

STARS = Ordinal(("1", "2", "3", "4", "5"))


def test_the_median_has_the_least_expected_difference() -> None:
    probs = torch.from_numpy(np.random.default_rng(0).dirichlet(np.full(5, 0.7), 400))
    guess = STARS.decode(Classes.from_probs(probs))
    distance = (torch.arange(5)[:, None] - torch.arange(5)).abs().double()
    expected = probs @ distance
    torch.testing.assert_close(expected.gather(1, guess[:, None])[:, 0], expected.min(1).values)
    assert (guess != probs.argmax(1)).any(), "which is not always the most probable class"


def test_mistakes_cost_their_distance() -> None:
    scores = 20.0 * torch.eye(5)[[0, 4, 2, 3]]
    truth, labelled = torch.tensor([0, 0, 3, 1]), torch.tensor([True, True, True, False])
    found = STARS.metrics(Classes.of(scores, "logits"), truth, labelled)
    assert found["ordinal_error"] == pytest.approx(5 / 3)
    assert found["within_one"] == pytest.approx(2 / 3)
    assert found["accuracy"] == pytest.approx(1 / 3)
    silent = Classes.of(scores, "logits", valid=torch.tensor([True, True, False, True]))
    assert STARS.metrics(silent, truth, labelled)["ordinal_error"] == pytest.approx(7 / 3), "3 can be missed by 3"


def test_it_is_kept_by_its_name_and_measured_like_any_task() -> None:
    assert task_from_json(task_to_json(STARS)) == STARS
    assert task_from_json({**task_to_json(STARS), "headline": "accuracy"}).headline == "accuracy"
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    stars = np.digitize(x[:, 0], [-1, -0.3, 0.3, 1])
    rows = tl.rows_of(x, np.array(STARS.classes)[stars], names=STARS.classes, task=STARS)
    rule = tl.RuleTeacher(lambda row: "3", reads="features", classes=STARS.classes, name="middle", seen=[])
    performance = tl.evaluate_performance(rule, rows)
    assert performance.metrics["ordinal_error"] == pytest.approx(np.abs(stars[rows.test.open("to compare")] - 2).mean())


def test_two_classes_have_no_order() -> None:
    with pytest.raises(InputError, match="at least three different classes"):
        Ordinal(("no", "yes"))
    with pytest.raises(InputError, match="headline 'f1' is not known"):
        Ordinal(("a", "b", "c"), headline="f1")


def test_a_vote_is_what_it_names() -> None:
    votes = Classes.of(torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0]]), "votes")
    assert STARS.decode(votes).tolist() == [3, 0]
