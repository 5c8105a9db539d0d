"""Polars: everything in memory, the fastest where it fits."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core.errors import require
from .kinds import NO_TEXT, TIME, Kind, Types, is_list, no_pattern, single
from .protocol import UnreadableError, belongs, to_columns


@final
@dataclass(frozen=True)
class PolarsEngine:
    """The embedded engine: tables in memory.

    Args:
        folder: where its scratch files go; the folder of the system for temporary files unless given.
    """

    folder: Path | None = None
    _scratch: list[tempfile.TemporaryDirectory[str]] = field(default_factory=list, repr=False, compare=False)

    @property
    def name(self) -> str:
        return "polars"

    def wrap(self, native: Any) -> nw.LazyFrame:
        """See `Engine.wrap`."""
        return belongs(native, self.name)

    def table(self, columns: Mapping[str, Any] | Any) -> nw.LazyFrame:
        """See `Engine.table`."""
        polars = _polars()
        if isinstance(columns, nw.DataFrame):
            columns = columns.to_native()
        return nw.from_native(polars.DataFrame(dict(columns) if isinstance(columns, Mapping) else columns)).lazy()

    def read_csv(
        self, path: Path, types: Types, *, separator: str = ",", nulls: Sequence[str] = ("",), checked: bool = False
    ) -> nw.LazyFrame:
        """See `Engine.read_csv`."""
        polars = _polars()
        with _reading(path):
            frame = polars.read_csv(
                no_pattern(path),
                schema={name: _dtype("text" if kind == "time" else kind) for name, kind in types.items()},
                separator=separator,
                null_values=list(nulls),
            )
        if not checked and frame[:, -1].null_count():
            _even_lines(path, separator, len(types))
        return nw.from_native(frame.with_columns(_times(path, frame, types)).lazy())

    def read_json_lines(self, path: Path, types: Types, *, checked: bool = False, closed: bool = False) -> nw.LazyFrame:
        """See `Engine.read_json_lines`."""
        polars = _polars()
        with _reading(path):
            frame = polars.read_ndjson(
                no_pattern(path), schema={name: _nested(part) for name, part in nest(types).items()}
            )
        if closed:
            with _reading(path):
                _check_names(
                    path, types, polars.scan_ndjson(no_pattern(path), infer_schema_length=None).collect_schema()
                )
        frame = frame.select(**{name: _path(name) for name in types})
        if not checked:
            _check_texts(path, frame, types)
        return nw.from_native(frame.with_columns(_times(path, frame, types)).lazy())

    def read_parquet(self, path: Path) -> nw.LazyFrame:
        """See `Engine.read_parquet`."""
        frame = _polars().scan_parquet(no_pattern(path))
        with _reading(path):
            frame.collect_schema()
        return nw.from_native(frame)

    def parse_times(self, frame: nw.LazyFrame, names: Sequence[str]) -> nw.LazyFrame:
        """See `Engine.parse_times`."""
        table = frame.collect(backend="polars").to_native()
        return nw.from_native(table.with_columns(_times("the table", table, dict.fromkeys(names, "time"))).lazy())

    def keep(self, frame: nw.LazyFrame) -> nw.LazyFrame:
        """See `Engine.keep`."""
        return frame.collect(backend="polars").lazy()

    def collect(self, frame: nw.LazyFrame) -> dict[str, np.ndarray]:
        """See `Engine.collect`."""
        return to_columns(frame.collect(backend="polars"))

    def scratch(self) -> Path:
        """See `Engine.scratch`."""
        if not self._scratch:
            self._scratch.append(scratch_folder(self.folder))
        return Path(self._scratch[0].name)


def scratch_folder(folder: Path | None) -> tempfile.TemporaryDirectory[str]:
    """A new temporary folder that goes when nobody holds it any more, without a word."""
    found = tempfile.TemporaryDirectory(prefix="tutelage-", dir=folder, ignore_cleanup_errors=True)
    finalizer: Any = found._finalizer  # pyright: ignore[reportAttributeAccessIssue]
    finalizer.detach()
    import shutil
    import weakref

    weakref.finalize(found, shutil.rmtree, found.name, ignore_errors=True)
    return found


def nest(types: Types) -> dict[str, Any]:
    """Dotted names as nested dictionaries of kinds."""
    found: dict[str, Any] = {}
    for name, kind in types.items():
        *above, last = name.split(".")
        place = found
        for part in above:
            place = place.setdefault(part, {})
        place[last] = kind
    return found


def _polars() -> Any:
    return require("polars", extra="data", why="read and compute tables")


def _dtype(kind: Kind) -> Any:
    polars = _polars()
    names = {"integer": "Int64", "number": "Float64", "boolean": "Boolean", "text": "String", "time": "String"}
    plain = getattr(polars, names[single(kind)])
    return polars.List(plain) if is_list(kind) else plain


def _nested(part: Any) -> Any:
    return _polars().Struct({n: _nested(p) for n, p in part.items()}) if isinstance(part, dict) else _dtype(part)


def _path(name: str) -> Any:
    first, *rest = name.split(".")
    column = _polars().col(first)
    for part in rest:
        column = column.struct.field(part)
    return column


@contextmanager
def _reading(path: Path) -> Generator[None]:
    polars = _polars()
    try:
        yield
    except (polars.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{path}: {error}") from error


def _even_lines(path: Path, separator: str, fields: int) -> None:
    """Short lines and empty ones come as missing values: refuses them."""
    polars = _polars()
    with _reading(path):
        lines = polars.read_csv(
            no_pattern(path), has_header=False, separator="\x01", quote_char=None, schema={"": polars.String}
        )
    counts = lines[:, 0].str.count_matches(separator, literal=True)
    if len(lines) and (lines[:, 0].null_count() or int(counts.min()) < fields - 1):
        raise UnreadableError(f"{path}: some lines have fewer than {fields} fields, or are empty")


def _times(path: Path | str, frame: Any, types: Types) -> list[Any]:
    return [_time(path, frame[name]) for name, kind in types.items() if kind == "time"]


def _time(path: Path | str, text: Any) -> Any:
    """A column of text as times."""
    found = times_of(text)
    if found.null_count() != text.null_count():
        raise UnreadableError(f"{path}: column {text.name!r} holds values that are no times")
    return found


def times_of(text: Any) -> Any:
    """A Polars series of text as times of UTC, missing where a text is none.

    All written alike take one pass, mixed ones a pass for each way of writing.
    """
    polars = _polars()
    if bool((text.str.len_bytes() == 19).all()):
        for form in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"):
            found = text.str.to_datetime(form, time_unit="us", strict=False)
            if found.null_count() == text.null_count():
                return found
    plain = text.str.replace(" ", "T", literal=True).str.strip_suffix("Z")
    found = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z"):
        if found.null_count() == text.null_count():
            break
        other = plain.str.to_datetime(form, time_unit="us", strict=False)
        other = other.dt.replace_time_zone(None) if form.endswith("%z") else other
        found = polars.select(polars.coalesce(found, other)).to_series()
    form = text.str.contains(f"^(?:{TIME.pattern})$")
    return found.set(~form.fill_null(True), None).alias(text.name)


def _check_texts(path: Path, frame: Any, types: Types) -> None:
    """Polars turns numbers and objects into text where text is expected, and half characters into NUL."""
    for name, kind in types.items():
        if kind == "text" and frame[name].str.contains(NO_TEXT).any():
            raise UnreadableError(f"{path}: column {name!r} holds values that may be no text")


def _check_names(path: Path, types: Types, schema: Any) -> None:
    """Refuses a file that has names beyond these."""
    polars = _polars()

    def paths(fields: Any, above: str) -> Iterator[str]:
        for name, dtype in fields:
            if isinstance(dtype, polars.Struct) and dtype.fields:
                yield from paths([(field.name, field.dtype) for field in dtype.fields], f"{above}{name}.")
            else:
                yield f"{above}{name}"

    more = [name for name in paths(schema.items(), "") if name not in types]
    if more:
        raise UnreadableError(f"{path} has more names: {more[:10]}")
