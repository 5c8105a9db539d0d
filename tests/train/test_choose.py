"""Which fusion is taken when the user names none."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tutelage.core import Batch, Classes, Signals
from tutelage.tasks import Classification
from tutelage.train import choose_fusion
from tutelage.train.choose import FALLBACK, MIN_ROWS

TASK = Classification(("ant", "bee", "cat", "dog"))


def rows(count: int) -> Batch:
    return Batch.of({}, torch.arange(count) % 4)


def teacher(count: int, sharp: float, seed: int, coverage: Any = None) -> Classes:
    """Logits that are right by `sharp` and otherwise chance."""
    noise = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
    scores = noise + sharp * torch.nn.functional.one_hot(torch.arange(count) % 4, 4)
    return Classes.of(scores, "logits", coverage=coverage)


def asked(count: int, sharpness: tuple[float, ...], coverage: Any = None) -> tuple[Any, str]:
    covers = coverage or [None] * len(sharpness)
    answers = tuple(teacher(count, s, i, c) for i, (s, c) in enumerate(zip(sharpness, covers, strict=True)))
    return choose_fusion(Signals(tuple(map(str, range(len(answers)))), answers), TASK, rows(count))


@pytest.mark.parametrize(("count", "kept"), [(MIN_ROWS - 4, True), (400, False)])
def test_another_fusion_is_taken_on_enough_rows_only(count: int, kept: bool) -> None:
    fusion, why = asked(count, (6.0, 0.0, 0.0, 0.0))
    assert (fusion == FALLBACK) is kept
    assert str(count) in why


def test_one_teacher_needs_no_choice() -> None:
    assert asked(400, (2.0,)) == (FALLBACK, "there is one teacher")


def test_teachers_of_different_classes_are_weighted_never_joined_into_one_target() -> None:
    halves = [torch.tensor([True, True, False, False]), torch.tensor([False, False, True, True])]
    fusion, _ = asked(400, (3.0, 3.0), halves)
    assert fusion.gives == "weights"
    alike, _ = asked(400, (3.0, 3.0), [torch.ones(4, dtype=torch.bool)] * 2)
    assert alike.gives == "target"
