"""Text to tokens: codes of its words, characters or SMILES atoms in order, for nets that look them up in one table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError
from ..sketch import Counts
from .codes import MOST
from .hashing import bucket_of
from .step import Column, Given, Kind, Role, State, Summaries, check_columns, no_frame, plain

WORD = re.compile(r"\w+|[^\w\s]")
SMILES = re.compile(r"\[[^\]]*\]|Br|Cl|%[0-9]{2}|\S")
UNITS = ("word", "character", "smiles")
MOST_CODES = 1 << 24
"""Codes are kept in float32, which holds whole numbers up to this."""
UNKNOWN, FIRST = 1, 2


@final
@dataclass(frozen=True)
class Tokens:
    """Each text becomes the codes of its first tokens, [length, parts]; all 0 where it has ended, or is missing.

    The first part is the token itself, if it is in enough training texts: 2 and more, 1 for all others. The other parts
    are hashed, and give rare tokens something in common with known ones (Bojanowski et al. 2017):

    - `word`: lower-case runs of letters and digits, and every other sign alone; their first and last three letters;
    - `character`: all but white space, for languages written without it; the pair with the next one;
    - `smiles`: atoms, bonds and marks of molecules in SMILES (Weininger 1988), where case has a meaning: an atom in
      brackets, `Cl` and `Br` are one token each; the pair with the next one, and the three that begin there.

    Args:
        columns: one column of text, replaced by arrays.
        unit: what a token is.
        length: so many tokens of a text; what follows is left out.
        most: so many tokens are known, the most frequent ones (equal ones by the alphabet).
        min_count: tokens in fewer training texts are not known.
        buckets: codes of the other parts.

    Raises:
        InputError: a setting is out of range.
    """

    name: ClassVar[str] = "tokens"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("text",)
    columns: tuple[str, ...]
    unit: Literal["word", "character", "smiles"] = "word"
    length: int = 32
    most: int = 4096
    min_count: int = 2
    buckets: int = 2048

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        smallest = min(self.length, self.most, self.min_count, self.buckets)
        if self.unit not in UNITS or len(self.columns) != 1 or smallest < 1 or self.codes > MOST_CODES:
            raise InputError(
                f"{self}: one column, unit word, character or smiles, numbers at least 1, codes up to {MOST_CODES}"
            )

    @property
    def codes(self) -> int:
        """Number of codes, 0 included, whatever the texts: what a table has to hold."""
        return FIRST + self.most + self.buckets

    @property
    def kind(self) -> Kind:
        """Exact up to `MOST` different tokens, then bounded."""
        return "bounded"

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """The same."""
        return self.columns

    @property
    def learns_from(self) -> tuple[str, ...]:
        """Nothing else."""
        return ()

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """An array."""
        return plain(self.columns, "array")

    def observe(self, given: Given, columns: Sequence[np.ndarray], row: np.ndarray) -> Summaries:
        """In how many texts each token is."""
        texts = Counter[str]()
        for text in columns[0].tolist():
            texts.update({parts[0] for parts in self._tokens(text)})
        return {"texts": Counts({**texts}, texts.total(), 0, MOST).merge(Counts.of((), MOST))}

    def learn(self, given: Given, summaries: Summaries) -> State:
        """`words`, the known tokens, the most frequent first."""
        texts = summaries["texts"]
        assert isinstance(texts, Counts)
        return {"words": [str(word) for word, count in texts.ranked() if count >= self.min_count][: self.most]}

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy; each different token of a call is hashed once."""
        known = {word: FIRST + number for number, word in enumerate(state["words"])}
        parts = 2 if self.unit == "character" else 3

        def run(column: np.ndarray) -> tuple[np.ndarray, ...]:
            found, seen = np.zeros((len(column), self.length, parts), np.float32), dict[tuple[str, ...], list[int]]()
            for row, text in enumerate(column.tolist()):
                for place, token in enumerate(self._tokens(text)):
                    if place == self.length:
                        break
                    if token not in seen:
                        seen[token] = [known.get(token[0], UNKNOWN), *map(self._hashed, token[1:], range(parts))]
                    found[row, place] = seen[token]
            return (found,)

        return run

    def module(self, given: Given, state: State) -> None:
        """There is none: an exported net begins at the codes."""

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """There is none: engines do not take texts apart alike."""
        raise no_frame(self)

    def _hashed(self, part: str, seed: int) -> int:
        return FIRST + self.most + bucket_of(part, self.buckets, seed)

    def _tokens(self, text: str | None) -> Iterator[tuple[str, ...]]:
        """Tokens with their other parts."""
        if self.unit == "smiles":
            found = SMILES.findall(text or "")
            return ((one, "".join(found[n : n + 2]), "".join(found[n : n + 3])) for n, one in enumerate(found))
        lower = text.lower() if text else ""
        if self.unit == "word":
            return ((word, word[:3], word[-3:]) for word in WORD.findall(lower))
        signs = "".join(lower.split())
        return ((sign, signs[n : n + 2]) for n, sign in enumerate(signs))
