"""The engine back end: frames of Polars, DuckDB or Spark through Narwhals expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np

from ..core import Columns, InputError
from .steps.step import Apart, Role, Together

if TYPE_CHECKING:
    from .fitted import FittedRecipe

Frame = Any
"""A data frame of any engine, native or Narwhals."""


def lazy(frame: Frame) -> nw.LazyFrame:
    """Any frame as a lazy Narwhals frame.

    Raises:
        InputError: it is no frame.
    """
    try:
        return nw.from_native(nw.to_native(frame, pass_through=True)).lazy()
    except TypeError as error:
        raise InputError(f"expected columns or a data frame, got {type(frame).__name__}") from error


def rows_of_table(table: Columns | Frame, names: Sequence[str], train: Any) -> tuple[Columns, np.ndarray]:
    """The columns of a table in memory, and the row numbers of its training rows.

    Raises:
        InputError: a column is missing, or the training rows are none.
    """
    if isinstance(table, Mapping):
        columns = {name: np.asarray(table[name]) for name in names if name in table}
    else:
        frame = lazy(table)
        there = frame.collect_schema().names()
        wanted = [nw.col(name) for name in names if name in there]
        if isinstance(train, nw.Expr):
            frame = frame.with_columns(train.alias("/train"))
            wanted.append(nw.col("/train"))
        columns = arrays(frame.select(*wanted))
        if isinstance(train, nw.Expr):
            train = np.flatnonzero(columns.pop("/train").astype(float) == 1)
    missing = [name for name in names if name not in columns]
    if missing:
        raise InputError(f"the recipe reads columns {missing}, which the table lacks")
    size = len(next(iter(columns.values())))
    row = np.arange(size) if train is None else np.asarray(train)
    if row.dtype == np.bool_ or not len(row) or row.min() < 0 or row.max() >= size:
        raise InputError(f"train has to hold row numbers of the table, 0 to {size - 1}, and at least one")
    return columns, row.astype(np.int64)


def arrays(frame: nw.LazyFrame) -> dict[str, np.ndarray]:
    """The columns of a lazy frame, computed now."""
    from .engines.protocol import to_columns

    return to_columns(frame.collect())


def apply_frame(fitted: FittedRecipe, frame: Frame, keep: Sequence[str]) -> nw.LazyFrame:
    """The features as a lazy frame; see `FittedRecipe.apply_frame`."""
    return _steps(fitted, frame, keep).select(
        *[nw.col(_kept(name)).alias(name) for name in keep],
        *[nw.col(part) for part in _parts(fitted, keep)],
    )


def collect_frame(fitted: FittedRecipe, frame: Frame, keep: Sequence[str]) -> dict[str, np.ndarray]:
    """The outputs as arrays; see `FittedRecipe.collect`."""
    found = arrays(apply_frame(fitted, frame, keep))
    last, outputs = fitted.wired.last, dict[str, np.ndarray]()
    for name, wanted in fitted.recipe.outputs.items():
        if isinstance(wanted, str):
            dtype = np.int64 if last[wanted].role == "code" else np.float32
            outputs[name] = found[wanted].astype(dtype)
        else:
            outputs[name] = np.column_stack([found[part] for part in fitted.features[name]]).astype(np.float32)
    return {name: found[name] for name in keep} | outputs


def _steps(fitted: FittedRecipe, frame: Frame, keep: Sequence[str]) -> nw.LazyFrame:
    begun = lazy(frame)
    there = begun.collect_schema()
    missing = [name for name in (*fitted.reads, *keep) if name not in there.names()]
    if missing:
        raise InputError(f"columns {missing} are missing; the student was trained on {list(fitted.reads)}")
    raw = [_entered(name, fitted.inputs[name], there[name]) for name in fitted.reads]
    found = begun.select(*[nw.col(name).alias(_kept(name)) for name in keep], *raw)
    for number, (step, state) in enumerate(zip(fitted.recipe.steps, fitted.states, strict=True)):
        if isinstance(step, Together | Apart):
            found = step.frame(found, fitted.wired.before[number].given, state)
    return found


def _parts(fitted: FittedRecipe, keep: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(part for parts in fitted.features.values() for part in parts))
    clash = [name for name in keep if name in found]
    if clash:
        raise InputError(f"columns {clash} are to be kept, but features have the same names: rename them in the frame")
    return found


def _kept(name: str) -> str:
    return f"/keep/{name}"


def _entered(name: str, role: Role, dtype: Any) -> nw.Expr:
    """A raw column in the form that steps expect: gaps are nulls, numbers are finite float64, text is not empty."""
    column = nw.col(name)
    if role == "number":
        if dtype == nw.String:
            raise InputError(f"column {name!r} holds text, training rows had numbers: cast it in the frame")
        number = column.cast(nw.Float64) + 0.0
        return nw.when(number.is_finite()).then(number).alias(name)
    if role == "text":
        text = column if dtype == nw.String else column.cast(nw.String)
        return nw.when(text != "").then(text).alias(name)
    if role == "time":
        return column.cast(nw.Datetime("us")).alias(name)
    if role == "code":
        return column.cast(nw.Int64).alias(name)
    raise InputError(f"column {name!r} holds arrays: collect the columns and use `apply`")
