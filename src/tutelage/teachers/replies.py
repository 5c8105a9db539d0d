"""The JSON that an endpoint is sent and what it may answer.

Request: `{"rows": [{"column": value, ...}, ...], "answers": "classes", "names": [...]}`, with `model`, `revision` and
`settings` where they are given. Missing numbers are null, arrays are lists, dates ISO text.

Reply: `{"answers": [one per row, in order]}`, and where it likes `output` (`probs`, `log_probs`, `logits`), `model`
and `revision`. An answer is null (no opinion), or

- classes: a list of numbers in the order of the names; an object from class to probability, what is left going to
  the others evenly; or the name of a class, which is a vote;
- labels: a list of probabilities (or of logits, if it says so), or an object from label to probability; null for a
  single label without an opinion;
- values: a number, a list of numbers, an object from name to number, or `{"mean": ..., "scale": ...}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Classes, InputError, Labels, Space, Values
from ..core.names import class_name
from .output import Output
from .rule import mapped, spread

KNOWN = ("probs", "log_probs", "logits", "votes")


@dataclass(frozen=True)
class Reply:
    """What one reply says.

    Attributes:
        numbers: float64 [n, W]; NaN where it says nothing.
        scale: as `numbers`, or None.
        output: what the numbers are, as far as the reply tells; None for values and for lists without a word.
        silent: no row has an opinion.
    """

    numbers: np.ndarray
    scale: np.ndarray | None
    output: Output | None
    silent: bool


def request_body(columns: Mapping[str, np.ndarray], space: Space, told: Mapping[str, Any], who: str) -> bytes:
    """The JSON text that asks about these rows.

    Raises:
        InputError: a column holds what JSON cannot say.
    """
    listed = {name: _listed(column, name, who) for name, column in columns.items()}
    rows = [dict(zip(listed, values, strict=True)) for values in zip(*listed.values(), strict=True)]
    whole = {**told, "answers": space.kind, "names": list(space.names), "rows": rows}
    try:
        return json.dumps(whole, allow_nan=False, ensure_ascii=False, sort_keys=True).encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"{who} reads {list(columns)}, of which JSON cannot say a value: {error}") from error


def _listed(column: np.ndarray, name: str, who: str) -> list[Any]:
    kind = column.dtype.kind
    if kind == "M":
        return [None if value == "NaT" else value for value in np.datetime_as_string(column).tolist()]
    if kind == "f":
        return _null(column.astype(np.float64) if column.dtype.itemsize > 8 else column)
    if kind in "iubU":
        return column.tolist()
    if kind == "O":
        return [_plain(value) for value in column.tolist()]
    raise InputError(
        f"{who} reads column {name!r} of type {column.dtype}, which JSON cannot say: text and numbers it can"
    )


def _null(column: np.ndarray) -> list[Any]:
    missing = ~np.isfinite(column)
    if not missing.any():
        return column.tolist()
    plain = column.astype(object)
    plain[missing] = None
    return plain.tolist()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _null(value) if value.dtype.kind == "f" else value.tolist()
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def read_reply(found: Any, count: int, space: Space, told: Mapping[str, Any]) -> Reply:
    """What a reply says about `count` rows.

    Raises:
        InputError: it has another shape than the one above, or comes from another model than was asked for.
    """
    answers = found.get("answers") if isinstance(found, Mapping) else None
    if not isinstance(answers, list):
        raise InputError(f'answered {_short(found)}, expected {{"answers": [...]}}')
    if len(answers) != count:
        raise InputError(f"was asked about {count} rows and answered {len(answers)}")
    for name in ("model", "revision"):
        if name in told and found.get(name, told[name]) != told[name]:
            raise InputError(f"answered with {name} {found[name]!r}, but {told[name]!r} was asked for")
    said = found.get("output")
    if said is not None and (said not in KNOWN or space.answer is Values):
        raise InputError(f"says that its output is {said!r}; for {space.kind} it may be {_outputs(space)}")
    width = len(space.names)
    numbers = np.full((count, width), np.nan)
    scale = np.full((count, width), np.nan) if space.answer is Values else None
    forms: set[Output | None] = set()
    for row, answer in enumerate(answers):
        if answer is None:
            continue
        try:
            if scale is not None:
                numbers[row], scale[row] = _value(answer, space.names)
            else:
                numbers[row], form = _class(answer, space) if space.answer is Classes else _label(answer, space.names)
                forms.add(form or said)
        except (InputError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"answered {_short(answer)} at position {row}: {error}") from error
    if len(forms) > 1:
        raise InputError(f"answered in several forms at once: {sorted(str(form) for form in forms)}")
    form = forms.pop() if forms else said
    if form is None and space.answer is Labels:
        form = "probs"
    if scale is not None and np.isnan(scale).all():
        scale = None
    return Reply(numbers, scale, form, not forms and bool(np.isnan(numbers).all()))


def _outputs(space: Space) -> str:
    return {Classes: ", ".join(KNOWN), Labels: "probs or logits", Values: "left out"}[space.answer]  # type: ignore[index]


def _number(value: Any) -> float:
    if isinstance(value, bool | int | float) and np.isfinite(value):
        return float(value)
    raise InputError(f"{value!r} is not a finite number")


def _many(answer: Sequence[Any], names: Sequence[str], *, null: bool = False) -> list[float]:
    if len(answer) != len(names):
        raise InputError(f"{len(answer)} numbers for the {len(names)} names {list(names[:9])}")
    return [np.nan if null and value is None else _number(value) for value in answer]


def _class(answer: Any, space: Space) -> tuple[list[float], Output | None]:
    names = space.names
    if isinstance(answer, list):
        return _many(answer, names), None
    if isinstance(answer, Mapping):
        return spread(mapped({name: _number(value) for name, value in answer.items()}, names), names), "probs"
    name = class_name(answer) if isinstance(answer, str | bool | int | float) else None
    if name not in names:
        raise InputError(f"{answer!r} is not among its classes {list(names)}")
    return [float(known == name) for known in names], "votes"


def _label(answer: Any, names: Sequence[str]) -> tuple[list[float], Output | None]:
    if isinstance(answer, list):
        return _many(answer, names, null=True), None
    numbers = mapped(answer, names)
    return [_number(numbers[name]) if name in numbers else np.nan for name in names], None


def _value(answer: Any, names: Sequence[str]) -> tuple[Any, Any]:
    nothing = [np.nan] * len(names)
    if isinstance(answer, Mapping) and "mean" in answer and set(answer) <= {"mean", "scale"}:
        scale = answer.get("scale")
        return _values(answer["mean"], names), nothing if scale is None else _values(scale, names)
    return _values(answer, names), nothing


def _values(answer: Any, names: Sequence[str]) -> list[float]:
    if isinstance(answer, Mapping):
        numbers = mapped(answer, names)
        return [_number(numbers[name]) if name in numbers else np.nan for name in names]
    return _many(answer if isinstance(answer, list) else [answer], names, null=True)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]} ..."
