"""Claims of sources about facts, coded, and what a resolver makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import narwhals.stable.v2 as nw
import numpy as np
import torch

from ...core import InputError
from ...core.names import class_name
from ...ops.claims import Claims, Measurements


@dataclass(frozen=True)
class Table:
    """Who says what about which fact: one entry per claim. A source that says nothing has no entry.

    Attributes:
        facts: names of the facts [F].
        sources: names of the sources; where nothing else decides, the earlier one is right.
        fact: int64 [M].
        source: int64 [M].
        value: float64 [M], or object [M] of strings.
        code: int64 [M], equal where values are equal.
        names: the values by code; numbers or strings.
        time: float64 [M], when each claim was made; NaN where nobody knows.
        weight: float64 [M].
        filled: int64 [M], how many columns the claim's source fills about the same thing; 1 unless known.
    """

    facts: np.ndarray
    sources: tuple[str, ...]
    fact: np.ndarray
    source: np.ndarray
    value: np.ndarray
    code: np.ndarray
    names: np.ndarray
    time: np.ndarray
    weight: np.ndarray
    filled: np.ndarray

    def __len__(self) -> int:
        return len(self.fact)

    @property
    def numbers(self) -> bool:
        """Whether values are amounts."""
        return self.value.dtype.kind == "f"

    def keep(self, where: np.ndarray) -> Table:
        """The same facts with some of the claims, bool [M]."""
        names = ("fact", "source", "value", "code", "time", "weight", "filled")
        return replace(self, **{name: getattr(self, name)[where] for name in names})

    def claims(self) -> Claims:
        """As flat categories, each different value a code."""
        tensors = (torch.from_numpy(part) for part in (self.fact, self.source, self.code, self.weight))
        return Claims.of(*tensors, facts=len(self.facts), sources=len(self.sources), values=max(len(self.names), 1))

    def measurements(self) -> Measurements:
        """As flat numbers.

        Raises:
            InputError: the values are words.
        """
        if not self.numbers:
            raise InputError(f"the claims are words such as {str(self.names[0])!r}: this resolver needs numbers")
        tensors = (torch.from_numpy(part) for part in (self.fact, self.source, self.value, self.weight))
        return Measurements.of(*tensors, facts=len(self.facts), sources=len(self.sources))


@dataclass(frozen=True)
class Resolved:
    """One value per fact.

    Attributes:
        fact: names [F].
        value: float64 [F] (NaN: unresolved) or object [F] of strings (None: unresolved).
        confidence: float64 [F] in 0 .. 1, 0 where unresolved; fit to be the weight of a row.
        by: provenance, object [F]: the names of the sources that say the value, or that a number was combined of.
        claims: int64 [F], how many claims there were.
        agreeing: int64 [F], how many of them say the value.
        trust: source name to how far it was trusted; empty for rules that trust nobody more.
        rule: how it was resolved, in words.
    """

    fact: np.ndarray
    value: np.ndarray
    confidence: np.ndarray
    by: np.ndarray
    claims: np.ndarray
    agreeing: np.ndarray
    trust: Mapping[str, float]
    rule: str

    @property
    def conflicts(self) -> np.ndarray:
        """Numbers of the facts about which not all say the value."""
        return np.flatnonzero(self.agreeing < self.claims)

    def to_columns(self, key: str, name: str) -> dict[str, np.ndarray]:
        """As columns of a table: key, value, `{name}_confidence`, `{name}_by` (source names, comma between them)."""
        by = np.array([", ".join(names) for names in self.by.tolist()], dtype=object)
        return {key: self.fact, name: self.value, f"{name}_confidence": self.confidence, f"{name}_by": by}


@runtime_checkable
class Resolver(Protocol):
    """Whatever makes one value of the claims about each fact."""

    def __call__(self, table: Table) -> Resolved:
        """The resolved facts, in the order of the table's."""
        ...


