from __future__ import annotations

import pytest
import torch
from torch import Tensor

from planted import categories
from tutelage.ops.claims import Claims, majority
from tutelage.ops.dawid_skene import dawid_skene, one_coin, wawa

UNEVEN = [0.95, 0.9, 0.4, 0.35, 0.3, 0.3]


def accuracy(prob: Tensor, truth: Tensor) -> float:
    return float((prob.argmax(-1) == truth).double().mean())


@pytest.mark.parametrize("seed", range(5))
def test_both_beat_the_majority_where_few_sources_are_good(seed: int) -> None:
    claims, truth = categories(UNEVEN, seed=seed)
    plain = accuracy(majority(claims), truth)
    assert accuracy(one_coin(claims).prob, truth) > plain + 0.08
    assert accuracy(dawid_skene(claims, smoothing=2.0).prob, truth) > plain + 0.05
    assert accuracy(wawa(claims), truth) >= plain


def test_accuracies_are_found() -> None:
    claims, _ = categories(UNEVEN, facts=3000)
    assert one_coin(claims).accuracy.tolist() == pytest.approx(UNEVEN, abs=0.03)


def test_probabilities_are_honest() -> None:
    claims, truth = categories([0.7, 0.7, 0.6, 0.6, 0.5], facts=5000, values=3)
    prob = one_coin(claims).prob
    sure, right = prob.max(-1).values, (prob.argmax(-1) == truth).double()
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 0.95)):
        inside = (sure >= low) & (sure < high)
        assert float(right[inside].mean()) == pytest.approx(float(sure[inside].mean()), abs=0.05)


def swapped(facts: int = 2000, seed: int = 0) -> tuple[Claims, Tensor]:
    """One good source; three that mistake class 1 for class 2 most of the time but know class 0."""
    chance = torch.Generator().manual_seed(seed)
    truth = torch.randint(0, 3, (facts,), generator=chance)
    noise = torch.randint(0, 3, (facts, 5), generator=chance)
    votes = torch.where(torch.rand(facts, 5, generator=chance) < 0.15, noise, truth[:, None])
    habit = (truth == 1)[:, None] & (torch.rand(facts, 3, generator=chance) < 0.8)
    votes[:, 2:] = torch.where(habit, 2, votes[:, 2:])
    return Claims.of_votes(votes, 3), truth


def test_the_full_model_learns_habits_that_one_coin_cannot() -> None:
    claims, truth = swapped()
    full, coin, plain = dawid_skene(claims), one_coin(claims), majority(claims)
    assert accuracy(full.prob, truth) > max(accuracy(coin.prob, truth), accuracy(plain, truth)) + 0.1
    assert float(full.error[3, 2, 1]) == pytest.approx(0.82, abs=0.06)


def test_early_stopping_guards_against_overfitting() -> None:
    """Few claims per source: ten steps of the full model are better than very many, and pseudo-counts better still."""
    gaps, helped = [], []
    for seed in range(8):
        claims, truth = categories([0.7, 0.65, 0.6, 0.55, 0.5, 0.5, 0.45], facts=60, values=4, says=0.5, seed=seed)
        early, late = (accuracy(dawid_skene(claims, steps=n, tolerance=0.0).prob, truth) for n in (3, 500))
        gaps.append(early - late)
        helped.append(accuracy(dawid_skene(claims, smoothing=4.0).prob, truth) - late)
    assert sum(gaps) / 8 > 0.02
    assert sum(helped) / 8 > 0.02


def test_a_prior_is_kept_and_abstention_is_no_vote() -> None:
    claims, _ = categories([0.8, 0.8], facts=50, values=2)
    silent = Claims.of(claims.fact, claims.source, claims.value, facts=60, sources=3, values=2)
    prior = torch.tensor([0.9, 0.1])
    found = one_coin(silent, prior=prior)
    assert found.prior.tolist() == pytest.approx([0.9, 0.1])
    assert found.prob[55].tolist() == pytest.approx([0.9, 0.1])
    assert (
        found.prob[:50].tolist()
        == one_coin(
            Claims.of(claims.fact, claims.source, claims.value, facts=50, sources=3, values=2), prior=prior
        ).prob.tolist()
    )
    assert torch.isfinite(found.error).all()


def test_a_claim_of_double_weight_counts_like_two_sources() -> None:
    fact, source, value = torch.tensor([0, 0, 0]), torch.tensor([0, 1, 2]), torch.tensor([0, 1, 1])
    heavy = Claims.of(fact, source, value, torch.tensor([2.0, 1.0, 1.0]))
    assert dawid_skene(heavy, steps=0).prob.tolist() == [[0.5, 0.5]]


def test_unanimous_and_single_claims_are_finite() -> None:
    for votes in (torch.zeros(4, 3, dtype=torch.int64), torch.tensor([[1, -1]]), torch.full((3, 2), -1)):
        claims = Claims.of_votes(votes, 2)
        for found in (dawid_skene(claims, steps=50), one_coin(claims)):
            assert torch.isfinite(found.prob).all()
            assert torch.allclose(found.prob.sum(-1), torch.ones(len(votes), dtype=torch.float64))
