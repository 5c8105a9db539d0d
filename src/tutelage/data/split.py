"""Splits: which rows train, validate and test, as row numbers.

Rows that belong together must not be torn apart: rows of one user, patient or sensor go by group, rows in time by
time, and rows of both by both. Every function returns a `Split`, whose arrays go to `rows_of` as they are; rows that no
part may use (a gap, a group on the wrong side of a date) are listed in `unused`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Classes, InputError, LeakageError, Space, Values
from .target import split as split_target
from .values import as_words

Shares = tuple[float, float]
"""Shares of validation and test rows."""


@dataclass(frozen=True)
class Split:
    """Sorted row numbers; no row is in two of them.

    Attributes:
        train: int64.
        validation: int64.
        test: int64.
        unused: rows left out on purpose.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    unused: np.ndarray

    def parts(self) -> Mapping[str, np.ndarray]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def check(self, groups: np.ndarray | None = None, time: np.ndarray | None = None) -> None:
        """Does nothing where no group is in two parts and time goes from train over validation to test.

        Raises:
            LeakageError: names the parts and a group or the times.
        """
        names = [name for name, rows in self.parts().items() if len(rows)]
        for place, one in enumerate(names):
            for other in names[place + 1 :]:
                rows, later = self.parts()[one], self.parts()[other]
                if groups is not None:
                    shared = sorted({*groups[rows].tolist()} & {*groups[later].tolist()}, key=str)
                    if shared:
                        raise LeakageError(f"{len(shared)} groups are in {one} and in {other}: {shared[:5]}")
                if time is not None and time[rows].max() >= time[later].min():
                    raise LeakageError(
                        f"{one} goes up to {time[rows].max()}, but {other} begins at {time[later].min()}"
                    )


def random_split(count: int, *, shares: Shares = (0.15, 0.15), seed: int = 0) -> Split:
    """Any row anywhere: right only where rows have nothing to do with each other."""
    space = Space(Values, ("value",))
    return _whole(
        split_target(np.zeros((count, 1)), space, np.ones((count, 1), bool), seed=seed, shares=_valid(shares))
    )


def stratified_split(target: np.ndarray, *, shares: Shares = (0.15, 0.15), seed: int = 0) -> Split:
    """The same shares of every class; rows without a class (None, NaN, "") go to train.

    Args:
        target: classes as words or whole numbers [N].
        shares: of validation and test rows.
        seed: of the draw.
    """
    words = as_words(target).astype(str)
    names, codes = np.unique(words, return_inverse=True)
    space = Space(Classes, tuple(names.tolist()))
    return _whole(split_target(codes, space, words != "", seed=seed, shares=_valid(shares)))


def group_split(groups: np.ndarray, *, shares: Shares = (0.15, 0.15), seed: int = 0) -> Split:
    """Each group in one part only; the shares are of rows and met as nearly as the groups' sizes allow.

    Args:
        groups: user, patient, sensor ... of each row [N]; None or NaN is a group like any other.
        shares: of validation and test rows.
        seed: of the draw.

    Raises:
        InputError: there are fewer groups than parts.
    """
    place = _places(_group_codes(groups), _valid(shares), seed)
    return Split(*(np.flatnonzero(place == part) for part in range(3)), unused=np.zeros(0, np.int64))


def time_split(
    time: np.ndarray,
    *,
    starts: tuple[Any, Any] | None = None,
    shares: Shares = (0.15, 0.15),
    gap: Any = None,
) -> Split:
    """The past trains, then comes validation, then test.

    Args:
        time: datetime64 or numbers [N], no gaps.
        starts: when validation and test begin (each holds the rows from then on); found from `shares` unless given.
        shares: of validation and test rows; rows of one time are never torn apart.
        gap: rows that lie less than this before the next part are left out (timedelta64, timedelta or number): the
            length of the label's window, so that no label is made of times that the next part begins with.

    Raises:
        InputError: a time is missing, the starts are not in order, or a part gets no row.
    """
    first, second = _starts(time, starts, _valid(shares))
    place = np.where(time >= second, 2, np.where(time >= first, 1, 0))
    return _parts(np.where(_in_gap(time, (first, second), gap), -1, place))


def group_time_split(
    groups: np.ndarray,
    time: np.ndarray,
    *,
    starts: tuple[Any, Any] | None = None,
    shares: Shares = (0.15, 0.15),
    gap: Any = None,
    seed: int = 0,
) -> Split:
    """New groups in new times: what happens when the model meets users it has never seen, later.

    Groups are dealt to the three parts by their shares, times cut as in `time_split`; a row counts where both say the
    same part, all others are unused.

    Raises:
        InputError: as in `time_split` and `group_split`.
    """
    first, second = _starts(time, starts, _valid(shares))
    by_time = np.where(time >= second, 2, np.where(time >= first, 1, 0))
    by_group = _places(_group_codes(groups), shares, seed)
    place = np.where((by_time == by_group) & ~_in_gap(time, (first, second), gap), by_time, -1)
    return _parts(place)


