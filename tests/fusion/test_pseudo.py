"""Hard labels of what another fusion decides."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Labels, Values
from tutelage.fusion import DynamicPerformance, GeometricMean, Mean, Performance, PseudoLabels
from tutelage.fusion.answers import answer_of

SIGNALS = Classes.of(torch.randn(3, 40, 4, generator=torch.Generator().manual_seed(0)) * 2, "logits")


@pytest.mark.parametrize("fusion", [Mean(), GeometricMean()])
def test_they_say_what_the_fusion_decides_and_are_sure_of_it(fusion: Any) -> None:
    """Two classes that the mean thinks nearly alike become one certain class: what soft targets say more is lost."""
    result: Any = PseudoLabels(fusion)(SIGNALS, Context(temperature=4.0))
    mixed = answer_of(fusion(SIGNALS, Context()), SIGNALS).probs()
    assert result.temperature == 1.0
    assert torch.equal(result.answer.scores.argmax(-1), mixed.argmax(-1))
    assert float(result.answer.probs().max(-1).values.min()) > 0.999
    assert float(mixed.max(-1).values.min()) < 0.6


def test_labels_are_decided_one_by_one() -> None:
    signals = Labels.of(torch.tensor([[[3.0, -1.0, -0.1]], [[1.0, -4.0, 0.3]]]))
    result: Any = PseudoLabels()(signals, Context())
    assert result.answer.probs().round().tolist() == [[1.0, 0.0, 1.0]]


def test_an_unknown_class_is_never_decided() -> None:
    coverage = torch.tensor([[True, True, False, False]])
    signals = Classes.of(torch.tensor([[[0.0, 1.0, 9.0, 9.0]]]), "logits", coverage=coverage)
    result: Any = PseudoLabels()(signals, Context())
    assert result.answer.scores.argmax(-1).tolist() == [1]


def test_the_other_fusion_is_fitted() -> None:
    target, every = torch.arange(40) % 4, torch.ones(40, dtype=torch.bool)
    made = PseudoLabels(Performance())
    assert not made.fitted
    assert made.fit(SIGNALS, target, every).fitted


def test_what_has_no_hard_form_is_refused() -> None:
    with pytest.raises(InputError, match="no hard form"):
        PseudoLabels()(Values.of(torch.zeros(2, 3, 1)), Context())
    with pytest.raises(InputError, match="follows it"):
        PseudoLabels(DynamicPerformance())
