"""Whole records: several sources with rows about the same things become one table, column by column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...core import InputError
from .rules import Majority
from .table import Resolved, Resolver, Table, claims_of


def resolve_records(
    sources: Mapping[str, Mapping[str, np.ndarray]],
    key: str,
    rules: Mapping[str, Resolver] | None = None,
    *,
    time: str | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, Resolved]]:
    """One row per key, each column resolved by a rule of its own.

    Args:
        sources: source name to its columns, name to array [N]; the most trusted first. A key may come more than once.
        key: column that names the thing a row is about.
        rules: column to resolver; `Majority` for the others.
        time: column that says when a row was written; taken as the time of its claims.

    Returns:
        The columns: key, every column, and for each `{name}_confidence` and `{name}_by`; `confidence`, the mean of
        those of the columns, is fit to be the weight of a row. And the resolved columns by name.

    Raises:
        InputError: a source lacks the key, a rule is for a column that nobody has, or a column is numbers here and
            words there.
    """
    lost = [name for name, columns in sources.items() if key not in columns]
    if lost or not sources:
        raise InputError(f"sources {lost or '(none)'} have no key column {key!r}")
    names = list(dict.fromkeys(n for columns in sources.values() for n in columns if n not in (key, time)))
    strange = sorted({*(rules or {})} - {*names})
    if strange:
        raise InputError(f"rules are given for {strange}, which no source has; there are {names}")
    keys = np.unique(np.concatenate([np.asarray(columns[key]) for columns in sources.values()]))
    made: dict[str, np.ndarray] = {key: keys}
    found: dict[str, Resolved] = {}
    for name in names:
        rule = (rules or {}).get(name, Majority())
        found[name] = rule(column_claims(sources, key, name, keys, time))
        made |= found[name].to_columns(key, name)
    confidence = [resolved.confidence for resolved in found.values()]
    made["confidence"] = np.mean(confidence, axis=0) if confidence else np.ones(len(keys))
    return made, found


def column_claims(
    sources: Mapping[str, Mapping[str, np.ndarray]],
    key: str,
    column: str,
    keys: np.ndarray | None = None,
    time: str | None = None,
) -> Table:
    """The claims of several sources about one column.

    Args:
        sources: source name to its columns; those without the column claim nothing.
        key: column that names the thing a row is about.
        column: what is claimed.
        keys: all things; those of the sources unless given.
        time: column that says when a row was written.
    """
    if keys is None:
        keys = np.unique(np.concatenate([np.asarray(columns[key]) for columns in sources.values()]))
    parts = {name: columns for name, columns in sources.items() if column in columns}
    kinds = {name: np.asarray(columns[column]).dtype.kind in "fiu" for name, columns in parts.items()}
    if len(set(kinds.values())) > 1:
        words = [name for name, numbers in kinds.items() if not numbers]
        raise InputError(f"column {column!r} is words in {words} and numbers elsewhere: bring it to one type first")
    data: dict[str, Any] = {
        "fact": np.concatenate([np.asarray(columns[key]) for columns in parts.values()]),
        "source": np.concatenate([np.full(len(columns[key]), name, dtype=object) for name, columns in parts.items()]),
        "value": np.concatenate([np.asarray(columns[column]) for columns in parts.values()]),
        "filled": np.concatenate([_filled(columns, key) for columns in parts.values()]),
    }
    if time is not None:
        data["time"] = np.concatenate([np.asarray(columns[time]) for columns in parts.values()])
    table = claims_of(data, weight="filled", time=None if time is None else "time", sources=list(sources), facts=keys)
    return replace(table, weight=np.ones(len(table)), filled=table.weight.astype(np.int64))


def _filled(columns: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    """How many columns but the key each row fills."""
    count = np.zeros(len(columns[key]))
    for name, column in columns.items():
        if name != key:
            listed = np.asarray(column).tolist()
            count += np.array([value is not None and value == value and value != "" for value in listed])
    return count
