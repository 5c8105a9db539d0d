"""A small table, signals about it, and students, for tests of the training floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import tutelage as tl
from tutelage.core import Answer, Classes, Signals, Space
from tutelage.data import Rows
from tutelage.fusion import Mean
from tutelage.tasks import Classification
from tutelage.teaching import Distillation, Memory, Objective, terms

NAMES = ("ant", "bee", "cat")
FEATURES = 5


def arrays(count: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three overlapping clouds: features float32 [count, 5] and classes int64 [count]."""
    chance = np.random.default_rng(seed)
    target = chance.permutation(np.arange(count) % 3)
    centres = np.random.default_rng(99).normal(size=(3, FEATURES))
    return (centres[target] + chance.normal(size=(count, FEATURES))).astype(np.float32), target


def table(count: int = 120, seed: int = 0, **options: Any) -> Rows:
    features, target = arrays(count, seed)
    return tl.rows_of({"features": features}, np.array(NAMES)[target], names=NAMES, **options)


def logits(rows: Rows, sharp: float, seed: int) -> Tensor:
    """What a teacher of this sharpness says about every row, float [N, 3]."""
    noise = np.random.default_rng(seed).normal(size=(len(rows), 3))
    return torch.from_numpy(sharp * np.eye(3)[rows.target] + noise).float()


def joined(rows: Rows, soft: Any = 0.7, temperature: Any = 2.0, **options: Any) -> Distillation:
    """Two teachers in memory, the plain mean, and KL."""
    answers = tuple(Classes.of(logits(rows, sharp, seed), "logits") for seed, sharp in enumerate((1.0, 3.0)))
    source = Memory(Signals(("weak", "strong"), answers))
    return Distillation(
        source, Mean(), Objective((terms.KL(temperature),), soft=soft, **options), Classification(NAMES)
    )


def net(seed: int = 0, dropout: float = 0.0, outputs: int = 3) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(FEATURES, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, outputs))


@dataclass
class Counted:
    """A teacher of three classes that knows the truth about column `features` and counts what it is asked."""

    name: str = "counted"
    sharp: float = 2.0
    rows: int = 0
    seen: np.ndarray | None = None
    frozen: bool = True
    deterministic: bool = True
    reads: tuple[str, ...] = ("features",)
    parameters: int | None = 7
    space: Space = field(default_factory=lambda: Space(Classes, NAMES))

    @property
    def fingerprint(self) -> Mapping[str, str]:
        return {"weights": f"{self.name} {self.sharp}"}

    def answer(self, columns: Mapping[str, np.ndarray]) -> Answer:
        features = torch.from_numpy(np.asarray(columns["features"], dtype=np.float32))
        self.rows += len(features)
        centres = torch.from_numpy(np.random.default_rng(99).normal(size=(3, FEATURES))).float()
        return Classes.of(-self.sharp * torch.cdist(features, centres), "logits")


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two nets have the same numbers, bit for bit."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
