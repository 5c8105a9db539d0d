"""The codec that writes every number of an answer.

Where it rounds, it writes class scores relative to the largest of their row: scores are defined up to a
constant, and small numbers keep more digits. Float64 becomes float32, in which the house computes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ..core import Answer, Classes, InputError, Labels
from ..core.spaces.classes import is_everything
from .codec import LARGEST, ROUNDING, SMALLEST, Codec, Read, form, written
from .layout import Field


@dataclass(frozen=True)
class Dense:
    """Every number of the answer, in one floating-point type.

    Bounds: with relative rounding u (2^-11 for float16, 2^-8 for bfloat16) the probabilities of C
    classes move by at most u ln C / (1 - u) in total variation at temperature 1, because the expected
    distance to the largest score never exceeds ln C; the probability of a label by 0.224 u; a value
    by u times itself (float16: and 6e-8).
    """

    kind: ClassVar[str] = "dense"
    dtype: Literal["float32", "float16", "bfloat16"]

    def fitted(self, answer: Answer) -> Dense:
        """Nothing is open."""
        return self

    def encode(self, answer: Answer) -> tuple[dict[str, Field], dict[str, np.ndarray]]:
        """The arrays of the answer.

        Raises:
            InputError: a value is too large or a scale too small for the type.
        """
        arrays = answer.to_arrays()
        if self.dtype != "float32" and isinstance(answer, Classes | Labels):
            arrays = arrays | _rounded_well(answer)
        fields: dict[str, Field] = {}
        stored: dict[str, np.ndarray] = {}
        for name, array in arrays.items():
            fields[name], stored[name] = written(array.detach().cpu(), self.dtype)
        if self.dtype == "float16" and not isinstance(answer, Classes | Labels):
            for name, array in stored.items():
                _check_range(array, arrays[name], answer, name)
        return fields, stored

    def decoded(self, answer: Answer) -> tuple[dict[str, Field], dict[str, Any]]:
        """The arrays of the answer, floats as float32."""
        arrays = answer.to_arrays().items()
        return {name: form(array, "float32") for name, array in arrays}, answer.meta()

    def decode(self, read: Read, stored: Mapping[str, Field], coverage: Tensor | None) -> dict[str, Tensor]:
        """Array by array, floats as float32."""
        return {name: _decoded(read(name, field.dtype in _CHANGED), field) for name, field in stored.items()}

    def unit(self, kind: str, meta: Mapping[str, Any]) -> str:
        """What `bound` measures."""
        if kind == "labels":
            return "change of the probability of a label"
        if kind == "classes" and meta["kind"] != "votes":
            return "total variation of the class probabilities at temperature 1"
        return "change of each number relative to its size, plus 6e-8 in float16"

    def bound(self, read: Read, rows: int, kind: str, meta: Mapping[str, Any]) -> Tensor:
        """The same for every row."""
        u = ROUNDING[self.dtype]
        if kind == "labels":
            u = 0.224 * u / (1 - u) + SMALLEST[self.dtype]
        elif kind == "classes" and meta["kind"] != "votes":
            u = u * math.log(max(int(sum(meta["coverage"])), 1)) / (1 - u) + SMALLEST[self.dtype]
        return torch.full((rows,), u)

    def wrote(self, other: Codec) -> bool:
        """Whether the other is the same."""
        return self == other

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": self.kind, "dtype": self.dtype}


_CHANGED = frozenset({"bits", "float16", "bfloat16"})
"""What is decoded into other memory than it was read to."""


def _decoded(found: Tensor, field: Field) -> Tensor:
    if field.dtype == "float16":
        return found.float()
    if field.dtype == "bfloat16":
        return found.view(torch.bfloat16).float()
    if field.dtype != "bits":
        return found
    if not field.shape:
        return found[..., 0] != 0
    bits = np.unpackbits(found.numpy(), axis=-1, count=math.prod(field.shape), bitorder="little")
    return torch.from_numpy(bits.view(np.bool_)).view(*found.shape[:-1], *field.shape)


def _rounded_well(answer: Classes | Labels) -> dict[str, Tensor]:
    """Scores relative to the largest of their row, 0 off coverage; log-odds no larger than `LARGEST`."""
    if isinstance(answer, Labels):
        return {"logits": answer.logits.clamp(-LARGEST, LARGEST)}
    if answer.kind == "votes":
        return {}
    everything = is_everything(answer.coverage)
    scores = _below_largest(answer.scores if everything else answer.masked_logits()).clamp_min_(-LARGEST)
    return {"scores": scores if everything else scores.masked_fill_(~answer.coverage, 0.0)}


_SHORT = 32
"""Rows of fewer numbers are reduced faster after a transposition, across rows."""


def _below_largest(scores: Tensor) -> Tensor:
    """float32 [B, C] on the CPU: scores less the largest of their row."""
    wide = scores.detach().cpu().float()
    rows, classes = wide.shape
    if not 1 < classes < _SHORT:
        return wide - wide.amax(-1, keepdim=True)
    top = torch.from_numpy(np.ascontiguousarray(wide.numpy().T)).amax(0)
    return wide - torch.from_numpy(np.repeat(top.numpy(), classes)).view(rows, classes)


def _check_range(stored: np.ndarray, given: Tensor, answer: Answer, name: str) -> None:
    """Raises InputError when a number that counts does not fit into float16."""
    if not given.is_floating_point():
        return
    valid = answer.valid.reshape(*answer.valid.shape, *[1] * (given.dim() - answer.valid.dim()))
    lost = (~np.isfinite(stored) | ((name == "scale") & (stored == 0))) & valid.cpu().numpy()
    if lost.any():
        worst = float(given[torch.from_numpy(lost)].flatten()[0])
        raise InputError(f"{name} {worst:.3g} does not fit into float16: use the codec fp32 or bf16")
