"""Codecs: how an answer is written, and how far what is read may be from what was said.

- `Dense`: every number, as float32 (exact), float16 or bfloat16.
- `TopK`: the k largest probabilities of a row and the mass of the rest; `Classes` only.

A lossy codec writes class scores relative to the largest of their row: scores are defined up to a
constant, and small numbers keep more digits. Float64 is rounded to float32, in which the house computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from ..core import Answer, Classes, InputError, Labels, StoreError
from .layout import Field

Read = Callable[[str, np.ndarray | None], np.ndarray]
"""Reads the records of the asked rows of one stored array, into the given array where there is one."""

LARGEST = 65504.0
"""Log-odds of this size and beyond mean the same; the largest float16."""

_TINY = 1e-30
_ROUNDING = {"float32": 0.0, "float16": 2.0**-11 + 2.0**-23, "bfloat16": 2.0**-8 + 2.0**-23}
_SMALLEST = {"float32": 0.0, "float16": 2.0**-25, "bfloat16": 0.0}


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

    def decode(
        self, read: Read, stored: Mapping[str, Field], meta: Mapping[str, Any], out: Mapping[str, Tensor]
    ) -> None:
        """Fills `out` with the rows that `read` reads; booleans that are not in `stored` are left as they are."""
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
        if self.dtype != "float32" and isinstance(answer, Classes) and answer.kind != "votes":
            arrays = arrays | {"scores": _relative(answer)}
        fields: dict[str, Field] = {}
        found: dict[str, np.ndarray] = {}
        for name, array in arrays.items():
            fields[name], found[name] = _written(array.detach().cpu(), self.dtype)
            if array.is_floating_point() and self.dtype == "float16":
                found[name] = _in_range(found[name], array, answer, name)
        return fields, found

    def decoded(self, answer: Answer) -> tuple[dict[str, Field], dict[str, Any]]:
        """The arrays of the answer, floats as float32."""
        arrays = answer.to_arrays().items()
        return {name: _written(array[:0].cpu(), "float32")[0] for name, array in arrays}, answer.meta()

    def decode(
        self, read: Read, stored: Mapping[str, Field], meta: Mapping[str, Any], out: Mapping[str, Tensor]
    ) -> None:
        """Array by array; what is stored as it is goes straight into `out`."""
        for name, field in stored.items():
            if field.dtype == "bits":
                packed = read(name, None)
                bits = np.unpackbits(packed, axis=-1, count=math.prod(field.shape), bitorder="little")
                out[name].copy_(torch.from_numpy(bits).view(out[name].shape))
            elif field.dtype == "float16":
                out[name].copy_(torch.from_numpy(read(name, None)))
            elif field.dtype == "bfloat16":
                out[name].copy_(torch.from_numpy(read(name, None).view(np.int16)).view(torch.bfloat16))
            else:
                read(name, out[name].numpy())

    def unit(self, kind: str, meta: Mapping[str, Any]) -> str:
        """What `bound` measures."""
        if kind == "labels":
            return "change of the probability of a label"
        if kind == "classes" and meta["kind"] != "votes":
            return "total variation of the class probabilities at temperature 1"
        return "change of each number relative to its size, plus 6e-8 in float16"

    def bound(self, read: Read, rows: int, kind: str, meta: Mapping[str, Any]) -> Tensor:
        """The same for every row."""
        u = _ROUNDING[self.dtype]
        if kind == "labels":
            u = 0.224 * u / (1 - u) + _SMALLEST[self.dtype]
        elif kind == "classes" and meta["kind"] != "votes":
            u = u * math.log(max(sum(meta["coverage"]), 1)) / (1 - u) + _SMALLEST[self.dtype]
        return torch.full((rows,), u)

    def wrote(self, other: Codec) -> bool:
        """Whether the other is the same."""
        return self == other

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": self.kind, "dtype": self.dtype}


@dataclass(frozen=True)
class TopK:
    """The largest probabilities of each row, at temperature 1, and the mass of the rest.

    Reading gives dense log-probabilities again by one stated approximation: the mass of the rest is
    spread evenly over the covered classes that were not kept. A row is then off by at most that mass
    in total variation (plus the rounding of the kept ones). Every other temperature is taken of this
    approximation.

    Attributes:
        k: classes kept per row; None when `mass` decides.
        mass: the share of probability that 99 of 100 of the teacher's first answers have to keep.
    """

    kind: ClassVar[str] = "top"
    k: int | None = None
    mass: float | None = None

    def __post_init__(self) -> None:
        if self.k is None and not 0 < (self.mass or 0) <= 1:
            raise InputError(f"TopK needs a number k of classes or a mass in (0, 1], got mass {self.mass}")
        if self.k is not None and self.k < 1:
            raise InputError(f"TopK keeps at least one class, got k={self.k}")

    def fitted(self, answer: Answer) -> TopK:
        """The same with k decided, by the mass that the first answers need."""
        given = self._classes(answer)
        if self.k is not None:
            return self
        covered = int(given.coverage.sum())
        probs = given.probs()[given.valid].sort(-1, descending=True).values
        if len(probs) == 0:
            return replace(self, k=covered)
        needed = (probs.double().cumsum(-1) < cast("float", self.mass)).sum(-1) + 1
        return replace(self, k=min(int(needed.double().quantile(0.99).ceil()), covered))

    def encode(self, answer: Answer) -> tuple[dict[str, Field], dict[str, np.ndarray]]:
        """`index` [B, k], `kept` [B, k] (log-probabilities relative to the largest), `rest` [B], `valid` [B]."""
        given = self._classes(answer)
        logs = given.log_probs()
        kept, index = logs.topk(min(cast("int", self.k), int(given.coverage.sum())), dim=-1)
        rest = logs.exp().scatter(-1, index, 0.0).sum(-1)
        kind = "uint16" if logs.shape[-1] <= 2**16 else "int32"
        arrays = {
            "index": (Field((index.shape[-1],), kind), index.cpu().numpy().astype(kind)),
            "kept": _written((kept - kept[..., :1]).clamp_min(-LARGEST).cpu(), "float16"),
            "rest": _written(rest.cpu(), "float32"),
            "valid": _written(given.valid.cpu(), "float32"),
        }
        return {name: pair[0] for name, pair in arrays.items()}, {
            name: pair[1] for name, pair in arrays.items()
        }

    def decoded(self, answer: Answer) -> tuple[dict[str, Field], dict[str, Any]]:
        """Dense log-probabilities."""
        fields = {"scores": Field((answer.coverage.shape[-1],), "float32"), "valid": Field((), "bits")}
        return fields, answer.meta() | {"kind": "log_probs"}

    def decode(
        self, read: Read, stored: Mapping[str, Field], meta: Mapping[str, Any], out: Mapping[str, Tensor]
    ) -> None:
        """Kept log-probabilities where there are some, the spread rest elsewhere, 0 off coverage."""
        coverage = torch.tensor(meta["coverage"], dtype=torch.bool)
        index = torch.from_numpy(read("index", None).astype(np.int64))
        kept = torch.from_numpy(read("kept", None)).float()
        rest = torch.from_numpy(read("rest", None)).clamp(_TINY, 1 - 1e-6).unsqueeze(-1)
        others = max(int(coverage.sum()) - index.shape[-1], 1)
        scores = out["scores"]
        scores.copy_((rest / others).log().expand_as(scores)).masked_fill_(~coverage, 0.0)
        scores.scatter_(-1, index, kept.log_softmax(-1) + torch.log1p(-rest))
        if "valid" in stored:
            out["valid"].copy_(torch.from_numpy(read("valid", None)).squeeze(-1))

    def unit(self, kind: str, meta: Mapping[str, Any]) -> str:
        """What `bound` measures."""
        return "total variation of the class probabilities at temperature 1"

    def bound(self, read: Read, rows: int, kind: str, meta: Mapping[str, Any]) -> Tensor:
        """The mass that was not kept, plus the rounding of what was."""
        u = _ROUNDING["float16"]
        rest = torch.from_numpy(read("rest", None))
        return rest + u * math.log(cast("int", self.k)) / (1 - u) + 1e-6

    def wrote(self, other: Codec) -> bool:
        """Whether the other has the same mass, or the same k where none was given."""
        return self == other or (isinstance(other, TopK) and other.k is None and self.mass == other.mass)

    def to_json(self) -> dict[str, Any]:
        """JSON form, with the temperature and the rule that decided the support."""
        support = "the k most probable covered classes of each row; the rest is spread evenly"
        return {"kind": self.kind, "k": self.k, "mass": self.mass, "temperature": 1.0, "support": support}

    @staticmethod
    def _classes(answer: Answer) -> Classes:
        if isinstance(answer, Classes) and answer.kind != "votes":
            return answer
        what = "votes" if isinstance(answer, Classes) else answer.kind_of_space
        raise InputError(
            f"TopK keeps the most probable classes, and this teacher gives {what}: use fp32, fp16 or bf16"
        )


FP32, FP16, BF16 = Dense("float32"), Dense("float16"), Dense("bfloat16")


def parse(text: str) -> Codec:
    """The codec named `fp32`, `fp16`, `bf16`, `top32` (32 classes) or `mass0.99` (share of probability).

    Raises:
        InputError: no codec is written like that.
    """
    plain = {"fp32": FP32, "fp16": FP16, "bf16": BF16}
    try:
        if text.startswith("top"):
            return TopK(k=int(text.removeprefix("top")))
        if text.startswith("mass"):
            return TopK(mass=float(text.removeprefix("mass")))
        return plain[text]
    except (KeyError, ValueError) as error:
        raise InputError(
            f"unknown codec {text!r}: use fp32, fp16, bf16, top<k> or mass<share>, as in top32"
        ) from error


def from_json(value: Mapping[str, Any], where: object) -> Codec:
    """The codec written by `to_json`; raises StoreError naming `where` for an unknown one."""
    if value.get("kind") == Dense.kind and value.get("dtype") in _ROUNDING:
        return Dense(value["dtype"])
    if value.get("kind") == TopK.kind and value.get("temperature") == 1.0:
        return TopK(value["k"], value["mass"])
    raise StoreError(
        f"{where} names the codec {dict(value)}, which this version of tutelage does not know: use the version "
        "that wrote it, or forget the teacher and teach again"
    )


def _relative(answer: Classes) -> Tensor:
    """Scores minus the largest of their row, 0 off coverage, no lower than `LARGEST` below."""
    scores = answer.masked_logits().float()
    scores = scores - scores.amax(-1, keepdim=True)
    return scores.clamp_min(-LARGEST).masked_fill(~answer.coverage, 0.0)


def _written(array: Tensor, dtype: str) -> tuple[Field, np.ndarray]:
    """An array as it lies on disk: floats in the given type, booleans in bits, integers as they are."""
    shape = tuple(array.shape[1:])
    if array.dtype == torch.bool:
        flat = array.reshape(len(array), math.prod(shape)).numpy()
        return Field(shape, "bits"), np.packbits(flat, axis=-1, bitorder="little")
    if not array.is_floating_point():
        return Field(shape, str(array.dtype).removeprefix("torch.")), array.numpy()
    if dtype == "bfloat16":
        return Field(shape, dtype), array.to(torch.bfloat16).contiguous().view(torch.int16).numpy().view(
            np.uint16
        )
    return Field(shape, dtype), array.to(getattr(torch, dtype)).numpy()


def _in_range(stored: np.ndarray, given: Tensor, answer: Answer, name: str) -> np.ndarray:
    """What fits float16: log-odds are cut at `LARGEST`; other numbers have to fit as they are."""
    if isinstance(answer, Classes | Labels):
        return np.clip(stored, -LARGEST, LARGEST)
    valid = answer.valid.cpu().numpy()
    lost = ~np.isfinite(stored) | ((name == "scale") & (stored == 0))
    if (lost & valid).any():
        raise InputError(
            f"{name} reaches {float(given[torch.from_numpy(lost & valid)].abs().max()):.3g}, which float16 cannot "
            "hold: use the codec fp32 or bf16"
        )
    return stored
