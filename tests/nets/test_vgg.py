"""VGG-like nets: as many layers as asked for, of any image, and clear about what they cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tutelage as tl
from tutelage.core import InputError
from tutelage.nets import VGG
from tutelage.teachers import load_saved, save_teacher


def convolutions(net: nn.Module) -> list[tuple[int, int]]:
    return [(layer.in_channels, layer.out_channels) for layer in net.modules() if isinstance(layer, nn.Conv2d)]


def test_the_convolutions_of_vgg_16_are_those_of_the_paper() -> None:
    net = VGG(3, 1000, widths=(64, 128, 256, 512, 512), depth=(2, 2, 3, 3, 3))
    widths = [64, 64, 128, 128, 256, 256, 256] + [512] * 6
    assert convolutions(net) == list(zip([3, *widths], widths, strict=False))
    weights = sum(layer.weight.numel() for layer in net.modules() if isinstance(layer, nn.Conv2d))
    assert weights == 14_710_464, "14.71 million weights in 13 convolutions"
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in net.modules()) == 5


@pytest.mark.parametrize("depth", [1, 2, (1, 3)])
def test_depth_is_the_convolutions_of_a_block_and_every_block_halves_the_image(depth: Any) -> None:
    net = VGG(1, 4, widths=(3, 5), depth=depth)
    assert len(convolutions(net)) == (sum(depth) if isinstance(depth, tuple) else 2 * depth)
    seen: list[tuple[int, ...]] = []
    for block in net.blocks:
        block.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape)))
    assert net(torch.rand(2, 8, 12)).shape == (2, 4)
    assert seen == [(2, 3, 4, 6), (2, 5, 2, 3)]


def test_one_convolution_a_block_is_the_small_conv_net() -> None:
    one, other = VGG(3, 4, widths=(4, 6), depth=1).eval(), tl.ConvNet(3, 4, widths=(4, 6)).eval()
    pairs = zip(other.state_dict(), one.state_dict().values(), strict=True)
    other.load_state_dict({name: value.clone() for name, value in pairs})
    image = torch.rand(5, 3, 8, 8)
    torch.testing.assert_close(one(image), other(image))


def test_bytes_with_channels_last_are_read_like_floats_with_channels_first() -> None:
    net = VGG(3, 4, widths=(4,), scale=1 / 255).eval()
    plain = VGG(3, 4, widths=(4,)).eval()
    plain.load_state_dict(net.state_dict())
    image = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    torch.testing.assert_close(net(image), plain(image.permute(0, 3, 1, 2).float() / 255))


def test_what_cannot_be_a_net_is_refused() -> None:
    for wrong in ({"widths": ()}, {"depth": 0}, {"depth": (1,)}, {"widths": (0, 2)}, {"channels": 0}, {"outputs": 0}):
        given: dict[str, Any] = {"channels": 3, "outputs": 2, "widths": (4, 4), **wrong}
        with pytest.raises(InputError, match="VGG needs at least one block"):
            VGG(**given)
    with pytest.raises(InputError, match="3 blocks needs images of at least 8 x 8 pixels, got 7 x 9"):
        VGG(1, 2)(torch.rand(1, 7, 9))


def test_it_is_kept_as_a_file_that_answers_the_same(tmp_path: Path) -> None:
    columns = {"image": np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)}
    net = VGG(3, 2, widths=(4, 4), dropout=0.5, scale=1 / 255).eval()
    teacher = tl.ModuleTeacher(net, reads="image", name="vgg", classes=["cat", "dog"], output="logits")
    before: Any = teacher.answer(columns)
    again: Any = load_saved(save_teacher(teacher, tmp_path, columns), tmp_path).answer(columns)
    torch.testing.assert_close(again.scores, before.scores)
    opened: Any = tl.load_teacher(tmp_path / "program.pt2", reads="image", classes=["cat", "dog"]).answer(columns)
    torch.testing.assert_close(opened.scores, before.scores)
