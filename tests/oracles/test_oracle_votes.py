"""Majority, Wawa and Dawid-Skene of crowd-kit against ours.

Covered keys of vote_aggregation: majority_prob, majority_label, wawa_prob, wawa_skill, ds10_*, ds200_*, onecoin_prob,
onecoin_skill, onecoin_label. The others (glad, zbs, mace) are models that the house does not have.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import oracle
from tutelage.ops.claims import Claims, majority
from tutelage.ops.dawid_skene import Consensus, agreement, dawid_skene, one_coin, wawa

CASES = oracle.cases("vote_aggregation")
NEVER = -float("inf")


def case(name: str) -> tuple[Claims, dict[str, np.ndarray]]:
    numbers = oracle.load("vote_aggregation")[name]
    return Claims.of_votes(torch.from_numpy(numbers["votes"]), int(numbers["n_classes"])), numbers


def close(found: Tensor, expected: np.ndarray, atol: float) -> None:
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("name", CASES)
def test_majority(name: str) -> None:
    claims, numbers = case(name)
    prob = majority(claims)
    close(prob, numbers["majority_prob"], 1e-12)
    clear = ~numbers["majority_tie"]
    assert np.array_equal(prob.argmax(-1).numpy()[clear], numbers["majority_label"][clear])


@pytest.mark.parametrize("name", CASES)
def test_wawa(name: str) -> None:
    claims, numbers = case(name)
    if "wawa_prob" not in numbers:  # ties: the source breaks them by the order of columns
        assert numbers["majority_tie"].any()
        return
    close(wawa(claims), numbers["wawa_prob"], 1e-12)
    close(agreement(claims), numbers["wawa_skill"], 1e-12)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("steps", [10, 200])
def test_dawid_skene(name: str, steps: int) -> None:
    claims, numbers = case(name)
    found = dawid_skene(claims, steps=steps, tolerance=NEVER)
    close(found.prob, numbers[f"ds{steps}_prob"], 1e-6)
    close(found.error, numbers[f"ds{steps}_error"], 1e-6)
    close(found.prior, numbers[f"ds{steps}_prior"], 1e-6)


@pytest.mark.parametrize("name", CASES)
def test_one_coin(name: str) -> None:
    """Step by step, until the source's own bound stops growing: it counts the class prior once per vote."""
    claims, numbers = case(name)
    found, last = one_coin(claims, steps=1, tolerance=NEVER), NEVER
    for _ in range(200):
        bound = _bound(claims, found)
        if bound - last < 1e-9:
            break
        found, last = one_coin(claims, steps=1, start=found.prob, tolerance=NEVER), bound
    close(found.prob, numbers["onecoin_prob"], 1e-6)
    close(found.error.diagonal(dim1=1, dim2=2)[:, 0], numbers["onecoin_skill"], 1e-6)


def _bound(claims: Claims, found: Consensus) -> float:
    prob = found.prob
    each = found.error.clamp_min(1e-10).log()[claims.source, claims.value] + found.prior.clamp_min(1e-10).log()
    return float((prob[claims.fact] * each).sum() - torch.xlogy(prob, prob).sum()) / len(claims.fact)
