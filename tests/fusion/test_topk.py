from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Labels, Values
from tutelage.fusion import Mean, TopK
from tutelage.ops.mixing import mixed

P = torch.tensor([[[0.9, 0.1]], [[0.45, 0.55]], [[0.4, 0.6]], [[0.2, 0.8]]], dtype=torch.float64)


def test_the_unsure_are_not_heard() -> None:
    """Three that lean one way outvote one that is sure in the mean; the surest alone is followed by top-1."""
    signals = Classes.of(P.log(), "log_probs")
    assert mixed(signals.probs(), Mean()(signals, Context()).values)[0].argmax() == 1
    assert TopK()(signals, Context()).values[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert TopK(2)(signals, Context()).values[:, 0].tolist() == [0.5, 0.0, 0.0, 0.5]
    assert TopK(9)(signals, Context()).values[:, 0].tolist() == [0.25] * 4


def test_abstaining_and_equal_teachers() -> None:
    valid = torch.tensor([[False], [True], [True], [False]])
    signals = Classes.of(P.log(), "log_probs", valid=valid)
    assert TopK()(signals, Context()).values[:, 0].tolist() == [0.0, 0.0, 1.0, 0.0]
    alike = Classes.of(P[[0, 0, 1]].log(), "log_probs")
    assert TopK()(alike, Context()).values[:, 0].tolist() == [0.5, 0.5, 0.0]


def test_labels_and_values() -> None:
    signals = Labels.of(torch.tensor([[[3.0, 0.1]], [[-1.0, -4.0]]]))
    assert TopK()(signals, Context()).values[:, 0].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    numbers = Values.of(torch.zeros(2, 1, 1), torch.tensor([[[2.0]], [[0.5]]]))
    assert TopK()(numbers, Context()).values.flatten().tolist() == [0.0, 1.0]
    with pytest.raises(InputError, match="at least one"):
        TopK(0)