def claims_of(
    data: Any,
    *,
    fact: str = "fact",
    source: str = "source",
    value: str = "value",
    time: str | None = None,
    weight: str | None = None,
    sources: Sequence[str] | None = None,
    facts: np.ndarray | None = None,
) -> Table:
    """A table of claims from columns.

    Missing values (None, NaN, "") are no claims.

    Args:
        data: a data frame, or name to array [M].
        fact: column that names the fact.
        source: column that names the source.
        value: what it says: numbers stay numbers, everything else becomes words.
        time: column of times or numbers, when it was said.
        weight: column of weights, at least 0.
        sources: names of all sources, the most trusted first; in alphabetical order unless given.
        facts: names of all facts; sorted ones with a claim unless given.

    Raises:
        InputError: a column is missing, a fact or source has no name or is not among those given, or a weight is
            negative or not finite.
    """
    columns = _columns(data, [name for name in (fact, source, value, time, weight) if name is not None])
    raw = columns[value]
    values, known = _values(raw)
    said_by = np.array([class_name(name) for name in columns[source].tolist()], dtype=object)
    named = np.array([name is not None for name in said_by]) & ~_missing(columns[fact])
    if not named.all():
        rows = np.flatnonzero(~named)
        raise InputError(f"{len(rows)} claims have no fact or no source (first rows {rows[:5].tolist()})")
    order = tuple(sources) if sources is not None else tuple(sorted({*said_by.tolist()}))
    every = np.unique(columns[fact]) if facts is None else facts
    times = np.full(len(raw), np.nan) if time is None else _times(columns[time])
    weights = np.ones(len(raw)) if weight is None else columns[weight].astype(np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise InputError(f"weights of claims must be finite and at least 0, column {weight!r} is not")
    fact_codes = _coded(columns[fact], every, "fact")
    source_codes = _coded(said_by, np.array(order, dtype=object), "source")
    names, codes = np.unique(values[known], return_inverse=True)
    code = np.zeros(len(raw), dtype=np.int64)
    code[known] = codes.reshape(-1)
    value_column = values if values.dtype.kind == "f" else values.astype(object)
    ones = np.ones(len(raw), dtype=np.int64)
    whole = Table(every, order, fact_codes, source_codes, value_column, code, names, times, weights, ones)
    return whole.keep(known)


def _columns(data: Any, names: Sequence[str]) -> dict[str, np.ndarray]:
    if not isinstance(data, Mapping):
        frame = nw.from_native(data)
        eager = frame.collect("pyarrow") if isinstance(frame, nw.LazyFrame) else frame
        data = {name: np.asarray(eager[name].to_numpy()) for name in eager.columns}
    lost = [name for name in names if name not in data]
    if lost:
        raise InputError(f"the claims have no columns {lost}; there are {list(data)}")
    return {name: np.asarray(data[name]) for name in names}


def _values(raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values as float64 or strings, and which are there."""
    if raw.dtype.kind in "fiu":
        values = raw.astype(np.float64)
        return values, np.isfinite(values)
    listed = raw.tolist()
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in listed):
        values = np.array([np.nan if value is None else float(value) for value in listed])
        return values, np.isfinite(values)
    words = [class_name(value) for value in listed]
    known = np.array([word is not None for word in words], dtype=bool)
    return np.array([word or "" for word in words], dtype=str), known


def _missing(column: np.ndarray) -> np.ndarray:
    if column.dtype == object:
        return np.array([value is None or value != value for value in column.tolist()], dtype=bool)
    return np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), dtype=bool)


def _times(column: np.ndarray) -> np.ndarray:
    """float64; microseconds for dates and times."""
    if column.dtype.kind == "M":
        return np.where(np.isnat(column), np.nan, column.astype("datetime64[us]").astype(np.int64).astype(np.float64))
    return column.astype(np.float64)


def _coded(column: np.ndarray, names: np.ndarray, what: str) -> np.ndarray:
    place = {name: number for number, name in enumerate(names.tolist())}
    strange = sorted({value for value in column.tolist() if value not in place}, key=str)
    if strange:
        raise InputError(f"claims name the {what}s {strange[:5]}, which are not among those given")
    return np.array([place[value] for value in column.tolist()], dtype=np.int64)
