"""The teacher optimiser: torch teachers run faster wherever their answers stay what they were.

Three steps are tried in turn on a copy of each module: BatchNorm folded into the layer before it, channels-last
weights, and bf16 arithmetic where the machine has units for it. Each is checked on real rows against the plain
answers, and undone where it changes them by more than a bound. The steps are part of the fingerprint, so that stored
answers of both ways never mix; a store that knows the teacher already decides how it is asked, on every machine.

On a CPU with fast bf16, three conv teachers take a quarter to a third of the time of a plain `inference_mode` loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Protocol, runtime_checkable

import torch

from ..core import FLOOR, Classes, Columns, InputError, Labels, Teacher, Values
from .bound import bindings_in
from .folding import STEPS, Step
from .module import ModuleTeacher

SMALL = 50_000
"""Modules with fewer parameters spend their time elsewhere and are left as they are."""

SAMPLE = 256
"""Rows that are enough to compare on."""

TEMPERATURES = (1.0, 4.0)
"""Answers are compared as they are, and as softened as students usually see them."""


@runtime_checkable
class Nested(Protocol):
    """A teacher made of others, which can be made again of others."""

    @property
    def members(self) -> tuple[Teacher, ...]: ...

    def with_members(self, members: Sequence[Teacher]) -> Teacher:
        """The same of these teachers, in the same order."""
        ...


@dataclass(frozen=True)
class Change:
    """How far two answers about the same rows are apart.

    For classes and labels both figures are the larger one of temperatures 1 and 4.

    Attributes:
        largest: change of a probability in [0, 1]; of values in standard deviations over the rows.
        mean: KL divergence per row in nats; of values that of Gaussians of one such standard deviation.
    """

    largest: float = 0.0
    mean: float = 0.0

    def within(self, bound: Change) -> bool:
        """Whether both figures are; NaN is not."""
        return self.largest <= bound.largest and self.mean <= bound.mean

    def worse(self, other: Change) -> Change:
        """The larger of each figure."""
        return Change(max(self.largest, other.largest), max(self.mean, other.mean))


BOUND = Change(0.02, 1e-4)
"""What a step may change. The gradient of a soft loss is the student's minus the teacher's probabilities: no entry of
any row moves by more than 0.02; and a student that copies the faster teacher is 1e-4 nats from the plain one, where
two trainings of one net usually are 0.05 or more apart."""


@dataclass(frozen=True)
class Optimised:
    """What was done to one teacher.

    Attributes:
        teacher: its name.
        steps: what its modules went through.
        folded: number of BatchNorms that are gone.
        change: of its answers by all steps together.
        rows: on how many rows it was measured.
        values: whether it answers with numbers, not with probabilities.
        skipped: why the other steps were not done.
        why: why nothing was tried at all, else empty.
    """

    teacher: str
    steps: tuple[Step, ...] = ()
    folded: int = 0
    change: Change = Change()
    rows: int = 0
    values: bool = False
    skipped: Mapping[Step, str] = field(default_factory=dict[Step, str])
    why: str = ""

    def __str__(self) -> str:
        if self.why:
            return f"asked as it is: {self.why}"
        norms = f"folded {self.folded} BatchNorm{'s' * (self.folded != 1)}"
        words: dict[Step, str] = {"folded": norms, "channels_last": "channels-last", "bf16": "bf16"}
        told = "asked as it is"
        if self.steps:
            what = "largest change in standard deviations" if self.values else "largest change of a probability"
            told = f"{', '.join(words[s] for s in self.steps)} ({what} {self.change.largest:.1g} on {self.rows} rows)"
        return "; ".join([told, *(f"not {step.replace('_', '-')}: {why}" for step, why in self.skipped.items())])


def optimised(
    teacher: Teacher, columns: Columns, *, bound: Change = BOUND, stored: Mapping[str, str] | None = None
) -> tuple[Teacher, Optimised]:
    """The same teacher, its torch modules run as fast as its answers allow, and what was done.

    The modules stay as they are: faster copies are asked. Left alone are modules below `SMALL` parameters, modules
    that still learn or answer by chance, and those with `optimise=False`.

    Args:
        teacher: of any kind; modules are also found inside aligned teachers, folds and ensembles.
        columns: raw columns of some real rows; the first `SAMPLE` that have the sources it is bound to are looked at.
        bound: what a step may change.
        stored: fingerprint under which a store knows the teacher. It is then run as it was when it was stored, on
            any machine (bf16 without units for it is slow, and the same within rounding).

    Raises:
        InputError: it does not run here as it was stored.
    """
    modules = tuple(_worth(teacher))
    if not modules:
        return teacher, Optimised(teacher.name, why=_why_not(tuple(_modules(teacher))))
    steps = () if stored is None else _as_stored(teacher, stored)
    if stored is not None and not steps:
        return teacher, Optimised(teacher.name, why="so it was when it was stored")
    given = {name: columns[name] for name in teacher.reads if name in columns}
    for binding in bindings_in(teacher):
        there = binding.rows(given)
        given = {name: column[there] for name, column in given.items()}
    given = {name: column[:SAMPLE] for name, column in given.items()}
    if not all(map(len, given.values())):
        made = rerun(teacher, steps)
        return made, Optimised(teacher.name, steps, why="" if steps else "no row has its sources")
    try:
        plain = [module.answer(given) for module in modules]
    except Exception as error:  # whoever teaches it says what is wrong with it, and about which rows
        return teacher, Optimised(teacher.name, why=f"it failed ({_first(error)})")
    skipped: dict[Step, str] = {}
    if stored is None:
        steps, change = _decided(modules, plain, given, bound, skipped)
    else:
        try:
            change = _changed(modules, plain, steps, given)
        except Exception as error:
            raise InputError(
                f"teacher {teacher.name!r} was stored as {'+'.join(steps)}, which does not work here "
                f"({_first(error)}): teach where it was stored, or store.forget({teacher.name!r}) and teach again"
            ) from error
    made = rerun(teacher, steps)
    folded = sum(module.folded for module in _worth(made))
    values = modules[0].space.answer is Values
    return made, Optimised(teacher.name, steps, folded, change, len(plain[0]), values, skipped)


def rerun(teacher: Teacher, steps: Sequence[Step]) -> Teacher:
    """The same teacher, these steps done to every module in it that is worth it."""
    if isinstance(teacher, ModuleTeacher):
        return teacher.run_as(steps) if any(_worth(teacher)) else teacher
    if isinstance(teacher, Nested):
        return teacher.with_members([rerun(member, steps) for member in teacher.members])
    return teacher


def fast_bf16(device: torch.device) -> bool:
    """Whether a device has units for bf16 arithmetic; a CPU without them is slower with it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())


