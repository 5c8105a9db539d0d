from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, Values
from tutelage.fusion import Difference
from tutelage.ops.differences import Measure
from tutelage.ops.mixing import mixed


def answers(*teachers: list[list[float]], **more: torch.Tensor) -> Classes:
    """Stacked answers [T, B, C] from probabilities."""
    return Classes.of(torch.tensor(teachers, dtype=torch.float64).log(), "log_probs", **more)


@pytest.mark.parametrize("measure", ["squared", "kl", "js"])
def test_the_odd_one_out_is_heard_less_than_in_the_mean(measure: Measure) -> None:
    signals = answers([[0.55, 0.45]], [[0.57, 0.43]], [[0.56, 0.44]], [[0.01, 0.99]])
    weights = Difference(measure)(signals, Context()).values
    assert float(weights[3]) < 0.1
    assert mixed(signals.probs(), weights).argmax() == 0
    assert signals.probs().mean(0).argmax() == 1


def test_the_formula() -> None:
    p = torch.tensor([[0.2, 0.3, 0.5], [0.1, 0.4, 0.5], [0.6, 0.2, 0.2]], dtype=torch.float64)
    signals = answers(*[[row] for row in p.tolist()])
    mean = torch.tensor([(0.02 + 0.26) / 2, (0.02 + 0.38) / 2, (0.26 + 0.38) / 2], dtype=torch.float64)
    wanted = torch.softmax(-mean / 0.25, 0)
    assert torch.allclose(Difference(tau=0.25)(signals, Context()).values[:, 0], wanted)


def test_disagreement_is_marked() -> None:
    signals = answers([[0.6, 0.4], [0.6, 0.4]], [[0.9, 0.1], [0.4, 0.6]])
    acted = Difference()(signals, Context()).acted
    assert acted is not None
    assert acted.tolist() == [False, True]
    means, scale = torch.tensor([[[0.0, 0.0]], [[3.0, 2.0]]]), torch.ones(2, 1, 2)
    acted = Difference()(Values.of(means, scale), Context()).acted
    assert acted is not None
    assert acted.tolist() == [[True, False]]


def test_strangers_are_compared_where_they_meet() -> None:
    """The third teacher meets nobody on two classes; the first two agree where they meet."""
    coverage = torch.tensor([[True, True, True, False], [False, True, True, True], [True, False, False, False]])
    rows = [[0.6, 0.2, 0.2, 1.0]], [[1.0, 0.1, 0.1, 0.8]], [[1.0, 1.0, 1.0, 1.0]]
    weights = Difference()(answers(*rows, coverage=coverage), Context()).values
    assert torch.allclose(weights, torch.full_like(weights, 1 / 3))


def test_units_of_values_do_not_matter() -> None:
    means = torch.tensor([[[0.0]], [[1.0]], [[9.0]]])
    metres, millimetres = (Difference()(Values.of(k * means), Context()).values for k in (1.0, 1000.0))
    assert torch.allclose(metres, millimetres)
    assert float(metres[2]) < float(metres[1])
