"""The contract of a task, checked: `check_task(MyTask(...), outputs=3)`.

declarations    space, headline and directions fit together
answer          the student is called once, in order of the inputs; float64 stays, anything shorter
becomes float32; a wrong number of outputs is refused
hard loss       one finite number per item with a finite gradient, also far out; arbitrary numbers
where there is no label do no harm; better answers cost less
metrics         numbers under declared names; the headline tells a right from a wrong answer;
entries without a label do not count, rows without an answer count as bad
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tutelage.core import KINDS, Batch, Classes, InputError, Labels, Scores, Task, Values

ROWS = 12


def check_task(task: Task, *, outputs: int) -> None:
    """Checks a task against the contract of the house.

    Args:
        task: an instance.
        outputs: how many numbers per row its student answers with; of a ranking, more than it looks at.

    Raises:
        AssertionError: the contract is broken; says how.
    """
    assert task.name.isidentifier(), f"the name {task.name!r} of a task is printed and used as a key: one word"
    assert task.space.kind in KINDS, f"{task.name} answers with {task.space.kind!r}; there are {sorted(KINDS)}"
    assert task.headline in task.higher_is_better, f"{task.name}: the headline {task.headline!r} has no direction"
    chance = torch.Generator().manual_seed(7)
    found = torch.randn(ROWS, outputs, generator=chance, dtype=torch.float64)
    _check_answer(task, found)
    _check_hard_loss(task, found)
    _check_metrics(task, outputs)


class _Says(nn.Module):
    """A student with fixed answers, which remembers how it was asked."""

    def __init__(self, found: Tensor) -> None:
        super().__init__()
        self.found = nn.Parameter(found.clone())
        self.asked: list[tuple[Tensor, ...]] = []

    def forward(self, *inputs: Tensor) -> Tensor:
        self.asked.append(inputs)
        return self.found


def _target(task: Task, outputs: int) -> Tensor:
    if task.space.kind == "scores":
        return torch.nn.functional.one_hot(torch.arange(ROWS) % outputs, outputs).double()
    width = len(task.space.names)
    if task.space.kind == "classes":
        return torch.arange(ROWS) % width
    pattern = torch.arange(ROWS * width).view(ROWS, width)
    if task.space.kind == "values":
        return torch.sin(pattern.double())
    return ((torch.arange(ROWS).unsqueeze(1) + torch.arange(width)) % 3 == 0).double()


def _batch(task: Task, outputs: int) -> Batch:
    inputs, target = {"a": torch.zeros(ROWS, 2), "b": torch.ones(ROWS, 3)}, _target(task, outputs)
    if task.space.kind != "scores":
        return Batch.of(inputs, target)
    inputs[task.space.names[0]] = torch.arange(outputs).expand(ROWS, outputs)
    return Batch.of(inputs, target, labelled=torch.ones(ROWS, dtype=torch.bool))


def _check_answer(task: Task, found: Tensor) -> None:
    batch = _batch(task, found.shape[1])
    student = _Says(found)
    answer = task.answer(student, batch)
    assert isinstance(answer, task.space.answer), f"{task.name} answers with {type(answer).__name__}"
    assert len(student.asked) == 1, f"{task.name} calls the student {len(student.asked)} times"
    given = tuple(batch.inputs.values())
    assert all(a is b for a, b in zip(student.asked[0], given, strict=True)), f"{task.name} reorders the inputs"
    decoded = task.decode(answer)
    assert decoded.shape[0] == ROWS, f"{task.name} decodes {tuple(decoded.shape)} of {ROWS} rows"
    assert not decoded.requires_grad or task.space.kind == "values", f"{task.name} decodes with a gradient"
    for given_type, wanted in ((torch.float64, torch.float64), (torch.bfloat16, torch.float32)):
        arrays = task.answer(_Says(found.to(given_type)), batch).to_arrays()
        types = {value.dtype for value in arrays.values() if value.dtype.is_floating_point}
        assert types == {wanted}, f"{task.name} turns {given_type} into {types}, expected {wanted}"
    for wrong in (found[:, :-1], found.unsqueeze(0)):
        try:
            task.answer(_Says(wrong), batch)
        except InputError:
            continue
        raise AssertionError(f"{task.name} accepts a student that answers {tuple(wrong.shape)}")


def _check_hard_loss(task: Task, found: Tensor) -> None:
    batch = _batch(task, found.shape[1])
    for scale in (1.0, 50.0, 0.0):
        student = _Says(found * scale)
        answer = task.answer(student, batch)
        losses = task.hard_loss(answer, batch.target)
        assert losses.shape == answer.items, f"{task.name}: hard loss {tuple(losses.shape)}, not {answer.items}"
        losses.sum().backward()
        assert bool(torch.isfinite(losses).all()), f"{task.name}: the hard loss is not finite"
        assert student.found.grad is not None
        assert bool(torch.isfinite(student.found.grad).all()), f"{task.name}: its gradient is not finite"
        assert float(student.found.grad.abs().max()) > 0, f"{task.name}: the hard loss has no gradient"
    arbitrary = batch.target.clone()
    arbitrary[0] = -1
    losses = task.hard_loss(task.answer(_Says(found), batch), arbitrary)
    assert bool(torch.isfinite(losses).all()), f"{task.name}: an arbitrary number without a label breaks the loss"
    right, wrong = (task.hard_loss(_known(task, found.shape[1], good), batch.target).mean() for good in (True, False))
    assert float(right) < float(wrong), f"{task.name}: a wrong answer costs less than a right one"


def _known(task: Task, outputs: int, right: bool, valid: Tensor | None = None) -> Any:
    """Answers that are all right, or all wrong."""
    target = _target(task, outputs)
    if task.space.kind == "scores":
        return Scores.of(8.0 * target * (1.0 if right else -1.0), valid=valid)
    if task.space.kind == "classes":
        chosen = target if right else (target + 1) % len(task.space.names)
        return Classes.of(
            8.0 * torch.nn.functional.one_hot(chosen, len(task.space.names)).double(), "logits", valid=valid
        )
    if task.space.kind == "labels":
        return Labels.of(8.0 * (2.0 * target - 1.0) * (1.0 if right else -1.0), valid=valid)
    away = target if right else target + 3.0
    return Values.of(away, torch.full_like(away, 0.5), valid=valid)


def _check_metrics(task: Task, outputs: int) -> None:
    batch, upward = _batch(task, outputs), task.higher_is_better[task.headline]
    right, wrong = (task.metrics(_known(task, outputs, good), batch.target, batch.labelled) for good in (True, False))
    for name, value in (right | wrong).items():
        assert name in task.higher_is_better, f"{task.name}: metric {name!r} has no direction"
        assert type(value) is float, f"{task.name}: metric {name!r} is {type(value).__name__}, not float"
        assert right[name] != wrong[name], f"{task.name}: metric {name!r} is the same for right and wrong answers"
        better = right[name] > wrong[name]
        assert better == task.higher_is_better[name], f"{task.name}: metric {name!r} points the wrong way"
    some = batch.labelled.clone()
    some[::2] = False
    odd = batch.target.clone()
    odd[::2] = -1
    mixed = task.metrics(_known(task, outputs, True), odd, some)
    assert mixed == task.metrics(_known(task, outputs, True), batch.target, some), (
        f"{task.name} reads labels that are not there"
    )
    silent = torch.arange(ROWS) % 2 == 0
    partly = task.metrics(_known(task, outputs, True, silent), batch.target, batch.labelled)
    worse = partly[task.headline] < right[task.headline]
    assert worse == upward, f"{task.name}: rows without an answer do not cost anything"
    try:
        task.metrics(_known(task, outputs, True), batch.target, torch.zeros_like(batch.labelled))
    except InputError:
        return
    raise AssertionError(f"{task.name} measures without a single label")
