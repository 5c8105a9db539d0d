"""From columns to the table of features that an estimator was fitted on."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Columns, InputError

GENERIC = re.compile(r"(Column_|f|feature_|x)?\d+")
"""Names that a library made up because it was given none."""


def matrix(columns: Columns, reads: Sequence[str]) -> np.ndarray:
    """[n, F]: the columns side by side in the order of `reads`, each flattened per row.

    A single column of strings stays [n], as text vectorisers take it.
    """
    parts = [np.asarray(columns[name]) for name in reads]
    if len(parts) == 1 and parts[0].ndim == 1 and parts[0].dtype.kind in "OUST":
        return parts[0]
    flat = [part.reshape(len(part), int(np.prod(part.shape[1:], dtype=np.int64))) for part in parts]
    if len(flat) == 1:
        return flat[0]
    numeric = all(part.dtype.kind in "fiub" for part in flat)
    return np.hstack(flat if numeric else [part.astype(object) for part in flat])


def fitted_names(estimator: Any) -> tuple[str, ...]:
    """The feature names that an estimator was fitted with; empty when it was given none."""
    catboost = getattr(estimator, "feature_names_", None) if _trees(estimator) else None
    found = getattr(estimator, "feature_names_in_", catboost)
    names = () if found is None else tuple(str(name) for name in found)
    made_up = [GENERIC.fullmatch(name) for name in names]
    return () if names and all(made_up) and _trees(estimator) else names


def table(columns: Columns, reads: Sequence[str], estimator: Any, who: str) -> Any:
    """What the estimator's predict methods take: a frame with its feature names, or a plain array.

    Tree libraries get arrays in the order of their features wherever all columns are numbers.

    Raises:
        InputError: the columns are not the ones that it was fitted on.
    """
    names = fitted_names(estimator)
    if not names:
        return matrix(columns, reads)
    named, plain = _named(columns, reads, names, who)
    if _trees(estimator) and plain.dtype.kind in "fiub":
        return plain  # these go by position, and not all of them take all frames
    return _frame(named, plain)


def _named(
    columns: Columns, reads: Sequence[str], names: Sequence[str], who: str
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The columns under the names and in the order of the fit, apart and as one table."""
    if len(reads) == 1 and len(names) > 1:
        wide = matrix(columns, reads)
        if wide.ndim != 2 or wide.shape[1] != len(names):
            raise InputError(
                f"{who} was fitted on {len(names)} features {_short(names)}, but column {reads[0]!r} has "
                f"shape {wide.shape}: name the columns that it reads"
            )
        return {name: wide[:, i] for i, name in enumerate(names)}, wide
    if len(reads) == 1 and len(names) == 1:
        return {names[0]: np.asarray(columns[reads[0]]).reshape(-1)}, matrix(columns, reads)
    missing, extra = sorted(set(names) - set(reads)), sorted(set(reads) - set(names))
    if missing or extra:
        raise InputError(
            f"{who} was fitted on the features {_short(names)}; missing among the columns it reads: "
            f"{missing}, unknown to it: {extra}. Give reads= with its own feature names"
        )
    return {name: np.asarray(columns[name]) for name in names}, matrix(columns, names)


def _frame(named: dict[str, np.ndarray], plain: np.ndarray) -> Any:
    for library in ("pandas", "polars"):
        try:
            return importlib.import_module(library).DataFrame(named)
        except ImportError:
            continue
    return plain


def _trees(estimator: Any) -> bool:
    return type(estimator).__module__.split(".")[0] in ("lightgbm", "xgboost", "catboost")


def _short(names: Sequence[str]) -> str:
    return f"{list(names[:8])}{' ...' if len(names) > 8 else ''}"
