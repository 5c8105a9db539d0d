"""Which frame a frame has its rows from, so that several windows on one spine compute the spine once.

`windows`, `future` and `asof` give every row of their spine back exactly once, with more columns. Called on the result
of each other they would ask the whole chain before them, again at each step, who and when; the frame at the beginning
of the chain says the same. Frames are remembered as long as they live and by themselves only: whatever else is made
of them (`filter`, `join`, ...) is a new beginning.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw

Frame = nw.LazyFrame[Any]

_beginnings: dict[int, tuple[weakref.ref[Frame], Frame]] = {}


def same_rows(made: Frame, spine: Frame) -> Frame:
    """The frame `made`, noted to have the rows and the columns of a spine, and perhaps more columns."""
    number = id(made)
    _beginnings[number] = (weakref.ref(made, lambda _: _beginnings.pop(number, None)), beginning(spine))
    return made


def beginning(frame: Frame, columns: Sequence[str] = ()) -> Frame:
    """The frame that has the same rows and began the chain; `frame` itself where that lacks one of the columns."""
    held = _beginnings.get(id(frame))
    if held is None or held[0]() is not frame:
        return frame
    found = held[1]
    return found if set(columns) <= set(found.collect_schema().names()) else frame
