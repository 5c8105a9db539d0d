"""Feeding a training: batches in an order that depends on the seed alone, from any position on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..core import Batch, InputError, LeakageError
from .rows import Rows, Sealed, batch_count


@dataclass(frozen=True)
class Position:
    """A place in the rows of a training: what a checkpoint has to keep to go on in the middle of an epoch."""

    epoch: int = 0
    batch: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"epoch": self.epoch, "batch": self.batch}


@final
@dataclass(frozen=True)
class Feed:
    """The batches of a training in an order that depends on the seed alone, from any position on.

    Args:
        rows: the table.
        row: row numbers.
        size: rows of a batch.
        seed: of the order.
        block: None shuffles all rows, in the order of `Rows.batches`. With a number, blocks of so many neighbours
            are shuffled, and the rows within `window` blocks: tables larger than memory are read in long runs then.
        window: blocks whose rows are mixed with each other.

    Raises:
        InputError: a size is below 1.
        LeakageError: the rows are sealed.
    """

    rows: Rows
    row: np.ndarray | Sealed
    size: int
    seed: int = 0
    block: int | None = None
    window: int = 16

    def __post_init__(self) -> None:
        if isinstance(self.row, Sealed):
            raise LeakageError("test rows are sealed: only evaluate may open them")
        if self.size < 1 or self.window < 1 or (self.block is not None and self.block < 1):
            raise InputError(f"size, block and window are at least 1, got {self.size}, {self.block}, {self.window}")

    def __len__(self) -> int:
        return batch_count(len(self.row), self.size)

    @property
    def rows_fed(self) -> np.ndarray:
        """The row numbers."""
        assert isinstance(self.row, np.ndarray)
        return self.row

    def epoch(self, at: Position) -> Iterator[tuple[Position, Batch]]:
        """The rest of an epoch from a position on: each batch with the position after it."""
        order, count = self.order(at.epoch), len(self)
        for number in range(at.batch, count):
            stop = len(order) if number == count - 1 else (number + 1) * self.size
            after = Position(at.epoch, number + 1) if number + 1 < count else Position(at.epoch + 1, 0)
            yield after, self.rows.batch(order[number * self.size : stop])

    def order(self, epoch: int) -> np.ndarray:
        """The row numbers of an epoch in their order, int64 [N]."""
        chance = np.random.default_rng((self.seed, epoch))
        if self.block is None:
            return chance.permutation(self.rows_fed)
        row = np.sort(self.rows_fed)
        starts = chance.permutation(np.arange(0, len(row), self.block))
        found = np.empty_like(row)
        done = 0
        for first in range(0, len(starts), self.window):
            mixed = np.concatenate([row[at : at + self.block] for at in starts[first : first + self.window]])
            chance.shuffle(mixed)
            found[done : done + len(mixed)] = mixed
            done += len(mixed)
        return found
