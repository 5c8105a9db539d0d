"""Teachers of several tasks: every column is fused from its own teachers, as if the others did not exist."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.core import Context, Labels, Values
from tutelage.fusion import Confidence, Curriculum, Elected, Entropy, Mean, Median, Performance, SoftVote, TopK

LABELS = [Mean(), Median(), SoftVote(), Entropy(), Confidence(), TopK(), Performance(), Elected(), Curriculum()]
VALUES = [Mean(), Median(), Performance("inv_mse"), Elected(reward="inv_mse"), TopK()]


@pytest.mark.parametrize(
    ("kind", "fusion"),
    [*(("labels", one) for one in LABELS), *(("values", one) for one in VALUES)],
    ids=lambda value: getattr(value, "name", value),
)
def test_tasks_do_not_disturb_each_other(kind: str, fusion: Any) -> None:
    @settings(deadline=None, max_examples=10, derandomize=True)
    @given(st.integers(0, 2**31 - 1))
    def check(seed: int) -> None:
        chance = torch.Generator().manual_seed(seed)
        known = torch.tensor([[True, True, False], [False, True, True], [True, False, True]])
        numbers = torch.randn(3, 12, 3, dtype=torch.float64, generator=chance)
        scales = torch.rand(3, 12, 3, dtype=torch.float64, generator=chance) + 0.1
        target = (torch.rand(12, 3, generator=chance) > 0.5).double()

        def said(columns: slice) -> Any:
            part = numbers[..., columns]
            own = known[:, columns]
            if kind == "labels":
                return Labels.of(part, coverage=own)
            return Values.of(part, scales[..., columns], coverage=own)

        def fused(columns: slice) -> Any:
            signals, truth = said(columns), target[:, columns]
            labelled = torch.ones_like(truth, dtype=torch.bool)
            ready = fusion.fit(signals, truth, labelled) if hasattr(fusion, "fit") else fusion
            result = ready(signals, Context(target=truth, labelled=labelled))
            if hasattr(result, "values"):
                return result.values
            return result.answer.logits if kind == "labels" else result.answer.mean

        whole = fused(slice(0, 3))
        for column in range(3):
            torch.testing.assert_close(whole[..., column], fused(slice(column, column + 1))[..., 0])

    check()
