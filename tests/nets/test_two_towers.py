from __future__ import annotations

import pytest
import torch

import tutelage as tl
from tutelage.core import InputError
from tutelage.nets import two_towers

USER, ITEM = torch.randn(5, 3), torch.tensor([[0, 3, 7], [1, 2, -1], [4, 0, 6], [5, 6, 2], [9, 8, 7]])


def test_unknown_items_have_no_embedding_but_their_features() -> None:
    net = tl.TwoTowers(3, items=8, features=2, width=4)
    with torch.no_grad():
        net.bias.weight[:8] = 5.0  # type: ignore[union-attr]
    features = torch.randn(5, 3, 2)
    scores = net(USER, ITEM, features)
    assert scores.shape == (5, 3)
    vectors = net.tower(features.reshape(-1, 2)).view(5, 3, 4).detach()  # type: ignore[misc]
    alone = (vectors @ net.user_vectors(USER).unsqueeze(-1)).squeeze(-1)
    unknown = (ITEM < 0) | (ITEM >= 8)
    assert torch.allclose(scores[unknown], alone[unknown], atol=1e-6)
    assert not torch.isclose(scores[~unknown], alone[~unknown]).any()


def test_unknown_items_of_a_net_without_features_score_zero() -> None:
    net = tl.TwoTowers(3, items=8)
    scores = net(USER, ITEM)
    assert scores[1, 2] == 0.0
    assert scores[4, :2].tolist() == [0.0, 0.0]
    (scores**2).sum().backward()
    assert net.embedding.weight.grad[8].abs().sum() == 0.0  # type: ignore[union-attr, index]


def test_scoring_a_catalogue_is_scoring_its_candidates() -> None:
    net = tl.TwoTowers(3, items=8, features=2)
    features = torch.randn(8, 2)
    fast = net.scores_of(USER, net.item_vectors(torch.arange(8), features))
    slow = net(USER, torch.arange(8).expand(5, 8), features.expand(5, 8, 2))
    assert torch.allclose(fast, slow, atol=1e-5)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="neither"):
        tl.TwoTowers(3)
    with pytest.raises(InputError, match="made for 2 features per item and was given none"):
        tl.TwoTowers(3, features=2)(USER, ITEM)
    with pytest.raises(InputError, match=r"made for 0 features per item and was given \(5, 3, 2\)"):
        tl.TwoTowers(3, items=4)(USER, ITEM, torch.zeros(5, 3, 2))


def test_scoring_everything_is_scoring_each_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net, user = tl.TwoTowers(5, items=12), torch.randn(7, 5)
    item = torch.stack([torch.randperm(14) for _ in range(7)]) - 1  # -1 is padding, 12 was never seen
    weight, found = torch.randn(7, 14), []
    for full in (8, 0):
        monkeypatch.setattr(two_towers, "FULL", full)
        net.zero_grad()
        scores = net(user, item)
        (scores * weight).sum().backward()
        found.append([scores.detach(), *(p.grad.clone() for p in net.parameters() if p.grad is not None)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
    assert float(found[0][0][item == 12].abs().max()) == 0.0
