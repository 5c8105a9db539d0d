"""Units of measure: which ones measure the same, how to turn one into another, and whether values look like another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..core import InputError


class Unit(NamedTuple):
    """A unit: base value = value * scale + shift."""

    dimension: str
    scale: float
    shift: float = 0.0


UNITS: dict[str, Unit] = {
    "°C": Unit("temperature", 1.0),
    "°F": Unit("temperature", 5 / 9, -160 / 9),
    "K": Unit("temperature", 1.0, -273.15),
    "mm": Unit("length", 1e-3),
    "cm": Unit("length", 1e-2),
    "m": Unit("length", 1.0),
    "km": Unit("length", 1e3),
    "in": Unit("length", 0.0254),
    "ft": Unit("length", 0.3048),
    "mi": Unit("length", 1609.344),
    "mg": Unit("mass", 1e-6),
    "g": Unit("mass", 1e-3),
    "kg": Unit("mass", 1.0),
    "t": Unit("mass", 1e3),
    "oz": Unit("mass", 0.028349523125),
    "lb": Unit("mass", 0.45359237),
    "ms": Unit("time", 1e-3),
    "s": Unit("time", 1.0),
    "min": Unit("time", 60.0),
    "h": Unit("time", 3600.0),
    "d": Unit("time", 86400.0),
    "ml": Unit("volume", 1e-3),
    "l": Unit("volume", 1.0),
    "gal": Unit("volume", 3.785411784),
    "Pa": Unit("pressure", 1.0),
    "hPa": Unit("pressure", 100.0),
    "bar": Unit("pressure", 1e5),
    "psi": Unit("pressure", 6894.757293168361),
    "m/s": Unit("speed", 1.0),
    "km/h": Unit("speed", 1 / 3.6),
    "mph": Unit("speed", 0.44704),
    "%": Unit("share", 0.01),
    "1": Unit("share", 1.0),
}

_ALIKE = 0.99
"""The share of strange values that must make sense in another unit before that unit is named."""


def factor(source: str, target: str) -> tuple[float, float]:
    """Scale and shift that turn a value of one unit into another: `value * scale + shift`.

    Raises:
        InputError: a unit is not known, or the two measure different things.
    """
    for name in (source, target):
        if name not in UNITS:
            raise InputError(f"unit {name!r} is not known; there are {', '.join(UNITS)}")
    one, other = UNITS[source], UNITS[target]
    if one.dimension != other.dimension:
        raise InputError(f"{source} measures {one.dimension} and {target} {other.dimension}: they cannot be converted")
    return one.scale / other.scale, (one.shift - other.shift) / other.scale


def seems(values: Sequence[float], unit: str, low: float, high: float) -> str | None:
    """The unit in which values that are out of range would be in range; None where there is none.

    Args:
        values: values out of range.
        unit: the unit they are said to have.
        low: of the range, in that unit.
        high: of the range.
    """
    if not values or unit not in UNITS:
        return None
    for name, other in UNITS.items():
        if other.dimension != UNITS[unit].dimension or name == unit:
            continue
        scale, shift = factor(name, unit)
        turned = [value * scale + shift for value in values]
        inside = sum(low <= value <= high for value in turned)
        if inside >= _ALIKE * len(values):
            return name
    return None
