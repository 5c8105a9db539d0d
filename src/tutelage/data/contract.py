"""What a source promises: a schema, found from data, written as a readable file, checked at each load.

A `Schema` has a `Field` per column with its rules, which are enforced, and what was `Seen` in the data it was found
from, which is only compared: `drift` says in words what has changed since. `Schema.tight` turns what was seen into
rules.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from operator import gt, lt
from pathlib import Path
from typing import Any, cast

import narwhals.stable.v2 as nw

from ..core import InputError
from .engines.kinds import KINDS, Kind
from .quarantine import write_whole
from .units import UNITS

FORMAT = 1
MOST_VALUES = 20
"""A column with more different values than this has no closed set of values."""

_DRIFT = 0.05

Value = bool | int | float | str


@dataclass(frozen=True)
class Seen:
    """What a column held when its schema was found.

    Args:
        rows: of the table.
        missing: share of rows without a value.
        low: least value; a time as text.
        high: greatest value.
        values: all values, where there are few.
        unique: whether no value came twice.
    """

    rows: int
    missing: float
    low: float | int | str | None = None
    high: float | int | str | None = None
    values: tuple[Value, ...] | None = None
    unique: bool = False


@dataclass(frozen=True)
class Field:
    """A column and its rules.

    Args:
        kind: of its values.
        required: whether a value must be there.
        low: least value allowed; a time as text of ISO 8601, in UTC.
        high: greatest value allowed.
        values: the only values allowed.
        unique: whether no value may come twice; the first one stays.
        unit: unit of measure; one of `tutelage.data.units.UNITS` is recognised when it seems to have changed.
        ahead: seconds that a time may lie in the future when it is read; any unless given.
        seen: what it held when the schema was found.

    Raises:
        InputError: a rule does not fit the kind.
    """

    kind: Kind
    required: bool = False
    low: float | int | str | None = None
    high: float | int | str | None = None
    values: tuple[Value, ...] | None = None
    unique: bool = False
    unit: str | None = None
    ahead: float | int | None = None
    seen: Seen | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind {self.kind!r} is not known; there are {', '.join(KINDS)}")
        ranged = self.low is not None or self.high is not None
        if ranged and self.kind not in ("integer", "number", "time"):
            raise InputError(f"a range is for numbers and times, not for kind {self.kind}")
        if self.ahead is not None and self.kind != "time":
            raise InputError(f"ahead is for times, not for kind {self.kind}")
        if self.unit is not None and self.kind not in ("integer", "number"):
            raise InputError(f"a unit is for numbers, not for kind {self.kind}")


@dataclass(frozen=True)
class Schema:
    """The columns of a source by name, in order.

    Args:
        fields: name to field.
        key: columns that together name a row; no two rows may have the same, and none may be missing.
    """

    fields: Mapping[str, Field]
    key: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lost = [name for name in self.key if name not in self.fields]
        if lost:
            raise InputError(f"the key columns {lost} are not in the schema; there are {list(self.fields)}")

    @property
    def types(self) -> dict[str, Kind]:
        return {name: found.kind for name, found in self.fields.items()}

    def tight(self) -> Schema:
        """The same schema with what was seen as rules: required, range, closed set of values, unique."""
        return replace(self, fields={name: _tight(found) for name, found in self.fields.items()})

    def to_json(self) -> dict[str, Any]:
        """JSON form, without what is not set."""
        fields: dict[str, Any] = {}
        for name, found in self.fields.items():
            plain = _set(asdict(found))
            if found.seen is not None:
                plain["seen"] = _set(asdict(found.seen)) | {"missing": found.seen.missing}
            fields[name] = plain
        return {"format": FORMAT, "key": list(self.key), "fields": fields}

    def save(self, path: Path | str) -> None:
        """Writes the schema as a readable file of JSON, to be edited and put under version control."""
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"
        write_whole(Path(path), text.encode())

    @staticmethod
    def load(path: Path | str) -> Schema:
        """The schema in a file.

        Raises:
            InputError: the file is no schema; says what is wrong with it.
        """
        try:
            value = json.loads(Path(path).read_text(encoding="utf-8"))
            return schema_from_json(value)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{path} is no schema: {error!r}; Schema.save writes one") from error


def schema_from_json(value: Mapping[str, Any]) -> Schema:
    """The schema written by `Schema.to_json`."""
    if value.get("format") != FORMAT:
        raise InputError(f"format {value.get('format')!r} of a schema is not known here; this version reads {FORMAT}")
    fields: dict[str, Field] = {}
    for name, plain in value["fields"].items():
        seen = plain.get("seen")
        parts = {**plain, "seen": None if seen is None else Seen(**_tuples(seen))}
        fields[name] = Field(**_tuples(parts))
    return Schema(fields, tuple(value.get("key", ())))


def kinds_of(frame: nw.LazyFrame) -> dict[str, Kind]:
    """Kinds of the columns of a frame.

    Raises:
        InputError: a column holds something that has no kind; names it.
    """
    return {name: _kind(name, dtype) for name, dtype in frame.collect_schema().items()}


def find_schema(frame: nw.LazyFrame, *, key: Sequence[str] = (), units: Mapping[str, str] | None = None) -> Schema:
    """The schema of a table: kinds as rules, everything else as seen.

    Args:
        frame: of any engine.
        key: columns that name a row.
        units: column to unit of measure.
    """
    kinds = kinds_of(frame)
    wanted: list[nw.Expr] = [nw.len().alias("/rows")]
    for place, (name, kind) in enumerate(kinds.items()):
        column = nw.col(name)
        wanted.append(column.null_count().alias(f"{place}/missing"))
        if kind in ("integer", "number", "time"):
            wanted += [column.min().alias(f"{place}/low"), column.max().alias(f"{place}/high")]
        if not kind.endswith("s"):
            wanted.append(column.n_unique().alias(f"{place}/unique"))
    found = _first(frame.select(*wanted))
    fields: dict[str, Field] = {}
    for place, (name, kind) in enumerate(kinds.items()):
        rows, missing = int(found["/rows"]), int(found[f"{place}/missing"])
        distinct = int(found.get(f"{place}/unique") or 0) - (missing > 0)
        values = None
        if 0 < distinct <= MOST_VALUES and kind in ("text", "integer", "boolean"):
            listed = frame.select(nw.col(name)).unique().collect(backend="polars")[name].to_list()
            values = tuple(sorted((v for v in listed if v is not None), key=lambda v: (str(type(v)), v)))
        low, high = (plain_value(found.get(f"{place}/{end}")) for end in ("low", "high"))
        share = missing / rows if rows else 0.0
        seen = Seen(rows, share, low, high, values, 0 < distinct == rows - missing)
        fields[name] = Field(kind, unit=(units or {}).get(name), seen=seen)
    return Schema(fields, tuple(key))


def drift(schema: Schema, frame: nw.LazyFrame) -> list[str]:
    """What has changed between the data a schema was found from and a table, as remarks for the user."""
    now = find_schema(frame)
    told: list[str] = []
    for name, old in schema.fields.items():
        if old.seen is None or name not in now.fields:
            continue
        new = cast(Seen, now.fields[name].seen)
        if abs(new.missing - old.seen.missing) > _DRIFT:
            told.append(f"column {name!r}: {new.missing:.1%} of the values are missing, it was {old.seen.missing:.1%}")
        if old.seen.values is not None and old.kind != "integer":
            fresh = [value for value in new.values or () if value not in old.seen.values]
            if new.values is None or fresh:
                told.append(f"column {name!r} has new values: {fresh[:5] if new.values else 'more than before'}")
        for end, beyond in (("low", lt), ("high", gt)):
            before, after = getattr(old.seen, end), getattr(new, end)
            if before is not None and after is not None and beyond(after, before):
                told.append(f"column {name!r}: its {end}est value is {after}, it was {before}")
    return told


def check_units(schemas: Mapping[str, Schema]) -> None:
    """Refuses sources that measure a column of the same name in different units.

    Args:
        schemas: source to schema.

    Raises:
        InputError: names the column, the sources and the way out.
    """
    first: dict[str, tuple[str, str]] = {}
    for source, schema in schemas.items():
        for name, found in schema.fields.items():
            if found.unit is None:
                continue
            other, unit = first.setdefault(name, (source, found.unit))
            if unit != found.unit:
                known = unit in UNITS and found.unit in UNITS
                raise InputError(
                    f"column {name!r} is in {unit} in source {other!r} and in {found.unit} in source {source!r}: "
                    + ("convert one of them before they are joined" if known else "give both the same unit")
                )


def plain_value(value: Any) -> Any:
    """A value as JSON can hold it: times as text, no NaN."""
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value


def _first(frame: nw.LazyFrame) -> dict[str, Any]:
    return frame.collect(backend="polars").rows(named=True)[0]


def _kind(name: str, dtype: Any) -> Kind:
    inner = dtype.inner if dtype == nw.List else dtype
    plain: Kind | None = None
    if inner.is_integer():
        plain = "integer"
    elif inner.is_numeric():
        plain = "number"
    elif inner == nw.Boolean:
        plain = "boolean"
    elif inner in (nw.String, nw.Categorical, nw.Enum):
        plain = "text"
    elif inner in (nw.Datetime, nw.Date):
        plain = "time"
    if plain is None or (plain == "time" and dtype == nw.List):
        raise InputError(f"column {name!r} holds {dtype}, which is no kind of value here: turn it into {KINDS}")
    return cast(Kind, f"{plain}s") if dtype == nw.List else plain


def _tight(found: Field) -> Field:
    seen = found.seen
    if seen is None:
        return found
    required, values = found.required or seen.missing == 0, found.values
    if values is None and found.kind in ("text", "boolean"):
        values = seen.values
    low = seen.low if found.low is None else found.low
    high = seen.high if found.high is None else found.high
    return replace(
        found, required=required, low=low, high=high, values=values, unique=found.unique or (seen.unique and required)
    )


def _set(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value is not None and value is not False}


def _tuples(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in parts.items()}
