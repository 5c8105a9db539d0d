"""The contract of augmentations: `check_augmentation(MyAugmentation(("image",)), columns)`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..core import Columns
from ..data.views import Applied, Augmentation, Draw
from ..data.views.protocol import kind_of

VIEWS = 8
"""Views that are tried before an augmentation counts as one that changes nothing."""


def check_augmentation(augmentation: Augmentation, columns: Columns) -> None:
    """Raises AssertionError when an augmentation breaks the contract of `tutelage.data.views.Augmentation`.

    Args:
        augmentation: whoever is checked.
        columns: the columns that it names, of at least eight rows; half of them become training rows.
    """
    who = type(augmentation).__name__
    assert isinstance(augmentation, Augmentation), f"{who} lacks columns, keeps_label or fitted(columns, train)"
    names = augmentation.columns
    assert isinstance(names, tuple), f"{who} names its columns as a tuple, got {names!r}"
    assert names, f"{who} names no columns"
    assert isinstance(augmentation.keeps_label, bool), f"{who}.keeps_label is {augmentation.keeps_label!r}"
    size = len(columns[names[0]])
    assert size >= 8, f"at least eight rows are needed to check an augmentation, got {size}"
    table = {name: np.array(columns[name]) for name in names}
    train, row = np.arange(0, size, 2), np.arange(size)
    step = augmentation.fitted(_copied(table), train)
    assert isinstance(step, Applied), f"{who}.fitted gave {type(step).__name__}: no fingerprint, or it cannot be called"
    assert step.fingerprint, f"{who} has the fingerprint {step.fingerprint!r}"
    _check_form(step, table, row, who)
    _check_chance(step, table, row, who)
    again = augmentation.fitted(_copied(table), train)
    assert again.fingerprint == step.fingerprint, (
        f"{who} has another fingerprint when it is fitted to the same rows again"
    )
    _check_other_rows(augmentation, step, table, train)


def _check_form(step: Applied, table: Columns, row: np.ndarray, who: str) -> None:
    given = _copied(table)
    made = step(given, row, _draw(1, row))
    for name, column in table.items():
        assert _equal(given[name], column), f"{who} writes into column {name!r}, which it was given"
        assert name in made, f"{who} did not return column {name!r}"
        got = made[name]
        assert (kind_of(got), got.shape) == (kind_of(column), column.shape), (
            f"{who} made {got.dtype} of shape {got.shape} from column {name!r}, {column.dtype} of shape {column.shape}"
        )
        if column.dtype.kind == "f" and np.isfinite(column).all():
            assert np.isfinite(got).all(), f"{who} made infinite or missing numbers of column {name!r}"
    none = step({name: column[:0] for name, column in table.items()}, row[:0], _draw(1, row[:0]))
    for name, column in table.items():
        assert none[name].shape == (0, *column.shape[1:]), (
            f"{who} made {none[name].shape} of no rows of column {name!r}"
        )


def _check_chance(step: Applied, table: Columns, row: np.ndarray, who: str) -> None:
    first = step(_copied(table), row, _draw(1, row))
    assert _alike(first, step(_copied(table), row, _draw(1, row))), f"{who} gives another view when it is asked again"
    part = row[[5, 2, 7]]
    alone = step({name: column[part] for name, column in table.items()}, part, _draw(1, part))
    assert _alike({name: column[part] for name, column in first.items()}, alone), (
        f"{who} makes another view of a row when other rows are made with it"
    )
    others = (step(_copied(table), row, _draw(view, row)) for view in range(1, VIEWS + 1))
    assert any(not _alike(table, view) for view in others), f"{who} changed nothing in {VIEWS} views"


def _check_other_rows(augmentation: Augmentation, step: Applied, table: Columns, train: np.ndarray) -> None:
    who = type(augmentation).__name__
    size = len(table[augmentation.columns[0]])
    given, draw = {name: column[train] for name, column in table.items()}, _draw(1, train)
    made = step(given, train, draw)
    turned = np.arange(size)
    turned[1::2] = np.roll(turned[1::2], 1)
    unlike = augmentation.fitted({name: column[turned] for name, column in table.items()}, train)
    assert _alike(made, unlike(given, train, draw)), f"{who} learns from rows that are not training rows"
    assert unlike.fingerprint == step.fingerprint, (
        f"the fingerprint of {who} depends on rows that are not training rows"
    )
    turned = np.arange(size)
    turned[::2] = np.roll(turned[::2], 1)
    learnt = augmentation.fitted({name: column[turned] for name, column in table.items()}, train)
    if not _alike(made, learnt(given, train, draw)):
        assert learnt.fingerprint != step.fingerprint, f"{who} learns from training rows, which its fingerprint ignores"


def _draw(view: int, row: np.ndarray) -> Draw:
    return Draw.of(3, 0, np.full(len(row), view), row)


def _copied(table: Columns) -> dict[str, np.ndarray]:
    return {name: column.copy() for name, column in table.items()}


def _alike(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return all(_equal(column, other[name]) for name, column in one.items())


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype.kind == other.dtype.kind == "f":
        return np.array_equal(one, other, equal_nan=True)
    return one.tolist() == other.tolist()
