from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError
from tutelage.fusion import Mean, Weighted
from tutelage.ops.mixing import mixed


def answers(*teachers: list[list[float]], **more: torch.Tensor) -> Classes:
    """Stacked answers [T, B, C] from probabilities."""
    return Classes.of(torch.tensor(teachers, dtype=torch.float64).log(), "log_probs", **more)


PAIR = answers([[0.9, 0.1]], [[0.2, 0.8]])


def test_trust_moves_the_target_away_from_the_mean() -> None:
    """The better teacher, trusted three times as much, wins the row that the mean leaves open."""
    probs = PAIR.probs()
    told = mixed(probs, Weighted((1.0, 3.0))(PAIR, Context()).values)
    assert torch.allclose(told, torch.tensor([[0.375, 0.625]], dtype=torch.float64))
    assert mixed(probs, Mean()(PAIR, Context()).values).argmax() != told.argmax()


def test_weights_by_name_follow_the_teachers() -> None:
    by_name = Weighted({"forest": 3.0, "net": 1.0})
    with pytest.raises(InputError, match=r"forest, net.*bound"):
        by_name(PAIR, Context())
    assert by_name.bound(("net", "forest")).weights == (1.0, 3.0)
    with pytest.raises(InputError, match=r"without a weight \['rule'\].*without a teacher \['forest'\]"):
        by_name.bound(("net", "rule"))


def test_weight_zero_counts_only_when_nobody_else_answers() -> None:
    valid = torch.tensor([[True, False], [True, True]])
    pair = answers([[0.9, 0.1]] * 2, [[0.2, 0.8]] * 2, valid=valid)
    weights = Weighted((1.0, 0.0))(pair, Context()).values
    assert weights.tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("weights", [(), (1.0, -1.0), (0.0, 0.0), (float("nan"), 1.0), {"a": float("inf")}])
def test_impossible_weights_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="finite, not negative and not all 0"):
        Weighted(weights)


def test_the_number_of_teachers_must_fit() -> None:
    with pytest.raises(InputError, match="3 teachers and got answers of 2"):
        Weighted((1.0, 1.0, 1.0))(PAIR, Context())
    with pytest.raises(InputError, match="3 weights for 2 teachers"):
        Weighted((1.0, 1.0, 1.0)).bound(("a", "b"))
    assert Weighted((1.0, 2.0, 3.0)).taking([2, 0]).weights == (3.0, 1.0)
