"""A layer of a module as a teacher keeps the contract of teachers."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

import tutelage as tl
from tutelage.core import HasHead
from tutelage.testing import check_teacher

COLUMNS = {"image": np.random.default_rng(0).normal(size=(20, 8, 8)).astype(np.float32)}


def module(seed: int = 0) -> tl.ConvNet:
    torch.manual_seed(seed)
    return tl.ConvNet(1, 3, (4, 6))


def test_contract() -> None:
    made = tl.FeatureTeacher(module(), "stages.3", reads="image", batch_size=7)
    check_teacher(made, COLUMNS, changed=tl.FeatureTeacher(module(1), "stages.3", reads="image"))
    assert made.fingerprint != tl.FeatureTeacher(module(), "stages.2", reads="image").fingerprint


def test_it_says_what_the_layer_gives_and_leaves_the_module_alone() -> None:
    net = module().train()
    before = copy.deepcopy(net.state_dict())
    made = tl.FeatureTeacher(net, "stages.4", reads="image", name="conv", batch_size=6)
    found = made.answer(COLUMNS)
    assert found.shape == (6, 4, 4)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    net.eval()
    expected = net.stages[:5](torch.from_numpy(COLUMNS["image"]).unsqueeze(1))
    torch.testing.assert_close(found.values, expected.detach())


def test_of_a_teacher_that_is_there() -> None:
    whole = tl.ModuleTeacher(module(), reads="image", name="conv", seen=np.arange(3))
    made = tl.FeatureTeacher.of(whole, "stages.7")
    assert made.name == "conv:stages.7"
    assert made.seen is not None
    assert made.reads == ("image",)


def test_the_head_is_frozen_and_passes_gradients_on() -> None:
    net = module()
    rest = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), net.head)
    made = tl.FeatureTeacher(net, "stages", reads="image", head=rest)
    assert isinstance(made, HasHead)
    features = made.answer(COLUMNS).values.requires_grad_()
    net.eval()
    torch.testing.assert_close(made.head(features), net(torch.from_numpy(COLUMNS["image"])))
    made.head(features).sum().backward()
    assert features.grad is not None
    assert net.head.weight.grad is None
    with pytest.raises(tl.InputError, match="lends no head"):
        tl.FeatureTeacher(net, "stages", reads="image").head(features)


def test_a_layer_without_rows_in_front_is_an_error() -> None:
    class Whole(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum()

    made = tl.FeatureTeacher(nn.ModuleDict({"a": Whole()}), "a", reads="image")
    made.module = nn.Sequential(Whole())
    made.layer = "0"
    with pytest.raises(tl.InputError, match=r"name a layer that gives \[rows"):
        made.answer(COLUMNS)
    with pytest.raises(tl.InputError, match="there is no layer 'x'"):
        tl.FeatureTeacher(module(), "x", reads="image")
