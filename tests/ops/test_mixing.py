from __future__ import annotations

import numpy as np
import pytest
import torch

from tutelage.ops.mixing import among, geometric, leave_one_out, median, mixed, moments, trimmed


def test_mixed_broadcasts_over_what_an_item_holds() -> None:
    phi, weights = torch.randn(3, 5, 4), torch.rand(3, 5)
    assert torch.allclose(mixed(phi, weights), torch.einsum("tbc,tb->bc", phi, weights))


def test_among_asks_only_those_who_know() -> None:
    values = torch.tensor([[1.0, 2.0, 7.0], [3.0, float("nan"), 8.0]])
    known = torch.tensor([[True, True, False], [True, False, False]])
    assert among(values, known, torch.tensor([[1.0], [3.0]])).tolist() == [2.5, 2.0, 0.0]
    assert among(values, known, torch.zeros(2, 1)).tolist() == [2.0, 2.0, 0.0]


def test_geometric_is_the_normalised_product() -> None:
    probs, weights = torch.rand(3, 2, 4).softmax(-1), torch.tensor([[0.2], [0.3], [0.5]]).expand(3, 2)
    product = probs.pow(weights.unsqueeze(-1)).prod(0)
    assert torch.allclose(geometric(probs.log(), weights).exp(), product / product.sum(-1, keepdim=True))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8])
def test_median_agrees_with_numpy(count: int) -> None:
    values = torch.randn(count, 7, dtype=torch.float64)
    found = median(values, torch.ones(count, 7, dtype=torch.bool))
    np.testing.assert_allclose(found.numpy(), np.median(values.numpy(), 0), rtol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.34, 0.5])
def test_trimmed_agrees_with_sorting_by_hand(share: float) -> None:
    values, valid = torch.randn(6, 40, dtype=torch.float64), torch.rand(6, 40) > 0.4
    found = trimmed(values, valid, share)
    for item in range(40):
        kept = sorted(values[valid[:, item], item].tolist())
        cut = min(int(share * len(kept) + 1e-9), max(len(kept) - 1, 0) // 2)
        left = kept[cut : len(kept) - cut]
        assert float(found[item]) == pytest.approx(sum(left) / len(left) if left else 0.0)


def test_moments_of_a_mixture_far_from_zero() -> None:
    """In single precision E[x^2] - E[x]^2 would lose everything at 10^6."""
    mean = torch.tensor([[1e6], [1e6 + 2]])
    centre, spread = moments(mean, torch.full((2, 1), 0.25), torch.full((2, 1), 0.5))
    assert (centre.item(), spread.item()) == (1e6 + 1, 1.25)


def test_leave_one_out_cancels_nothing() -> None:
    phi = torch.tensor([[[1e8]], [[1.0]], [[3.0]]])
    weights = torch.tensor([[0.2], [0.2], [0.6]])
    assert leave_one_out(phi, weights)[0].item() == pytest.approx(2.5)
    assert leave_one_out(phi[:1], weights[:1]).tolist() == [[[0.0]]]
