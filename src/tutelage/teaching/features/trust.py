"""How much each teacher of a hint counts, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ...core import Context, HasHead, InputError
from ...ops.simplex import equal, masked_softmax, normalised
from .chance import uniform


@runtime_checkable
class Trust(Protocol):
    """Weights of several teachers of features; looks at what `Context` holds and at the losses.

    Attributes:
        source: citation key; empty for the plain mean.
    """

    @property
    def source(self) -> str: ...

    def weights(self, losses: Tensor, valid: Tensor, adapted: Sequence[Tensor], context: Context) -> Tensor:
        """float [T, B] without gradient; 0 where not valid, and on average over the rows adding up to 1.

        Args:
            losses: float [T, B], detached.
            valid: bool [T, B], which teacher knows which row.
            adapted: per teacher, the student's features [B, ...] as its loss compares them, detached.
            context: rows, labels and where training stands.
        """
        ...


@dataclass(frozen=True)
class Equally:
    """The same for every teacher that knows the row."""

    source = ""

    def weights(self, losses: Tensor, valid: Tensor, adapted: Sequence[Tensor], context: Context) -> Tensor:
        """[T, B]: one over the number of teachers that know the row."""
        return equal(valid, losses.dtype)


@dataclass(frozen=True)
class Drop:
    """The teacher that is learnt worst always counts, each other with probability 1 - p (Sariyildiz et al., 2024).

    Args:
        p: chance of being dropped.
        over: `row` shares a row among the teachers kept there; `batch` gives every kept pair of teacher and row one
            weight, as the authors' code does, so that rows with more teachers count more.
        seed: of the draw, which depends on row, teacher and step and on nothing else.
    """

    source = "sariyildiz2024"

    p: float = 0.5
    over: Literal["row", "batch"] = "row"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.p <= 1.0:
            raise InputError(f"the chance of being dropped has to be in [0, 1], got {self.p}")

    def weights(self, losses: Tensor, valid: Tensor, adapted: Sequence[Tensor], context: Context) -> Tensor:
        """[T, B]."""
        assert context.row is not None
        places = (uniform(context.row, self.seed, context.at.step, teacher) for teacher in range(len(losses)))
        keep = (torch.stack(list(places)) >= self.p) & valid
        worst = losses.masked_fill(~valid, -torch.inf).argmax(0, keepdim=True)
        keep = keep.scatter(0, worst, valid.gather(0, worst))
        if self.over == "row":
            return equal(keep, losses.dtype)
        kept = keep.to(losses.dtype)
        return kept * valid.any(0).sum() / kept.sum().clamp_min(1.0)


@dataclass(frozen=True)
class ThroughHeads:
    """The student's features through each teacher's own classifier: who is right about the label (Zhang et al., 2022).

    The weights of CA-MKD, (1 - softmax of the cross-entropies) over the number of teachers less one; equal where there
    is no label, and 1 where one teacher answers. They carry no gradient, and their sum is 1.

    Args:
        teachers: in the order of the hint's source; see `FeatureTeacher(head=)`.
    """

    source = "zhang2022"

    teachers: Sequence[HasHead] = field(repr=False)

    def weights(self, losses: Tensor, valid: Tensor, adapted: Sequence[Tensor], context: Context) -> Tensor:
        """[T, B].

        Raises:
            InputError: another number of teachers than the hint has, or labels that are no classes.
        """
        target, labelled = context.target, context.labelled
        if len(self.teachers) != len(losses):
            raise InputError(f"{len(self.teachers)} heads for {len(losses)} teachers of features: give one for each")
        if target is None or labelled is None or target.dim() != 1 or target.dtype.is_floating_point:
            raise InputError("heads of teachers tell who is right about classes: this trust needs such labels")
        with torch.no_grad():
            scores = [teacher.head(features) for teacher, features in zip(self.teachers, adapted, strict=True)]
            away = torch.stack([cross_entropy(one, target, reduction="none") for one in scores]).to(losses.dtype)
        weights = normalised(1.0 - masked_softmax(away, valid), valid)
        return torch.where(labelled, weights, equal(valid, losses.dtype))
