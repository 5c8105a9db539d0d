"""The net over tokens: a convolution, deaf to what is not there, kept as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import tutelage as tl
from tutelage.nets import TextConv
from tutelage.teachers import load_saved, save_teacher


def test_it_is_a_convolution_and_the_strongest_answer_of_each_filter() -> None:
    net = TextConv(20, 3, width=4, filters=5, windows=(2, 3)).eval()
    tokens = torch.randint(1, 21, (6, 7))
    words, found = net.table[tokens].transpose(1, 2), list[torch.Tensor]()
    for span, layer in zip((2, 3), net.windows, strict=True):
        assert isinstance(layer, nn.Linear)
        weight = layer.weight.view(5, span, 4).transpose(1, 2)
        found.append(functional.conv1d(words, weight, layer.bias, padding=span - 1).amax(2).relu())
    torch.testing.assert_close(net(tokens), net.head(torch.cat(found, 1)))


def test_parts_of_a_token_are_added_and_nothing_is_added_for_none() -> None:
    net = TextConv(20, 3, windows=(2,)).eval()
    tokens = torch.tensor([[[3, 7], [4, 0], [0, 0]]])
    with torch.no_grad():
        net.table[0] = 100.0
        found = net(tokens)
        net.table[3] += net.table[7]
        torch.testing.assert_close(found, net(tokens[:, :, 0]))
        torch.testing.assert_close(found, net(tokens[:, :, :1].float()))
        torch.testing.assert_close(found, net(functional.pad(tokens[:, :, 0], (0, 9))))


def test_it_is_kept_as_a_file_that_answers_the_same(tmp_path: Path) -> None:
    columns = {"tokens": np.random.default_rng(0).integers(0, 21, (6, 7, 2)).astype(np.float32)}
    teacher = tl.ModuleTeacher(TextConv(20, 2).eval(), reads="tokens", name="text", classes=["a", "b"], output="logits")
    before: Any = teacher.answer(columns)
    again: Any = load_saved(save_teacher(teacher, tmp_path, columns), tmp_path).answer(columns)
    torch.testing.assert_close(again.scores, before.scores)
