"""What an engine can do, and the way from its frames to NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import narwhals.stable.v2 as nw
import numpy as np

from ...core.errors import TutelageError
from .kinds import Types


class UnreadableError(TutelageError, ValueError):
    """A fast reader met something in a file that it cannot read exactly; a slower one has to look line by line."""


@runtime_checkable
class Engine(Protocol):
    """A place where tables are read and computed.

    Readers give exactly the columns asked for, in the kinds asked for, or raise `UnreadableError`; they never turn a
    value that does not fit into something else. The order of rows is that of the file on Polars and DuckDB and not
    defined on Spark.
    """

    @property
    def name(self) -> str:
        """`polars`, `duckdb` or `spark`."""
        ...

    def wrap(self, native: Any) -> nw.LazyFrame:
        """A native or Narwhals frame of this engine as a lazy frame.

        Raises:
            InputError: the frame belongs to another engine.
        """
        ...

    def table(self, columns: Mapping[str, Any] | Any) -> nw.LazyFrame:
        """A table in memory as a frame of this engine.

        Args:
            columns: name to array or list [N], or anything with the Arrow C stream interface.
        """
        ...

    def read_csv(
        self, path: Path, types: Types, *, separator: str = ",", nulls: Sequence[str] = ("",), checked: bool = False
    ) -> nw.LazyFrame:
        """A CSV file with a header, by the native reader.

        Args:
            path: of the file.
            types: all columns of the header, in its order.
            separator: between fields.
            nulls: what stands for a missing value.
            checked: every value is known to fit, so that no check of the whole file is needed.

        Raises:
            UnreadableError: a line or a value does not fit.
        """
        ...

    def read_json_lines(self, path: Path, types: Types, *, checked: bool = False, closed: bool = False) -> nw.LazyFrame:
        """A file of JSON objects, one a line; a dotted name is a path into nested objects.

        Args:
            path: of the file.
            types: columns to read.
            checked: every value is known to fit, so that no check of the whole file is needed.
            closed: whether the file must not have names beyond these; a name below a list does not count.

        Raises:
            UnreadableError: a line or a value does not fit.
        """
        ...

    def read_parquet(self, path: Path) -> nw.LazyFrame:
        """A Parquet file.

        Raises:
            UnreadableError: it is no Parquet file, or damaged.
        """
        ...

    def parse_times(self, frame: nw.LazyFrame, names: Sequence[str]) -> nw.LazyFrame:
        """Columns of text as times of UTC; the frame is computed and kept.

        Raises:
            UnreadableError: a value is no time.
        """
        ...

    def keep(self, frame: nw.LazyFrame) -> nw.LazyFrame:
        """The frame computed once and kept, so that later use does not compute it again."""
        ...

    def collect(self, frame: nw.LazyFrame) -> dict[str, np.ndarray]:
        """The columns as arrays [N]; see `to_columns`. Sort the frame first where the order matters."""
        ...

    def scratch(self) -> Path:
        """A folder for files that this engine reads as long as it lives; removed with it."""
        ...


def to_columns(frame: nw.DataFrame[Any]) -> dict[str, np.ndarray]:
    """The columns of a frame in memory as arrays [N].

    Whole numbers become int64 (float64 with NaN where some are missing), other numbers float64, truth values bool
    (float64 with NaN where some are missing), times datetime64[us] (NaT where missing), everything else objects
    (None where missing).
    """
    return {name: _array(frame[name]) for name in frame.columns}


def _array(series: nw.Series[Any]) -> np.ndarray:
    dtype, gaps = series.dtype, bool(series.is_null().any())
    if dtype == nw.Boolean and not gaps:
        return np.asarray(series.to_numpy(), dtype=bool)
    if dtype == nw.Boolean:
        series, dtype = series.cast(nw.Int64), nw.Int64()
    if dtype.is_integer() and not gaps:
        return np.asarray(series.cast(nw.Int64).to_numpy())
    if dtype.is_integer():  # filled first: a cast of whole numbers beyond 2^53 to floats is refused by some engines
        found = np.asarray(series.fill_null(0).cast(nw.Int64).to_numpy()).astype(np.float64)
        found[np.asarray(series.is_null().to_numpy(), dtype=bool)] = np.nan
        return found
    if dtype.is_numeric():
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if dtype == nw.Datetime or dtype == nw.Date:
        return np.asarray(series.cast(nw.Datetime("us")).to_numpy()).astype("datetime64[us]")
    values = series.to_list()
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def belongs(native: Any, name: str) -> nw.LazyFrame:
    """The lazy frame of an engine's own frame, or an error that says whose it is."""
    from ...core import InputError

    try:
        frame = nw.from_native(native)
    except TypeError as error:
        raise InputError(f"engine {name} computes data frames, got {type(native).__name__}") from error
    found = frame.implementation.value
    if found != {"spark": "pyspark"}.get(name, name):
        raise InputError(f"a frame of {found} was given to engine {name}: convert it with engine.table(frame)")
    return frame.lazy()
