from __future__ import annotations

from typing import Any

import pytest
import torch

from distilling import Says, classes, named
from tutelage.core import Batch, Classes, Context, InputError
from tutelage.fusion import Routed
from tutelage.teaching import Distillation, Memory, Objective
from tutelage.teaching.terms import KL

ROUTES = {"app": ("t0",), "web": ("t1", "t2")}


def test_every_row_has_the_teachers_of_its_source() -> None:
    """Specialists of two sources: the mean blends them on every row, routing never does; plan 1 stays."""
    answers = [Classes.of(torch.randn(5, 3, dtype=torch.float64), "logits") for _ in range(3)]
    fusion: Any = Routed(("app", "web", "", "app", "elsewhere"), ROUTES)
    term: Any = KL(1.0)
    distillation = Distillation(Memory(named(*answers)), fusion, Objective((term,), soft=1.0), classes(3))
    assert distillation.plan.number == 1
    batch = Batch.of({"row": torch.arange(5)})
    loss = distillation.prepared([batch]).loss(Says(torch.zeros(5, 3, dtype=torch.float64)), batch)
    assert loss.weights is not None
    assert loss.weights[:, 0].tolist() == [1.0, 0.0, 0.0]
    assert loss.weights[:, 1].tolist() == [0.0, 0.5, 0.5]
    assert loss.weights[:, 2].tolist() == pytest.approx([1 / 3] * 3)
    assert loss.acted is not None
    assert loss.acted.tolist() == [True, True, False, True, False]


def test_a_silent_route_falls_back_to_all() -> None:
    valid = torch.tensor([[False, True], [True, True], [True, False]])
    signals = Classes.of(torch.zeros(3, 2, 2), "logits", valid=valid)
    fusion = Routed(("a", "a"), {"a": (0,)})
    result = fusion(signals, Context(row=torch.tensor([0, 1])))
    assert result.values.tolist() == [[0.0, 1.0], [0.5, 0.0], [0.5, 0.0]]
    unknown = fusion(signals, Context(row=torch.tensor([-1, 7])))
    assert unknown.values.tolist() == [[0.0, 0.5], [0.5, 0.5], [0.5, 0.0]]
    assert unknown.acted is not None
    assert not unknown.acted.any()


def test_leaving_teachers_out() -> None:
    fusion = Routed(("a", "b"), ROUTES | {"a": ("t0",)}).bound(["t0", "t1", "t2"]).taking([1, 2])
    signals = Classes.of(torch.zeros(2, 2, 2), "logits")
    assert fusion(signals, Context(row=torch.arange(2))).values.unique().tolist() == [0.5]


def test_errors() -> None:
    signals = Classes.of(torch.zeros(2, 1, 2), "logits")
    with pytest.raises(InputError, match=r"no teacher for the tags \['a'\]"):
        Routed(("a",), {"a": ()})
    with pytest.raises(InputError, match=r"names \['t9'\]"):
        Routed(("a",), {"a": ("t9",)}).bound(["t0"])
    with pytest.raises(InputError, match=r"call \.bound"):
        Routed(("a",), {"a": ("t0",)})(signals, Context(row=torch.tensor([0])))
    with pytest.raises(InputError, match="no position among 2"):
        Routed(("a",), {"a": (5,)})(signals, Context(row=torch.tensor([0])))
