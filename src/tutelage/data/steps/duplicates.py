"""Duplicates among training rows: exact ones, and near ones of numbers and of text."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError
from .step import Column, Given, Kind, Role, State, check_columns, no_frame

PRIME = (1 << 31) - 1


@final
@dataclass(frozen=True)
class Duplicates:
    """Of training rows that are equal in some columns, the first stays. Missing values equal each other.

    Args:
        columns: which have to be equal.
        within: numbers count as equal when they are, rounded to multiples of this; 0 asks for equality.

    Raises:
        InputError: `within` is negative.
    """

    name: ClassVar[str] = "duplicates"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("text", "number", "time", "code")
    columns: tuple[str, ...]
    within: float = 0.0

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if self.within < 0:
            raise InputError(f"within has to be at least 0, got {self.within}")

    @property
    def kind(self) -> Kind:
        """Training-only."""
        return "training-only"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Nothing."""
        return {}

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """There is none."""
        raise no_frame(self)

    def keep(self, given: Given, columns: Sequence[np.ndarray]) -> np.ndarray:
        """The first row of each kind."""
        seen: set[tuple[Any, ...]] = set()
        keep = np.empty(len(columns[0]), dtype=np.bool_)
        for place, values in enumerate(zip(*(self._values(column) for column in columns), strict=True)):
            keep[place] = values not in seen
            seen.add(values)
        return keep

    def _values(self, column: np.ndarray) -> list[Any]:
        if column.dtype.kind == "f" and self.within:
            column = np.round(column / self.within)
        if column.dtype.kind == "M":
            return column.astype(np.int64).tolist()
        return [None if value != value else value for value in column.tolist()]


@final
@dataclass(frozen=True)
class NearText:
    """Of training rows whose text is nearly the same, the first stays.

    Texts are compared by the share of word triples (of shorter texts: words) that they have in common. MinHash (Broder
    1997) finds pairs that may be alike; each of them is then compared exactly, so that nothing is dropped by chance,
    and a pair at the threshold is found with a probability of over 0.999.

    Args:
        columns: one column of text.
        alike: the share from which on two texts are nearly the same.
        permutations: of the MinHash.
        seed: of the permutations.

    Raises:
        InputError: a setting is out of range.
    """

    name: ClassVar[str] = "near-text"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("text",)
    columns: tuple[str, ...]
    alike: float = 0.8
    permutations: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if len(self.columns) != 1 or not 0 < self.alike <= 1 or not 16 <= self.permutations <= 4096:
            raise InputError(f"{self}: one column, alike over 0 up to 1, 16 to 4096 permutations")

    @property
    def kind(self) -> Kind:
        """Training-only."""
        return "training-only"

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    @property
    def band(self) -> int:
        """Rows of a band: as many as still find a pair at the threshold with a probability of 0.999."""
        best = 1
        for rows in range(1, self.permutations + 1):
            if (1 - self.alike**rows) ** (self.permutations // rows) <= 1e-3:
                best = rows
        return best

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Nothing."""
        return {}

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """There is none."""
        raise no_frame(self)

    def keep(self, given: Given, columns: Sequence[np.ndarray]) -> np.ndarray:
        """The first row of each kind; missing texts stay."""
        sets = [shingles(text) for text in columns[0].tolist()]
        chance = np.random.default_rng(self.seed)
        factor, shift = chance.integers(1, PRIME, (2, self.permutations), dtype=np.uint64)
        buckets: list[dict[bytes, list[int]]] = [{} for _ in range(self.permutations // self.band)]
        keep = np.ones(len(sets), dtype=np.bool_)
        for place, one in enumerate(sets):
            if not one:
                continue
            hashes = np.fromiter(one, dtype=np.uint64, count=len(one))[:, None]
            least = ((hashes * factor + shift) % np.uint64(PRIME)).min(0)
            bands = [least[n * self.band : (n + 1) * self.band].tobytes() for n in range(len(buckets))]
            pairs = zip(buckets, bands, strict=True)
            near = {other for bucket, band in pairs for other in bucket.get(band, ())}
            if any(len(one & sets[other]) >= self.alike * len(one | sets[other]) for other in near):
                keep[place] = False
                continue
            for bucket, band in zip(buckets, bands, strict=True):
                bucket.setdefault(band, []).append(place)
        return keep


def shingles(text: str | None) -> frozenset[int]:
    """31-bit hashes of the word triples of a text; of its words, where it has fewer than three."""
    words = re.findall(r"\w+", (text or "").lower())
    groups = [" ".join(words[n : n + 3]) for n in range(len(words) - 2)] if len(words) > 2 else words
    return frozenset(zlib.crc32(group.encode("utf-8", "surrogatepass")) >> 1 for group in groups)
