"""What peers tell each other: nobody hears itself, every net runs once, and the losses are those of the house."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distilling import Says, classes, gradient, named
from tutelage.core import Batch, Classes, InputError, Signals, Step
from tutelage.fusion import AEKD, Confidence, Mean, MeanLogits, Weighted
from tutelage.ops.schedules import Ramp
from tutelage.teaching import Distillation, Loss, Memory, Objective, Peers, add_counts, terms
from tutelage.teaching.peers import Fresh, member

ROWS, CLASSES = 6, 4
TRUST = (0.2, 0.3, 0.5)
TASK = classes(CLASSES)
KL = Objective((terms.KL(2.0),), soft=0.6)


def scores(seed: int) -> Tensor:
    return 3 * torch.randn(ROWS, CLASSES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def students(count: int = 3) -> list[Says]:
    return [Says(scores(i)) for i in range(count)]


def batch() -> Batch:
    target = torch.tensor([0, 1, 2, 3, 0, 1])
    labelled = torch.tensor([True, True, False, True, True, False])
    weight = torch.tensor([1.0, 2.0, 1.0, 0.5, 1.0, 3.0], dtype=torch.float64)
    return Batch.of({"row": torch.arange(ROWS)}, target, labelled=labelled, weight=weight)


def teachers(count: int = 2) -> Memory:
    answers = [Classes.of(scores(20 + i), "logits") for i in range(count)]
    return Memory(Signals(tuple(f"real{i}" for i in range(count)), tuple(answers)))


def gradients(losses: Sequence[Loss], nets: list[Says]) -> list[Tensor]:
    whole = torch.stack([loss.total for loss in losses]).sum()
    return list(torch.autograd.grad(whole, [net.answers for net in nets]))


def test_a_peer_never_hears_itself() -> None:
    nets = students()
    lessons = Peers(KL, TASK).lessons(nets, batch())
    for number, lesson in enumerate(lessons):
        assert lesson.taught is not None
        assert lesson.taught.names == tuple(f"peer{i}" for i in range(3) if i != number)
        assert not any(answer.to_arrays()["scores"].requires_grad for answer in lesson.taught.answers)
    before = [loss.values["kl"].item() for loss in Peers(KL, TASK).losses(nets, batch())]
    nets[0].answers.data += torch.randn(ROWS, CLASSES)
    others = Distillation(
        Fresh(named(*(Classes.of(net.answers.detach(), "logits") for net in nets[1:]))), Mean(), KL, TASK
    )
    after = Peers(KL, TASK).losses(nets, batch())
    assert after[0].item() == others.loss(nets[0], batch()).item(), "its target is made of the two others alone"
    assert after[1].values["kl"].item() != before[1], "while the others hear what it says now"


def test_the_mean_of_pairwise_losses_and_the_loss_to_the_mean_have_one_gradient() -> None:
    """Deep mutual learning as its paper writes it, pair by pair, by hand."""
    nets, rows, t = students(), batch(), 2.0
    found = gradients(Peers(KL, TASK).losses(nets, rows), nets)
    for i, net in enumerate(nets):
        log_q = torch.log_softmax(net.answers / t, -1)
        pairs = []
        for other in [n for n in nets if n is not net]:
            p = torch.softmax(other.answers.detach() / t, -1)
            pairs.append(t * t * (p * (p.log() - log_q)).sum(-1))
        soft = (rows.weight * torch.stack(pairs).mean(0)).sum() / rows.weight.sum()
        trust = rows.weight * rows.labelled
        hard = nn.functional.cross_entropy(net.answers, rows.target, reduction="none")
        loss = 0.4 * (trust * hard).sum() / trust.sum() + 0.6 * soft
        torch.testing.assert_close(gradient(loss, net).view_as(found[i]), found[i])
        torch.testing.assert_close(Peers(KL, TASK).losses(nets, rows)[i].total, loss.detach(), check_dtype=False)


@pytest.mark.parametrize("fusion", [None, MeanLogits(), Confidence(), AEKD(), Weighted(TRUST)])
def test_permuting_the_peers_permutes_their_losses(fusion: Any) -> None:
    order, nets = [2, 0, 1], students()
    turned = Weighted(tuple(TRUST[i] for i in order)) if isinstance(fusion, Weighted) else fusion
    plain = Peers(KL, TASK, fusion).losses(nets, batch())
    other = Peers(KL, TASK, turned).losses([nets[i] for i in order], batch())
    for place, number in enumerate(order):
        torch.testing.assert_close(other[place].total, plain[number].total)
    assert len({round(loss.item(), 9) for loss in plain}) == 3


def test_weights_by_name_follow_whoever_is_heard() -> None:
    nets = students()
    trust = {"peer0": 1.0, "peer1": 0.0, "peer2": 3.0, "real0": 4.0}
    found = Peers(KL, TASK, Weighted(trust), teachers(1)).losses(nets, batch())
    said = [Classes.of(net.answers.detach(), "logits") for net in nets]
    heard = named(said[0], said[2], teachers(1).signals.answers[0])
    own = Distillation(Fresh(heard), Weighted((1.0, 3.0, 4.0)), KL, TASK)
    assert found[1].item() == pytest.approx(own.loss(nets[1], batch()).item(), rel=1e-12)


def test_one_peer_without_teachers_learns_from_labels_alone() -> None:
    (net,) = nets = students(1)
    (loss,) = Peers(KL, TASK).losses(nets, batch())
    assert list(loss.parts) == ["hard"]
    rows = batch()
    trust = rows.weight * rows.labelled
    hard = nn.functional.cross_entropy(net.answers, rows.target, reduction="none")
    assert loss.item() == pytest.approx(float(((trust * hard).sum() / trust.sum()).detach()), rel=1e-12)


def test_real_teachers_are_heard_beside_the_peers() -> None:
    nets = students()
    alone = Peers(KL, TASK).losses(nets, batch())
    seeded = Peers(KL, TASK, source=teachers()).losses(nets, batch())
    assert all(a.values["kl"].item() != b.values["kl"].item() for a, b in zip(alone, seeded, strict=True))
    everyone = [Classes.of(net.answers.detach(), "logits") for net in nets[1:]]
    own = Distillation(Fresh(named(*everyone, *teachers().signals.answers)), Mean(), KL, TASK)
    assert seeded[0].item() == own.loss(nets[0], batch()).item()
    (single,) = Peers(KL, TASK, source=teachers()).losses(nets[:1], batch())
    plain = Distillation(teachers(), Mean(), KL, TASK).loss(nets[0], batch())
    assert single.item() == plain.item(), "one student and real teachers are plain distillation"


def test_targets_hold_still_unless_told_to_flow() -> None:
    nets = students(2)

    def pull(flow: bool) -> Tensor | None:
        for net in nets:
            net.zero_grad()
        Peers(Objective((terms.KL(),), soft=1.0), TASK, flow=flow).losses(nets, batch())[0].backward()
        return next(iter(nets[1].parameters())).grad

    assert pull(False) is None
    moved = pull(True)
    assert moved is not None
    assert float(moved.abs().sum()) > 0


@pytest.mark.parametrize("source", [None, teachers()])
@pytest.mark.parametrize("soft", [0.0, 0.6, Ramp(0.5)])
def test_losses_add_up_over_micro_batches(source: Any, soft: Any) -> None:
    nets, whole, at = students(), batch(), Step(progress=0.1)
    peers = Peers(Objective((terms.KL(2.0),), soft=soft, l2=1e-3), TASK, source=Memory(teachers().signals))
    peers = peers if source else Peers(peers.objective, TASK)
    cut = [_part(whole, slice(0, 1)), _part(whole, slice(1, 4)), _part(whole, slice(4, ROWS))]
    known = [peers.counts(part, 3, at) for part in cut]
    counts = [add_counts([one[i] for one in known]) for i in range(3)]
    expected = gradients(peers.losses(nets, whole, at), nets)
    parts = [peers.losses(nets, part, at, counts) for part in cut]
    found = gradients([loss for one in parts for loss in one], nets)
    for i in range(3):  # l2 belongs to the optimiser step: each of the micro-batches brings a third of it
        assert float(counts[i]["l2"]) == 3.0
        torch.testing.assert_close(found[i], expected[i], rtol=1e-9, atol=1e-12)


def _part(whole: Batch, rows: slice) -> Batch:
    return Batch(
        {"row": whole.inputs["row"][rows]},
        whole.row[rows],
        whole.view[rows],
        whole.weight[rows],
        whole.target[rows],
        whole.labelled[rows],
    )


class Calls(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net, self.calls = nn.Linear(1, CLASSES), 0

    def forward(self, row: Tensor) -> Tensor:
        self.calls += 1
        return self.net(row.float().unsqueeze(1))


def test_every_net_runs_once() -> None:
    nets = [Calls() for _ in range(4)]
    Peers(KL, TASK, source=teachers()).losses(nets, batch())
    assert [net.calls for net in nets] == [1] * 4


def test_what_does_not_fit_is_named() -> None:
    net = students(1)[0]
    with pytest.raises(InputError, match="only once"):
        Peers(KL, TASK).losses([net, net], batch())
    with pytest.raises(InputError, match="one output per student"):
        Peers(KL, TASK).losses(net, batch())
    with pytest.raises(InputError, match="branch"):
        member(nn.Linear(2, 2), 0)
    with pytest.raises(InputError, match="compares"):
        Peers(Objective((terms.MSE(),)), TASK)
