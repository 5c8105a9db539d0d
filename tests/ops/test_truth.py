from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from planted import categories, numbers
from tutelage.ops.claims import Claims, Measurements, majority, weighted_mean
from tutelage.ops.truth import accu, crh, inverse_variance


def rmse(value: Tensor, truth: Tensor) -> float:
    known = ~value.isnan()
    return float((value - truth)[known].square().mean().sqrt())


@pytest.mark.parametrize("seed", range(5))
def test_crh_beats_majority_and_mean_and_needs_no_ground_truth(seed: int) -> None:
    good = [0.95, 0.9, 0.4, 0.35, 0.3, 0.3]
    claims, truth = categories(good, seed=seed)
    amounts, real = numbers([0.2, 0.4, 3, 4, 5, 5], seed=seed + 50)
    found = crh([claims, amounts])
    shares, value = found.truth
    right = (shares.argmax(-1) == truth).double().mean()
    plain = (majority(claims).argmax(-1) == truth).double().mean()
    assert right > plain + 0.05
    assert rmse(value, real) < 0.8 * rmse(weighted_mean(amounts), real)
    assert found.weight[:2].min() > found.weight[2:].max()
    assert float(found.weight.mean()) == pytest.approx(1)


def test_crh_uses_what_one_property_says_of_a_source_for_another() -> None:
    """The paper's claim: few categories alone say little, but the numbers show who is careful."""
    alone, together = [], []
    for seed in range(6):
        claims, truth = categories([0.9, 0.4, 0.4], facts=300, values=2, says=1.0, seed=seed)
        amounts, _ = numbers([0.1, 4, 4], facts=300, says=1.0, seed=seed)
        few = Claims.of(claims.fact, claims.source, claims.value, facts=300, sources=3, values=2)
        alone.append(float((crh([few]).truth[0].argmax(-1) == truth).double().mean()))
        together.append(float((crh([few, amounts]).truth[0].argmax(-1) == truth).double().mean()))
    assert np.mean(together) > np.mean(alone) + 0.05


def test_robust_crh_survives_wild_values() -> None:
    amounts, real = numbers([0.5, 0.5, 0.5, 0.5], says=1.0)
    wild = amounts.value.clone()
    wild[::17] *= 1000
    broken = Measurements.of(amounts.fact, amounts.source, wild, facts=400, sources=4)
    assert rmse(crh([broken], robust=True).truth[0], real) < 1
    assert rmse(crh([broken]).truth[0], real) > 10


def test_an_uncontested_claim_earns_no_trust() -> None:
    claims, _ = categories([0.9, 0.9, 0.3], facts=200, says=1.0)
    lone = torch.arange(200, 1200)
    more = Claims.of(
        torch.cat([claims.fact, lone]),
        torch.cat([claims.source, torch.full_like(lone, 2)]),
        torch.cat([claims.value, torch.zeros_like(lone)]),
        facts=1200,
        sources=4,
        values=4,
    )
    assert torch.allclose(crh([more]).weight[:3], crh([claims]).weight * (crh([more]).weight[:3].mean()), atol=1e-6)
    assert float(crh([more]).weight[3]) == 1.0


def test_crh_without_any_conflict_trusts_all_alike() -> None:
    same = Claims.of(torch.arange(6) // 2, torch.arange(6) % 2, torch.zeros(6, dtype=torch.int64), values=2)
    assert crh([same]).weight.tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="with the same sources"):
        crh([])


def open_claims(seed: int) -> tuple[Claims, Tensor]:
    """Names: the wrong values of a fact are its own, and the poor sources copy nobody."""
    chance = np.random.default_rng(seed)
    skill = np.array([0.9, 0.85, 0.3, 0.3, 0.25, 0.25])
    right = chance.random((500, 6)) < skill
    value = np.where(right, 0, chance.integers(1, 4, right.shape))
    fact, source = np.nonzero(chance.random(right.shape) < 0.6)
    codes = torch.from_numpy(fact * 5 + value[fact, source])
    return Claims.of(torch.from_numpy(fact), torch.from_numpy(source), codes, facts=500), codes % 5 == 0


