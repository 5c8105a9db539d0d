from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Labels, Values
from tutelage.fusion import GeometricMean, MeanLogits


def answers(*teachers: list[list[float]], **more: torch.Tensor) -> Classes:
    """Stacked answers [T, B, C] from probabilities."""
    return Classes.of(torch.tensor(teachers, dtype=torch.float64).log(), "log_probs", **more)


def test_a_veto_counts_in_the_pool_and_not_in_the_mean() -> None:
    """A class that one teacher rules out is out, although the mean still prefers it."""
    signals = answers([[0.90, 0.10]], [[0.90, 0.10]], [[1e-6, 1.0 - 1e-6]])
    assert signals.probs().mean(0).argmax() == 0
    told = GeometricMean()(signals, Context()).answer.probs()
    assert told.argmax() == 1
    weights = (0.9**2 * 1e-6) ** (1 / 3), (0.1**2 * (1 - 1e-6)) ** (1 / 3)
    assert told[0, 0].item() == pytest.approx(weights[0] / sum(weights))


def test_the_pool_of_softened_answers_is_the_softened_pool() -> None:
    signals = answers([[0.7, 0.2, 0.1]], [[0.1, 0.6, 0.3]])
    softened = signals.log_probs(3.0).mean(0).softmax(-1)
    for fusion in (GeometricMean(), MeanLogits()):
        target = fusion(signals, Context())
        assert target.temperature is None
        assert torch.allclose(target.answer.probs(3.0), softened)


def test_mean_logits_keep_their_scale() -> None:
    """The arithmetic mean of the probabilities cannot give a logit gap that is the mean of the gaps."""
    signals = Classes.of(torch.tensor([[[8.0, 0.0, 1.0]], [[1000.0, 1002.0, 1001.0]]]), "logits")
    told = MeanLogits()(signals, Context()).answer
    assert told.kind == "logits"
    assert torch.allclose(told.scores, torch.tensor([[2.0, -1.0, -1.0]]))
    mean = signals.probs().mean(0).log()
    assert abs(float(mean[0, 0] - mean[0, 1]) - 3.0) > 1.0


@pytest.mark.parametrize("fusion", [GeometricMean(), MeanLogits()])
def test_different_coverages_are_refused(fusion: GeometricMean | MeanLogits) -> None:
    coverage = torch.tensor([[True, True, False], [True, True, True]])
    signals = answers([[0.5, 0.4, 0.1]], [[0.5, 0.4, 0.1]], coverage=coverage)
    with pytest.raises(InputError, match=r"\[2, 3\] of 3.*vote or the median"):
        fusion(signals, Context())


def test_shared_partial_coverage_is_kept() -> None:
    coverage = torch.tensor([[True, False, True]] * 2)
    signals = answers([[0.5, 0.4, 0.1]], [[0.1, 0.1, 0.8]], coverage=coverage)
    for fusion in (GeometricMean(), MeanLogits()):
        told = fusion(signals, Context()).answer
        assert told.coverage.tolist() == [True, False, True]
        assert told.probs()[0, 1] == 0
        ratio = (0.5 * 0.1 / (0.1 * 0.8)) ** 0.5
        assert float(told.probs()[0, 0] / told.probs()[0, 2]) == pytest.approx(ratio)


def test_labels_average_their_log_odds() -> None:
    signals = Labels.of(
        torch.tensor([[[4.0, 1.0]], [[-2.0, 5.0]]]), valid=torch.tensor([[[True, True]], [[True, False]]])
    )
    for fusion in (GeometricMean(), MeanLogits()):
        assert fusion(signals, Context()).answer.logits.tolist() == [[1.0, 1.0]]


def test_normal_distributions_pool_by_precision() -> None:
    """exp of the mean of two normal log-densities: precisions average, means by precision."""
    signals = Values.of(torch.tensor([[[0.0]], [[3.0]]]), torch.tensor([[[1.0]], [[0.5]]]))
    told = GeometricMean()(signals, Context()).answer
    assert told.mean.item() == pytest.approx((1 * 0.0 + 4 * 3.0) / 5)
    assert told.scale.item() == pytest.approx((2 / 5) ** 0.5)
