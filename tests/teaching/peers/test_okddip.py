"""Diverse peers: targets of their own, an attention that learns, and a leader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import tutelage as tl
from distilling import classes
from train.small import NAMES, net, same, table
from tutelage.core import Batch, InputError
from tutelage.tasks import Classification
from tutelage.teaching import Objective, Peers, terms
from tutelage.teaching.peers import OKDDip
from tutelage.train import Training, fit_together

T = 3.0


def students(count: int = 4) -> nn.ModuleList:
    torch.manual_seed(0)
    return nn.ModuleList([nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 4)) for _ in range(count)])


def batch() -> Batch:
    chance = torch.Generator().manual_seed(1)
    return Batch.of({"x": torch.randn(8, 5, generator=chance)}, torch.randint(0, 4, (8,), generator=chance))


def made(itself: bool = True) -> Peers:
    torch.manual_seed(3)
    form = OKDDip("1", dim=3, itself=itself)
    return Peers(Objective((terms.KL(T),), soft=0.5), classes(4), form=form).sized(students(), batch())


def attention(peers: Peers) -> nn.Module:
    assert isinstance(peers.form, OKDDip)
    assert peers.form.parts is not None
    return peers.form.parts["attention"]


@pytest.mark.parametrize("itself", [True, False])
def test_the_loss_is_the_papers(itself: bool) -> None:
    nets, rows, peers = students(), batch(), made(itself)
    losses = peers.losses(nets, rows)
    x = rows.inputs["x"]
    features = [net[1](net[0](x)) for net in nets]  # pyright: ignore
    outputs = [net(x) for net in nets]
    learnt = dict(attention(peers).named_parameters())
    for a in range(3):
        energy = []
        for b in range(3):
            q, k = features[a] @ learnt["query.weight"].T, features[b] @ learnt["key.weight"].T
            energy.append(torch.full((8,), -torch.inf) if a == b and not itself else (q * k).sum(1))
        trust = torch.softmax(torch.stack(energy), 0)
        target = sum(trust[b].unsqueeze(1) * outputs[b] for b in range(3))
        assert isinstance(target, Tensor)
        assert losses[a].item() == pytest.approx(expected(outputs[a], [target], rows.target), rel=1e-4)
    assert losses[3].item() == pytest.approx(expected(outputs[3], outputs[:3], rows.target), rel=1e-4)


def expected(output: Tensor, targets: list[Tensor], labels: Tensor) -> float:
    log_q = torch.log_softmax(output / T, 1)
    kls = [torch.softmax(z / T, 1) * (torch.log_softmax(z / T, 1) - log_q) for z in targets]
    soft = T * T * torch.stack([kl.sum(1).mean() for kl in kls]).mean()
    return float((0.5 * nn.functional.cross_entropy(output, labels) + 0.5 * soft).detach())


def test_every_peer_has_a_target_of_its_own_and_the_leader_hears_the_peers_only() -> None:
    *peers, leader = made().lessons(students(), batch())
    said = [lesson.taught.answers[0].to_arrays()["scores"] for lesson in peers if lesson.taught is not None]
    assert all(not torch.allclose(said[i], said[j]) for i in range(3) for j in range(i))
    assert leader.taught is not None
    assert leader.taught.names == ("peer0", "peer1", "peer2")


def test_without_itself_no_peer_hears_its_own_answer() -> None:
    nets, peers, rows = students(), made(itself=False), batch()

    def heard() -> list[Tensor]:
        return [
            lesson.taught.answers[0].to_arrays()["scores"].detach()
            for lesson in peers.lessons(nets, rows)
            if lesson.taught is not None
        ]

    before = heard()
    with torch.no_grad():
        nets[0][2].bias += 5.0  # pyright: ignore  # its scores change, the features do not
    after = heard()
    assert torch.allclose(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


def test_the_attention_learns_and_the_targets_hold_still() -> None:
    nets, peers = students(), made()
    losses = peers.losses(nets, batch())
    losses[0].backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in attention(peers).parameters() if p.grad is not None)
    assert all(p.grad is not None for p in attention(peers).parameters())
    assert all(p.grad is None for other in list(nets)[1:] for p in other.parameters())


def test_trained_together_the_leader_is_shipped_and_a_kill_changes_nothing(tmp_path: Path) -> None:
    rows, training = table(), Training(4, 16)
    peers = Peers(Objective((terms.KL(T),), soft=0.5), Classification(NAMES), form=OKDDip("1"))

    def group() -> nn.ModuleList:
        return nn.ModuleList([net(i) for i in range(3)])

    calm = fit_together(group(), peers, rows, training)
    assert calm.chosen == 2
    assert calm.history[-1].watched == pytest.approx(calm.watched[2])

    class StoppedError(Exception):
        pass

    def look(epoch: object, _: int) -> None:
        raise StoppedError

    saved = replace(training, checkpoint=tmp_path)
    with pytest.raises(StoppedError):
        fit_together(group(), peers, rows, saved, look)
    found = fit_together(group(), peers, rows, saved)
    assert same(found.students, calm.students)
    assert same(attention(found.peers), attention(calm.peers))


def test_branches_have_features_of_their_own_too() -> None:
    torch.manual_seed(0)
    heads = [nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 4)) for _ in range(3)]
    students = tl.Branches(nn.Linear(5, 6), heads)
    peers = Peers(Objective((terms.KL(T),), soft=0.5), classes(4), form=OKDDip("heads.{}.1"))
    assert len(peers.sized(students, batch()).losses(students, batch())) == 3


def test_what_does_not_fit_is_named() -> None:
    peers = Peers(Objective((terms.KL(T),), soft=0.5), classes(4), form=OKDDip("1"))
    with pytest.raises(InputError, match="sized"):
        peers.losses(students(), batch())
    with pytest.raises(InputError, match="two peers and a leader"):
        peers.sized(students(2), batch())
    with pytest.raises(InputError, match="nope"):
        replace(peers, form=OKDDip("nope")).sized(students(), batch())