@pytest.mark.parametrize("seed", range(5))
def test_accu_beats_the_majority_for_values_without_a_table(seed: int) -> None:
    claims, right = open_claims(seed)
    counts = torch.zeros(claims.facts * claims.values).index_add_(0, claims.cell, torch.ones(len(claims.fact)))[
        claims.cell
    ]
    found = accu(claims, wrong=4)
    best = [_chosen(claims, score.double(), right) for score in (counts, found.prob)]
    assert best[1] > best[0] + 0.05
    assert found.accuracy.tolist() == pytest.approx([0.9, 0.85, 0.3, 0.3, 0.25, 0.25], abs=0.12)


def _chosen(claims: Claims, score: Tensor, right: Tensor) -> float:
    """How often the claim with the best score is right; ties count by their share."""
    best = torch.zeros(claims.facts, dtype=torch.float64).scatter_reduce_(
        0, claims.fact, score, "amax", include_self=False
    )
    top = score >= best[claims.fact] - 1e-12
    count = torch.zeros(claims.facts).index_add_(0, claims.fact[top], torch.ones(int(top.sum())))
    good = torch.zeros(claims.facts).index_add_(0, claims.fact[top], right[top].float())
    return float((good / count)[count > 0].mean())


def test_a_lone_claim_is_believed_as_far_as_its_source() -> None:
    claims = Claims.of(torch.tensor([0]), torch.tensor([0]), torch.tensor([7]))
    assert float(accu(claims, wrong=10, steps=1).prob) == pytest.approx(0.8)
    agreed = Claims.of(torch.tensor([0, 0]), torch.tensor([0, 1]), torch.tensor([7, 7]))
    assert float(accu(agreed, wrong=10, steps=1).prob[0]) == pytest.approx(1600 / 1610)


def test_inverse_variance_in_closed_form() -> None:
    fact, source = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 2, 1])
    claims = Measurements.of(fact, source, torch.tensor([1.0, 4.0, 10.0, 7.0]), facts=3)
    found = inverse_variance(claims, torch.tensor([1.0, 2.0, 4.0]))
    total = 1 + 1 / 2 + 1 / 4
    assert found.value.tolist()[:2] == pytest.approx([(1 + 2 + 2.5) / total, 7.0])
    assert found.variance.tolist() == pytest.approx([1 / total, 2.0, torch.inf])
    assert found.value[2].isnan()
    with pytest.raises(ValueError, match="variances above 0"):
        inverse_variance(claims, torch.tensor([1.0, 0.0, 1.0]))


def test_variances_are_learned() -> None:
    scale = [0.5, 1.0, 2.0, 4.0]
    claims, truth = numbers(scale, facts=4000)
    found = inverse_variance(claims)
    assert found.scale.sqrt().tolist() == pytest.approx(scale, rel=0.08)
    best = inverse_variance(claims, torch.tensor(scale) ** 2)
    assert rmse(found.value, truth) == pytest.approx(rmse(best.value, truth), rel=0.02)
    assert rmse(found.value, truth) < 0.7 * rmse(weighted_mean(claims), truth)
    known = torch.isfinite(found.variance)
    share = ((found.value - truth).abs() < 1.96 * found.variance.sqrt())[known].double().mean()
    assert float(share) == pytest.approx(0.95, abs=0.02)


def test_offsets_are_learned() -> None:
    bias = [1.0, -1.0, 2.0, -2.0]
    claims, truth = numbers([1.0, 1.0, 1.0, 1.0], facts=3000, bias=bias)
    found = inverse_variance(claims, biased=True)
    assert found.bias.tolist() == pytest.approx(bias, abs=0.12)
    assert rmse(found.value, truth) < 0.8 * rmse(inverse_variance(claims).value, truth)


def test_a_source_that_is_always_the_truth_is_not_trusted_without_end() -> None:
    claims, _ = numbers([1e-9, 1.0, 1.0], facts=200, says=1.0)
    found = inverse_variance(claims)
    assert torch.isfinite(found.scale).all()
    assert float(found.scale[0]) > 0


def test_no_claims_at_all() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    found = inverse_variance(Measurements.of(none, none, none.double(), facts=2, sources=3))
    assert found.value.isnan().all()
    assert torch.isfinite(found.scale).all()
    assert crh([Claims.of(none, none, none, facts=2, sources=3, values=2)]).weight.tolist() == [1, 1, 1]
    assert accu(Claims.of(none, none, none, facts=2, sources=3, values=2)).accuracy.tolist() == [0.8] * 3
