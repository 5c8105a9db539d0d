"""Hints: features of the student compared with features of teachers, beside what they answer.

A batch takes this way: the student runs once, inside `capture`; each teacher's features come from the hint's source;
adapters bring the student's into their shape; a term compares them row by row; the one reduction of the house adds up.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..core import (
    Batch,
    Context,
    Features,
    FeatureTerm,
    InputError,
    LearningTerm,
    SignalSource,
    Step,
    Task,
    Teacher,
    capture,
)
from .features import Adapter, Equally, FitNet, Trust
from .features.adapter import channels, level
from .objective import Part, reduce


@dataclass(frozen=True)
class Hint:
    """What one layer of the student shall learn from features of teachers.

    Args:
        source: signals whose answers are `Features`; teachers themselves where `tl.distill` or
            `tl.generate_distillation_targets` teach them into the store first.
        layer: of the student, as in `named_modules()`.
        term: how features are compared.
        weight: strength of the hint; the mean over its teachers, times this, is added to the loss.
        adapter: made once per teacher, for terms that compare entry by entry; None compares features as they are.
        trust: how much each teacher counts; the same unless given.
        name: of its parts in the loss and in logs; the term's unless given.
        seed: of the adapters.
        parts: adapters and heads by teacher, made by `sized`.
    """

    source: SignalSource | Sequence[Teacher] = field(repr=False)
    layer: str
    term: FeatureTerm = field(default_factory=FitNet)
    weight: float = 1.0
    adapter: Adapter | None = field(default_factory=Adapter)
    trust: Trust = field(default_factory=Equally)
    name: str = ""
    seed: int = 0
    parts: nn.ModuleDict | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.term.name)
        if self.weight < 0:
            raise InputError(f"hint {self.name!r}: the weight must not be negative, got {self.weight}")
        if self.adapter is not None and not self.term.aligned:
            object.__setattr__(self, "adapter", None)

    @property
    def signals(self) -> SignalSource:
        """The source.

        Raises:
            InputError: these are teachers who were not asked yet.
        """
        if not isinstance(self.source, SignalSource):
            raise InputError(
                f"hint {self.name!r} has teachers that nobody has asked yet: give it Memory.of(teachers, columns), "
                "Live(teachers, columns) or what teach(...) returns; tl.distill does it for you"
            )
        return self.source

    @property
    def keys(self) -> tuple[str, ...]:
        """The name of each teacher's part of the loss: the hint's and the teacher's, with a slash between."""
        return tuple(f"{self.name}/{teacher}" for teacher in self.signals.names)

    def sized(self, features: Tensor, batch: Batch) -> Hint:
        """The same with fresh adapters and heads for features of this shape.

        Args:
            features: the student's, [B, ...].
            batch: the rows they are about; asked of the teachers to see the shape of theirs.
        """
        made: dict[str, nn.Module] = {}
        if len({_module_name(key) for key in self.keys}) < len(self.keys):
            raise InputError(f"hint {self.name!r}: teachers {self.signals.names} differ only in dots: rename one")
        for key, teacher in zip(self.keys, self._gathered(batch), strict=True):
            student, other = features.detach(), teacher.values.to(features)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(zlib.crc32(f"{self.seed} {key}".encode()))
                parts: dict[str, nn.Module] = {}
                if self.adapter is not None:
                    student, other = level(student, other)
                    parts["adapter"] = self.adapter.made(channels(student.shape[1:]), channels(other.shape[1:]))
                    student = other
                if isinstance(self.term, LearningTerm):
                    parts["head"] = self.term.head(student.shape[1:], other.shape[1:])
            if parts:
                made[_module_name(key)] = nn.ModuleDict(parts)
        return replace(self, parts=nn.ModuleDict(made))

    def of(self, features: Tensor, batch: Batch, at: Step) -> dict[str, Part]:
        """One part of the loss per teacher, by name.

        Args:
            features: the student's, [B, ...].
            batch: rows with their labels.
            at: where training stands.

        Raises:
            InputError: the adapters were not made yet, or shapes do not fit.
        """
        wide = torch.promote_types(features.dtype, torch.float32)
        answers = [answer.take(slice(None)) for answer in self._gathered(batch)]
        valid = torch.stack([answer.valid for answer in answers]).to(features.device)
        context = Context(at, 1.0, batch.row, batch.target, batch.labelled)
        losses: list[Tensor] = []
        adapted: list[Tensor] = []
        with torch.autocast(features.device.type, enabled=False):
            for key, answer, known in zip(self.keys, answers, valid, strict=True):
                teacher = answer.values.to(features.device, wide)
                loss, shown = self._compared(key, features.to(wide), teacher, known, context)
                losses.append(loss)
                adapted.append(shown)
            trust = self.trust.weights(torch.stack(losses).detach(), valid, adapted, context).detach()
        some = valid.any(0)
        return {
            key: reduce(loss, batch.weight, some, self.weight, kept=own)
            for key, loss, own in zip(self.keys, losses, trust, strict=True)
        }

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """What the parts of these rows are divided by."""
        some = torch.stack([answer.valid for answer in self._gathered(batch)]).any(0).to(batch.row.device)
        return dict.fromkeys(self.keys, (batch.weight * some).sum())

    def _gathered(self, batch: Batch) -> list[Features]:
        found = self.signals.gather(batch.row.cpu(), batch.view.cpu())
        for name, answer in zip(found.names, found.answers, strict=True):
            if not isinstance(answer, Features):
                raise InputError(
                    f"hint {self.name!r}: teacher {name!r} answers with {answer.kind_of_space}, not with features: "
                    "give a FeatureTeacher(module, layer, reads=...)"
                )
        return [answer for answer in found.answers if isinstance(answer, Features)]

    def _compared(
        self, key: str, student: Tensor, teacher: Tensor, known: Tensor, context: Context
    ) -> tuple[Tensor, Tensor]:
        """Losses [B] against one teacher, 0 where it does not know the row, and the features as compared, detached."""
        parts = self._parts_of(key)
        if self.adapter is not None:
            student, teacher = level(student, teacher)
            student = parts["adapter"](student)
        if self.term.aligned and student.shape != teacher.shape:
            raise InputError(
                f"hint {self.name!r}: features {tuple(student.shape)} of the student and {tuple(teacher.shape)} of the "
                f"teacher differ in shape, and {self.term.name!r} compares them entry by entry: leave the adapter on"
            )
        head = parts.get("head")
        if bool(known.all()):
            return self.term.loss(student, teacher, context, head), student.detach()
        nothing = student.flatten(1).narrow(1, 0, 0).sum(1)
        index = known.nonzero().flatten()
        if not len(index):
            return nothing, student.detach()
        some = replace(context, **{n: getattr(context, n)[index] for n in ("row", "target", "labelled")})
        loss = self.term.loss(student[index], teacher[index], some, head)
        return nothing.index_put((index,), loss), student.detach()

    def _parts_of(self, key: str) -> Mapping[str, nn.Module]:
        """The adapter and the head for one teacher, as far as it has them."""
        if self.adapter is None and not isinstance(self.term, LearningTerm):
            return {}
        if self.parts is None:
            raise InputError(
                f"hint {self.name!r} has no adapters yet: distillation = distillation.sized(student, batch), and give "
                "the parameters of distillation.attach(student) to the optimiser (fit does both)"
            )
        own = self.parts[_module_name(key)]
        assert isinstance(own, nn.ModuleDict)
        return dict(own.items())


