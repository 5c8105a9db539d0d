from __future__ import annotations

import math

import pytest
import torch

from tutelage.ops.claims import Claims
from tutelage.ops.glad import glad, posterior

VOTES = torch.tensor([[0, 0, 1], [2, 2, 2], [1, -1, 0], [-1, -1, 2]])


def test_posterior_by_hand() -> None:
    claims = Claims.of_votes(VOTES, 3)
    ability, ease = torch.tensor([1.5, 0.5, -0.3]).double(), torch.tensor([0.2, 1.0, -0.5, 0.0]).double()
    known = torch.tensor([[True] * 3, [True, False, True], [True] * 3])
    found = posterior(claims, ability, ease, known)
    for row, votes in enumerate(VOTES.tolist()):
        odds = []
        for truth in range(3):
            chance = 1.0
            for voter, vote in enumerate(votes):
                if vote < 0:
                    continue
                right = 1 / (1 + math.exp(-float(ability[voter] * ease[row].exp())))
                count = int(known[voter].sum())
                if not known[voter, truth]:
                    chance /= count
                else:
                    chance *= right if vote == truth else (1 - right) / (count - 1)
            odds.append(chance)
        assert found[row].tolist() == pytest.approx([one / sum(odds) for one in odds])


def test_a_maximum_is_reached() -> None:
    """No small change of abilities or difficulties makes the votes likelier."""
    claims = Claims.of_votes(torch.randint(3, (40, 5), generator=torch.Generator().manual_seed(0)), 3)
    found = glad(claims, steps=500, tolerance=1e-12)
    chance = torch.Generator().manual_seed(1)

    def evidence(ability: torch.Tensor, ease: torch.Tensor) -> float:
        odds = ability[claims.source] * ease.exp()[claims.fact]
        right, wrong = torch.sigmoid(odds), (1 - torch.sigmoid(odds)) / 2
        each = wrong.unsqueeze(-1).expand(-1, 3).scatter(1, claims.value.unsqueeze(-1), right.unsqueeze(-1))
        table = torch.zeros(40, 3, dtype=torch.float64).index_add_(0, claims.fact, each.log())
        prior = 0.5 * (ability - 1).square().sum() + 0.5 * (ease - 1).square().sum()
        return float(torch.logsumexp(table, -1).sum() - prior)

    best = evidence(found.ability, found.ease)
    for _ in range(50):
        moves = [1e-2 * torch.randn(n, dtype=torch.float64, generator=chance) for n in (5, 40)]
        assert evidence(found.ability + moves[0], found.ease + moves[1]) <= best + 1e-9
