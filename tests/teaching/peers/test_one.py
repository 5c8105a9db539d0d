"""The on-the-fly ensemble: its mixture, what the gate learns from, what the trunk is told."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from distilling import classes
from tutelage.core import Batch, InputError, Step
from tutelage.nets import Branches, Gate
from tutelage.ops.schedules import Ramp
from tutelage.teaching import Objective, Peers, terms
from tutelage.teaching.peers import ONE

T = 3.0
PEERS = Peers(Objective((terms.KL(T),), soft=0.5), classes(4), form=ONE())


def made(gate: bool = True, rescale: bool = False) -> Branches:
    torch.manual_seed(0)
    return Branches(nn.Linear(5, 6), [nn.Linear(6, 4) for _ in range(3)], Gate(6, 3) if gate else None, rescale)


def batch() -> Batch:
    chance = torch.Generator().manual_seed(1)
    return Batch.of({"x": torch.randn(8, 5, generator=chance)}, torch.randint(0, 4, (8,), generator=chance))


def flat(module: nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


def test_the_loss_is_the_papers() -> None:
    students, rows = made(), batch()
    *losses, mixture = PEERS.losses(students, rows)
    x = rows.inputs["x"]
    h = students.trunk(x)
    assert isinstance(students.gate, Gate)
    outputs = torch.stack([head(h) for head in students.heads])
    trust = torch.softmax(torch.relu(students.gate.norm(students.gate.score(h))), 1)
    whole = sum(trust[:, i : i + 1] * outputs[i] for i in range(3))
    assert isinstance(whole, Tensor)
    assert mixture.item() == pytest.approx(float(nn.functional.cross_entropy(whole, rows.target).detach()), rel=1e-5)
    p = torch.softmax(whole / T, 1)
    for loss, output in zip(losses, outputs, strict=True):
        kl = T * T * (p * (p.log() - torch.log_softmax(output / T, 1))).sum(1).mean()
        expected = 0.5 * nn.functional.cross_entropy(output, rows.target) + 0.5 * kl
        assert loss.item() == pytest.approx(float(expected.detach()), rel=1e-4)


def test_the_gate_learns_from_the_mixture_alone() -> None:
    students, rows = made(), batch()
    assert students.gate is not None
    *losses, mixture = PEERS.losses(students, rows)
    torch.stack([loss.total for loss in losses]).sum().backward(retain_graph=True)
    assert all(p.grad is None for p in students.gate.parameters())
    mixture.backward()
    assert float(flat(students.gate).abs().sum()) > 0


def test_rescaling_divides_what_the_trunk_is_told_and_nothing_else() -> None:
    """Song and Chai 2018: the gradient at the split counts like that of one student."""
    plain, scaled = made(gate=False), made(gate=False, rescale=True)
    mutual = Peers(Objective((terms.KL(T),), soft=0.5), classes(4))
    for students in (plain, scaled):
        torch.stack([loss.total for loss in mutual.losses(students, batch())]).sum().backward()
    torch.testing.assert_close(flat(scaled.trunk), flat(plain.trunk) / 3)
    torch.testing.assert_close(flat(scaled.heads), flat(plain.heads))
    inputs = batch().inputs.values()
    assert all(torch.equal(a, b) for a, b in zip(plain(*inputs), scaled(*inputs), strict=True))


def test_counts_know_that_the_mixture_hears_nobody() -> None:
    losses, counts = PEERS.losses(made(), batch()), PEERS.counts(batch(), 3)
    for loss, count in zip(losses, counts, strict=True):
        assert {name: float(part.count) for name, part in loss.parts.items()} == {n: float(c) for n, c in count.items()}


def test_the_ramp_is_silent_at_first() -> None:
    ramp = Ramp(0.5, until=0.5)
    assert ramp.at(Step()) == pytest.approx(0.5 * 2.718281828**-5, rel=1e-6)
    assert [ramp.at(Step(progress=x)) for x in (0.5, 1.0)] == [0.5, 0.5]
    assert ramp.at(Step(progress=0.2)) < ramp.at(Step(progress=0.3)) < 0.5


def test_a_net_without_a_mixture_is_refused() -> None:
    with pytest.raises(InputError, match="mixture"):
        PEERS.losses(made(gate=False), batch())
