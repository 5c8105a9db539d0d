from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Labels
from tutelage.fusion import Confidence
from tutelage.ops.mixing import mixed


def answers(*teachers: list[list[float]], **more: torch.Tensor) -> Classes:
    """Stacked answers [T, B, C] from probabilities."""
    return Classes.of(torch.tensor(teachers, dtype=torch.float64).log(), "log_probs", **more)


def labelled(*truth: int, known: list[bool] | None = None) -> Context:
    marks = torch.ones(len(truth), dtype=torch.bool) if known is None else torch.tensor(known)
    return Context(target=torch.tensor(truth), labelled=marks)


def test_the_teacher_that_misses_the_label_loses_trust() -> None:
    """The mean follows two teachers that agree on the wrong class; the label shifts trust to the third."""
    signals = answers([[0.98, 0.01, 0.01]], [[0.01, 0.98, 0.01]], [[0.02, 0.97, 0.01]])
    weights = Confidence("softmax")(signals, labelled(0)).values
    assert mixed(signals.probs(), weights).argmax() == 0
    assert signals.probs().mean(0).argmax() == 1


def test_the_two_forms() -> None:
    signals = answers([[0.8, 0.2]], [[0.5, 0.5]], [[0.1, 0.9]])
    p = torch.tensor([0.8, 0.5, 0.1], dtype=torch.float64)
    softmax = (p / p.sum()).unsqueeze(1)
    exact = (1 - (1 / p) / (1 / p).sum()).unsqueeze(1) / 2
    assert torch.allclose(Confidence("softmax")(signals, labelled(0)).values, softmax)
    assert torch.allclose(Confidence("exact")(signals, labelled(0)).values, exact)


@pytest.mark.parametrize("form", ["exact", "softmax"])
def test_where_nobody_can_judge_all_count_alike(form: str) -> None:
    coverage = torch.tensor([[True, True, False], [True, True, False]])
    valid = torch.tensor([[True, True, True, False], [True, True, False, False]])
    rows = [[0.9, 0.1, 1.0]] * 4, [[0.2, 0.8, 1.0]] * 4
    signals = answers(*rows, coverage=coverage, valid=valid)
    context = labelled(-100, 2, 0, 0, known=[False, True, True, True])
    result = Confidence(form)(signals, context)  # pyright: ignore[reportArgumentType]
    assert result.values.tolist() == [[0.5, 0.5, 1.0, 0.0], [0.5, 0.5, 0.0, 0.0]]
    assert result.acted is not None
    assert result.acted.tolist() == [False, False, True, False]


def test_a_teacher_that_does_not_know_the_label_steps_back() -> None:
    coverage = torch.tensor([[True, True, False], [True, True, True], [True, True, True]])
    rows = [[0.5, 0.5, 1.0]], [[0.1, 0.1, 0.8]], [[0.1, 0.1, 0.8]]
    result = Confidence()(answers(*rows, coverage=coverage), labelled(2))
    assert result.values[:, 0].tolist() == pytest.approx([0.0, 0.5, 0.5])


def test_labels_are_weighed_one_by_one() -> None:
    signals = Labels.of(torch.tensor([[[3.0, 3.0]], [[-3.0, 3.0]]]).double())
    context = Context(target=torch.tensor([[1.0, -7.0]]), labelled=torch.tensor([[True, False]]))
    weights = Confidence("softmax")(signals, context).values[:, 0]
    right, wrong = torch.sigmoid(torch.tensor([3.0, -3.0]).double()).tolist()
    assert weights[:, 0].tolist() == pytest.approx([right, wrong])
    assert weights[:, 1].tolist() == [0.5, 0.5]


def test_labels_are_asked_for() -> None:
    with pytest.raises(InputError, match="looks at labels"):
        Confidence()(answers([[0.5, 0.5]]), Context())
    with pytest.raises((InputError, TypeError), match="loose"):
        Confidence("loose")  # pyright: ignore[reportArgumentType]
