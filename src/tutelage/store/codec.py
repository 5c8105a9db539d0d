"""What a codec is: how an answer is written, and how far what is read may be from what was said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ..core import Answer
from .layout import Field

Read = Callable[[str, bool], Tensor]
"""Reads the records of the asked rows of one stored array, axes of teachers and rows first; what is only lent (True)
holds until the next batch is read."""

LARGEST = 65504.0
"""Log-odds of this size and beyond mean the same; the largest float16."""

ROUNDING: Mapping[str, float] = {
    "float32": 0.0,
    "float16": 2.0**-11 + 2.0**-23,
    "bfloat16": 2.0**-8 + 2.0**-23,
}
"""Rounding of a floating-point type, relative to the number, centring included."""

SMALLEST = {"float32": 0.0, "float16": 2.0**-25, "bfloat16": 0.0}
"""Rounding of the smallest numbers."""


@dataclass(frozen=True)
class Bound:
    """The most that a stored answer differs from what the teacher said.

    Attributes:
        value: the largest difference over all rows; 0 for an exact codec.
        unit: what is measured, in words.
    """

    value: float
    unit: str

    def __str__(self) -> str:
        return "exact" if self.value == 0 else f"at most {self.value:.2g} ({self.unit})"


@runtime_checkable
class Codec(Protocol):
    """One way of writing answers."""

    def fitted(self, answer: Answer) -> Codec:
        """The same with what it leaves open decided by these first answers."""
        ...

    def encode(self, answer: Answer) -> tuple[dict[str, Field], dict[str, np.ndarray]]:
        """The arrays to be written, leading axis rows."""
        ...

    def decoded(self, answer: Answer) -> tuple[dict[str, Field], dict[str, Any]]:
        """The arrays and the meta that `decode` will give for answers like this one."""
        ...

    def decode(self, read: Read, stored: Mapping[str, Field], coverage: Tensor | None) -> dict[str, Tensor]:
        """The arrays `decoded` spoke of, for the rows that `read` reads; what is not in `stored` is left out.

        Args:
            read: reads arrays [..., B, *width], of one teacher or several.
            stored: what to read.
            coverage: bool [..., C], where answers have one.
        """
        ...

    def unit(self, kind: str, meta: Mapping[str, Any]) -> str:
        """What `bound` measures."""
        ...

    def bound(self, read: Read, rows: int, kind: str, meta: Mapping[str, Any]) -> Tensor:
        """float [rows]: the most by which each row may differ from what the teacher said."""
        ...

    def wrote(self, other: Codec) -> bool:
        """Whether this codec, read from a manifest, is what asking for the other one led to."""
        ...

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        ...


def form(array: Tensor, dtype: str) -> Field:
    """How `written` writes an array."""
    shape = tuple(array.shape[1:])
    if array.dtype == torch.bool:
        return Field(shape, "bits")
    return Field(shape, dtype if array.is_floating_point() else str(array.dtype).removeprefix("torch."))


def written(array: Tensor, dtype: str) -> tuple[Field, np.ndarray]:
    """An array as it lies on disk: floats in the given type, booleans in bits, integers as they are."""
    field = form(array, dtype)
    if field.dtype == "bits":
        flat = array.reshape(array.shape[0], math.prod(field.shape)).numpy()
        return field, flat.view(np.uint8) if flat.shape[1] == 1 else np.packbits(flat, axis=-1, bitorder="little")
    if field.dtype == "bfloat16":
        return field, array.to(torch.bfloat16).contiguous().view(torch.int16).numpy().view(np.uint16)
    return field, array.to(getattr(torch, field.dtype)).numpy()
