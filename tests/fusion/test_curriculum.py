from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Step
from tutelage.fusion import Curriculum

SIGNALS = Classes.of(torch.zeros(3, 2, 2), "logits", valid=torch.tensor([[True, True], [True, True], [True, False]]))


def at(progress: float, fusion: Curriculum) -> list[float]:
    return fusion(SIGNALS, Context(at=Step(progress=progress))).values[:, 0].tolist()


def test_trust_wanders_from_first_to_last() -> None:
    fusion = Curriculum({"small": 0.0, "large": 1.0, "middle": 0.5}).bound(["small", "middle", "large"])
    leaders = [int(torch.tensor(at(p, fusion)).argmax()) for p in (0.0, 0.5, 1.0)]
    assert leaders == [0, 1, 2]
    assert at(0.0, fusion)[0] > 0.8
    assert at(0.25, fusion)[0] == pytest.approx(at(0.25, fusion)[1])
    sharp = Curriculum((0.0, 0.5, 1.0), 0.01)
    assert at(0.3, sharp) == pytest.approx([0.0, 1.0, 0.0], abs=1e-6)


def test_who_is_silent_hands_over() -> None:
    found = Curriculum((0.0, 0.5, 1.0), 0.01)(SIGNALS, Context(at=Step(progress=1.0))).values
    assert found[:, 1].tolist() == pytest.approx([0.0, 1.0, 0.0])


def test_errors() -> None:
    assert at(0.7, Curriculum()) == pytest.approx([1 / 3] * 3)
    with pytest.raises(InputError, match=r"lie in \[0, 1\]"):
        Curriculum((0.0, 2.0))
    with pytest.raises(InputError, match="above 0"):
        Curriculum(width=0.0)
