from __future__ import annotations

import math

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Labels, Renewable, Values
from tutelage.fusion import DynamicPerformance, Performance
from tutelage.ops.mixing import mixed


def answers(*teachers: list[list[float]], **more: torch.Tensor) -> Classes:
    """Stacked answers [T, B, C] from probabilities."""
    return Classes.of(torch.tensor(teachers, dtype=torch.float64).log(), "log_probs", **more)


TRUTH, ALL = torch.tensor([0, 1, 0, 1]), torch.ones(4, dtype=torch.bool)
GOOD = [[0.8, 0.2], [0.2, 0.8], [0.8, 0.2], [0.2, 0.8]]
BAD = [[0.2, 0.8], [0.8, 0.2], [0.2, 0.8], [0.2, 0.8]]
HELD_OUT = answers(GOOD, BAD)
HIGH, LOW = 1 / (1 - math.log(0.8)), 1 / (1 - math.log(0.2))


@pytest.mark.parametrize(
    ("reward", "raw"),
    [
        ("correct", (1.0, 0.25)),
        ("truth", (0.8, (3 * 0.2 + 0.8) / 4)),
        ("nce", (HIGH, (3 * LOW + HIGH) / 4)),
        ("inv_mse", (1 / 0.08, 1 / ((3 * 1.28 + 0.08) / 4))),
    ],
)
def test_the_rewards(reward: str, raw: tuple[float, float]) -> None:
    fusion = Performance(reward).fit(HELD_OUT, TRUTH, ALL)  # pyright: ignore[reportArgumentType]
    assert fusion.weights is not None
    assert [row[0] for row in fusion.weights] == pytest.approx([r / sum(raw) for r in raw])


def test_what_was_achieved_decides_where_the_mean_is_torn() -> None:
    asked = answers([[0.7, 0.3]], [[0.2, 0.8]])
    told = mixed(asked.probs(), Performance().fit(HELD_OUT, TRUTH, ALL)(asked, Context()).values)
    assert told.argmax() == 0
    assert asked.probs().mean(0).argmax() == 1


def test_only_rows_a_teacher_can_be_judged_on_count() -> None:
    """The second teacher abstains where it would be wrong; the third has no label within its coverage."""
    coverage = torch.tensor([[True, True, True], [True, True, True], [False, False, True]])
    rows = [[*row, 0.1] for row in GOOD], [[*row, 0.1] for row in BAD], [[0.1, 0.1, 0.8]] * 4
    valid = torch.ones(3, 4, dtype=torch.bool)
    valid[1, :3] = False
    fusion = Performance("correct").fit(answers(*rows, coverage=coverage, valid=valid), TRUTH, ALL)
    assert fusion.weights is not None
    assert [row[0] for row in fusion.weights] == pytest.approx([1 / 3] * 3)


def test_labels_and_values_have_weights_per_column() -> None:
    known = torch.ones(2, 2, dtype=torch.bool)
    odds = torch.tensor([[[3.0, 3.0], [-3.0, 3.0]], [[-3.0, 3.0], [3.0, 3.0]]])
    wanted = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    assert Performance("correct").fit(Labels.of(odds), wanted, known).weights == ((1.0, 0.5), (0.0, 0.5))
    means = torch.tensor([[[1.0, 100.0], [1.0, 100.0]], [[2.0, 300.0], [2.0, 300.0]]])
    fusion = Performance("inv_mse").fit(Values.of(means), torch.tensor([[0.0, 400.0]] * 2), known)
    assert fusion.weights is not None
    assert fusion.weights[0] == pytest.approx((0.8, 0.1))


def test_the_dynamic_form_follows_what_the_student_still_misses() -> None:
    """One teacher knows class 0, the other class 1; the student has learnt class 0, so the other leads."""
    first, second = [[0.9, 0.1]] * 4, [[0.1, 0.9]] * 4
    fusion = DynamicPerformance("truth").fit(answers(first, second), TRUTH, ALL)
    assert isinstance(fusion, Renewable)
    assert fusion.needs == {"history"}
    assert fusion.weights is not None
    assert fusion.weights[0][0] == pytest.approx(0.5)
    later = fusion.renewed(Classes.of(torch.tensor([[0.99, 0.01]] * 4).log(), "log_probs"))
    assert later.weights is not None
    assert later.weights[1][0] == pytest.approx(0.01 * 0.1 + 0.99 * 0.9, rel=1e-5)
    asked = answers([[0.7, 0.3]], [[0.4, 0.6]])
    before, after = (mixed(asked.probs(), f(asked, Context()).values) for f in (fusion, later))
    assert before.argmax() == 0
    assert after.argmax() == 1


def test_a_student_that_misses_nothing_leaves_equal_rows() -> None:
    fusion = DynamicPerformance("truth").fit(HELD_OUT, TRUTH, ALL)
    perfect = Classes.of(2000.0 * torch.nn.functional.one_hot(TRUTH, 2).double(), "logits")
    assert fusion.renewed(perfect).weights == fusion.weights


def test_values_follow_the_squared_error_per_column() -> None:
    means = torch.tensor([[[0.0, 0.0], [2.0, 2.0]], [[2.0, 2.0], [0.0, 0.0]]])
    target, known = torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool)
    fusion = DynamicPerformance("inv_mse").fit(Values.of(means), target, known)
    later = fusion.renewed(Values.of(torch.tensor([[1.0, 3.0], [3.0, 1.0]])))
    assert later.weights is not None
    assert later.weights[0] == pytest.approx((0.1, 0.9))


def test_refusals() -> None:
    with pytest.raises(InputError, match="no weights yet"):
        Performance()(HELD_OUT, Context())
    with pytest.raises(InputError, match="got none"):
        Performance().fit(HELD_OUT, TRUTH, ~ALL)
    fitted = DynamicPerformance().fit(HELD_OUT, TRUTH, ALL)
    with pytest.raises(InputError, match="fitted on 2 teachers and got 1"):
        fitted(answers(GOOD), Context())
    blank = Classes.of(torch.zeros(1, 2), "logits")
    with pytest.raises(InputError, match="4 rows and sees the student's answers about 1"):
        fitted.renewed(blank)
    with pytest.raises(InputError, match="was not fitted"):
        DynamicPerformance().renewed(blank)
    with pytest.raises((InputError, TypeError), match="luck"):
        Performance("luck")  # pyright: ignore[reportArgumentType]
