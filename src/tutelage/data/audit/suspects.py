"""The leak detector: what can be told from a finished table alone."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from ...core import Columns, InputError
from ..values import as_words
from .leak import Leak

MOST_BINS = 64
HASHES, BANDS = 64, 32
_WORD = re.compile(r"\w+")


def find_leaks(
    columns: Columns,
    target: np.ndarray,
    splits: Mapping[str, np.ndarray],
    *,
    time: np.ndarray | None = None,
    least: float = 0.95,
    seed: int = 0,
) -> tuple[Leak, ...]:
    """Everything suspicious about a table: telling columns, shared rows, shared texts, features dated after the label.

    Args:
        columns: the features, name to array [N].
        target: codes, words or yes/no [N] (integers, objects, booleans) or values [N] (floats).
        splits: name to row numbers; `train` first.
        time: when each row's label was fixed, datetime64 [N].
        least: share of what there is to know about the target from which on a single column is suspicious.
        seed: of the folds.

    Raises:
        InputError: lengths differ, or there are fewer than two splits.
    """
    sizes = {name: len(column) for name, column in columns.items()} | {"target": len(target)}
    if len(set(sizes.values())) > 1:
        raise InputError(f"all columns need the same number of rows, got {sizes}")
    found = [*telling_columns(columns, target, least=least, seed=seed), *rows_in_both(columns, splits)]
    for name, column in columns.items():
        if column.dtype == object and _is_prose(column):
            found += texts_in_both(name, column, splits)
    if time is not None:
        found += dated_after(columns, time)
    return tuple(found)


def telling_columns(
    columns: Columns, target: np.ndarray, *, least: float = 0.95, folds: int = 5, seed: int = 0
) -> tuple[Leak, ...]:
    """Columns that alone tell nearly all there is to know about the target, judged on rows they were not fitted on."""
    scores = column_scores(columns, target, folds=folds, seed=seed)
    return tuple(
        Leak("target", name, 0, f"alone tells {score:.1%} of what there is to know about the target")
        for name, score in scores.items()
        if score >= least
    )


def column_scores(columns: Columns, target: np.ndarray, *, folds: int = 5, seed: int = 0) -> dict[str, float]:
    """How much of the target each column tells alone: 0 nothing, 1 all; out of fold.

    A column's values (numbers: in up to 64 bins of equal count; missing is a value) each predict the commonest class or
    the mean target of their training rows; unseen values predict the overall one. The score is the share of the
    mistakes, or of the squared error, of the overall prediction that this avoids.

    Args:
        columns: name to array [N].
        target: integers, words or yes/no [N] are classes, floats are values.
        folds: how many parts the rows are cut into.
        seed: of the cut.
    """
    known = np.isfinite(target) if target.dtype.kind == "f" else np.array([t is not None for t in target.tolist()])
    rows = np.flatnonzero(known)
    if len(rows) < folds:
        raise InputError(f"{len(rows)} rows with a target are too few for {folds} folds")
    fold = np.random.default_rng(seed).permutation(len(rows)) % folds
    values = target[rows].astype(np.float64)[:, None] if target.dtype.kind == "f" else _one_hot(target[rows])
    return {
        name: _score(_codes(column[rows]), values, fold, folds) for name, column in columns.items() if column.ndim == 1
    }


def _one_hot(target: np.ndarray) -> np.ndarray:
    codes = np.unique(as_words(target).astype(str), return_inverse=True)[1]
    return np.eye(int(codes.max()) + 1)[codes]


def _codes(column: np.ndarray) -> np.ndarray:
    """int64 [N]: which value or bin."""
    if column.dtype.kind in "mM":
        column = np.where(np.isnat(column), np.nan, column.astype(np.int64).astype(np.float64))
    if column.dtype.kind not in "fiub":
        codes, counts = np.unique(as_words(column).astype(str), return_inverse=True, return_counts=True)[1:]
        return np.where(counts[codes] > 1, np.cumsum(counts > 1)[codes], 0)  # a value seen once tells nothing
    values = column.astype(np.float64)
    finite = values[np.isfinite(values)]
    distinct = np.unique(finite)
    if len(distinct) > MOST_BINS:
        edges = np.unique(np.quantile(finite, np.linspace(0, 1, MOST_BINS + 1)[1:-1]))
        found = np.searchsorted(edges, values, side="right")
    else:
        found = np.searchsorted(distinct, values)
    return np.where(np.isfinite(values), found, MOST_BINS + 1)


def _score(codes: np.ndarray, values: np.ndarray, fold: np.ndarray, folds: int) -> float:
    """Share of the error of the overall prediction that the column avoids, out of fold."""
    size, width = int(codes.max()) + 1, values.shape[1]
    sums = np.zeros((folds, size, width))
    counts = np.zeros((folds, size))
    np.add.at(sums, (fold, codes), values)
    np.add.at(counts, (fold, codes), 1)
    error, base = 0.0, 0.0
    for number in range(folds):
        other = np.arange(folds) != number
        total, count = sums[other].sum(0), counts[other].sum(0)
        overall = total.sum(0) / count.sum()
        mean = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], overall)
        mine = values[fold == number]
        guess = mean[codes[fold == number]]
        if width == 1:
            error += float(np.square(mine - guess).sum())
            base += float(np.square(mine - overall).sum())
        else:
            truth = mine.argmax(1)
            error += float((guess.argmax(1) != truth).sum())
            base += float((overall.argmax() != truth).sum())
    return 0.0 if base == 0 else max(0.0, 1 - error / base)


def rows_in_both(columns: Columns, splits: Mapping[str, np.ndarray], *, digits: int = 6) -> tuple[Leak, ...]:
    """Rows of a later split that stand in the first one too: all columns equal, or all but one (near duplicates).

    Numbers are compared to so many digits, text without case, spaces and punctuation. Near duplicates are looked for
    where there are at least four columns.

    Args:
        columns: name to array [N].
        splits: name to row numbers; the others are compared with the first.
        digits: significant digits of numbers.

    Raises:
        InputError: there are fewer than two splits.
    """
    first, *others = _two(splits)
    hashes = {name: _hashed(name, column, digits) for name, column in columns.items()}
    with np.errstate(over="ignore"):
        whole = sum(hashes.values(), np.zeros(1, dtype=np.uint64))
    left_out = [whole - one for one in hashes.values()] if len(hashes) >= 4 else []
    found: list[Leak] = []
    for other in others:
        rows = splits[other]
        exact = np.isin(whole[rows], whole[splits[first]])
        if exact.any():
            text = f"{int(exact.sum())} of {len(rows)} rows stand in {first} too (first {rows[exact][:5].tolist()})"
            found.append(Leak("rows", other, int(exact.sum()), text))
        near = np.zeros(len(rows), dtype=bool)
        for key in left_out:
            near |= np.isin(key[rows], key[splits[first]])
        near &= ~exact
        if near.any():
            text = f"{int(near.sum())} of {len(rows)} rows differ from a row of {first} in one column only"
            found.append(Leak("rows", other, int(near.sum()), f"{text} (first {rows[near][:5].tolist()})"))
    return tuple(found)


def _two(splits: Mapping[str, np.ndarray]) -> list[str]:
    if len(splits) < 2:
        raise InputError(f"rows are compared between splits: give two or more, got {list(splits)}")
    return list(splits)


def _hashed(name: str, column: np.ndarray, digits: int) -> np.ndarray:
    """A random uint64 per different value and column, so that sums of them stand for rows."""
    if column.dtype.kind == "f":
        exponent = np.floor(np.log10(np.abs(np.where(np.isfinite(column) & (column != 0), column, 1.0))))
        scale = 10.0 ** (digits - 1 - exponent)
        values = np.where(np.isfinite(column), np.round(column * scale) / scale, column) + 0.0
        place = np.unique(values, return_inverse=True)[1]
    elif column.dtype == object:
        words = np.array(["".join(_WORD.findall(word.lower())) for word in as_words(column).tolist()], dtype=str)
        place = np.unique(words, return_inverse=True)[1]
    else:
        place = np.unique(column, return_inverse=True, axis=0)[1]
    place = place.reshape(-1)
    chance = np.random.default_rng(zlib.crc32(name.encode()))
    shape = int(place.max(initial=0)) + 1
    return chance.integers(0, 2**63, shape, dtype=np.uint64)[place] * np.uint64(2) + np.uint64(1)


def _is_prose(column: np.ndarray) -> bool:
    words = as_words(column[:1000])
    return sum(map(len, words.tolist())) > 40 * max(len(words), 1)


def texts_in_both(
    name: str, texts: np.ndarray, splits: Mapping[str, np.ndarray], *, least: float = 0.8, seed: int = 0
) -> tuple[Leak, ...]:
    """Texts of a later split that share most of their word pairs with a text of the first (Broder 1997).

    Args:
        name: of the column.
        texts: strings, object [N].
        splits: name to row numbers; the others are compared with the first.
        least: Jaccard similarity of the sets of word pairs from which on two texts are the same.
        seed: of the hash functions.

    Raises:
        InputError: there are fewer than two splits.
    """
    first, *others = _two(splits)
    shingles = [_pairs(text) for text in as_words(texts).tolist()]
    signs = _signatures(shingles, seed)
    table: dict[tuple[int, bytes], list[int]] = {}
    for row in splits[first].tolist():
        for key in _bands(signs[row]) if shingles[row] else []:
            table.setdefault(key, []).append(row)
    found: list[Leak] = []
    for other in others:
        same: list[int] = []
        for row in splits[other].tolist():
            near = {place for key in _bands(signs[row]) for place in table.get(key, ())} if shingles[row] else set()
            if any(len(shingles[row] & shingles[n]) >= least * len(shingles[row] | shingles[n]) for n in near):
                same.append(row)
        if same:
            text = f"in {len(same)} of {len(splits[other])} rows of {other} the text is nearly one of {first}"
            found.append(Leak("rows", name, len(same), f"{text} (first {same[:5]})"))
    return tuple(found)


def _pairs(text: str) -> set[int]:
    words = _WORD.findall(text.lower())
    return {zlib.crc32(" ".join(words[i : i + 2]).encode()) for i in range(max(1, len(words) - 1))} if words else set()


def _signatures(shingles: Sequence[set[int]], seed: int) -> np.ndarray:
    """MinHash, uint32 [N, HASHES]."""
    chance = np.random.default_rng(seed)
    factor = chance.integers(1, 2**31, HASHES, dtype=np.uint64)
    shift = chance.integers(0, 2**31, HASHES, dtype=np.uint64)
    found = np.zeros((len(shingles), HASHES), dtype=np.uint32)
    for row, items in enumerate(shingles):
        if items:
            values = np.array(sorted(items), dtype=np.uint64)[:, None] * factor + shift
            found[row] = (values % np.uint64(4294967311)).min(axis=0).astype(np.uint32)
    return found


def _bands(sign: np.ndarray) -> list[tuple[int, bytes]]:
    return [(number, part.tobytes()) for number, part in enumerate(sign.reshape(BANDS, -1))]


def dated_after(columns: Columns, time: np.ndarray) -> tuple[Leak, ...]:
    """Columns of dates and times of which some lie after the row's own time.

    Args:
        columns: name to array [N]; only datetime64 ones are looked at.
        time: when each row's label was fixed, datetime64 [N].
    """
    found: list[Leak] = []
    for name, column in columns.items():
        if column.dtype.kind == "M":
            later = column > time
            if later.any():
                share = f"{int(later.sum())} of {len(later)} rows"
                text = f"is later than the label in {share} (first {np.flatnonzero(later)[:5].tolist()})"
                found.append(Leak("late", name, int(later.sum()), text))
    return tuple(found)
