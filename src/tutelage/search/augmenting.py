"""Augmentations that a search tries beside the rows as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import Columns, InputError, Teacher
from ..data import Rows
from ..data.views import Augmentation, Crop, CutMix, Gibbs, Mixup, Munge, Views, WordDropout
from ..data.views.arrays import plane
from ..data.views.attributes import KINDS
from ..data.views.gibbs import MOST_ATTRIBUTES
from ..teaching.sources import check_sees

COUNT = 4
"""Views per row: the row as it is, and three more that every teacher answers."""
SMALLEST = 4
"""Sides of an image that may be moved."""
LONG = 3
"""Mean number of words from which a column counts as text that may lose some; others hold categories."""
LOOKED = 1000


def usual_views(rows: Rows, teachers: Sequence[Teacher] = ()) -> dict[str, Views]:
    """Augmentations that suit the columns of a table, by name; none where the rows have views already.

    Args:
        rows: the table; columns that the student is made from are changed.
        teachers: nothing that mixes rows is tried where one of them reads other columns than these, and nothing at all
            where one looks its answers up.
    """
    if rows.views is not None or not all(map(_sees, teachers)):
        return {}
    read = {name for teacher in teachers for name in teacher.reads}
    raw = () if rows.preparation is None else tuple(rows.preparation.reads)
    made = () if rows.preparation is None else rows.preparation.apply({n: rows.columns[n][:1] for n in raw})
    names = tuple(dict.fromkeys((*raw, *(name for name in rows.inputs if name not in made))))
    columns = {name: rows.columns[name] for name in names}
    sides = {name: min(_sides(columns[name]), default=0) for name in names}
    images = tuple(name for name in names if sides[name] >= SMALLEST)
    texts = tuple(name for name in names if _is_text(columns[name]))
    found: dict[str, Augmentation] = {}
    if images:
        found["crop"] = Crop(images, pad=max(1, min(sides[name] for name in images) // 8))
    if texts:
        found["word dropout"] = WordDropout(texts)
    if read <= {*names, *made}:
        found |= _mixing(names, columns, images, texts)
    return {name: Views(step, COUNT) for name, step in found.items()}


def _mixing(
    names: tuple[str, ...], columns: Columns, images: tuple[str, ...], texts: tuple[str, ...]
) -> dict[str, Augmentation]:
    found: dict[str, Augmentation] = {}
    if images == names:
        found["cutmix"] = CutMix(names)
    if all(column.dtype.kind == "f" and np.isfinite(column).all() for column in columns.values()):
        found["mixup"] = Mixup(names)
    attributes = sum(int(np.prod(column.shape[1:])) for column in columns.values())
    taken = all(column.dtype.kind in KINDS for column in columns.values())
    if taken and not images and not texts and attributes <= MOST_ATTRIBUTES:
        found |= {"munge": Munge(names), "gibbs": Gibbs(names)}
    return found


def _sees(teacher: Teacher) -> bool:
    try:
        check_sees(teacher, teacher.name)
    except InputError:
        return False
    return True


def _sides(column: np.ndarray) -> tuple[int, ...]:
    """Height and width of images; nothing for other columns."""
    try:
        return tuple(column.shape[axis] for axis in plane(column, "a search", ""))
    except InputError:
        return ()


def _is_text(column: np.ndarray) -> bool:
    if column.dtype.kind not in "OUT" or column.ndim != 1:
        return False
    words = [len(text.split()) for text in column[:LOOKED].tolist() if isinstance(text, str)]
    return bool(words) and float(np.mean(words)) >= LONG
