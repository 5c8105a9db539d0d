"""Columns of a table taken apart into single attributes, so that rows can be compared and mixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from ...core import Columns, InputError

KINDS = "fiubOUT"
"""Kinds of columns that have attributes: numbers, truth values and text."""


@final
@dataclass(frozen=True)
class Attributes:
    """What the attributes of some columns are; a column [N, ...] has as many as each row has places.

    Attributes:
        parts: column to its places among the attributes, in order.
        words: of columns of text, the texts of training rows, sorted.
        numeric: bool [A], numbers rather than text or truth values.
        smooth: bool [A], numbers of which some training row has a fraction; other attributes may only take values that
            rows have.
        centre: float64 [A], the median of the training rows; takes the place of missing numbers.
        scale: float64 [A], the standard deviation there, 1 where there is none.
    """

    parts: Mapping[str, slice]
    words: Mapping[str, np.ndarray]
    numeric: np.ndarray
    smooth: np.ndarray
    centre: np.ndarray
    scale: np.ndarray

    @staticmethod
    def of(columns: Columns, train: np.ndarray, who: str) -> Attributes:
        """The attributes of columns, from their training rows.

        Raises:
            InputError: a column holds neither numbers, truth values nor text.
        """
        parts, words, numeric, count = dict[str, slice](), dict[str, np.ndarray](), list[bool](), 0
        for name, column in columns.items():
            if column.dtype.kind not in KINDS:
                raise InputError(f"{who} needs numbers or text; column {name!r} holds {column.dtype}")
            places = int(np.prod(column.shape[1:]))
            parts[name] = slice(count, count + places)
            count += places
            numeric += [column.dtype.kind in "fiu"] * places
            if column.dtype.kind in "OUT":
                words[name] = np.unique(_strings(column[train]))
        empty = np.zeros(count)
        draft = Attributes(parts, words, np.array(numeric), empty > 0, empty, empty + 1)
        found = draft.numbers({name: column[train] for name, column in columns.items()})
        known = np.isfinite(found)
        some = known.sum(0).clip(1)
        mean = np.where(known, found, 0.0).sum(0) / some
        scale = np.sqrt((np.where(known, found - mean, 0.0) ** 2).sum(0) / some)
        return Attributes(
            parts,
            words,
            draft.numeric,
            draft.numeric & (known & (found != np.floor(found))).any(0),
            np.ma.median(np.ma.masked_invalid(found), axis=0).filled(0.0),
            np.where(scale > 0, scale, 1.0),
        )

    def numbers(self, given: Columns) -> np.ndarray:
        """float64 [B, A]: numbers as they are, texts by their number (-1: in no training row), NaN: missing."""
        found = list[np.ndarray]()
        for name, part in self.parts.items():
            column = given[name]
            if name in self.words:
                text, words = _strings(column), self.words[name]
                at = np.searchsorted(words, text).clip(0, max(len(words) - 1, 0))
                column = np.where(words[at] == text, at, -1) if len(words) else np.full(len(text), -1)
            found.append(column.reshape(len(column), part.stop - part.start).astype(np.float64))
        return np.concatenate(found, axis=1)

    def filled(self, given: Columns) -> np.ndarray:
        """As `numbers`, with the median where one is missing."""
        found = self.numbers(given)
        return np.where(np.isfinite(found), found, self.centre)

    def taken(self, given: Columns, table: Columns, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """Copies of the given columns with some attributes taken from rows of a table.

        Args:
            given: of some rows.
            table: of all rows.
            chosen: row number per row and attribute, int64 [B, A]; -1: it stays.
        """
        found = dict[str, np.ndarray]()
        for name, part in self.parts.items():
            own, other, place = given[name], table[name], chosen[:, part]
            new = other.reshape(len(other), place.shape[1])[place.clip(0), np.arange(place.shape[1])]
            found[name] = np.where(place < 0, own.reshape(place.shape), new.astype(own.dtype)).reshape(own.shape)
        return found


def _strings(column: np.ndarray) -> np.ndarray:
    """Texts to compare, of any kind of column; a missing one is a text too."""
    return np.array([str(value) for value in column.reshape(-1).tolist()], dtype=object)
