"""Residual nets and vision transformers: as large as asked for, of any image they can read, clear about the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tutelage as tl
from tutelage.core import InputError
from tutelage.nets import ConvNet, Residual, ResNet, ViT
from tutelage.teachers import load_saved, save_teacher

NETS: dict[str, Any] = {
    "residual": lambda scale=1.0: ResNet(3, 4, (4, 6), 2, scale=scale),
    "transformer": lambda scale=1.0: ViT(3, 4, 8, 2, 12, layers=2, heads=3, scale=scale),
}


def test_a_block_that_learnt_nothing_passes_on_what_it_got() -> None:
    block = Residual(5, 5).eval()
    for layer in block.body:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.zeros_(layer.weight)
    hidden = torch.rand(2, 5, 4, 4)
    torch.testing.assert_close(block(hidden), hidden)
    assert isinstance(Residual(5, 7).past, nn.Conv2d)


def test_every_stage_halves_the_image() -> None:
    net, seen = ResNet(1, 4, (3, 5, 7), 2), list[tuple[int, ...]]()
    for stage in net.stages:
        stage.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape)))
    assert net(torch.rand(2, 16, 24)).shape == (2, 4)
    assert seen == [(2, 3, 8, 12), (2, 5, 4, 6), (2, 7, 2, 3)]
    assert sum(isinstance(one, Residual) for one in net.modules()) == 6


def test_a_transformer_knows_where_a_patch_lies() -> None:
    torch.manual_seed(0)
    net = ViT(1, 3, 8, 4, 12, layers=1, heads=2).eval()
    image = torch.zeros(1, 8, 8)
    image[:, :4, :4] = 1.0
    moved = image.roll(4, 2)
    assert not torch.allclose(net(image), net(moved))
    with torch.no_grad():
        net.places.zero_()
    torch.testing.assert_close(net(image), net(moved))


@pytest.mark.parametrize("name", NETS)
def test_bytes_with_channels_last_are_read_like_floats_with_channels_first(name: str) -> None:
    net, plain = NETS[name](1 / 255).eval(), NETS[name]().eval()
    plain.load_state_dict(net.state_dict())
    image = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    torch.testing.assert_close(net(image), plain(image.permute(0, 3, 1, 2).float() / 255))


def test_what_cannot_be_a_net_is_refused() -> None:
    odd: Any
    for odd in ({"widths": ()}, {"blocks": 0}, {"outputs": 0}):
        with pytest.raises(InputError, match="ResNet needs at least one stage"):
            ResNet(**({"channels": 3, "outputs": 2} | odd))
    with pytest.raises(InputError, match="2 stages needs images of at least 4 x 4 pixels, got 3 x 9"):
        ResNet(1, 2, (4, 4))(torch.rand(1, 3, 9))
    for odd in ({"patch": 3}, {"heads": 5}, {"patch": 0}):
        with pytest.raises(InputError, match="size=8 must be a multiple of"):
            ViT(1, 2, 8, **({"patch": 2, "width": 12, "heads": 3} | odd))
    with pytest.raises(InputError, match="reads images of 8 x 8 pixels, got 8 x 9"):
        ViT(1, 2, 8, 2, 12, heads=3)(torch.rand(1, 8, 9))


@pytest.mark.parametrize("name", NETS)
def test_it_is_kept_as_a_file_that_answers_the_same(name: str, tmp_path: Path) -> None:
    columns = {"image": np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)}
    net = NETS[name](1 / 255).eval()
    teacher = tl.ModuleTeacher(net, reads="image", name="net", classes=list("abcd"), output="logits")
    before: Any = teacher.answer(columns)
    again: Any = load_saved(save_teacher(teacher, tmp_path, columns), tmp_path).answer(columns)
    torch.testing.assert_close(again.scores, before.scores)


def test_a_conv_net_tells_as_many_places_apart_as_asked() -> None:
    image = torch.zeros(1, 24, 24)
    image[0, 6:9, 6:9] = 1
    moved = image.roll((12, 12), (1, 2))
    torch.manual_seed(0)
    anywhere, somewhere = ConvNet(1, 3, (4, 6)).eval(), ConvNet(1, 3, (4, 6), places=(2, 3)).eval()
    assert somewhere.head.in_features == 6 * anywhere.head.in_features
    torch.testing.assert_close(anywhere(image), anywhere(moved))
    assert not torch.allclose(somewhere(image), somewhere(moved), atol=1e-3), "where it is matters"
