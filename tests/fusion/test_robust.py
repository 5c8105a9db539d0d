from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Labels, Values
from tutelage.fusion import Median, Trimmed


def answers(*teachers: list[list[float]], **more: torch.Tensor) -> Classes:
    """Stacked answers [T, B, C] from probabilities."""
    return Classes.of(torch.tensor(teachers, dtype=torch.float64).log(), "log_probs", **more)


HONEST = [[0.70, 0.20, 0.10]], [[0.68, 0.22, 0.10]], [[0.72, 0.18, 0.10]], [[0.69, 0.20, 0.11]]
SABOTEUR = [[0.0005, 0.0005, 0.999]]


@pytest.mark.parametrize("fusion", [Median(), Trimmed(0.2)])
def test_one_bad_teacher_moves_the_mean_and_not_the_median(fusion: Median | Trimmed) -> None:
    honest, all_five = answers(*HONEST).probs(), answers(*HONEST, SABOTEUR)
    told = fusion(all_five, Context()).answer.probs()
    assert float((told - honest.mean(0)).abs().max()) < 0.02
    assert float((all_five.probs().mean(0) - honest.mean(0)).abs().max()) > 0.1


def test_formed_at_the_asked_temperature() -> None:
    signals = answers(*HONEST, SABOTEUR)
    target = Median()(signals, Context(temperature=4.0))
    assert target.temperature == 4.0
    middle = signals.probs(4.0).median(0).values
    assert torch.allclose(target.answer.probs(), middle / middle.sum())


def test_only_teachers_that_know_a_class_are_asked() -> None:
    coverage = torch.tensor([[True, True, False], [True, True, False], [True, True, True]])
    signals = answers([[0.6, 0.4, 1.0]], [[0.4, 0.6, 1.0]], [[0.1, 0.1, 0.8]], coverage=coverage)
    told = Median()(signals, Context()).answer
    assert told.probs()[0].tolist() == pytest.approx([0.4 / 1.6, 0.4 / 1.6, 0.8 / 1.6])


def test_where_every_median_is_zero_the_mean_stands_in() -> None:
    signals = Classes.of(2000.0 * torch.eye(3).unsqueeze(1), "logits")
    target = Median()(signals, Context())
    assert target.acted is not None
    assert target.acted.tolist() == [False]
    assert target.answer.probs()[0].tolist() == pytest.approx([1 / 3] * 3)


def test_values_and_labels() -> None:
    means = torch.tensor([[[1.0]], [[2.0]], [[90.0]]])
    told = Median()(Values.of(means, means), Context(temperature=3.0))
    assert (told.answer.mean.item(), told.answer.scale.item(), told.temperature) == (2.0, 2.0, None)
    assert Median()(Values.of(means), Context()).answer.scale is None
    odds = Labels.of(torch.tensor([[[-40.0]], [[1.0]], [[60.0]]]))
    assert Median()(odds, Context()).answer.logits.item() == pytest.approx(1.0)


def test_share_is_checked() -> None:
    with pytest.raises(InputError, match=r"\[0, 0.5\], got 0.7"):
        Trimmed(0.7)
