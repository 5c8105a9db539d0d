"""Names, columns and row numbers as every teacher takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core import Classes, InputError, Space
from ..core.names import class_name

UNNAMED = Space(Classes, ())
"""Classes of a teacher that does not tell their names; `aligned` then assumes the task's order."""


def class_names(values: Sequence[Any] | np.ndarray) -> tuple[str, ...]:
    """The names of several classes.

    Raises:
        InputError: a name is empty or comes twice.
    """
    names = [class_name(value) for value in values]
    found = tuple(name for name in names if name is not None)
    if len(set(found)) != len(names):
        raise InputError(f"classes need different, non-empty names, got {list(values)}")
    return found


def match_key(name: str) -> str:
    """What two spellings of one name share: "1", "1.0" and "True" are one, "0" and "False" another."""
    text = name.strip()
    if text.lower() in ("true", "false"):
        return str(int(text.lower() == "true"))
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else repr(number)


def space_of(space: Space | None, classes: Sequence[Any] | np.ndarray | None) -> Space:
    """The space of a teacher from what was given: a space, class names, or nothing."""
    if space is not None and classes is not None:
        raise InputError("give either classes= (names of classes) or space= (any kind of answer), not both")
    if classes is not None:
        return Space(Classes, class_names(classes))
    return UNNAMED if space is None else space


def reads_of(reads: str | Sequence[str]) -> tuple[str, ...]:
    """Column names as a tuple; a single name may come as it is."""
    return (reads,) if isinstance(reads, str) else tuple(reads)


def seen_of(seen: np.ndarray | Sequence[int] | None) -> np.ndarray | None:
    """Sorted, distinct row numbers, int64."""
    return None if seen is None else np.unique(np.asarray(seen, dtype=np.int64))


def rows_in(columns: Mapping[str, np.ndarray], reads: Sequence[str], who: str) -> int:
    """How many rows the columns have.

    Raises:
        InputError: a column is missing, or lengths differ.
    """
    missing = [name for name in reads if name not in columns]
    if missing:
        raise InputError(f"{who} reads columns {missing}, which are not there; there are {sorted(columns)}")
    sizes = {name: len(columns[name]) for name in reads}
    if len(set(sizes.values())) != 1:
        raise InputError(f"{who} needs columns of one length, got {sizes}")
    return next(iter(sizes.values()))
