"""Planted voters: whoever is right how often, and what it says when it is not."""

from __future__ import annotations

import torch
from torch import Tensor

from tutelage.core import Classes


def truths(rows: int, size: int, seed: int = 0) -> Tensor:
    """int64 [rows]."""
    return torch.randint(size, (rows,), generator=torch.Generator().manual_seed(seed))


def voters(truth: Tensor, errors: list[list[list[float]]], seed: int = 1) -> Classes:
    """Stacked one-hot answers of teachers with these confusion matrices, [true][said]."""
    chance = torch.Generator().manual_seed(seed)
    said = [torch.multinomial(torch.tensor(table)[truth], 1, generator=chance)[:, 0] for table in errors]
    ballots = torch.nn.functional.one_hot(torch.stack(said), len(errors[0])).double()
    return Classes.of(8 * ballots, "logits")


def even(skill: float, size: int) -> list[list[float]]:
    """Right with this probability, else any other class."""
    rest = (1 - skill) / (size - 1)
    return [[skill if c == t else rest for c in range(size)] for t in range(size)]
