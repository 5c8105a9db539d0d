"""Relational distillation: distances and angles between the rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss
from torch.utils.checkpoint import checkpoint

from ...core import Context, InputError
from .chance import uniform
from .geometry import rows_of, unit

CLOSEST = 1e-12
"""Smallest squared distance of two rows."""
ENTRIES = 1_000_000
"""Most angles that are held at once, unless one row alone has more."""


@dataclass(frozen=True)
class RKD:
    """Smooth-L1 of pairwise distances, relative to their mean, and of the angles at each row (Park et al., 2019).

    Neither sees a rotation, a shift or a scale of a side, so that widths may differ and no adapter is needed. Means are
    over all B squared pairs and all B cubed triples, the trivial ones included. Angles are computed block by block, and
    once more in the backward pass, so that memory grows with B squared; time grows with B cubed.

    Args:
        distance: strength of the distances.
        angle: strength of the angles.
        anchors: at how many rows of a batch angles are taken, drawn by chance; None for all. Their mean is then an
            unbiased estimate, at a cost that grows with B squared.
        seed: of that draw, which depends on the row and the step and on nothing else.

    Raises:
        InputError: a strength is negative, or there is no anchor.
    """

    name = "rkd"
    source = "park2019"
    needs = frozenset({"batch"})
    aligned = False

    distance: float = 25.0
    angle: float = 50.0
    anchors: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.distance < 0 or self.angle < 0:
            raise InputError(f"strengths must not be negative, got distance={self.distance}, angle={self.angle}")
        if self.anchors is not None and self.anchors < 1:
            raise InputError(f"angles need at least one anchor, got {self.anchors}: set angle=0 to leave them out")

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B]: of each row, what it adds to the means."""
        one, other = rows_of(student), rows_of(teacher)
        total = one.narrow(1, 0, 0).sum(1)
        if self.distance > 0:
            total = total + self.distance * smooth_l1_loss(_distances(one), _distances(other), reduction="none").mean(1)
        if self.angle > 0:
            total = total + self.angle * self._angles(one, other, context)
        return total

    def _angles(self, student: Tensor, teacher: Tensor, context: Context) -> Tensor:
        count = len(student)
        if self.anchors is None or self.anchors >= count:
            return torch.cat([_seen_from(student, teacher, at) for at in _blocks(torch.arange(count), count)])
        assert context.row is not None
        drawn = uniform(context.row, self.seed, context.at.step).topk(self.anchors).indices
        found = torch.cat([_seen_from(student, teacher, at) for at in _blocks(drawn, count)])
        return torch.zeros_like(student[:, 0]).index_put((drawn,), found * (count / self.anchors))


def _distances(rows: Tensor) -> Tensor:
    """[B, B]: distances over the mean of those between different rows; 0 on the diagonal."""
    count = len(rows)
    rows = rows - rows.mean(0).detach()
    squares = rows.square().sum(1)
    squared = torch.addmm(squares.unsqueeze(1) + squares, rows, rows.T, alpha=-2.0)
    away = squared.clamp_min(CLOSEST).sqrt()
    away = away.masked_fill(torch.eye(count, dtype=torch.bool, device=rows.device), 0.0)
    return away * (max(count * (count - 1), 1) / away.sum().clamp_min(CLOSEST))


def _blocks(anchors: Tensor, count: int) -> list[Tensor]:
    return list(anchors.split(max(1, ENTRIES // max(count * count, 1))))


def _seen_from(student: Tensor, teacher: Tensor, anchors: Tensor) -> Tensor:
    """[anchors]: smooth-L1 of the cosines between all pairs of rows, seen from each of these rows; the mean."""
    if not torch.is_grad_enabled() or not student.requires_grad:
        return _block(student, teacher, anchors)
    found = checkpoint(_block, student, teacher, anchors, use_reentrant=False, preserve_rng_state=False)
    assert isinstance(found, Tensor)
    return found


def _block(student: Tensor, teacher: Tensor, anchors: Tensor) -> Tensor:
    return smooth_l1_loss(_cosines(student, anchors), _cosines(teacher, anchors), reduction="none").mean((1, 2))


def _cosines(rows: Tensor, anchors: Tensor) -> Tensor:
    """[anchors, B, B]."""
    towards = unit(rows.unsqueeze(0) - rows[anchors].unsqueeze(1))
    return towards @ towards.transpose(1, 2)
