"""The target column: its kind and names found out, its rows split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Classes, InputError, Labels, Scores, Space, Values
from ..core.names import class_name


def encode_target(
    target: Any, names: Sequence[str] | None = None, space: Space | None = None
) -> tuple[np.ndarray, Space, np.ndarray]:
    """Target as numbers, its space, and which entries are known.

    Raises:
        InputError: a class is not among the names given, or the type cannot be told.
    """
    raw = _plain(np.asarray(target))
    if space is not None:
        names = space.names
    kind = None if space is None else space.kind
    if kind == "scores":
        relevance, known = _relevance(raw)
        return relevance, Space(Scores, tuple(names or ())), known
    if kind == "labels" or (kind is None and raw.ndim == 2 and raw.dtype == np.bool_):
        raw = _numbers(raw, names).reshape(len(raw), -1)
        known = ~np.isnan(raw)
        strange = np.unique(raw[known & ~np.isin(raw, (0.0, 1.0))])
        if len(strange):
            raise InputError(f"labels are 0 or 1 (yes or no), the target also holds {strange[:5].tolist()}")
        names = names or [f"label_{i}" for i in range(raw.shape[1])]
        return np.where(known, raw, 0).astype(np.float32), Space(Labels, tuple(names)), known
    if kind == "values" or (kind is None and raw.dtype.kind == "f" and not _whole(raw)):
        values = _numbers(raw, names).astype(np.float32).reshape(len(raw), -1)
        known = np.isfinite(values)
        names = names or [f"value_{i}" for i in range(values.shape[1])]
        return np.where(known, values, 0.0).astype(np.float32), Space(Values, tuple(names)), known
    if raw.ndim != 1:
        raise InputError(f"a target of shape {raw.shape} and type {raw.dtype} is not understood: give space=")
    labels = [class_name(value) for value in raw.tolist()]
    known = np.array([label is not None for label in labels])
    present = sorted({label for label in labels if label is not None}, key=natural)
    classes = tuple(names) if names else tuple(present)
    strange = [label for label in present if label not in classes]
    if strange:
        raise InputError(f"the target holds classes {strange[:5]} that are not among {list(classes)}")
    place = {name: number for number, name in enumerate(classes)}
    coded = np.array([0 if label is None else place[label] for label in labels], dtype=np.int64)
    return coded, Space(Classes, classes), known


def _relevance(raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Relevance of each candidate, float32 [rows, N], and which rows have a relevant one, bool [rows].

    A row of nothing but NaN is one that nobody has judged.

    Raises:
        InputError: not one number per candidate, a negative one, or NaN for some candidates of a row only.
    """
    values = _numbers(raw, None)
    if values.ndim != 2:
        raise InputError(f"the target of a ranking is the relevance of each candidate, [rows, N]; got {raw.shape}")
    unknown = np.isnan(values)
    judged = np.logical_not(unknown.all(axis=1))
    strange = np.flatnonzero((unknown & judged.reshape(-1, 1)).any(1) | (np.isinf(values) | (values < 0)).any(1))
    if len(strange):
        raise InputError(
            f"relevances are finite and not negative; {len(strange)} rows hold others (first {strange[:5].tolist()}): "
            "give 0 to what is not known to be relevant, and NaN to all candidates of a row that nobody has judged"
        )
    known = np.where(unknown, 0.0, values).astype(np.float32)
    return known, np.logical_and(judged, (known > 0).any(axis=1))


def _plain(raw: np.ndarray) -> np.ndarray:
    """Objects that are all numbers or None as floats; everything else as it is."""
    if raw.dtype != object or not any(isinstance(value, float) for value in raw.flat):
        return raw
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in raw.flat):
        return raw.astype(float)
    return raw


def _numbers(raw: np.ndarray, names: Sequence[str] | None) -> np.ndarray:
    """float64, None and "" as NaN.

    Raises:
        InputError: an entry is no number; names the row and the value.
    """
    if raw.dtype == object:
        raw = np.array([np.nan if value == "" else value for value in raw.flat], dtype=object).reshape(raw.shape)
    try:
        return raw.astype(float)
    except (TypeError, ValueError):
        for row, value in np.ndenumerate(raw.astype(object)):
            try:
                float("nan" if value is None or value == "" else value)
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"the target {'' if names is None else list(names)} holds {value!r} in row {row[0]}, which is no "
                    "number: choose another target column, or the task classification"
                ) from error
        raise


def split(
    target: np.ndarray,
    space: Space,
    known: np.ndarray,
    *,
    seed: int = 0,
    shares: tuple[float, float] = (0.15, 0.15),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Train, validation and test row numbers: stratified by class, random otherwise.

    Unlabelled rows all go to train. Every class with at least three rows is in all three parts.
    """
    generator = np.random.default_rng(seed)
    whole = known if known.ndim == 1 else known.any(1)
    groups = [np.flatnonzero(whole)]
    if space.kind == "classes":
        groups = [np.flatnonzero(whole & (target == c)) for c in range(len(space.names))]
    parts: tuple[list[np.ndarray], ...] = ([np.flatnonzero(~whole)], [], [])
    for group in groups:
        order = generator.permutation(group)
        cuts = [max(1, round(share * len(order))) if share and len(order) >= 3 else 0 for share in shares]
        parts[1].append(order[: cuts[0]])
        parts[2].append(order[cuts[0] : cuts[0] + cuts[1]])
        parts[0].append(order[cuts[0] + cuts[1] :])
    train, validation, test = (np.sort(np.concatenate(part)) for part in parts)
    return train, validation, test


def _whole(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return bool(values.ndim == 1 and np.all(finite == np.round(finite)) and len(np.unique(finite)) <= 50)


def natural(name: str) -> tuple[int, float, str]:
    """Sort key that puts numbers in numeric order before words."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
