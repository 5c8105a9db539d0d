"""Categories to codes, and codes to one column each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import narwhals.stable.v2 as nw
import numpy as np
import torch
from torch import Tensor, nn

from ...core import InputError
from ...core.names import class_name
from ..sketch import Counts
from .hashing import bucket_of
from .lookup import look_up
from .step import NOTHING, Column, Given, Kind, Role, State, Summaries, check_columns

MOST = 1 << 20


@final
@dataclass(frozen=True)
class Codes:
    """Each value of a column gets a whole number: 0 missing, then codes of unseen values, then one code per value.

    Args:
        columns: columns of text or numbers, replaced.
        min_count: rarer values of the training rows count as unseen.
        most: so many values at most get a code of their own, the most frequent ones.
        unseen: codes 1 .. unseen for values without a code, chosen by a stable hash of the value.

    Codes of values follow their frequency, equal ones the alphabet.

    Raises:
        InputError: a setting is out of range.
    """

    name: ClassVar[str] = "codes"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("text", "number")
    columns: tuple[str, ...]
    min_count: int = 1
    most: int = MOST
    unseen: int = 1

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if self.min_count < 1 or not 1 <= self.most <= MOST or self.unseen < 1:
            raise InputError(f"{self}: min_count and unseen are at least 1, most is 1 to {MOST}")

    @property
    def kind(self) -> Kind:
        """Exact up to `MOST` different values."""
        return "exact"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """The same."""
        return self.columns

    @property
    def learns_from(self) -> tuple[str, ...]:
        """Nothing else."""
        return ()

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Codes with their labels."""
        unseen = ("unseen",) if self.unseen == 1 else tuple(f"unseen{n}" for n in range(self.unseen))
        first = 1 + self.unseen
        return {
            name: Column(
                "code", (name,), first + len(values), first, ("missing", *unseen, *map(str, map(class_name, values)))
            )
            for name, values in ((name, state.get(name, ())) for name in self.columns)
        }

    def observe(self, given: Given, columns: Sequence[np.ndarray], row: np.ndarray) -> Summaries:
        """Counts per value."""
        pairs = zip(self.columns, columns, strict=True)
        return {name: Counts.of(_values(column), MOST) for name, column in pairs}

    def learn(self, given: Given, summaries: Summaries) -> State:
        """The values of each column, in the order of their codes."""
        found: dict[str, list[Any]] = {}
        for name, part in summaries.items():
            assert isinstance(part, Counts)
            found[name] = [value for value, count in part.ranked() if count >= self.min_count][: self.most]
        return found

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy."""
        first = 1 + self.unseen
        lists = (state[name] for name in self.columns)
        tables = [_Table({v: first + n for n, v in enumerate(values)} | {None: 0}, self.unseen) for values in lists]

        def run(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
            return tuple(table.codes(column) for column, table in zip(columns, tables, strict=True))

        return run

    def module(self, given: Given, state: State) -> None:
        """There is none: an exported net begins at the codes."""

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine; with several codes for unseen values, these are looked at once, for their hashes."""
        first = 1 + self.unseen
        for name in self.columns:
            values, codes = list(state[name]), [first + n for n in range(len(state[name]))]
            if self.unseen > 1:
                known = set(values)
                strange = [value for value in different(frame, name) if value not in known]
                values, codes = values + strange, codes + [1 + bucket_of(value, self.unseen) for value in strange]
            missing = nw.col(name).is_null().alias("/missing")
            frame = look_up(frame.with_columns(missing), name, values, codes, name)
            found = nw.when(nw.col("/missing")).then(nw.lit(0)).otherwise(nw.col(name).fill_null(1))
            frame = frame.with_columns(found.cast(nw.Int64).alias(name)).drop(["/missing"])
        return frame


def different(frame: nw.LazyFrame, name: str) -> list[Any]:
    """The different values of a column on an engine, computed now; missing ones left out."""
    found = frame.select(nw.col(name)).unique().collect()
    return [value for value in found[name].to_list() if value is not None]


def _values(column: np.ndarray) -> list[Any]:
    """Values of a column with None where one is missing."""
    if column.dtype.kind == "f" and np.isnan(column).any():
        return [None if value != value else value for value in column.tolist()]
    return column.tolist()


@final
class _Table(dict[Any, int]):
    """Values to codes; a value that is not there gets a code of unseen values."""

    def __init__(self, codes: dict[Any, int], unseen: int) -> None:
        super().__init__(codes)
        self.unseen = unseen

    def __missing__(self, value: Any) -> int:
        return 1 if self.unseen == 1 else 1 + bucket_of(value, self.unseen)

    def codes(self, column: np.ndarray) -> np.ndarray:
        """The codes of a column, int64 [N]."""
        return np.fromiter(map(self.__getitem__, _values(column)), dtype=np.int64, count=len(column))


@final
@dataclass(frozen=True)
class OneHot:
    """Each column of codes becomes one column of 0 and 1 per code.

    Args:
        columns: columns of codes, replaced.
        known: only for values with a code of their own; missing and unseen ones are all zeros then.
    """

    name: ClassVar[str] = "one-hot"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("code",)
    columns: tuple[str, ...]
    known: bool = False

    def __post_init__(self) -> None:
        check_columns(self, self.columns)

    @property
    def kind(self) -> Kind:
        """Row-wise: the codes know how many there are."""
        return "row-wise"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """The same."""
        return self.columns

    def made(self, given: Given, state: State = NOTHING) -> dict[str, Column]:
        """Numbers, several per column."""
        codes = {name: range(self._first(given[name]), given[name].size) for name in self.columns}
        return {
            name: Column("number", tuple(f"{name}={_label(given[name], code)}" for code in codes[name]))
            for name in self.columns
        }

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy."""
        codes = [np.arange(self._first(given[name]), given[name].size) for name in self.columns]

        def run(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
            pairs = zip(columns, codes, strict=True)
            return tuple((column[:, None] == each).astype(np.float64) for column, each in pairs)

        return run

    def module(self, given: Given, state: State) -> nn.Module:
        """In torch."""
        return _Hot([(self._first(given[name]), given[name].size) for name in self.columns])

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine."""
        made = self.made(given)
        hot = [
            (nw.col(name) == code).cast(nw.Float64).alias(part)
            for name in self.columns
            for code, part in enumerate(made[name].parts, self._first(given[name]))
        ]
        return frame.with_columns(*hot) if hot else frame

    def _first(self, column: Column) -> int:
        return column.known if self.known else 0


def _label(column: Column, code: int) -> str:
    """The name of a code within the name of a column, where Spark takes no dot."""
    return column.labels[code].replace(".", "·") if column.labels else str(code)


@final
class _Hot(nn.Module):
    def __init__(self, ranges: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.count = len(ranges)
        for number, (first, last) in enumerate(ranges):
            self.register_buffer(f"codes{number}", torch.arange(first, last))

    def forward(self, *columns: Tensor) -> tuple[Tensor, ...]:
        codes = [self.get_buffer(f"codes{number}") for number in range(self.count)]
        return tuple((column[:, None] == each).double() for column, each in zip(columns, codes, strict=True))
