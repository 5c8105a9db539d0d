"""Hints: features by name in one pass, adapters that belong to nobody's order and to no student."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import tutelage as tl
from hinted import LAYER, hinted, memory, net, ready, table, teacher, teachers
from tutelage.core import Batch, Features, InputError, Signals
from tutelage.store import Store
from tutelage.teaching import Hint, Memory, add_counts
from tutelage.teaching.features import Adapter
from tutelage.teaching.teach import teach
from tutelage.train import Training, sweep


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(dict(module.state_dict()))


def test_the_student_runs_once_and_learns_features() -> None:
    rows, student = table(), net()
    calls: list[int] = []
    student.register_forward_hook(lambda *_: calls.append(1))
    target = ready([Hint(memory(rows), LAYER)], student, rows)
    calls.clear()
    loss = target.loss(student, rows.batch(rows.train))
    assert len(calls) == 1
    assert set(loss.values) == {"hard", "fitnet/wide", "fitnet/narrow"}
    assert float(loss.total.detach()) == pytest.approx(sum(float(v.detach()) for v in loss.values.values()), rel=1e-6)
    loss.backward()
    found = {name: p.grad for name, p in target.attach(student).named_parameters()}
    assert all(grad is not None and bool(grad.abs().sum() > 0) for grad in found.values())


def test_fit_trains_adapters_and_leaves_the_student_as_it_was() -> None:
    rows, student = table(), net()
    before, hooks = list(student.state_dict()), sum(len(part._forward_hooks) for part in student.modules())
    target = ready([Hint(memory(rows), LAYER, weight=10.0)], student, rows)
    start = weights(target.trainable)
    fitted = tl.fit(student, target, rows, Training(5, 32, watch="accuracy"))
    assert list(fitted.student.state_dict()) == before
    assert sum(len(part._forward_hooks) for part in student.modules()) == hooks
    moved = weights(target.trainable)
    assert all(not torch.equal(start[name], moved[name]) for name in start)
    first, last = (fitted.history[i].parts for i in (0, -1))
    assert last["fitnet/wide"] < first["fitnet/wide"]
    assert last["fitnet/narrow"] < first["fitnet/narrow"]


def test_fit_makes_fresh_adapters_for_each_student() -> None:
    rows, target = table(), hinted([Hint(memory(table()), LAYER)])
    one, other = (tl.fit(net(), target, rows, Training(2, 32)).student for _ in range(2))
    assert not len(target.trainable)
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_order_of_teachers_does_not_matter() -> None:
    rows, losses = table(), list[dict[str, float]]()
    for who in (teachers(), teachers()[::-1]):
        student = net()
        target = ready([Hint(memory(rows, who), LAYER, adapter=Adapter(hidden=7, norm=True))], student, rows)
        fitted = tl.fit(student, target, rows, Training(2, 32))
        losses.append(fitted.history[-1].parts)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_hints_are_taught_once_and_stored(tmp_path: Path) -> None:
    rows, asked = table(), list[int]()
    who = teachers()
    who[0].module.register_forward_hook(lambda _m, _i, out: asked.append(len(out)))
    stored = teach(who, rows.columns, rows.taught, Store(tmp_path))
    live = ready([Hint(memory(rows, teachers()), LAYER)], net(), rows)
    kept = ready([Hint(stored, LAYER)], net(), rows)
    batch = rows.batch(rows.train)
    assert kept.loss(net(), batch).item() == pytest.approx(live.loss(net(), batch).item(), rel=1e-6)
    tl.fit(net(), hinted([Hint(stored, LAYER)]), rows, Training(3, 32))
    assert sum(asked) == len(rows.taught)
    changed = teacher("wide", 12, 1, layer="0")
    with pytest.raises(tl.TutelageError, match="wide"):
        teach([changed], rows.columns, rows.taught, Store(tmp_path))


def test_a_training_with_hints_goes_on_where_it_stopped(tmp_path: Path) -> None:
    rows, hints = table(), [Hint(memory(table()), LAYER, adapter=Adapter(norm=True))]
    whole = tl.fit(net(), hinted(hints), rows, Training(6, 32))
    settings = Training(6, 32, checkpoint=tmp_path, save_every=0.0)

    def stop(epoch: object, _: int) -> None:
        if getattr(epoch, "epoch", 0) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tl.fit(net(), hinted(hints), rows, settings, stop)
    again = tl.fit(net(), hinted(hints), rows, settings)
    assert len(again.history) == 6
    for name, value in whole.student.state_dict().items():
        assert torch.equal(value, again.student.state_dict()[name]), name
    with pytest.raises(InputError, match="hints"):
        tl.fit(net(), hinted([replace(hints[0], weight=2.0)]), rows, settings)


def silent(rows: tl.Rows) -> Memory:
    """Two teachers; the first is silent about every third row, both about every sixth."""
    found = memory(rows).signals.answers
    every = torch.arange(len(rows))
    known = every % 3 != 0, every % 6 != 0
    answers = tuple(Features.of(a.to_arrays()["values"], valid) for a, valid in zip(found, known, strict=True))
    return Memory(Signals(("wide", "narrow"), answers))


def part(batch: Batch, places: slice) -> Batch:
    names = ("row", "view", "weight", "target", "labelled")
    cut = {name: getattr(batch, name)[places] for name in names}
    return Batch({name: value[places] for name, value in batch.inputs.items()}, **cut)


def test_accumulated_batches_are_one_batch_also_where_teachers_are_silent() -> None:
    rows, student = table(), net()
    target = ready([Hint(silent(rows), LAYER, weight=3.0)], student, rows)
    batch = replace(rows.batch(rows.train[:40]), weight=torch.rand(40))
    module = target.attach(student)
    target.loss(student, batch).backward()
    whole = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
    module.zero_grad()
    pieces = [part(batch, slice(at, at + n)) for at, n in ((0, 7), (7, 20), (27, 1), (28, 12))]
    counts = add_counts(target.counts(piece) for piece in pieces)
    for piece in pieces:
        target.loss(student, piece, counts=counts).backward()
    assert len(whole) == len(list(module.parameters()))
    for name, p in module.named_parameters():
        assert p.grad is not None
        torch.testing.assert_close(p.grad, whole[name], rtol=1e-4, atol=1e-6)


def test_rows_of_silent_teachers_do_not_count() -> None:
    rows, student = table(), net()
    source = silent(rows)
    target = ready([Hint(source, LAYER)], student, rows)
    none = rows.batch(np.array([0, 6, 12]))
    loss = target.loss(student, none)
    assert float(loss.values["fitnet/wide"].detach()) == 0.0
    loss.backward()
    other = source.signals.answers[0].to_arrays()["values"].clone()
    other[::3] = 1e6
    moved = Features(other, source.signals.answers[0].valid)
    louder = Memory(Signals(("wide", "narrow"), (moved, source.signals.answers[1])))
    batch = rows.batch(np.arange(30))
    same = replace(target, hints=(replace(target.hints[0], source=louder),))
    assert same.loss(student, batch).item() == target.loss(student, batch).item()


def test_errors_say_what_to_do() -> None:
    rows, student = table(), net()
    hint = Hint(memory(rows), LAYER)
    batch = rows.batch(rows.train[:4])
    with pytest.raises(InputError, match="has no adapters yet"):
        hinted([hint]).loss(student, batch)
    with pytest.raises(InputError, match="differ in shape"):
        hinted([replace(hint, adapter=None)]).loss(student, batch)
    with pytest.raises(InputError, match="given twice"):
        hinted([hint, hint])
    with pytest.raises(InputError, match="nobody has asked"):
        hinted([Hint(tuple(teachers()), LAYER)])
    with pytest.raises(InputError, match="there is no layer 'layer3'"):
        hinted([replace(hint, layer="layer3")]).sized(student, batch)
    source = Memory(Signals(("a",), (tl.Classes.of(torch.zeros(len(rows), 3), "logits"),)))
    with pytest.raises(InputError, match="not with features"):
        hinted([Hint(source, LAYER)]).sized(student, batch)
    target = ready([hint], student, rows)
    with pytest.raises(InputError, match="does not know"):
        target.check_optimizer(torch.optim.SGD(student.parameters(), 0.1))
    with pytest.raises(InputError, match=r"before torch\.compile"):
        tl.fit(net(), hinted([hint]), rows, Training(1, compile=True))


def test_a_sweep_trains_students_with_hints_one_by_one() -> None:
    rows, target = table(), hinted([Hint(memory(table()), LAYER)])
    swept = sweep(net, [tl.Lane("a", target)], rows, Training(1, 32))
    assert swept.batched == (False,)
    assert "fitnet looks at layers of a single student" in swept.why
