"""A batch: what the student sees of some rows, and what is known about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .errors import InputError


@dataclass(frozen=True)
class Batch:
    """Some rows, ready for the student.

    Attributes:
        inputs: the student's columns only, name to tensor with leading axis B.
        row: row numbers, int64 [B]; -1 marks generated inputs, which are never stored.
        view: which replayable view of the row this is, int64 [B].
        weight: trust in each row, float [B].
        target: labels; int64 [B] (classes), float [B, C] (multi-label) or float [B, D] (values).
            Entries that are not `labelled` hold an arbitrary finite number.
        labelled: bool [B], or [B, C] for multi-label, or [B, D] for values.
    """

    inputs: Mapping[str, Tensor]
    row: Tensor
    view: Tensor
    weight: Tensor
    target: Tensor
    labelled: Tensor

    def __len__(self) -> int:
        return int(self.row.shape[0])

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return replace(
            self,
            inputs={name: column.to(device) for name, column in self.inputs.items()},
            row=self.row.to(device),
            view=self.view.to(device),
            weight=self.weight.to(device),
            target=self.target.to(device),
            labelled=self.labelled.to(device),
        )

    @staticmethod
    def of(
        inputs: Mapping[str, Tensor],
        target: Tensor | None = None,
        *,
        row: Tensor | None = None,
        labelled: Tensor | None = None,
        weight: Tensor | None = None,
        view: Tensor | None = None,
    ) -> Batch:
        """A batch from what is at hand: missing parts get their neutral values.

        Without `row` the rows are numbered 0..B-1; without `target` no row is labelled.

        Raises:
            InputError: the leading axes differ.
        """
        sizes = {name: int(column.shape[0]) for name, column in inputs.items()}
        given = {"target": target, "row": row, "labelled": labelled, "weight": weight, "view": view}
        sizes |= {name: int(value.shape[0]) for name, value in given.items() if value is not None}
        if len(set(sizes.values())) != 1:
            raise InputError(f"a batch needs one number of rows in all its parts, got {sizes}")
        size = next(iter(sizes.values()))
        if target is None:
            target = torch.zeros(size, dtype=torch.int64)
            labelled = torch.zeros(size, dtype=torch.bool) if labelled is None else labelled
        if labelled is None:
            shape = target.shape if target.dtype.is_floating_point else target.shape[:1]
            labelled = torch.ones(shape, dtype=torch.bool, device=target.device)
        device = target.device
        return Batch(
            inputs=dict(inputs),
            row=torch.arange(size, device=device) if row is None else row,
            view=torch.zeros(size, dtype=torch.int64, device=device) if view is None else view,
            weight=torch.ones(size, device=device) if weight is None else weight,
            target=target,
            labelled=labelled,
        )
