"""The middle of several fusions."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Values
from tutelage.fusion import Blend, DynamicPerformance, GeometricMean, HardVote, Mean, Median, Performance, SoftVote

SIGNALS = Classes.of(torch.randn(4, 9, 5, generator=torch.Generator().manual_seed(0)) * 3, "logits")


def test_it_is_the_geometric_mean_of_what_they_say() -> None:
    at = Context(temperature=2.0)
    result: Any = Blend((SoftVote(), GeometricMean()))(SIGNALS, at)
    soft: Any = SoftVote()(SIGNALS, at)
    sharp: Any = GeometricMean()(SIGNALS, at)
    logs = (soft.answer.log_probs() + sharp.answer.log_probs(2.0)) / 2
    assert torch.allclose(result.answer.log_probs(), torch.log_softmax(logs, -1), atol=1e-5)
    assert result.temperature == 2.0


def test_one_wild_fusion_moves_it_half_as_far() -> None:
    """A broken teacher drags the mean along, not the median; the blend stays between."""
    scores = torch.zeros(5, 1, 3)
    scores[:4, :, 0], scores[4, :, 1] = 4.0, 40.0
    signals = Classes.of(scores, "logits")
    found = [float(f(signals)) for f in (lambda s: _first(Mean(), s), lambda s: _first(Median(), s))]
    both = _first(Blend((Mean(), Median())), signals)
    assert found[0] < both < found[1]


def _first(fusion: Any, signals: Classes) -> float:
    from tutelage.fusion.answers import answer_of

    return float(answer_of(fusion(signals, Context()), signals).probs()[0, 0])


def test_values_carry_the_scale_of_the_mixture() -> None:
    signals = Values.of(torch.tensor([[[0.0]], [[0.0]], [[6.0]]]), torch.ones(3, 1, 1))
    result: Any = Blend((Mean(), Median()))(signals, Context())
    assert float(result.answer.mean) == pytest.approx(1.0)
    assert float(result.answer.scale) > 1.0


def test_what_has_to_be_fitted_is_fitted_once() -> None:
    blend = Blend((Mean(), Performance()))
    assert not blend.fitted
    fitted = blend.fit(SIGNALS, torch.arange(9) % 5, torch.ones(9, dtype=torch.bool))
    assert fitted.fitted
    assert fitted.fusions[0] == Mean()
    assert Blend((Mean(), HardVote())).fitted


@pytest.mark.parametrize("fusions", [(Mean(),), (Mean(), DynamicPerformance())])
def test_what_cannot_be_blended_is_refused(fusions: Any) -> None:
    with pytest.raises(InputError, match="at least two fusions that do not follow training"):
        Blend(fusions)
