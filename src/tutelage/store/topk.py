"""The codec that writes the largest probabilities of each row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from ..core import Answer, Classes, InputError
from .codec import LARGEST, ROUNDING, Codec, Read, written
from .layout import Field

_TINY = 1e-30


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
        """`index`, `kept` (log-probabilities relative to the largest) [B, k], `rest`, `valid` [B]."""
        given = self._classes(answer)
        logs = given.log_probs()
        kept, index = logs.topk(min(cast("int", self.k), int(given.coverage.sum())), dim=-1)
        rest = logs.exp().scatter(-1, index, 0.0).sum(-1)
        kind = "uint16" if logs.shape[-1] <= 2**16 else "int32"
        arrays = {
            "index": (Field((index.shape[-1],), kind), index.cpu().numpy().astype(kind)),
            "kept": written((kept - kept[..., :1]).clamp_min(-LARGEST).cpu(), "float16"),
            "rest": written(rest.cpu(), "float32"),
            "valid": written(given.valid.cpu(), "float32"),
        }
        return {name: pair[0] for name, pair in arrays.items()}, {name: pair[1] for name, pair in arrays.items()}

    def decoded(self, answer: Answer) -> tuple[dict[str, Field], dict[str, Any]]:
        """Dense log-probabilities."""
        fields = {"scores": Field((answer.coverage.shape[-1],), "float32"), "valid": Field((), "bits")}
        return fields, answer.meta() | {"kind": "log_probs"}

    def decode(self, read: Read, stored: Mapping[str, Field], coverage: Tensor | None) -> dict[str, Tensor]:
        """Kept log-probabilities where there are some, the spread rest elsewhere, 0 off coverage."""
        assert coverage is not None
        index = read("index", True).long()
        kept = read("kept", True).float()
        rest = read("rest", True).clamp(_TINY, 1 - 1e-6).unsqueeze(-1)
        known = coverage.unsqueeze(-2)
        others = (known.sum(-1, keepdim=True) - index.shape[-1]).clamp_min(1)
        scores = (rest / others).log().expand(*index.shape[:-1], coverage.shape[-1]).masked_fill(~known, 0.0)
        scores.scatter_(-1, index, kept.log_softmax(-1) + torch.log1p(-rest))
        found = {"scores": scores}
        if "valid" in stored:
            found["valid"] = read("valid", True)[..., 0] != 0
        return found

    def unit(self, kind: str, meta: Mapping[str, Any]) -> str:
        """What `bound` measures."""
        return "total variation of the class probabilities at temperature 1"

    def bound(self, read: Read, rows: int, kind: str, meta: Mapping[str, Any]) -> Tensor:
        """The mass that was not kept, plus the rounding of what was."""
        u = ROUNDING["float16"]
        rest = read("rest", True)
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
        raise InputError(f"TopK keeps the most probable classes, and this teacher gives {what}: use fp32, fp16 or bf16")
