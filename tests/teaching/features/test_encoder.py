"""Several encoders at once: comparable units, the worst one first, and a report of who pulls how much."""

from __future__ import annotations

import pytest
import torch

from hinted import LAYER, hinted, learnt, memory, net, table
from tutelage.core import Context, Features, InputError, Signals
from tutelage.teaching import Hint, Memory
from tutelage.teaching.features import Adapter, Drop, Encoder, Equally, PhiS, ZScore, standardised
from tutelage.train import Training, fit


def loud() -> Memory:
    """Two teachers whose features have scales 100 and 1."""
    rows = table()
    wide, narrow = (answer.to_arrays()["values"] for answer in memory(rows).signals.answers)
    return Memory(Signals(("loud", "quiet"), (Features.of(100.0 * wide), Features.of(narrow))))


@pytest.mark.parametrize("how", [None, ZScore(), PhiS()])
def test_standardised_teachers_pull_alike(how: ZScore | PhiS | None) -> None:
    source = loud() if how is None else standardised(loud(), table(), how)
    rows, student = table(), net()
    target = hinted([Hint(source, LAYER, Encoder(0.0, 1.0))]).sized(student, rows.batch(rows.train[:2]))
    values = target.loss(student, rows.batch(rows.train)).values
    parts = [float(values[f"encoder/{name}"].detach()) for name in ("loud", "quiet")]
    if how is None:
        assert parts[0] > 20 * parts[1]
    else:
        assert 0.5 < parts[0] / parts[1] < 2.0


def test_statistics_are_those_of_training_rows() -> None:
    rows, source = table(), memory(table())
    values = source.signals.answers[0].to_arrays()["values"].clone()
    known = torch.zeros(len(rows), dtype=torch.bool)
    known[rows.train] = True
    values[~known] = 1e6
    moved = Memory(Signals(source.names, (Features.of(values), source.signals.answers[1])))
    one, other = (standardised(each, rows, PhiS()) for each in (source, moved))
    assert torch.equal(one.matrix["wide"], other.matrix["wide"])
    assert torch.equal(one.shift["wide"], other.shift["wide"])


@pytest.mark.parametrize("width", [1, 3, 7, 12, 20, 50])
def test_phi_s_gives_every_channel_variance_1_at_any_width(width: int) -> None:
    chance = torch.Generator().manual_seed(width)
    x = torch.randn(300, width, generator=chance).double() @ torch.randn(width, width, generator=chance).double()
    covariance = torch.cov(x.T).reshape(width, width)
    matrix = PhiS().matrix(covariance)
    torch.testing.assert_close(
        (matrix @ covariance @ matrix.T).diagonal(), torch.ones(width).double(), rtol=1e-8, atol=1e-8
    )
    gram = matrix @ matrix.T
    torch.testing.assert_close(gram, gram[0, 0] * torch.eye(width).double(), rtol=1e-8, atol=1e-8)


def test_channels_without_variance_become_0() -> None:
    rows = table()
    constant = torch.ones(len(rows), 3)
    constant[:, 0] = torch.arange(len(rows))
    found = standardised(Memory(Signals(("t",), (Features.of(constant),))), rows)
    values = found.gather(torch.arange(4), torch.zeros(4, dtype=torch.int64)).answers[0].to_arrays()["values"]
    assert bool((values[:, 1:] == 0).all())
    assert bool((PhiS().matrix(torch.zeros(3, 3).double()).isfinite()).all())


def test_drop_attends_to_the_teacher_that_is_learnt_worst() -> None:
    losses = torch.tensor([[1.0, 5.0, 2.0], [2.0, 4.0, 1.0], [3.0, 0.0, 9.0]])
    valid = torch.tensor([[True, True, True], [True, True, True], [True, True, False]])
    context = Context(row=torch.arange(3))
    assert Drop(1.0).weights(losses, valid, (), context).tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 0]]
    none = Drop(0.0).weights(losses, valid, (), context)
    torch.testing.assert_close(none, Equally().weights(losses, valid, (), context))
    whole = Drop(0.5, over="batch").weights(losses, valid, (), context)
    assert float(whole.sum()) == pytest.approx(3.0)
    silent = Drop(1.0).weights(losses, torch.zeros_like(valid), (), context)
    assert float(silent.sum()) == 0.0
    with pytest.raises(InputError, match=r"in \[0, 1\]"):
        Drop(1.5)


def test_with_drop_no_teacher_is_left_behind() -> None:
    """The gap between the worst and the best learnt teacher is smaller than with equal trust."""
    rows = table()
    _, kept = memory(rows).signals.answers
    hard = 2.0 * torch.randn(len(rows), 6, generator=torch.Generator().manual_seed(0))
    values = kept.to_arrays()["values"]
    source = Memory(Signals(("hard", "easy"), (Features.of(0.5 * hard + values.sin()), kept)))
    gaps: list[float] = []
    for trust in (Equally(), Drop(1.0)):
        student = net()
        hint = Hint(source, LAYER, Encoder(0.5, 0.5), 5.0, Adapter(), trust)
        target = hinted([hint]).sized(student, rows.batch(rows.train[:2]))
        fit(student, target, rows, Training(30, 32, watch="accuracy"))
        plain = hinted([Hint(source, LAYER, Encoder(0.5, 0.5), parts=target.hints[0].parts)])
        found = plain.loss(student, rows.batch(rows.train)).values
        gaps.append(float(found["encoder/hard"].detach()) - float(found["encoder/easy"].detach()))
    assert gaps[1] < gaps[0]


def test_the_history_reports_each_teacher_by_name() -> None:
    _, fitted = learnt(Encoder(), 1.0, source=loud(), epochs=2)
    assert {"encoder/loud", "encoder/quiet"} <= set(fitted.history[-1].parts)
    with pytest.raises(InputError, match="both 0"):
        Encoder(0.0, 0.0)
