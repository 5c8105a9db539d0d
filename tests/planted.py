"""Claims with a known truth."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tutelage.ops.claims import Claims, Measurements


def categories(
    accuracy: list[float], facts: int = 400, values: int = 4, says: float = 0.7, seed: int = 0
) -> tuple[Claims, Tensor]:
    """Sources that are right with their accuracy, else say any other value; each says something with chance `says`."""
    chance = np.random.default_rng(seed)
    truth = chance.integers(0, values, facts)
    right = chance.random((facts, len(accuracy))) < np.array(accuracy)
    other = (truth[:, None] + chance.integers(1, values, right.shape)) % values
    votes = np.where(right, truth[:, None], other)
    votes[chance.random(votes.shape) > says] = -1
    return Claims.of_votes(torch.from_numpy(votes), values), torch.from_numpy(truth)


def numbers(
    scale: list[float], facts: int = 400, says: float = 0.7, bias: list[float] | None = None, seed: int = 0
) -> tuple[Measurements, Tensor]:
    """Sources that measure with their own noise and offset."""
    chance = np.random.default_rng(seed)
    truth = chance.normal(10, 5, facts)
    said = truth[:, None] + chance.normal(size=(facts, len(scale))) * np.array(scale) + np.array(bias or [0.0])
    fact, source = np.nonzero(chance.random(said.shape) < says)
    value = torch.from_numpy(said[fact, source])
    index = torch.from_numpy(fact), torch.from_numpy(source)
    return Measurements.of(*index, value, facts=facts, sources=len(scale)), torch.from_numpy(truth)
