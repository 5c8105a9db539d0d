"""Tables from files (CSV, TSV, Parquet, JSON lines) and from data frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals
import numpy as np

from ..core import InputError, require
from ..core.names import class_name
from .automatic import prepare_table
from .fitted import FittedRecipe
from .lines import check_header, check_json, empty_lines
from .rows import Rows, Sealed
from .target import encode_target, split
from .values import as_numbers, as_words

MOST_CLASSES = 50
"""More different whole numbers than this in a target may as well be amounts: the user has to say."""

READERS = {
    ".csv": (
        "read_csv",
        {"infer_schema_length": 10_000, "null_values": ["", "NA", "NaN", "nan", "null", "?"]},
    ),
    ".tsv": (
        "read_csv",
        {"separator": "\t", "infer_schema_length": 10_000, "null_values": ["", "NA", "NaN", "?"]},
    ),
    ".parquet": ("read_parquet", {}),
    ".jsonl": ("read_ndjson", {}),
    ".ndjson": ("read_ndjson", {}),
}


@dataclass(frozen=True)
class Table:
    """Rows of a file, the preparation that made the student's features, and remarks for the user."""

    rows: Rows
    preparation: FittedRecipe
    remarks: tuple[str, ...]


def read_columns(path: Path | str) -> dict[str, np.ndarray]:
    """The columns of a file: numbers as float64 or int64, everything else as objects (None where empty).

    Raises:
        InputError: the file is missing, of an unknown kind, or cannot be read (names the file).
        MissingExtraError: polars is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise InputError(f"{path}: tables are read from {', '.join(READERS)}; for images give a folder per class")
    polars = require("polars", extra="data", why=f"read {path.name}")
    reader, options = READERS[suffix]
    separator = {".csv": ",", ".tsv": "\t"}.get(suffix)
    if separator is not None:
        check_header(path, separator)
    try:
        frame = getattr(polars, reader)(path, **options)
    except Exception as error:
        if separator is not None:
            empty_lines(path, separator)
        elif suffix in (".jsonl", ".ndjson"):
            check_json(path)
        raise InputError(f"{path} cannot be read as {suffix[1:]}: {error}") from error
    if separator is not None and len(frame.columns) > 1 and frame[:, -1].null_count():
        empty = empty_lines(path, separator)
        frame = frame.filter(polars.Series(~empty)) if len(empty) == len(frame) else frame
    if not len(frame):
        raise InputError(f"{path} holds no rows")
    return {name: _column(frame[name], path, polars) for name in frame.columns}


def frame_columns(frame: Any) -> dict[str, np.ndarray]:
    """The columns of a data frame (polars, pandas, pyarrow, ... whatever Narwhals knows), as `read_columns` gives them.

    Raises:
        InputError: it is no data frame, or holds no rows.
    """
    try:
        table = narwhals.from_native(frame, eager_only=True)
    except TypeError as error:
        raise InputError(f"a table is a file or a data frame, got {type(frame).__name__}") from error
    if not len(table):
        raise InputError("the data frame holds no rows")
    found: dict[str, np.ndarray] = {}
    for name in table.columns:
        series = table[name]
        if series.dtype == narwhals.Boolean:
            series = series.cast(narwhals.Int64)
        if series.dtype.is_numeric():
            found[name] = np.asarray(
                series.cast(narwhals.Float64).to_numpy() if series.is_null().any() else series.to_numpy()
            )
        else:
            words = [None if value is None or value != value else str(value) for value in series.to_list()]
            found[name] = np.array(words, dtype=object)
    return found


def read_table(
    data: Path | str | Any,
    target: str | Sequence[str],
    *,
    task: str | None = None,
    test: Path | str | Any = None,
    ignore: Sequence[str] = (),
    key: str | None = None,
    seed: int = 0,
) -> Table:
    """Rows of a file or a data frame: target encoded, rows split, features prepared from training rows.

    Args:
        data: the file, or a data frame.
        target: name of the target column, or several names (of 0/1 columns: labels; of numbers: values).
        task: `classification`, `multilabel` or `regression`, where it cannot be told from the target.
        test: another file or data frame that holds the test rows.
        ignore: columns that nobody may read (identifiers, the future).
        key: column that names the rows in files of stored predictions; no feature, ignored or not.
        seed: of the split.

    Raises:
        InputError: the target is not a column, or has a single value.
    """
    columns = _columns_of(data)
    targets = [target] if isinstance(target, str) else list(target)
    for name in targets:
        if name not in columns:
            raise InputError(
                f"{_called(data)} has no column {name!r}; there are {list(columns)}: name the target with --target"
            )
    held: dict[str, np.ndarray] = {}
    if test is not None:
        held = _columns_of(test)
        lost = sorted(set(columns) - set(held))
        if lost:
            raise InputError(f"{_called(test)} lacks columns {lost} of {_called(data)}")
        columns = {name: np.concatenate([column, _like(name, column, held[name])]) for name, column in columns.items()}
    raw = columns[targets[0]] if len(targets) == 1 else np.stack([columns[name] for name in targets], axis=1)
    coded, space, known = encode_target(raw, None if len(targets) == 1 else targets, space_for(raw, targets, task))
    if space.kind == "classes" and len(space.names) < 2:
        raise InputError(f"column {targets[0]!r} holds the single class {space.names}: there is nothing to learn")
    first = len(coded) - (len(next(iter(held.values()))) if held else 0)
    if held:
        train, validation, rest = split(coded[:first], space, known[:first], seed=seed, shares=(0.15, 0.0))
        train, test_rows = np.sort(np.concatenate([train, rest])), np.arange(first, len(coded))
    else:
        train, validation, test_rows = split(coded, space, known, seed=seed)
    features = {n: c for n, c in columns.items() if n not in {*targets, *ignore, key}}
    preparation, left_out = prepare_table(features, train)
    columns = {n: c for n, c in columns.items() if n not in ignore or n == key} | preparation.apply(features)
    remarks = tuple(f"column {name!r} is left out: it {why}" for name, why in left_out.items())
    inputs, test_split = preparation.outputs, Sealed(test_rows)
    rows = Rows(columns, inputs, coded, space, known, train, validation, test_split, None, preparation, known)
    return Table(rows, preparation, remarks)


def _called(data: Any) -> str:
    return str(data) if isinstance(data, str | Path) else "the data frame"


def _columns_of(data: Any) -> dict[str, np.ndarray]:
    return read_columns(data) if isinstance(data, str | Path) else frame_columns(data)


def _like(name: str, column: np.ndarray, held: np.ndarray) -> np.ndarray:
    """A column of the test rows in the type of the training rows, which alone decide it."""
    if (column.dtype == object) == (held.dtype == object):
        return held
    return as_words(held) if column.dtype == object else as_numbers(name, held)


def space_for(raw: np.ndarray, names: Sequence[str], task: str | None) -> Any:
    """The space meant by a task name, or None to find it out from the values.

    Raises:
        InputError: the task is not known, or it is not clear which one is meant.
    """
    from ..core import Classes, Labels, Space, Values

    if task is None:
        if raw.ndim == 1:
            _check_clear(raw, names)
            return Space(Values, tuple(names)) if encode_target(raw)[1].kind == "values" else None
        flat = encode_target(raw, names, Space(Values, tuple(names)))[0]
        binary = np.isin(flat[np.isfinite(flat)], (0.0, 1.0)).all()
        return Space(Labels if binary else Values, tuple(names))
    if task == "regression":
        return Space(Values, tuple(names))
    if task == "multilabel":
        return Space(Labels, tuple(names))
    if task == "classification":
        if raw.ndim != 1:
            raise InputError(f"classification has one target column, got {list(names)}: use the task multilabel")
        found = {class_name(value) for value in raw.tolist()} - {None}
        return Space(Classes, tuple(sorted(str(name) for name in found)))
    raise InputError(f"task {task!r} is not known: classification, multilabel, regression")


def _check_clear(raw: np.ndarray, names: Sequence[str]) -> None:
    if raw.ndim == 1 and raw.dtype.kind == "i" and len(np.unique(raw)) > MOST_CLASSES:
        raise InputError(
            f"column {names[0]!r} holds {len(np.unique(raw))} different whole numbers, which may be classes or "
            "amounts: say which with --task classification or --task regression"
        )


def _column(series: Any, path: Path, polars: Any) -> np.ndarray:
    if series.dtype == polars.Boolean:
        series = series.cast(polars.Int64)
    if series.dtype.is_numeric():
        return np.asarray(series.cast(polars.Float64).to_numpy() if series.null_count() else series.to_numpy())
    if series.dtype.is_nested():
        raise InputError(f"{path}: column {series.name!r} holds {series.dtype} per row: spread it over plain columns")
    return np.array(series.cast(polars.String, strict=False).to_list(), dtype=object)
