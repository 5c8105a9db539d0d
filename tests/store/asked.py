"""A teacher for tests of the store: every answer is a function of its row alone, every question is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from tutelage.core import Answer, Classes, Labels, Space, Values

NAMES = ("ant", "bee", "cat", "doe", "elk")


def table(rows: int) -> dict[str, np.ndarray]:
    """Column `x` is the row number; nobody reads column `other`."""
    return {"x": np.arange(rows, dtype=np.float64), "other": np.zeros(rows)}


@dataclass
class Asked:
    """Answers in the asked kind about rows of `table`; abstains on every seventh row."""

    name: str = "asked"
    kind: str = "logits"
    version: str = "1"
    frozen: bool = True
    deterministic: bool = True
    fails_at: int | None = None
    nan_at: int | None = None
    questions: list[int] = field(default_factory=list)
    reads: tuple[str, ...] = ("x",)
    seen: np.ndarray | None = None
    parameters: int | None = None

    @property
    def space(self) -> Space:
        kinds = {"labels": Labels, "values": Values}
        return Space(kinds.get(self.kind, Classes), NAMES)

    @property
    def fingerprint(self) -> Mapping[str, str]:
        return {"weights": self.version, "kind": self.kind}

    def answer(self, columns: Mapping[str, np.ndarray]) -> Answer:
        x = torch.from_numpy(columns["x"])
        self.questions += x.long().tolist()
        if self.fails_at in x.tolist():
            raise RuntimeError("out of order")
        numbers = (torch.outer(x + 1, torch.arange(1.0, 6.0).double()).sin() * (3 + len(self.name))).float()
        numbers[x == (-1 if self.nan_at is None else self.nan_at)] = torch.nan
        valid = x % 7 != 0
        if self.kind == "labels":
            return Labels.of(numbers, valid=valid)
        if self.kind == "values":
            return Values.of(numbers, numbers.abs() + 0.5, valid=valid)
        if self.kind == "votes":
            return Classes.of(torch.nn.functional.one_hot(numbers.argmax(-1), 5).float(), "votes", valid=valid)
        coverage = torch.tensor([True, True, False, True, True])
        return Classes.of(numbers, "logits", valid=valid, coverage=coverage)

    def about(self, rows: np.ndarray) -> Answer:
        """What it says about these rows, without writing it down."""
        return Asked(self.name, self.kind).answer({"x": rows.astype(np.float64)})