def _module_name(key: str) -> str:
    """A key as nn.ModuleDict takes it: without dots."""
    return key.replace(".", "_")


def check(hints: Sequence[Hint], terms: Iterable[str]) -> None:
    """Raises InputError when two hints, or a hint and another part of the loss, have one name."""
    names = [*terms, "hard", "l2", *(hint.name for hint in hints)]
    double = sorted({name for name in names if names.count(name) > 1})
    if hints and double:
        raise InputError(f"hints need different names, and not those of other parts; given twice: {double}: say name=")
    for hint in hints:
        _ = hint.signals


def heard(student: nn.Module, hints: Sequence[Hint], task: Task, batch: Batch) -> tuple[Any, Mapping[str, Tensor]]:
    """The student's answer, and its features by layer, from one pass.

    Raises:
        InputError: a layer cannot be captured.
    """
    layers = {hint.layer for hint in hints}
    with capture(student, layers) as found:
        answer = task.answer(student, batch)
    return answer, {layer: found[layer] for layer in layers}


def sized(hints: Sequence[Hint], student: nn.Module, task: Task, batch: Batch) -> tuple[Hint, ...]:
    """The hints with adapters that fit this student, who runs once, in evaluation mode and without gradient."""
    training = [part for part in student.modules() if part.training]
    student.eval()
    try:
        with torch.no_grad():
            _, features = heard(student, hints, task, batch)
    finally:
        for part in training:
            part.training = True
    return tuple(hint.sized(features[hint.layer], batch) for hint in hints)
