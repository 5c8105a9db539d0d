"""ROVER: one string of words from several, by a vote at each place."""

from __future__ import annotations

from collections.abc import Sequence

from ..core import InputError
from .words import aligned

Slot = list[tuple[str, float]]
"""What each string has at one place, "" for nothing, with its confidence."""


def rover(
    strings: Sequence[Sequence[str]],
    confidences: Sequence[Sequence[float]] | None = None,
    *,
    weight: float = 1.0,
    empty: float = 0.5,
) -> list[str]:
    """The words that most of several recognisers heard; Fiscus 1997.

    Strings are laid beside each other one after the other, into a network of places. At each place a word is worth
    `weight` times the share of strings that have it, plus 1 - `weight` times its mean confidence. Of words worth the
    same that of the earliest string is taken.

    Args:
        strings: words of each recogniser, the best one first: the network grows from it.
        confidences: of each word, in [0, 1]; 1 unless given.
        weight: of how often against how sure, in [0, 1].
        empty: confidence of hearing nothing, in [0, 1].

    Returns:
        The words that won; places where nothing won are left out.

    Raises:
        InputError: no string, an empty word, a number outside [0, 1], or confidences that do not fit.
    """
    if not strings or any(not word for string in strings for word in string):
        raise InputError('rover needs at least one string of words, none of them ""')
    sure = [[1.0] * len(string) for string in strings] if confidences is None else [list(one) for one in confidences]
    if [len(one) for one in sure] != [len(string) for string in strings]:
        raise InputError("rover needs one confidence for each word of each string")
    bad = [value for value in (weight, empty, *(value for one in sure for value in one)) if not 0 <= value <= 1]
    if bad:
        raise InputError(f"rover needs weight, empty and confidences in [0, 1], got {bad[0]}")
    network: list[Slot] = []
    for number, (string, own) in enumerate(zip(strings, sure, strict=True)):
        network = _joined(network, list(zip(string, own, strict=True)), number, empty)
    return [word for slot in network if (word := _winner(slot, len(strings), weight))]


def _joined(network: list[Slot], string: Slot, before: int, empty: float) -> list[Slot]:
    """The network with one more string; `before` strings are in it."""
    known = [{word for word, _ in slot} for slot in network]
    pairs = aligned(
        len(network),
        len(string),
        lambda i, j: float(string[j][0] not in known[i]),
        lambda i: 0.5 if "" in known[i] else 1.0,
    )
    nothing = ("", empty)
    return [
        (network[i] if i is not None else [nothing] * before) + [string[j] if j is not None else nothing]
        for i, j in pairs
    ]


def _winner(slot: Slot, count: int, weight: float) -> str:
    words = list(dict.fromkeys(word for word, _ in slot))
    own = {word: [value for one, value in slot if one == word] for word in words}
    worth = {word: weight * len(found) / count + (1 - weight) * sum(found) / len(found) for word, found in own.items()}
    return max(words, key=lambda word: worth[word])
