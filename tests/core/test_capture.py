"""Features by layer name: right, and gone when the block ends."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import tutelage as tl


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


class Twice(nn.Module):
    """Runs one layer twice, another never, and has a layer that gives a tuple and one that gives a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.idle = nn.ReLU()
        self.recurrent = nn.LSTM(3, 4, batch_first=True)
        self.named = Named()

    def forward(self, x: Tensor) -> Tensor:
        found, _ = self.recurrent(self.relu(self.relu(x)).unsqueeze(1))
        return self.named(found)["out"]


class Named(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": x}


def test_it_gives_what_the_layer_gave_with_its_gradient() -> None:
    model, x = net(), torch.randn(5, 3)
    with tl.capture(model, ["0", "1"]) as found:
        model(x)
    assert torch.equal(found["1"], model[1](model[0](x)))
    found["0"].sum().backward()
    assert isinstance(model[0], nn.Linear)
    assert model[0].weight.grad is not None
    assert list(found) == ["0", "1"]
    assert hooks(model) == 0


def test_only_the_latest_pass_is_kept() -> None:
    model, x = net(), torch.randn(5, 3)
    with tl.capture(model, ["1"]) as found:
        model(torch.randn(2, 3))
        model(x)
    assert len(found["1"]) == 5


def test_errors_leave_no_hook() -> None:
    model = net()
    with pytest.raises(ZeroDivisionError), tl.capture(model, ["1"]):
        _ = 1 / 0
    with pytest.raises(tl.InputError, match="there is no layer"), tl.capture(model, ["1", "9"]):
        pass
    assert hooks(model) == 0


def test_a_wrong_name_gets_near_ones() -> None:
    model = nn.ModuleDict({"backbone": nn.ModuleDict({"layer3": nn.Linear(2, 2)}), "head": nn.Linear(2, 2)})
    with pytest.raises(tl.InputError, match=r"'layer3'.*did you mean.*backbone\.layer3"), tl.capture(model, ["layer3"]):
        pass


def test_a_layer_that_runs_twice_or_never_has_no_one_output() -> None:
    model = Twice()
    with tl.capture(model, ["relu", "idle", "recurrent", "named"]) as found:
        model(torch.randn(5, 3))
    with pytest.raises(tl.InputError, match="ran 2 times in one pass"):
        found["relu"]
    with pytest.raises(tl.InputError, match="did not run"):
        found["idle"]
    assert found["recurrent"].shape == (5, 1, 4), "the first of a tuple"
    with pytest.raises(tl.InputError, match=r"gave a dict with keys \['out'\]"):
        found["named"]
    with pytest.raises(tl.InputError, match="was not asked for"):
        found["other"]


def test_a_later_layer_that_writes_into_it_is_noticed() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
    with tl.capture(model, ["0", "1"]) as found:
        model(torch.randn(5, 3))
    assert bool((found["1"] >= 0).all())
    with pytest.raises(tl.InputError, match="changed in place"):
        found["0"]


def test_a_compiled_module_is_refused() -> None:
    model = net()
    with pytest.raises(tl.InputError, match=r"before torch\.compile"), tl.capture(torch.compile(model), ["1"]):  # pyright: ignore[reportArgumentType]
        pass
    model[1].compile()
    with pytest.raises(tl.InputError, match=r"before torch\.compile"), tl.capture(model, ["1"]):
        pass