def _decided(
    modules: Sequence[ModuleTeacher],
    plain: Sequence[Any],
    columns: Columns,
    bound: Change,
    skipped: dict[Step, str],
) -> tuple[tuple[Step, ...], Change]:
    """The steps that stay within the bound, and their change together; the others go into `skipped`, with reasons."""
    steps: tuple[Step, ...] = ()
    change = Change()
    if not _no_bf16(modules):
        with suppress(Exception):  # then one by one, which says what went wrong
            found = _changed(modules, plain, STEPS, columns)
            if found.within(bound):
                return STEPS, found
    for step in STEPS:
        if step == "bf16" and (reason := _no_bf16(modules)):
            skipped[step] = reason
            continue
        try:
            tried: tuple[Step, ...] = (*steps, step)
            found = _changed(modules, plain, tried, columns)
        except Exception as error:  # a stranger's module may refuse a layout or a type in any way
            skipped[step] = _first(error)
            continue
        if found.within(bound):
            steps, change = tried, found
        else:
            skipped[step] = (
                f"answers change by up to {found.largest:.1g} (at most {bound.largest:.1g}), KL {found.mean:.1g} "
                f"(at most {bound.mean:.1g})"
            )
    return steps, change


def _changed(modules: Sequence[ModuleTeacher], plain: Sequence[Any], steps: Sequence[Step], columns: Columns) -> Change:
    """The largest change of any module."""
    found = Change()
    for module, before in zip(modules, plain, strict=True):
        found = found.worse(_apart(before, module.run_as(steps).answer(columns)))
    return found


def _apart(one: Any, other: Any) -> Change:
    if isinstance(one, Values):
        return _apart_values(one, other)
    if isinstance(one, Classes) and one.kind == "votes":
        return Change(float((one.scores - other.scores).abs().max()))
    found = Change()
    for temperature in TEMPERATURES:
        p, q = one.probs(temperature).double(), other.probs(temperature).double()
        kl = torch.xlogy(p, p / q)
        if isinstance(one, Labels):
            kl = kl + torch.xlogy(1 - p, (1 - p) / (1 - q))
        found = found.worse(Change(float((p - q).abs().max()), float(kl.sum(-1).mean().abs())))
    return found


def _apart_values(one: Values, other: Values) -> Change:
    spread = one.mean.std(0, correction=0).clamp_min(FLOOR)
    moved = ((one.mean - other.mean) / spread).abs()
    found = Change(float(moved.max()), float(moved.square().sum(-1).mean() / 2))
    if one.scale is None or other.scale is None:
        return found
    ratio = (one.scale / other.scale).log().abs()
    return found.worse(Change(float(ratio.max()), float(ratio.square().sum(-1).mean())))


def _as_stored(teacher: Teacher, fingerprint: Mapping[str, str]) -> tuple[Step, ...]:
    """The steps under which the teacher has this fingerprint; none where it has another in any case."""
    for count in (0, 3, 2, 1):
        for steps in combinations(STEPS, count):
            if dict(rerun(teacher, steps).fingerprint) == dict(fingerprint):
                return steps
    return ()


def _no_bf16(modules: Sequence[ModuleTeacher]) -> str:
    for module in modules:
        device, dtype = module.numerics
        if dtype != torch.float32:
            return f"its weights are {str(dtype).removeprefix('torch.')}"
        if not fast_bf16(device):
            return f"this {device.type} has no fast bf16"
    return ""


def _modules(teacher: Teacher) -> Iterator[ModuleTeacher]:
    if isinstance(teacher, ModuleTeacher):
        yield teacher
    elif isinstance(teacher, Nested):
        for member in teacher.members:
            yield from _modules(member)


def _worth(teacher: Teacher) -> Iterator[ModuleTeacher]:
    """The modules that may be run otherwise and would gain from it."""
    for module in _modules(teacher):
        if module.optimise and module.frozen and module.deterministic and (module.parameters or 0) >= SMALL:
            yield module


def _why_not(modules: Sequence[ModuleTeacher]) -> str:
    if not modules:
        return "no torch module"
    if not all(module.optimise for module in modules):
        return "optimise=False"
    if not all(module.frozen and module.deterministic for module in modules):
        return "it may still change"
    return f"{max(module.parameters or 0 for module in modules)} parameters, too small to gain"


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
