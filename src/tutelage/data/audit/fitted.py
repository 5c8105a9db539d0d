"""Audit B: what is fitted comes from training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from ...core import Columns, InputError
from .leak import Leak


def audit_fit(
    fit: Callable[[dict[str, np.ndarray], np.ndarray], Any],
    columns: Columns,
    train: np.ndarray,
    *,
    seed: int = 0,
) -> tuple[Leak, ...]:
    """Audit B: replaces every row that is not a training row and compares what was fitted.

    Args:
        fit: columns and training row numbers to a fitted state: numbers, text, arrays, tensors, dataclasses, mappings,
            sequences of these, or anything with `to_json` or `state_dict`.
        columns: name to array [N, ...].
        train: training row numbers.
        seed: of the replacements.

    Raises:
        InputError: every row is a training row, or the state holds something that cannot be compared.
    """
    size = len(next(iter(columns.values())))
    held = np.ones(size, dtype=bool)
    held[train] = False
    if not held.any():
        raise InputError("every row is a training row: there is nothing to replace")
    chance = np.random.default_rng(seed)
    before = dict(_leaves(fit({name: column.copy() for name, column in columns.items()}, train)))
    after = dict(_leaves(fit({name: replaced(column, held, chance) for name, column in columns.items()}, train)))
    paths = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    text = "changes when validation and test rows are replaced: it was not fitted on training rows alone"
    return tuple(Leak("fit", path or "state", 0, text) for path in paths)


def replaced(column: np.ndarray, where: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """A copy with random values of the same type in some rows; far from what was there."""
    found = column.copy()
    shape = found[where].shape
    if column.dtype.kind == "f":
        spread = float(np.nanmax(np.abs(column[np.isfinite(column)]), initial=1.0))
        found[where] = chance.normal(3 * spread, spread, shape)
    elif column.dtype.kind in "iu":
        found[where] = chance.integers(100, 120, shape)
    elif column.dtype.kind == "b":
        found[where] = chance.random(shape) < 0.5
    elif column.dtype.kind in "mM":
        found[where] = found[where] + np.timedelta64(1000, "D").astype(f"m8[{np.datetime_data(column.dtype)[0]}]")
    else:
        words = [f"replaced {number}" for number in chance.integers(0, 50, int(np.prod(shape)))]
        found[where] = np.array(words, dtype=object).reshape(shape)
    return found


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, bytes]]:
    """The leaves of a state by path, each as bytes."""
    if callable(getattr(tree, "to_json", None)):
        yield from _leaves(tree.to_json(), path)
    elif callable(getattr(tree, "state_dict", None)):
        yield from _leaves(tree.state_dict(), path)
    elif isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from _leaves(value, f"{path}.{name}".strip("."))
    elif is_dataclass(tree) and not isinstance(tree, type):
        for entry in fields(tree):
            yield from _leaves(getattr(tree, entry.name), f"{path}.{entry.name}".strip("."))
    elif isinstance(tree, list | tuple):
        for number, value in enumerate(tree):
            yield from _leaves(value, f"{path}[{number}]")
    elif tree is None or isinstance(tree, str | bytes | bool | int | float | timedelta):
        yield path, repr(tree).encode()
    else:
        array = np.asarray(tree)
        if isinstance(tree, np.ndarray) and tree.dtype == object:
            yield from _leaves(tree.tolist(), path)
            return
        if array.dtype == object:
            raise InputError(f"the state holds a {type(tree).__name__} at {path!r}: give it `to_json` to be compared")
        yield path, repr((array.dtype.str, array.shape)).encode() + np.ascontiguousarray(array).tobytes()
