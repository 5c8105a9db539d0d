"""Asking a fusion: it sees what it declared, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ..core import Context, Fusion, Outer, Signals, Target, Values, Weights
from ..fusion import PerTeacher
from ..ops.simplex import normalised


def fuse(fusion: Fusion, signals: Any, context: Context, generator: torch.Generator | None = None) -> Weights | Target:
    """The fusion's answer, with only what it declared in `needs` filled in; its weights detached, unless `Attached`."""
    needs = fusion.needs
    shown = replace(
        context,
        target=context.target if "labels" in needs else None,
        labelled=context.labelled if "labels" in needs else None,
        student=context.student if "student" in needs else None,
        generator=generator if "random" in needs else None,
    )
    result = fusion(signals, shown)
    if isinstance(fusion, Attached):
        return result
    return replace(result, values=result.values.detach()) if isinstance(result, Weights) else result


class Attached(nn.Module):
    """A fusion that learns beside the student, as a function of its parameters: its weights carry their gradient.

    Args:
        fusion: who decides.
        learnt: its parameters, by name.
    """

    gives = "weights"

    def __init__(self, fusion: Outer, learnt: Mapping[str, Tensor]) -> None:
        super().__init__()
        played: Any = fusion
        self.name, self.needs, self.source = played.name, played.needs, played.source
        self.invariants = played.invariants
        self._fusion, self._learnt = (fusion,), dict(learnt)

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """Those it was given."""
        return iter(self._learnt.values())

    def forward(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items], with gradient."""
        return self._fusion[0].attached(signals, context, self._learnt)


class Noted(nn.Module):
    """A fusion that keeps what it was shown and what it decided when it was asked first; for one step at a time.

    Args:
        fusion: who decides.
    """

    gives = "weights"

    def __init__(self, fusion: Fusion) -> None:
        super().__init__()
        self.name, self.needs, self.source = fusion.name, fusion.needs, fusion.source
        self.invariants = fusion.invariants
        self.inner: Any = fusion
        self.seen: tuple[Any, Context, Weights] | None = None

    def forward(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        result: Weights = self.inner(signals, context)
        if self.seen is None:
            self.seen = signals, context, result
        return result


def beside(fusion: Fusion, signals: Signals) -> Signals:
    """The signals where they are mixed: beside the parameters of a fusion that learns, else where they came from."""
    own = next(fusion.parameters(), None) if isinstance(fusion, nn.Module) else None
    return signals if own is None or own.device == signals.device else signals.to(own.device)


def seen(fusion: Fusion, student: Any, device: torch.device) -> Any:
    """The student's answer for a fusion that looks at it: on this device, without gradient."""
    if student is None or "student" not in fusion.needs:
        return None
    arrays = {name: value.detach().to(device) for name, value in student.to_arrays().items()}
    return type(student).from_arrays(arrays, student.meta())


def leave_one_out(signals: Signals, fusion: Fusion, context: Context) -> list[Weights | Target]:
    """For each teacher, what the others together say about the rows (offline).

    Args:
        signals: calibrated.
        fusion: how teachers are combined.
        context: labels and the rest, as far as the fusion needs them.

    Raises:
        InputError: the fusion was fitted with all teachers and cannot leave one out.
    """
    found: list[Weights | Target] = []
    for left in range(len(signals.names)):
        others = [i for i in range(len(signals.names)) if i != left]
        chosen = fusion.taking(others) if isinstance(fusion, PerTeacher) else fusion
        found.append(fuse(chosen, signals.without(left).stacked(), context, context.generator))
    return found


def influence(signals: Signals, fusion: Fusion, context: Context) -> Tensor:
    """Who moves the fused answer: trust per teacher, [T, B], summing to 1 where some teacher moves it.

    Weights speak for themselves (averaged over the entries of a row). A target is compared with what the other
    teachers would have said without each: total variation for probabilities, absolute difference for values.

    Raises:
        InputError: the fusion was fitted with all teachers and cannot leave one out.
    """
    decided = fuse(fusion, signals.stacked(), context)
    if isinstance(decided, Weights):
        return decided.values if decided.values.dim() == 2 else decided.values.mean(-1)
    whole = _numbers(decided.answer)
    moved = [
        (whole - _numbers(other.answer)).abs().sum(-1)
        for other in leave_one_out(signals, fusion, context)
        if isinstance(other, Target)
    ]
    return normalised(torch.stack(moved), torch.stack(moved) > 0)


def _numbers(answer: Any) -> Tensor:
    return answer.mean if isinstance(answer, Values) else answer.probs()
