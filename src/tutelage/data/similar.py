"""How alike two strings are: many pairs at once, in NumPy.

Each function takes two arrays of strings of the same length and gives float64 in 0 .. 1. Strings become matrices of
code points, and the usual dynamic programmes run over all pairs together; each different pair is computed once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np

Similarity = Callable[[np.ndarray, np.ndarray], np.ndarray]
CHUNK = 100_000
_OTHER = re.compile(r"[^\w]+|_+")


def normalised(words: np.ndarray, *, sort: bool = False) -> np.ndarray:
    """Strings without case, accents, punctuation and surplus spaces; missing ones are "".

    Args:
        words: strings, numbers or None, [N].
        sort: put the words of each string in alphabetical order, so that "Doe, Jane" is "Jane Doe".
    """
    found = [_plain("" if word is None or word != word else str(word)) for word in words.tolist()]
    if sort:
        found = [" ".join(sorted(word.split())) for word in found]
    return np.array(found, dtype=str)


def _plain(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word.casefold())
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(_OTHER.sub(" ", letters).split())


def equal(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 where equal, else 0."""
    return (one == other).astype(np.float64)


def levenshtein(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 - edits / length of the longer string; an edit inserts, deletes or replaces a letter. Two empty ones give 1."""
    return _each(one, other, _levenshtein)


def jaro_winkler(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Jaro's similarity, raised by a tenth of the rest for each of up to four equal first letters (Winkler 1990)."""
    return _each(one, other, _jaro_winkler)


def _each(one: np.ndarray, other: np.ndarray, work: Similarity) -> np.ndarray:
    """The similarity of each different pair, computed once, in chunks."""
    words, codes = np.unique(np.concatenate([one.astype(str), other.astype(str)]), return_inverse=True)
    codes = codes.reshape(2, -1)
    pairs, place = np.unique(codes[0].astype(np.int64) * len(words) + codes[1], return_inverse=True)
    found = np.empty(len(pairs))
    for start in range(0, len(pairs), CHUNK):
        part = pairs[start : start + CHUNK]
        found[start : start + CHUNK] = work(words[part // len(words)], words[part % len(words)])
    return found[place.reshape(-1)]


def _letters(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Code points [N, L], 0 behind the end, and lengths [N]."""
    width = max(words.dtype.itemsize // 4, 1)
    table = np.ascontiguousarray(words.astype(f"<U{width}")).view(np.uint32).reshape(len(words), width)
    return table, np.char.str_len(words)


def _levenshtein(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    a, size_a = _letters(one)
    b, size_b = _letters(other)
    rows, width = np.arange(len(a)), int(size_b.max(initial=0))
    last = np.tile(np.arange(width + 1), (len(a), 1))
    found = np.where(size_a == 0, size_b, 0)
    for i in range(int(size_a.max(initial=0))):
        now = np.empty_like(last)
        now[:, 0] = i + 1
        for j in range(width):
            replace = last[:, j] + (a[:, i] != b[:, j])
            now[:, j + 1] = np.minimum(np.minimum(last[:, j + 1], now[:, j]) + 1, replace)
        done = size_a == i + 1
        found[done] = now[rows[done], size_b[done]]
        last = now
    longest = np.maximum(size_a, size_b)
    return 1 - found / np.maximum(longest, 1)


def _jaro_winkler(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    a, size_a = _letters(one)
    b, size_b = _letters(other)
    reach = np.maximum(np.maximum(size_a, size_b) // 2 - 1, 0)
    taken_a, taken_b = np.zeros(a.shape, dtype=bool), np.zeros(b.shape, dtype=bool)
    widest = int(reach.max(initial=0))
    for i in range(int(size_a.max(initial=0))):
        for j in range(max(0, i - widest), min(b.shape[1], i + widest + 1)):
            free = ~taken_a[:, i] & ~taken_b[:, j] & (i < size_a) & (j < size_b) & (abs(i - j) <= reach)
            met = free & (a[:, i] == b[:, j])
            taken_a[met, i] = True
            taken_b[met, j] = True
    matches = taken_a.sum(1)
    width = max(a.shape[1], b.shape[1])
    moved = _wide(_in_order(a, taken_a), width) != _wide(_in_order(b, taken_b), width)
    swaps = moved.sum(1) / 2
    safe = np.maximum(matches, 1)
    share = matches / np.maximum(size_a, 1) + matches / np.maximum(size_b, 1) + (matches - swaps) / safe
    jaro = np.where(matches > 0, share / 3, ((size_a == 0) & (size_b == 0)).astype(float))
    first = min(4, a.shape[1], b.shape[1])
    same = (a[:, :first] == b[:, :first]) & (a[:, :first] != 0)
    common = np.cumprod(same, axis=1).sum(1)
    return jaro + 0.1 * common * (1 - jaro)


def _in_order(letters: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """The taken letters of each row moved to its front, 0 behind them."""
    order = np.argsort(~taken, axis=1, kind="stable")
    return np.where(np.take_along_axis(taken, order, 1), np.take_along_axis(letters, order, 1), 0)


def _wide(table: np.ndarray, width: int) -> np.ndarray:
    return np.pad(table, ((0, 0), (0, width - table.shape[1])))
