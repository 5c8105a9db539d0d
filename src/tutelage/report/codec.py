"""Frozen dataclasses to strict JSON and back, checked against their annotations.

`encode` turns records into dicts and lists; `decode` rebuilds them and names the place of the first value
that does not fit, such as `report.contenders[3].role`. Numbers that JSON does not know are written as the
strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from tutelage.core.errors import InputError

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode(value: Any) -> Any:
    """Return the JSON form of a record, mapping, sequence or plain value."""
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: encode(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise InputError(f"a report holds plain values only, not {type(value).__name__}: {value!r}")


def decode(kind: Any, value: Any, where: str) -> Any:
    """Rebuild a value of the annotated type `kind` from its JSON form.

    Raises:
        InputError: naming the place, what was expected there and what was found.
    """
    origin = get_origin(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return _decode_record(kind, value, where)
    if origin is Literal:
        return _expect(value in get_args(kind), value, where, f"one of {', '.join(map(str, get_args(kind)))}")
    if origin in (Union, types.UnionType):
        inner = next(part for part in get_args(kind) if part is not type(None))
        return None if value is None else decode(inner, value, where)
    if origin is tuple:
        return _decode_tuple(get_args(kind), value, where)
    if origin is not None and issubclass(origin, Mapping):
        item_kind = get_args(kind)[1]
        _expect(isinstance(value, dict), value, where, "an object")
        return {key: decode(item_kind, item, f"{where}[{key!r}]") for key, item in value.items()}
    return _decode_plain(kind, value, where)


def _decode_record(kind: type, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), value, where, f"an object ({kind.__name__})")
    hints = get_type_hints(kind)
    known = {part.name: part for part in fields(kind)}
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise InputError(f"{where}: unknown field {unknown[0]!r}; was it written by a newer version of tutelage?")
    for name, part in known.items():
        if name not in value and part.default is MISSING and part.default_factory is MISSING:
            raise InputError(f"{where}: the field {name!r} is missing")
    return kind(**{name: decode(hints[name], item, f"{where}.{name}") for name, item in value.items()})


def _decode_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    _expect(isinstance(value, list), value, where, "a list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    _expect(len(kinds) == len(value), value, where, f"a list of {len(kinds)}")
    return tuple(decode(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value, strict=True)))


def _decode_plain(kind: Any, value: Any, where: str) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is float:
        if isinstance(value, str) and value in _NON_FINITE:
            return _NON_FINITE[value]
        return float(_expect(is_number, value, where, "a number"))
    if kind is int:
        return _expect(is_number and isinstance(value, int), value, where, "a whole number")
    return _expect(isinstance(value, kind), value, where, kind.__name__)


def _expect(fits: bool, value: Any, where: str, expected: str) -> Any:
    if not fits:
        raise InputError(f"{where}: expected {expected}, found {str(value)[:60]!r}")
    return value
