"""The kinds of values that a column of a source can hold, the same on every engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

Kind = Literal["integer", "number", "boolean", "text", "time", "integers", "numbers", "booleans", "texts"]
"""`integer` is 64 bits, `number` a double, `time` microseconds of UTC without zone; a plural is a list of values."""

KINDS: tuple[Kind, ...] = get_args(Kind)
"""All kinds, by name."""

Types = Mapping[str, Kind]
"""Kinds of the columns of a file by name, in order."""

TIME = re.compile(
    r"\d{4}-[01]\d-[0-3]\d(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
)
"""How times are written: ISO 8601, with or without seconds, fraction and offset; without an offset it is UTC."""


def is_list(kind: Kind) -> bool:
    """Whether a value of this kind is a list."""
    return kind.endswith("s")


def single(kind: Kind) -> Kind:
    """The kind of the values in a list, or the kind itself."""
    found: dict[Kind, Kind] = {"integers": "integer", "numbers": "number", "booleans": "boolean", "texts": "text"}
    return found.get(kind, kind)


INTEGER = re.compile(r" *[+-]?\d{1,19} *")
POWER = re.compile(r" *[+-]?\d+(?:\.\d+)?[eE]\+?\d{1,2} *")
NUMBER = re.compile(r" *[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf|Infinity|nan|NaN) *")
BOOLEAN = re.compile(r"(?i:true|false)")

NO_TEXT = r"^(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|[{\[].*)$|\x00"
"""What a text of JSON looks like when it may have been no text; readers turn everything into text without a word."""


def no_pattern(path: Path) -> str:
    """A path in which no letter stands for others, for readers that take paths as patterns."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))
