"""Values of records: which kind they are of, and how text becomes one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, cast

from ...core import InputError
from ..engines.kinds import BOOLEAN, INTEGER, NUMBER, POWER, TIME, Kind, is_list, single

Lists = Mapping[str, Literal["keep", "count"]]
"""What becomes of a column of lists: kept, or replaced by the number of entries."""

EXACT = 2**53
"""Below this, every whole number is exact in floating point."""
_LARGEST = 2**63
_TYPES: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", str: "text"}


def text_kind(values: Iterable[str], most: float) -> Kind:
    """The kind of texts of a sample: the narrowest that fits all but a few of them; text where there are none.

    Whole numbers with leading zeros are names of things and stay text.

    Args:
        values: the sample.
        most: share of values that need not fit.
    """
    kinds = Counter[Kind]()
    for value, times in Counter(values).items():
        kinds[_text_kind(value)] += times
    return _settle(kinds, most)


def json_kind(values: Iterable[Any], most: float) -> Kind:
    """The kind of typed values of a sample: that of most of them; a list by its entries.

    Args:
        values: the sample.
        most: share of texts that need not be times in a column of times.

    Raises:
        InputError: lists hold lists or objects.
    """
    found = list(values)
    lists = [value for value in found if isinstance(value, list)]
    if lists and len(lists) > len(found) / 2:
        entries = [entry for value in lists for entry in value if entry is not None]
        if any(isinstance(entry, list | dict) for entry in entries):
            raise InputError("lists of records or lists")
        return cast(Kind, f"{_majority(Counter[Kind](map(_json_kind, entries)), 0.0)}s".replace("times", "texts"))
    return _majority(Counter[Kind](_json_kind(value) for value in found), most)


def parse(text: str, kind: Kind) -> Any:
    """A text as a value of a kind.

    Raises:
        ValueError: it is none.
    """
    if kind == "text":
        return text
    found = _PARSERS[kind](text)
    if found is None:
        raise ValueError(text)
    return found


def fits(value: Any, kind: Kind, *, like: bool = False) -> bool:
    """Whether a JSON value is of a kind; a missing one is of every kind.

    Args:
        value: the value.
        kind: the kind.
        like: look at its type only, not at whether an integer has 64 bits and a text is a time.
    """
    if value is None:
        return True
    if is_list(kind):
        inner = single(kind)
        return isinstance(value, list) and all(entry is None or fits(entry, inner, like=like) for entry in value)
    if kind == "integer":
        return type(value) is int and (like or -_LARGEST <= value < _LARGEST)
    if kind == "number":
        return type(value) in (int, float)
    if kind == "boolean":
        return type(value) is bool
    if type(value) is not str:
        return False
    return like or kind == "text" or to_time(value) is not None


def to_time(text: str) -> datetime | None:
    """A text of ISO 8601 as a time in UTC without zone; None where it is none."""
    if not TIME.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def flatten(record: Mapping[str, Any], lists: Lists, above: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a nested record by dotted names; lists counted where the rule says so."""
    for name, value in record.items():
        path = f"{above}{name}"
        if isinstance(value, dict):
            yield from flatten(value, lists, f"{path}.")
        elif isinstance(value, list) and lists.get(path) == "count":
            yield path, len(value)
        else:
            yield path, value


def misfit(name: str, value: Any, kind: Kind) -> str:
    """The rule that a value of another kind breaks, in words."""
    held = {dict: "an object", list: "a list", bool: "a truth value", str: "text", float: "a fraction"}
    other = held.get(type(value), "a number")
    if kind in ("integer", "time") and type(value) in (int, str):
        other = "an integer of more than 64 bits" if type(value) is int and kind == "integer" else other
        other = "text that is no time" if kind == "time" and type(value) is str else other
    return f"column {name!r} is of kind {kind} and holds {other}"


def _majority(kinds: Counter[Kind], most: float) -> Kind:
    """The kind that most values have, where no kind takes the values of another; numbers where some are fractions."""
    texts = Counter[Kind]({kind: kinds[kind] for kind in ("text", "time")})
    numbers = Counter[Kind]({kind: kinds[kind] for kind in ("integer", "number")})
    truths = Counter[Kind]({"boolean": kinds["boolean"]})
    return _settle(max(texts, numbers, truths, key=lambda part: part.total()), most)


def _settle(kinds: Counter[Kind], most: float) -> Kind:
    """One kind for all: numbers where some are fractions; text where too many are something else."""
    total = sum(kinds.values())
    if not total:
        return "text"
    numeric = kinds["integer"] + kinds["number"]
    if numeric >= (1 - most) * total:
        return "number" if kinds["number"] else "integer"
    for kind in ("boolean", "time"):
        if kinds[kind] >= (1 - most) * total:
            return kind
    return "text"


def _text_kind(text: str) -> Kind:
    if INTEGER.fullmatch(text):
        plain = text.strip().lstrip("+-")
        return "text" if plain[0] == "0" and len(plain) > 1 else "integer"
    if POWER.fullmatch(text) and _integer(text) is not None:
        return "integer"
    if NUMBER.fullmatch(text):
        return "number"
    if BOOLEAN.fullmatch(text):
        return "boolean"
    return "time" if to_time(text) is not None else "text"


def _json_kind(value: Any) -> Kind:
    if isinstance(value, str):
        return "time" if to_time(value) is not None else "text"
    return _TYPES.get(type(value), "text")


def _integer(text: str) -> int | None:
    """A whole number, also one that R wrote as 9e+05, as long as floating point holds it exactly."""
    if POWER.fullmatch(text):
        value = float(text)
        return int(value) if value.is_integer() and abs(value) < EXACT else None
    found = int(text) if INTEGER.fullmatch(text) else None
    return found if found is not None and -_LARGEST <= found < _LARGEST else None


def _number(text: str) -> float | None:
    return float(text) if NUMBER.fullmatch(text) else None


def _boolean(text: str) -> bool | None:
    return text.lower() == "true" if BOOLEAN.fullmatch(text) else None


_PARSERS: dict[Kind, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "time": to_time,
}
