from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError
from tutelage.fusion import Entropy
from tutelage.ops.mixing import mixed
from tutelage.ops.simplex import entropy


def answers(*teachers: list[list[float]], **more: torch.Tensor) -> Classes:
    """Stacked answers [T, B, C] from probabilities."""
    return Classes.of(torch.tensor(teachers, dtype=torch.float64).log(), "log_probs", **more)


@pytest.mark.parametrize("fusion", [Entropy("paper"), Entropy("softmax", 0.1)])
def test_the_sure_teacher_is_heard_more_than_in_the_mean(fusion: Entropy) -> None:
    """Two hesitant teachers outvote a sure one in the mean, but not by entropy."""
    signals = answers([[0.99, 0.01]], [[0.24, 0.76]], [[0.25, 0.75]])
    assert signals.probs().mean(0).argmax() == 1
    assert mixed(signals.probs(), fusion(signals, Context()).values).argmax() == 0


def test_the_two_forms() -> None:
    signals = answers([[0.9, 0.1]], [[0.6, 0.4]], [[0.5, 0.5]])
    h = entropy(signals.probs())
    assert torch.allclose(Entropy()(signals, Context()).values, (1 - h / h.sum(0)) / 2)
    assert torch.allclose(Entropy("softmax", 0.3)(signals, Context()).values, torch.softmax(-h / 0.3, 0))


def test_saturated_and_single_teachers() -> None:
    sure = Classes.of(torch.tensor([[[2000.0, 0.0]], [[0.0, 2000.0]]]), "logits")
    assert Entropy()(sure, Context()).values.tolist() == [[0.5], [0.5]]
    assert Entropy()(answers([[0.7, 0.3]]), Context()).values.tolist() == [[1.0]]
    mixed_pair = Classes.of(torch.tensor([[[2000.0, 0.0]], [[0.0, 0.0]]]), "logits")
    assert Entropy()(mixed_pair, Context()).values.tolist() == [[1.0], [0.0]]


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match="tau must be positive, got 0"):
        Entropy("softmax", 0.0)
    with pytest.raises((InputError, TypeError), match="sharp"):
        Entropy("sharp")  # pyright: ignore[reportArgumentType]
