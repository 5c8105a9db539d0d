"""Peer collaborative learning: the ensemble teacher, the running means, and who counts how much."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from distilling import classes
from train.small import NAMES, net, same, table
from tutelage.core import Batch, Classes, InputError, Signals
from tutelage.tasks import Classification
from tutelage.teaching import Memory, Objective, Peers, terms
from tutelage.teaching.peers import PCL
from tutelage.train import Training, fit_together

T = 3.0
SOFT = Objective((terms.KL(T),), soft=0.5)


def students() -> nn.ModuleList:
    torch.manual_seed(0)
    return nn.ModuleList([nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Linear(6, 4)) for _ in range(3)])


def batch() -> Batch:
    chance = torch.Generator().manual_seed(1)
    return Batch.of({"x": torch.randn(8, 5, generator=chance)}, torch.randint(0, 4, (8,), generator=chance))


def made(nets: nn.Module) -> Peers:
    torch.manual_seed(3)
    return Peers(SOFT, classes(4), form=PCL("1", decay=0.9)).sized(nets, batch())


def parts(peers: Peers) -> nn.ModuleDict:
    assert isinstance(peers.form, PCL)
    assert peers.form.parts is not None
    return peers.form.parts


def kl(target: Tensor, output: Tensor) -> Tensor:
    p = torch.softmax(target / T, 1)
    return T * T * (p * (p.log() - torch.log_softmax(output / T, 1))).sum(1).mean()


def test_the_loss_is_the_papers() -> None:
    nets, rows = students(), batch()
    peers = made(nets)
    peers.stepped(nets, 1)
    with torch.no_grad():
        for p in nets.parameters():
            p += 0.3 * torch.randn_like(p)
    *losses, own = peers.losses(nets, rows)
    x = rows.inputs["x"]
    features = [n[1](n[0](x)) for n in nets]  # pyright: ignore
    outputs = [n[2](f) for n, f in zip(nets, features, strict=True)]  # pyright: ignore
    whole = parts(peers)["joint"](torch.cat(features, 1))
    means = [n.eval()(x) for n in parts(peers)["mean"]]  # pyright: ignore
    for i, loss in enumerate(losses):
        pairs = torch.stack([kl(means[j], outputs[i]) for j in range(3) if j != i]).mean()
        soft = 0.5 * (kl(whole, outputs[i]) + pairs)
        hard = nn.functional.cross_entropy(outputs[i], rows.target)
        assert loss.item() == pytest.approx(float((0.5 * hard + 0.5 * soft).detach()), rel=1e-4)
    assert own.item() == pytest.approx(float(nn.functional.cross_entropy(whole, rows.target).detach()), rel=1e-5)


def test_nobody_hears_its_own_running_mean() -> None:
    nets = students()
    for i, lesson in enumerate(made(nets).lessons(nets, batch())[:3]):
        assert lesson.taught is not None
        assert lesson.taught.names == ("ensemble", *(f"mean of peer{j}" for j in range(3) if j != i))


def test_running_means_follow_and_do_not_learn() -> None:
    nets = students()
    peers = made(nets)
    mean = parts(peers)["mean"]
    assert same(mean, nets)
    before = {name: value.clone() for name, value in mean.state_dict().items()}
    with torch.no_grad():
        for p in nets.parameters():
            p += 1.0
    peers.stepped(nets, 1000)
    torch.testing.assert_close(mean.state_dict()["0.0.weight"], before["0.0.weight"] + 0.1)
    peers.stepped(nets, 1)
    torch.testing.assert_close(mean.state_dict()["0.0.weight"], before["0.0.weight"] + 0.55)
    torch.stack([loss.total for loss in peers.losses(nets, batch())]).sum().backward()
    assert all(p.grad is None for p in mean.parameters())
    assert all(p.grad is not None for p in parts(peers)["joint"].parameters())


def test_real_teachers_count_like_the_ensemble() -> None:
    nets, rows = students(), batch()
    answer = Classes.of(torch.randn(8, 4, generator=torch.Generator().manual_seed(5)), "logits")
    peers = replace(made(nets), source=Memory(Signals(("real",), (answer,))), calibrations=())
    *losses, own = peers.losses(nets, rows)
    weights = losses[0].weights
    assert weights is not None
    torch.testing.assert_close(weights[:, 0], torch.tensor([1.0, 0.5, 0.5, 1.0]) / 3)
    assert "kl" in own.parts, "the ensemble hears real teachers, too"
    counts = peers.counts(rows, 3)
    assert [set(one) for one in counts] == [set(loss.parts) for loss in (*losses, own)]


def test_trained_together_a_kill_changes_nothing(tmp_path: Path) -> None:
    rows, training = table(), Training(4, 16)
    peers = Peers(SOFT, Classification(NAMES), form=PCL("1"))

    def group() -> nn.ModuleList:
        return nn.ModuleList([net(i) for i in range(3)])

    calm = fit_together(group(), peers, rows, training)
    assert len(calm.watched) == 3, "the ensemble is no student"
    assert not same(parts(calm.peers)["mean"], calm.students)

    class StoppedError(Exception):
        pass

    def look(epoch: object, _: int) -> None:
        raise StoppedError

    saved = replace(training, checkpoint=tmp_path)
    with pytest.raises(StoppedError):
        fit_together(group(), peers, rows, saved, look)
    found = fit_together(group(), peers, rows, saved)
    assert same(found.students, calm.students)
    assert same(parts(found.peers), parts(calm.peers))


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(InputError, match="decay"):
        PCL("1", decay=1.0)
    with pytest.raises(InputError, match="sized"):
        Peers(SOFT, classes(4), form=PCL("1")).losses(students(), batch())
