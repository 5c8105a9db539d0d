"""Audit C: all back ends of a recipe agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ...core import Columns, InputError
from .leak import Leak, bit_equal


def audit_backends(
    backends: Mapping[str, Callable[[Columns], Mapping[str, np.ndarray]]],
    columns: Columns,
    *,
    tolerance: float = 1e-6,
) -> tuple[Leak, ...]:
    """Audit C: the same columns through several back ends, each compared with the first.

    Args:
        backends: name to a function from raw columns to prepared ones.
        columns: raw columns, name to array [N, ...].
        tolerance: relative, for floats; everything else has to be equal.

    Raises:
        InputError: there are fewer than two back ends.
    """
    if len(backends) < 2:
        raise InputError(f"back ends are compared with each other: give two or more, got {list(backends)}")
    made = {name: {n: np.asarray(c) for n, c in run(columns).items()} for name, run in backends.items()}
    first, *others = made
    found: list[Leak] = []
    for other in others:
        for name in sorted({*made[first]} ^ {*made[other]}):
            found.append(Leak("backends", name, 0, f"is made by only one of {first} and {other}"))
        for name in made[first]:
            if name in made[other]:
                text, rows = _apart(made[first][name], made[other][name], tolerance)
                if text:
                    found.append(Leak("backends", name, rows, f"{text} between {first} and {other}"))
    return tuple(found)


def _apart(one: np.ndarray, other: np.ndarray, tolerance: float) -> tuple[str, int]:
    if one.shape != other.shape:
        return f"has shapes {one.shape} and {other.shape}", 0
    if one.dtype.kind == "f" and other.dtype.kind == "f":
        a, b = one.astype(np.float64), other.astype(np.float64)
        near = np.isclose(a, b, rtol=tolerance, atol=tolerance * 1e-3, equal_nan=True)
        wrong = ~near.reshape(len(near), -1).all(axis=1)
        with np.errstate(invalid="ignore"):
            largest = float(np.nanmax(np.abs(a - b), initial=0.0))
        return (
            (f"differs by up to {largest:.3g} in {int(wrong.sum())} rows", int(wrong.sum())) if wrong.any() else ("", 0)
        )
    wrong = ~bit_equal(one, other)
    return (f"differs in {int(wrong.sum())} rows", int(wrong.sum())) if wrong.any() else ("", 0)
