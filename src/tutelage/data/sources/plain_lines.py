"""Lines of JSON that are plainly good, told from the others by one native pass.

A regular expression is made of the shapes that records of the file have: the same names in the same order, each value
of its kind, written in the plain way. What it matches is valid JSON whose values have their kinds for certain; what
it does not match may be good or bad and is looked at by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, final

from ...core.errors import require
from ..engines import Kind, Types
from ..engines.kinds import is_list, single
from .values import Lists

_BOM = b"\xef\xbb\xbf"
_DAY = "(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\\.[0-9]{1,9})?)?(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?"
_INTEGER = "-?(?:0|[1-9][0-9]{0,17})"
_NUMBER = f"{_INTEGER}(?:\\.[0-9]{{1,17}})?(?:[eE][+-]?[0-9]{{1,2}})?"
_CODE = "[1-9a-cA-CeEfF][0-9a-fA-F]{3}|0[1-9a-fA-F][0-9a-fA-F]{2}|00[2-9a-fA-F][0-9a-fA-F]"
_TEXT = f'"(?:[^"\\\\\\x00-\\x1f\\x7f\\x{{FFFD}}]|\\\\["\\\\/bfnrt]|\\\\u(?:{_CODE}))*"'
"""No control characters, no half characters, and not U+FFFD, which stands for bytes that are no UTF-8."""
_VALUES: Mapping[Kind, str] = {
    "integer": _INTEGER,
    "number": _NUMBER,
    "boolean": "true|false",
    "text": _TEXT,
    "time": f'"(?:1[6-9]|2[0-9])[0-9]{{2}}-{_DAY}(?:[T ]{_CLOCK})?"',
}
_ANY = f"{_TEXT}|{_NUMBER}|true|false|null"


@dataclass(frozen=True)
class Shape:
    """Lines of some shapes of record.

    Args:
        pattern: of the whole line.
        over: names of values that the schema does not have.
    """

    pattern: str
    over: tuple[str, ...]


@final
class PlainLines:
    """Tells which lines are plainly good.

    Args:
        records: one of each shape, with the names that the schema does not have.
        types: kinds of the columns.
        lists: what becomes of columns of lists.
    """

    def __init__(self, records: Iterable[tuple[Mapping[str, Any], tuple[str, ...]]], types: Types, lists: Lists):
        self._polars = require("polars", extra="data", why="read JSON")
        alike: dict[tuple[str, ...], list[str]] = {}
        for record, over in records:
            made = _object(record, types, lists, "")
            if made is not None:
                alike.setdefault(over, []).append(made)
        self.shapes = [Shape(f"^[ \\t]*(?:{'|'.join(made)})[ \\t\\r]*$", over) for over, made in alike.items()]

    def lines(self, content: bytes) -> tuple[Any, list[bytes] | None]:
        """The lines of some bytes, as a Polars series; and as bytes, where some are no UTF-8."""
        polars = self._polars
        if not content.startswith(_BOM) and b"\r" not in content and b"\x01" not in content:
            with suppress(polars.exceptions.PolarsError):
                how = {"has_header": False, "separator": "\x01", "quote_char": None, "schema": {"": polars.String}}
                lines = polars.read_csv(content, **how).to_series().fill_null("")
                if lines.str.len_bytes().sum() + len(lines) == len(content) + 1:
                    return lines, None
        try:
            return polars.Series([content.decode()]).str.split("\n").explode(), None
        except UnicodeDecodeError:
            return polars.Series([content.decode("utf-8", "replace")]).str.split("\n").explode(), content.split(b"\n")

    def sizes(self, lines: Any, raws: list[bytes] | None) -> Any:
        """How many bytes each line has."""
        return lines.str.len_bytes() if raws is None else self._polars.Series(list(map(len, raws)))

    def told(self, lines: Any) -> tuple[Any, Counter[str]]:
        """Which lines are plainly good, a series of yes and no; and in how many of them a name is passed over."""
        found, over = self._polars.repeat(False, len(lines), eager=True), Counter[str]()
        for shape in self.shapes:
            here = lines.str.contains(shape.pattern)
            if shape.over:
                over.update(dict.fromkeys(shape.over, int(here.sum())))
            found = found | here
        return found, +over


def _object(record: Mapping[str, Any], types: Types, lists: Lists, above: str) -> str | None:
    """The pattern of objects with the names of this one; None where there is no plain one."""
    parts: list[str] = []
    for name, value in record.items():
        path = f"{above}{name}"
        made = None if "." in name else _value(value, path, types, lists)
        if made is None:
            return None
        parts.append(f'"{"".join(_plain(name))}" ?: ?(?:{made})')
    return f"\\{{ ?{' ?, ?'.join(parts)} ?\\}}"


def _value(value: Any, path: str, types: Types, lists: Lists) -> str | None:
    below = any(other.startswith(f"{path}.") for other in types)
    if isinstance(value, dict):
        return None if path in types else _object(value, types, lists, f"{path}.")
    if below:
        return "null"
    if isinstance(value, list) and (path not in types or lists.get(path) == "count"):
        return _listed(_ANY)
    kind = types.get(path)
    if kind is None:
        return _ANY
    pattern = _VALUES[single(kind)]
    return f"{_listed(f'{pattern}|null') if is_list(kind) else pattern}|null"


def _listed(entry: str) -> str:
    return f"\\[ ?(?:(?:{entry})(?: ?, ?(?:{entry}))*)? ?\\]"


def _plain(name: str) -> Iterator[str]:
    """A name for use in a pattern; what JSON would write in another way matches nothing."""
    for letter in name:
        yield letter if letter.isascii() and letter.isalnum() else f"\\x{{{ord(letter):x}}}"
