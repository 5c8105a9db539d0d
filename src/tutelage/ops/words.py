"""Strings of words against each other: alignment, word error rate and its relatives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Pair = tuple[int | None, int | None]


@dataclass(frozen=True)
class Edits:
    """How a string was changed into another, counted over one pair of strings or over many.

    Attributes:
        hits: words that are the same.
        substitutions: words in place of others.
        deletions: words of the truth that are missing.
        insertions: words that nobody said.
    """

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    def __add__(self, other: Edits) -> Edits:
        return Edits(*(one + two for one, two in zip(self._counts, other._counts, strict=True)))

    @property
    def _counts(self) -> tuple[int, int, int, int]:
        return self.hits, self.substitutions, self.deletions, self.insertions

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions: the distance of Levenshtein 1966."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def error_rate(self) -> float:
        """Errors over words of the truth; may exceed 1. Infinite where the truth is empty and something was said."""
        return _share(self.errors, self.hits + self.substitutions + self.deletions)

    @property
    def match_error_rate(self) -> float:
        """Errors over all aligned places, in [0, 1]; Morris, Maier and Green 2004."""
        return _share(self.errors, self.hits + self.errors)

    @property
    def information_preserved(self) -> float:
        """Share of the truth that was hit times share of what was said that hits; Morris, Maier and Green 2004."""
        truth, said = self.hits + self.substitutions + self.deletions, self.hits + self.substitutions + self.insertions
        return (self.hits / truth) * (self.hits / said) if truth and said else float(truth == said)


def aligned(count: int, other: int, cost: Callable[[int, int], float], skip: Callable[[int], float]) -> list[Pair]:
    """The cheapest way to lay two strings side by side; of equally cheap ones that with most places at no cost.

    Args:
        count: places of the first.
        other: places of the second.
        cost: of laying a place of the first beside a place of the second.
        skip: of leaving a place of the first alone; a place of the second alone costs 1.

    Returns:
        Pairs of places in order; None where one of the two has nothing.
    """
    best = [[(0.0, 0)] * (other + 1) for _ in range(count + 1)]
    for i in range(count + 1):
        for j in range(other + 1):
            ways = _ways(best, i, j, cost, skip)
            best[i][j] = min((way for way, _ in ways), default=(0.0, 0))
    i, j, pairs = count, other, list[Pair]()
    while i or j:
        above, beside = next(before for way, before in _ways(best, i, j, cost, skip) if way == best[i][j])
        pairs.append((above if above < i else None, beside if beside < j else None))
        i, j = above, beside
    return pairs[::-1]


def _ways(
    best: list[list[tuple[float, int]]], i: int, j: int, cost: Callable[[int, int], float], skip: Callable[[int], float]
) -> list[tuple[tuple[float, int], tuple[int, int]]]:
    """What each last step to (i, j) costs, with minus the places at no cost, and where it comes from."""
    found: list[tuple[tuple[float, int], tuple[int, int]]] = []
    if i and j:
        (whole, free), price = best[i - 1][j - 1], cost(i - 1, j - 1)
        found.append(((whole + price, free - (price == 0)), (i - 1, j - 1)))
    if i:
        whole, free = best[i - 1][j]
        found.append(((whole + skip(i - 1), free), (i - 1, j)))
    if j:
        whole, free = best[i][j - 1]
        found.append(((whole + 1.0, free), (i, j - 1)))
    return found


def edits(truth: Sequence[Any], said: Sequence[Any]) -> Edits:
    """How one string of words (or of characters) was changed into another."""
    pairs = aligned(len(truth), len(said), lambda i, j: float(truth[i] != said[j]), lambda i: 1.0)
    hits = sum(i is not None and j is not None and truth[i] == said[j] for i, j in pairs)
    lost, more = sum(j is None for _, j in pairs), sum(i is None for i, _ in pairs)
    return Edits(hits, len(pairs) - hits - lost - more, lost, more)


def word_edits(truth: Iterable[str], said: Iterable[str]) -> Edits:
    """The edits of many sentences together, whose words are parted by white space.

    Raises:
        ValueError: there are more sentences on one side.
    """
    return sum((edits(one.split(), two.split()) for one, two in zip(truth, said, strict=True)), Edits())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else (float("inf") if part else 0.0)
