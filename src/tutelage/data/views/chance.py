"""Chance that is a pure function of (seed, step, view, row): it does not matter which rows are made together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..hashed import golden, mixed


@dataclass(frozen=True)
class Draw:
    """The chance of some rows; each stream gives other numbers, and the same ones whenever it is asked.

    Attributes:
        keys: uint64 [B], one per row.
    """

    keys: np.ndarray

    @staticmethod
    def of(seed: int, step: int, view: np.ndarray, row: np.ndarray) -> Draw:
        """The chance of one step of the views of some rows.

        Args:
            seed: of the views, not negative.
            step: number of the step among the steps.
            view: number of the view, int64 [B].
            row: row numbers, int64 [B].
        """
        keys = np.zeros(len(row), dtype=np.uint64)
        for part in (np.uint64(seed), np.uint64(step), view.astype(np.uint64), row.astype(np.uint64)):
            keys = mixed((keys ^ part) + golden())
        return Draw(keys)

    def uniform(self, *shape: int, stream: int = 0) -> np.ndarray:
        """float64 [B, *shape] in [0, 1); the first numbers stay the same when more are asked for along one axis."""
        counter = np.arange(1, int(np.prod(shape, dtype=np.int64)) + 1, dtype=np.uint64)
        own = mixed(self.keys + golden(stream + 1))
        bits = mixed(own[:, None] + golden() * counter)
        return ((bits >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(len(self.keys), *shape)

    def below(self, size: int, *shape: int, stream: int = 0) -> np.ndarray:
        """int64 [B, *shape] in 0 .. size - 1."""
        return np.minimum((self.uniform(*shape, stream=stream) * size).astype(np.int64), size - 1)

    def normal(self, *shape: int, stream: int = 0) -> np.ndarray:
        """float64 [B, *shape], standard normal (Box and Muller, 1958)."""
        pair = self.uniform(*shape, 2, stream=stream)
        return np.sqrt(-2 * np.log1p(-pair[..., 0])) * np.cos(2 * np.pi * pair[..., 1])

    def beta(self, alpha: float, stream: int = 0) -> np.ndarray:
        """float64 [B], symmetric beta with 0 < alpha <= 1 (Jöhnk, 1964): the first of 64 tries that is accepted."""
        logs = np.log1p(-self.uniform(64, 2, stream=stream)) / alpha
        accepted = np.logaddexp(logs[..., 0], logs[..., 1]) <= 0
        first = logs[np.arange(len(logs)), accepted.argmax(1)]
        return 1 / (1 + np.exp(np.clip(first[:, 1] - first[:, 0], -700, 700)))
