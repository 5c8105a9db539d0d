"""A hash of values that is the same everywhere and always: high-cardinality columns into a fixed number of codes."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError
from .lookup import look_up
from .step import Column, Given, Kind, Role, State, check_columns


def hash_of(value: str | float, seed: int = 0) -> int:
    """32 bits of a text or a number; a whole number has the hash of its digits, whether it is 7, 7.0 or "7"."""
    if not isinstance(value, str):
        value = repr(int(value)) if float(value).is_integer() else repr(value)
    first = zlib.crc32(value.encode("utf-8", "surrogatepass"), seed)
    mixed = (first ^ (first >> 16)) * 0x85EBCA6B & 0xFFFFFFFF
    mixed = (mixed ^ (mixed >> 13)) * 0xC2B2AE35 & 0xFFFFFFFF
    return mixed ^ (mixed >> 16)


def bucket_of(value: str | float, buckets: int, seed: int = 0) -> int:
    """The bucket of a value, 0 .. buckets - 1."""
    return hash_of(value, seed) * buckets >> 32


@final
@dataclass(frozen=True)
class Hashed:
    """Each value of a column gets one of `buckets` codes by its hash; 0 is missing.

    Nothing is learnt, so that new values need no new fit; different values may share a code.

    Args:
        columns: columns of text or numbers, replaced.
        buckets: number of codes beside 0.
        seed: another one shares codes among other values.

    Raises:
        InputError: no buckets.
    """

    name: ClassVar[str] = "hashed"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("text", "number")
    columns: tuple[str, ...]
    buckets: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if not 1 <= self.buckets < 1 << 31:
            raise InputError(f"hashed needs 1 to 2**31 - 1 buckets, got {self.buckets}")

    @property
    def kind(self) -> Kind:
        """Row-wise."""
        return "row-wise"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """The same."""
        return self.columns

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Codes without labels."""
        return {name: Column("code", (name,), self.buckets + 1, 1) for name in self.columns}

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy; each different value of a call is hashed once."""
        return lambda *columns: tuple(
            np.fromiter(map(_Hashes(self).__getitem__, column.tolist()), dtype=np.int64, count=len(column))
            for column in columns
        )

    def module(self, given: Given, state: State) -> None:
        """There is none: an exported net begins at the codes."""

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine: its different values are looked at once, hashed here, and looked up there."""
        for name in self.columns:
            found = frame.select(nw.col(name)).unique().collect()[name].to_list()
            values = [value for value in found if value is not None]
            codes = [1 + bucket_of(value, self.buckets, self.seed) for value in values]
            frame = look_up(frame, name, values, codes, name)
            frame = frame.with_columns(nw.col(name).fill_null(0))
        return frame


@final
class _Hashes(dict[Any, int]):
    """Codes of the values of one call, each hashed once."""

    def __init__(self, step: Hashed) -> None:
        super().__init__({None: 0})
        self.step = step

    def __missing__(self, value: Any) -> int:
        code = 0 if value != value else 1 + bucket_of(value, self.step.buckets, self.step.seed)
        self[value] = code
        return code
