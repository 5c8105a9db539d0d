from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Labels
from tutelage.fusion import SoftVote, Union


def test_what_is_shared_decides_how_much_the_rest_gets() -> None:
    """Teachers of a true distribution, each renormalised on what it knows: the union gives it back, no mean does."""
    true = torch.tensor([[0.5, 0.3, 0.15, 0.05], [0.1, 0.2, 0.3, 0.4]], dtype=torch.float64)
    coverage = torch.tensor([[True, True, False, False], [False, True, True, False], [False, False, True, True]])
    signals = Classes.of(true.log().expand(3, 2, 4), "log_probs", coverage=coverage)
    found = Union()(signals, Context()).answer.probs()
    torch.testing.assert_close(found, true, rtol=1e-4, atol=1e-5)
    assert (SoftVote()(signals, Context()).answer.probs() - true).abs().max() > 0.1


def test_weights_abstention_and_temperature() -> None:
    coverage = torch.tensor([[True, True, True], [True, True, False]])
    scores = torch.tensor([[[2.0, 0.0, 1.0]] * 2, [[0.0, 2.0, 0.0]] * 2], dtype=torch.float64)
    valid = torch.tensor([[True, True], [True, False]])
    signals = Classes.of(scores, "logits", coverage=coverage, valid=valid)
    result = Union()(signals, Context(temperature=2.0))
    assert result.temperature == 2.0
    torch.testing.assert_close(result.answer.probs()[1], signals.probs(2.0)[0, 1], rtol=1e-4, atol=1e-5)
    deaf = Union((1.0, 0.0))(signals, Context(temperature=2.0)).answer.probs()
    torch.testing.assert_close(deaf, signals.probs(2.0)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [0.0, 50.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extremes(scale: float, dtype: torch.dtype) -> None:
    chance = torch.Generator().manual_seed(0)
    coverage = torch.tensor([[True, True, False, False], [False, True, True, False], [True, False, False, True]])
    scores = scale * torch.randn(3, 6, 4, dtype=dtype, generator=chance).sign()
    valid = torch.rand(3, 6, generator=chance) > 0.3
    valid[:, 0] = False
    answer = Union()(Classes.of(scores, "logits", coverage=coverage, valid=valid), Context()).answer
    answer.check("union")
    assert answer.scores.dtype == dtype
    assert not answer.valid[0]


def test_labels_are_refused() -> None:
    with pytest.raises(InputError, match="stand by themselves"):
        Union()(Labels.of(torch.zeros(2, 3, 4)), Context())
