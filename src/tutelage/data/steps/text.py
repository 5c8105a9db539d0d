"""Text to TF-IDF: how often each word is in a text, weighed by how rare it is in the training texts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError
from ..sketch import Counts
from .codes import MOST
from .step import Column, Given, Kind, Role, State, Summaries, check_columns, no_frame

WORD = re.compile(r"\b\w\w+\b")


@final
@dataclass(frozen=True)
class TfIdf:
    """Each text becomes one number per word of the vocabulary: count * (ln((1 + texts) / (1 + texts with it)) + 1).

    Words are lower-case runs of two and more letters or digits; the numbers are those of scikit-learn's
    `TfidfVectorizer` with the same settings. Missing texts are all zeros.

    Args:
        columns: one column of text, replaced by numbers.
        most: so many words of the training texts, the most frequent ones (equal ones by the alphabet).
        min_count: words in fewer training texts are left out.
        words: longest run of words that counts as one.
        sublinear: 1 + ln(count) in place of the count.
        unit: whether each text's numbers are divided by their length, so that their squares sum to 1.

    Raises:
        InputError: a setting is out of range.
    """

    name: ClassVar[str] = "tf-idf"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("text",)
    columns: tuple[str, ...]
    most: int = 1000
    min_count: int = 1
    words: int = 1
    sublinear: bool = False
    unit: bool = True

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if len(self.columns) != 1 or self.most < 1 or self.min_count < 1 or not 1 <= self.words <= 5:
            raise InputError(f"{self}: one column, most and min_count at least 1, words 1 to 5")

    @property
    def kind(self) -> Kind:
        """Exact up to `MOST` different words, then bounded."""
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
        """Numbers, one per word."""
        name = self.columns[0]
        return {name: Column("number", tuple(f"{name}:{word}" for word in state.get("words", ())))}

    def observe(self, given: Given, columns: Sequence[np.ndarray], row: np.ndarray) -> Summaries:
        """Counts per word: of its uses, of texts with it, and of texts."""
        uses, texts = Counter[str](), Counter[str]()
        for text in columns[0].tolist():
            found = self._counts(text)
            uses.update(found)
            texts.update(found.keys())
        size = len(columns[0])
        none = Counts.of((), MOST)
        return {
            "uses": Counts({**uses}, uses.total(), 0, MOST).merge(none),
            "texts": Counts({**texts}, texts.total(), 0, MOST).merge(none),
            "size": Counts({"": size}, size, 0, 1),
        }

    def learn(self, given: Given, summaries: Summaries) -> State:
        """`words` in alphabetical order and their `weight`, float64 [V].

        Raises:
            InputError: no word is left.
        """
        uses, texts, size = summaries["uses"], summaries["texts"], summaries["size"]
        assert isinstance(uses, Counts)
        assert isinstance(texts, Counts)
        assert isinstance(size, Counts)
        kept = [str(word) for word, _ in uses.ranked() if texts.counts.get(word, 0) >= self.min_count]
        words = sorted(kept[: self.most])
        if not words:
            raise InputError(f"no word of column {self.columns[0]!r} is in {self.min_count} training texts")
        weight = [math.log((1 + size.total) / (1 + texts.counts[word])) + 1 for word in words]
        return {"words": words, "weight": np.array(weight)}

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy."""
        place = {word: number for number, word in enumerate(state["words"])}
        weight = state["weight"]

        def run(column: np.ndarray) -> tuple[np.ndarray, ...]:
            found = np.zeros((len(column), len(place)))
            for row, text in enumerate(column.tolist()):
                for word, count in self._counts(text).items():
                    if word in place:
                        found[row, place[word]] = 1 + math.log(count) if self.sublinear else count
            found *= weight
            if self.unit:
                length = np.sqrt((found**2).sum(1, keepdims=True))
                found /= np.where(length > 0, length, 1.0)
            return (found,)

        return run

    def module(self, given: Given, state: State) -> None:
        """There is none: an exported net begins at these numbers."""

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """There is none: engines do not take texts apart alike."""
        raise no_frame(self)

    def _counts(self, text: str | None) -> Counter[str]:
        words = WORD.findall(text.lower()) if text else []
        runs = (
            " ".join(words[n : n + size]) for size in range(1, self.words + 1) for n in range(len(words) - size + 1)
        )
        return Counter(runs)
