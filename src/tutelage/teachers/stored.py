"""Predictions that somebody stored in a file as a teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from ..core import Columns, InputError, Space
from ..core.spaces import Answer
from .digest import digest
from .naming import rows_in, seen_of
from .output import Output
from .predictions import Predictions, read_predictions


@final
class StoredTeacher:
    """Stored predictions that are looked up by a key column; a key that is not in the file abstains.

    Args:
        predictions: as `read_predictions` understands a file.
        key: the table's column that holds the keys.
        name: unique among the teachers of a run.
        seen: row numbers it was trained on.
    """

    frozen = True
    deterministic = True
    parameters: int | None = None

    def __init__(
        self,
        predictions: Predictions,
        *,
        key: str,
        name: str = "stored",
        seen: np.ndarray | Sequence[int] | None = None,
    ) -> None:
        self.name = name
        self.predictions = predictions
        self.space = predictions.space
        self.reads = (key,)
        self.seen = seen_of(seen)
        self._lost: set[Any] = set()

    @property
    def missing(self) -> int:
        """How many different keys were asked for so far that are not in the file."""
        return len(self._lost)

    @property
    def output_found(self) -> str:
        """What the numbers are, and how that is known."""
        return self.predictions.described

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Keys, answers and the key column."""
        return {**self.predictions.fingerprint, "reads": digest(self.reads)}

    def answer(self, columns: Columns) -> Answer:
        """The stored answers about these rows."""
        rows_in(columns, self.reads, f"teacher {self.name!r}")
        keys = np.asarray(columns[self.reads[0]])
        answer, found = self.predictions.find(keys)
        self._lost.update(keys[~found].tolist())
        return answer


@final
class StoredRowsTeacher:
    """Stored predictions that are looked up by row number; a row that is not in the file abstains.

    Args:
        predictions: as `read_predictions` understands a file.
        name: unique among the teachers of a run.
        seen: row numbers it was trained on.
    """

    frozen = True
    deterministic = True
    parameters: int | None = None
    reads: tuple[str, ...] = ()

    def __init__(
        self,
        predictions: Predictions,
        *,
        name: str = "stored",
        seen: np.ndarray | Sequence[int] | None = None,
    ) -> None:
        self.name = name
        self.predictions = predictions
        self.space = predictions.space
        self.seen = seen_of(seen)
        self._lost: set[int] = set()

    @property
    def missing(self) -> int:
        """How many different rows were asked for so far that are not in the file."""
        return len(self._lost)

    @property
    def output_found(self) -> str:
        """What the numbers are, and how that is known."""
        return self.predictions.described

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Rows and answers."""
        return self.predictions.fingerprint

    def answer(self, columns: Columns) -> Answer:
        """Refused: these predictions belong to row numbers.

        Raises:
            InputError: always; ask `answer_rows`.
        """
        raise InputError(f"teacher {self.name!r} answers by row number: ask answer_rows(columns, row)")

    def answer_rows(self, columns: Columns, row: np.ndarray) -> Answer:
        """The stored answers about these row numbers."""
        answer, found = self.predictions.find(row)
        self._lost.update(row[~found].tolist())
        return answer


def stored(
    path: str | Path,
    *,
    key: str | None = None,
    name: str | None = None,
    columns: Sequence[str] | None = None,
    classes: Sequence[Any] | np.ndarray | None = None,
    space: Space | None = None,
    output: Output | None = None,
    seen: np.ndarray | Sequence[int] | None = None,
) -> StoredTeacher | StoredRowsTeacher:
    """A teacher from a file of predictions.

    Args:
        path: .parquet or .csv (extra `data`), or .npz with one array per column.
        key: column of file and table that holds the keys; the row number in column `row` unless given.
        name: unique among the teachers of a run; the file's name unless given.
        columns: the columns that hold the numbers; see `read_predictions` for what is found without.
        classes: names of the classes, in the order of the columns.
        space: instead of `classes`, for labels and values.
        output: what the numbers are; told by the columns' names, or found out.
        seen: row numbers it was trained on.

    Raises:
        InputError: no such file or column, keys that come twice, or numbers that are not what they should be.
    """
    path = Path(path)
    predictions = read_predictions(
        path, key="row" if key is None else key, columns=columns, classes=classes, space=space, output=output
    )
    name = path.stem if name is None else name
    if key is None:
        return StoredRowsTeacher(predictions, name=name, seen=seen)
    return StoredTeacher(predictions, key=key, name=name, seen=seen)