def rolling_origin(
    time: np.ndarray, folds: int, *, horizon: Any, gap: Any = None, window: Any = None
) -> tuple[Split, ...]:
    """Train on the past, test on the next stretch, move on: `folds` times, ending with the last time there is.

    Args:
        time: datetime64 or numbers [N].
        folds: how many.
        horizon: length of each test stretch (timedelta64, timedelta or number).
        gap: rows less than this before a test stretch are left out.
        window: train only on rows at most this long before the test stretch; all of the past unless given.

    Returns:
        One split per fold, in time, without validation rows; later rows are unused.

    Raises:
        InputError: a time is missing or a fold has no training or no test rows.
    """
    _known(time)
    if folds < 1 or not horizon > _zero(horizon):
        raise InputError(f"folds and horizon must be more than zero, got {folds} and {horizon!r}")
    last, found = time.max(), []
    for number in range(folds, 0, -1):
        end = last - _length(time, horizon) * (number - 1)
        start = end - _length(time, horizon)
        place = np.where((time > start) & (time <= end), 2, np.where(time <= start, 0, -1))
        if gap is not None:
            place = np.where((place == 0) & (time > start - _length(time, gap)), -1, place)
        if window is not None:
            place = np.where((place == 0) & (time <= start - _length(time, window)), -1, place)
        found.append(Split(*(np.flatnonzero(place == part) for part in range(3)), unused=np.flatnonzero(place < 0)))
        if not len(found[-1].train) or not len(found[-1].test):
            raise InputError(
                f"fold {folds - number} from {start} to {end} has no training or no test rows: fewer folds"
            )
    return tuple(found)


def _valid(shares: Shares) -> Shares:
    if min(shares) < 0 or sum(shares) >= 1:
        raise InputError(f"shares of validation and test must be at least 0 and leave rows to train on, got {shares}")
    return shares


def _whole(parts: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Split:
    return Split(*parts, unused=np.zeros(0, np.int64))


def _parts(place: np.ndarray) -> Split:
    parts = [np.flatnonzero(place == part) for part in range(3)]
    empty = [name for name, rows in zip(("train", "validation", "test"), parts, strict=True) if not len(rows)]
    if empty:
        raise InputError(f"no row is left for {empty}: move the starts, or make the gap shorter")
    return Split(*parts, unused=np.flatnonzero(place < 0))


def _group_codes(groups: np.ndarray) -> np.ndarray:
    column = groups if groups.dtype.kind in "iubmM" else as_words(groups).astype(str)
    return np.unique(column, return_inverse=True)[1].reshape(-1)


def _places(codes: np.ndarray, shares: Shares, seed: int) -> np.ndarray:
    """0, 1 or 2 per row: groups in random order fill test, then validation, then train."""
    sizes = np.bincount(codes)
    wanted = [part for part, share in ((2, shares[1]), (1, shares[0])) if share]
    if len(sizes) <= len(wanted):
        raise InputError(f"{len(sizes)} groups cannot be dealt to {len(wanted) + 1} parts")
    place = np.zeros(len(sizes), dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(sizes)).tolist()
    for number, part in enumerate(wanted):
        goal, filled = shares[part - 1] * len(codes), 0
        while order and len(order) > len(wanted) - number and (not filled or filled + sizes[order[-1]] / 2 <= goal):
            filled += int(sizes[order[-1]])
            place[order.pop()] = part
    return place[codes]


def _starts(time: np.ndarray, starts: tuple[Any, Any] | None, shares: Shares) -> tuple[Any, Any]:
    _known(time)
    if starts is None:
        ordered = np.sort(time)
        size = len(ordered)
        first, second = (ordered[min(size - 1, round(size * (1 - share)))] for share in (sum(shares), shares[1]))
    else:
        kind = time.dtype if time.dtype.kind == "M" else None
        first, second = (np.datetime64(start).astype(kind) if kind is not None else start for start in starts)
    if not first < second:
        raise InputError(f"validation has to begin before test, got {first} and {second}: give starts=")
    return first, second


def _in_gap(time: np.ndarray, starts: tuple[Any, Any], gap: Any) -> np.ndarray:
    inside = np.zeros(len(time), dtype=bool)
    if gap is not None:
        for start in starts:
            inside |= (time < start) & (time > start - _length(time, gap))
    return inside


def _length(time: np.ndarray, length: Any) -> Any:
    return np.timedelta64(length) if time.dtype.kind == "M" else length


def _zero(length: Any) -> Any:
    return length * 0


def _known(time: np.ndarray) -> None:
    missing = np.isnat(time) if time.dtype.kind == "M" else np.isnan(time.astype(np.float64))
    if missing.any():
        rows = np.flatnonzero(missing)
        raise InputError(f"{len(rows)} rows have no time (first {rows[:5].tolist()}): fill or drop them first")
