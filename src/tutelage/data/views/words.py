"""Word dropout: texts that lack some of their words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from ...core import Columns, InputError
from .chance import Draw


@final
@dataclass(frozen=True)
class WordDropout:
    """Texts without some of their words, each left out on its own; at least one stays.

    Iyyer et al. 2015; with `mask`, words are replaced instead (Tang et al. 2019). A lost word may turn the meaning
    round, and the label with it: set keeps_label to False where teachers are better judges of what is left.

    Args:
        columns: of text; each row of each column draws its own words.
        probability: of each word, in (0, 1).
        unit: `word`, parted by white space, or `character` for languages that are written without spaces.
        mask: what takes the place of a word; None leaves it out.
        keeps_label: whether the label of the row still holds.

    Raises:
        InputError: the probability is not in (0, 1); a column holds no text.
    """

    columns: tuple[str, ...]
    probability: float = 0.1
    unit: Literal["word", "character"] = "word"
    mask: str | None = None
    keeps_label: bool = True
    source = "iyyer2015"

    def __post_init__(self) -> None:
        if not 0 < self.probability < 1:
            raise InputError(f"WordDropout needs a probability in (0, 1), got {self.probability}")

    @property
    def fingerprint(self) -> str:
        """Its settings."""
        return repr(self)

    def fitted(self, columns: Columns, train: np.ndarray) -> WordDropout:
        """Itself; it learns nothing."""
        for name, column in columns.items():
            if column.ndim != 1 or not (column.dtype.kind in "UT" or _text(column)):
                raise InputError(f"WordDropout needs text; column {name!r} holds {column.dtype} of {column.shape}")
        return self

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        found: dict[str, np.ndarray] = {}
        for number, (name, column) in enumerate(given.items()):
            parts = [self._parted(text) for text in column.tolist()]
            chance = draw.uniform(max(map(len, parts), default=0), stream=number)
            found[name] = np.array(column, dtype=object)
            for i, (words, own) in enumerate(zip(parts, chance, strict=True)):
                if words:
                    found[name][i] = self._thinned(words, own[: len(words)])
        return found

    def _parted(self, text: str | None) -> list[str]:
        if text is None:
            return []
        return list(text) if self.unit == "character" else text.split()

    def _thinned(self, words: list[str], chance: np.ndarray) -> str:
        lost = chance < self.probability
        if lost.all():
            lost[chance.argmax()] = False
        kept = [self.mask if gone else word for word, gone in zip(words, lost.tolist(), strict=True)]
        return ("" if self.unit == "character" else " ").join(word for word in kept if word is not None)


def _text(column: np.ndarray) -> bool:
    """Whether all values are strings or missing."""
    return column.dtype.kind == "O" and all(value is None or isinstance(value, str) for value in column.tolist())
