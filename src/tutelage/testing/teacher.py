"""The contract of teachers: `check_teacher(MyTeacher(...), columns)`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Classes, KnowsRows, Teacher
from ..core.spaces import Answer


def check_teacher(
    teacher: Teacher,
    columns: Mapping[str, np.ndarray],
    *,
    row: np.ndarray | None = None,
    changed: Teacher | None = None,
    tolerance: float = 1e-5,
) -> None:
    """Raises AssertionError when a teacher breaks the contract of `tutelage.core.Teacher`.

    Args:
        teacher: whoever is checked.
        columns: raw columns of at least four rows, the ones it reads and others.
        row: their row numbers, for teachers that have to know them; 0, 1, 2, ... unless given.
        changed: a twin that differs in something its answers depend on; its fingerprint must differ.
        tolerance: how far answers to the same row may differ between batches, absolute and relative.
    """
    sizes = {len(column) for column in columns.values()}
    assert len(sizes) == 1, f"the columns have different lengths: {sizes}"
    asking = _Asking(teacher, columns, np.arange(min(sizes)) if row is None else row)
    assert asking.count >= 4, f"at least four rows are needed to check a teacher, got {asking.count}"
    _check_members(teacher, columns)
    before = _state(teacher), dict(teacher.fingerprint)
    everything = np.arange(asking.count)
    whole = asking.about(everything)
    assert _state(teacher) == before[0], "answering changed training flags, gradient mode, threads or random state"
    _check_answer(teacher, whole, asking.count)
    _check_backward(whole)
    assert dict(teacher.fingerprint) == before[1], "the fingerprint changed by answering"
    if changed is not None:
        assert dict(changed.fingerprint) != before[1], "the fingerprint of the changed twin is the same"
    _check_empty(teacher, asking.about(everything[:0]))
    if teacher.deterministic:
        _check_same(asking, whole, tolerance)


@final
class _Asking:
    """Asks a teacher about positions of the columns, showing it the declared columns only."""

    def __init__(self, teacher: Teacher, columns: Mapping[str, np.ndarray], row: np.ndarray) -> None:
        self.teacher = teacher
        self.columns = columns
        self.row = row
        self.count = len(row)

    def about(self, positions: np.ndarray) -> Answer:
        shown = _Guarded({name: self.columns[name][positions] for name in self.teacher.reads})
        before = {name: column.copy() for name, column in shown.columns.items()}
        if isinstance(self.teacher, KnowsRows):
            answer = self.teacher.answer_rows(shown, self.row[positions])
        else:
            answer = self.teacher.answer(shown)
        for name, column in before.items():
            kept = np.array_equal(shown.columns[name], column, equal_nan=column.dtype.kind in "fc")
            assert kept, f"answering changed column {name!r}"
        return answer


@final
class _Guarded(Mapping[str, np.ndarray]):
    """Columns of which only the declared ones may be looked at."""

    def __init__(self, columns: dict[str, np.ndarray]) -> None:
        self.columns = columns

    def __getitem__(self, name: str) -> np.ndarray:
        assert name in self.columns, f"column {name!r} is read, but only {sorted(self.columns)} are declared in reads"
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def _check_members(teacher: Teacher, columns: Mapping[str, np.ndarray]) -> None:
    assert isinstance(teacher, Teacher), f"{type(teacher).__name__} lacks members of core.Teacher"
    assert teacher.name, "a teacher needs a name"
    lost = [name for name in teacher.reads if name not in columns]
    assert not lost, f"reads the columns {lost}, which the columns given for the check lack"
    assert len(set(teacher.space.names)) == len(teacher.space.names), f"names come twice: {teacher.space.names}"
    if teacher.seen is not None:
        assert teacher.seen.dtype == np.int64, f"seen must be int64 row numbers, got {teacher.seen.dtype}"
        assert np.array_equal(np.unique(teacher.seen), teacher.seen), "seen must be sorted and without repetition"
    assert teacher.parameters is None or teacher.parameters >= 0, f"parameters is {teacher.parameters}"
    parts: Mapping[Any, Any] = teacher.fingerprint
    assert parts, "an empty fingerprint fits every other teacher"
    text = all(isinstance(key, str) and isinstance(part, str) for key, part in parts.items())
    assert text, "a fingerprint maps the names of its parts to text"


def _tensors(answer: Answer) -> dict[str, Tensor]:
    return {**answer.to_arrays(), "coverage": answer.coverage, "valid": answer.valid}


def _check_answer(teacher: Teacher, answer: Answer, count: int) -> None:
    kind = teacher.space.answer
    assert isinstance(answer, kind), f"the space says {kind.__name__}, the answer is a {type(answer).__name__}"
    assert len(answer) == count, f"asked about {count} rows, answered about {len(answer)}"
    names, width = teacher.space.names, int(answer.coverage.shape[-1])
    assert not names or width == len(names), f"{width} entries for the {len(names)} names {list(names)}"
    answer.check(f"teacher {teacher.name!r}")
    for name, tensor in _tensors(answer).items():
        assert tensor.device.type == "cpu", f"{name} is on {tensor.device}, answers belong on the CPU"
        assert not tensor.requires_grad, f"{name} has a gradient: answer under torch.no_grad()"
        assert not tensor.is_inference(), f"{name} was made in inference mode and cannot take part in a loss"
        wanted = (torch.int64,) if name == "item" else (torch.float32, torch.bool)
        assert tensor.dtype in wanted, f"{name} has type {tensor.dtype}, expected float32 or bool (ids of items: int64)"


def _check_backward(answer: Answer) -> None:
    for name, tensor in _tensors(answer).items():
        student = torch.zeros(tensor.shape, requires_grad=True)
        (student * tensor).sum().backward()
        assert student.grad is not None, f"{name} does not pass a gradient to the student"
    if isinstance(answer, Classes) and answer.kind != "votes":
        student = torch.zeros(answer.scores.shape, requires_grad=True)
        target = answer.probs()[answer.valid]
        nn.functional.kl_div(student.log_softmax(-1)[answer.valid], target, reduction="sum").backward()
        assert student.grad is not None, "the divergence from the answer has no gradient"
        assert bool(torch.isfinite(student.grad).all()), "the divergence from the answer has infinite gradients"


def _check_empty(teacher: Teacher, answer: Answer) -> None:
    assert len(answer) == 0, f"asked about no rows, answered about {len(answer)}"
    width = int(answer.coverage.shape[-1])
    names = teacher.space.names
    assert not names or width == len(names), f"the answer about no rows has {width} entries for {len(names)} names"


def _check_same(asking: _Asking, whole: Answer, tolerance: float) -> None:
    everything = np.arange(asking.count)
    half = asking.count // 2
    orders = {
        "asked again": [everything],
        "asked in reverse": [everything[::-1].copy()],
        "asked in two parts": [everything[:half], everything[half:]],
        "asked about one row": [everything[:1]],
    }
    for how, parts in orders.items():
        for part in parts:
            _compare(asking.about(part), whole.take(torch.from_numpy(part)), how, tolerance)


def _compare(again: Answer, first: Answer, how: str, tolerance: float) -> None:
    assert again.meta() == first.meta(), f"{how}, the kind of answer changed from {first.meta()} to {again.meta()}"
    assert torch.equal(again.valid, first.valid), f"{how}, it abstained on other rows"
    for name, tensor in first.to_arrays().items():
        valid = first.valid.reshape(*first.valid.shape, *[1] * (tensor.dim() - first.valid.dim()))
        old, new = (torch.where(valid, part.float(), 0.0) for part in (tensor, again.to_arrays()[name]))
        gap = (old - new).abs() - tolerance * (1 + old.abs())
        assert bool((gap <= 0).all()), f"{how}, {name} differ by up to {float((old - new).abs().max()):.3g}"


def _state(teacher: Teacher) -> tuple[Any, ...]:
    """What answering must leave as it is."""
    modules = [item for item in getattr(teacher, "__dict__", {}).values() if isinstance(item, nn.Module)]
    flags = [part.training for module in modules for part in module.modules()]
    settings = (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_num_threads())
    chance = torch.get_rng_state().tolist() if teacher.deterministic else []
    return flags, settings, torch.get_default_dtype(), chance
