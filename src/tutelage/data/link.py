"""Record linkage: which rows of two sources are about the same thing, where they share no key.

- `link_exact`: equal keys after normalising case, accents, punctuation and spaces;
- `link_fuzzy`: pairs from blocks, compared column by column with string similarities;
- `link_probabilistic`: weights learned without labels (Fellegi and Sunter 1969), by Splink.

All give `Links`; `entities` turns them into one key column per source, which is what joins and conflict resolution
need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Columns, InputError, require
from .similar import Similarity, jaro_winkler, normalised

MOST = 20_000_000
"""Most candidate pairs."""


@dataclass(frozen=True)
class Links:
    """Pairs of rows that belong together.

    Attributes:
        left: row numbers, int64 [L].
        right: row numbers, int64 [L].
        score: how sure each pair is, float64 [L] in 0 .. 1.
    """

    left: np.ndarray
    right: np.ndarray
    score: np.ndarray

    def __len__(self) -> int:
        return len(self.left)

    def best(self) -> Links:
        """At most one partner per row: the surest pairs first, each taking its rows away from the others."""
        order = np.lexsort((self.right, self.left, -self.score))
        seen: tuple[set[int], set[int]] = (set(), set())
        kept: list[int] = []
        for place in order.tolist():
            one, other = int(self.left[place]), int(self.right[place])
            if one not in seen[0] and other not in seen[1]:
                seen[0].add(one)
                seen[1].add(other)
                kept.append(place)
        rows = np.sort(np.array(kept, dtype=np.int64))
        return Links(self.left[rows], self.right[rows], self.score[rows])

    def unmatched(self, left: int, right: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows without partner of sources with so many rows."""
        return np.setdiff1d(np.arange(left), self.left), np.setdiff1d(np.arange(right), self.right)

    def entities(self, left: int, right: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of things, int64 [left] and [right]: rows that are linked, directly or through others, share one."""
        parent = list(range(left + right))

        def root(row: int) -> int:
            while parent[row] != row:
                parent[row] = parent[parent[row]]
                row = parent[row]
            return row

        for one, other in zip(self.left.tolist(), (self.right + left).tolist(), strict=True):
            first, second = sorted((root(one), root(other)))
            parent[second] = first
        roots = np.array([root(row) for row in range(left + right)], dtype=np.int64)
        numbers = np.unique(roots, return_inverse=True)[1].reshape(-1)
        return numbers[:left], numbers[left:]


@dataclass(frozen=True)
class Prefix:
    """A block: the first letters of a normalised column; all of them unless a length is given."""

    column: str
    length: int | None = None

    def keys(self, columns: Columns) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers and their keys; empty keys are in no block."""
        words = normalised(_column(columns, self.column))
        if self.length is not None:
            words = words.astype(f"<U{self.length}")
        rows = np.flatnonzero(words != "")
        return rows, words[rows]


@dataclass(frozen=True)
class Tokens:
    """A block per word: rows that share any word of a column; words of fewer letters than `least` do not count."""

    column: str
    least: int = 3

    def keys(self, columns: Columns) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers and their keys, a row once per word."""
        words = [sorted({*word.split()}) for word in normalised(_column(columns, self.column)).tolist()]
        pairs = [(row, word) for row, found in enumerate(words) for word in found if len(word) >= self.least]
        rows = np.array([row for row, _ in pairs], dtype=np.int64)
        return rows, np.array([word for _, word in pairs], dtype=str)


Block = Prefix | Tokens


def link_exact(left: Columns, right: Columns, on: str | Sequence[str], *, sort: bool = False) -> Links:
    """Rows whose keys are equal once normalised; a key with an empty part links nothing.

    Args:
        left: name to array [N].
        right: name to array [M].
        on: column or columns of both.
        sort: words of a key in any order.

    Raises:
        InputError: a column is missing or there are more than twenty million pairs.
    """
    names = [on] if isinstance(on, str) else list(on)
    sides = [[normalised(_column(columns, name), sort=sort) for name in names] for columns in (left, right)]
    rows = [np.flatnonzero(np.logical_and.reduce([part != "" for part in parts])) for parts in sides]
    keys = [
        np.array(["\x1f".join(key) for key in zip(*(p[r].tolist() for p in parts), strict=True)], dtype=str)
        for parts, r in zip(sides, rows, strict=True)
    ]
    one, other = _pairs(rows[0], keys[0], rows[1], keys[1])
    return Links(one, other, np.ones(len(one)))


def link_fuzzy(
    left: Columns,
    right: Columns,
    compare: Mapping[str, Similarity] | Sequence[str],
    block: Sequence[Block],
    *,
    weights: Mapping[str, float] | None = None,
    least: float = 0.85,
    one_to_one: bool = True,
) -> Links:
    """Rows of a common block whose columns are alike on average.

    Args:
        left: name to array [N].
        right: name to array [M].
        compare: columns, by `jaro_winkler`, or column to similarity (`tutelage.data.similar`); normalised first. A pair
            of which one side is missing is not compared in that column.
        block: rows are compared only where one of these puts them together.
        weights: of the columns in the average; 1 unless given.
        least: average similarity from which on a pair is linked.
        one_to_one: whether a row has one partner at most.

    Raises:
        InputError: a column is missing, nothing is compared or blocked, or there are more than twenty million pairs.
    """
    measures: dict[str, Any] = dict(compare) if isinstance(compare, Mapping) else dict.fromkeys(compare, jaro_winkler)
    if not measures or not block:
        raise InputError("fuzzy linkage needs columns to compare and blocks to look in")
    found = [_pairs(*part.keys(left), *part.keys(right)) for part in block]
    width = len(next(iter(right.values())))
    codes = np.unique(np.concatenate([one * width + other for one, other in found]))
    one, other = codes // max(width, 1), codes % max(width, 1)
    total, count = np.zeros(len(one)), np.zeros(len(one))
    for name, measure in measures.items():
        words = normalised(_column(left, name))[one], normalised(_column(right, name))[other]
        known = (words[0] != "") & (words[1] != "")
        weight = (weights or {}).get(name, 1.0)
        total[known] += weight * measure(words[0][known], words[1][known])
        count[known] += weight
    score = total / np.where(count > 0, count, 1.0)
    near = score >= least
    links = Links(one[near], other[near], score[near])
    return links.best() if one_to_one else links


def link_probabilistic(
    left: Columns,
    right: Columns,
    compare: Sequence[str | Any],
    block: Sequence[str | tuple[str, ...]],
    *,
    least: float = 0.9,
    recall: float = 0.7,
    one_to_one: bool = True,
    seed: int = 0,
) -> Links:
    """Splink's model: how much agreement and disagreement in each column says, learned by EM without labels.

    Args:
        left: name to array [N].
        right: name to array [M].
        compare: columns, by Jaro-Winkler at 0.9 and 0.8, or comparisons of `splink.comparison_library`.
        block: column, or columns that have to be equal together, to look for pairs in; at least two that differ, since
            a column cannot be learned inside its own block.
        least: probability from which on a pair is linked.
        recall: share of the true pairs that agree in all of the plain columns compared, roughly.
        one_to_one: whether a row has one partner at most.
        seed: of the random pairs.

    Raises:
        InputError: a column is missing or fewer than two blocks are given.
        MissingExtraError: Splink is not installed.
    """
    splink = require("splink", extra="link", why="link records by probabilities")
    library = require("splink.comparison_library", extra="link", why="link records by probabilities")
    polars = require("polars", extra="data", why="hand records to Splink")
    rules = [splink.block_on(*((part,) if isinstance(part, str) else part)) for part in block]
    if len(rules) < 2:
        raise InputError(f"two or more blocks are needed to learn every column, got {list(block)}")
    plain = [name for name in compare if isinstance(name, str)]
    used = sorted({*plain, *(name for part in block for name in ((part,) if isinstance(part, str) else part))})
    api = splink.DuckDBAPI()
    tables: list[Any] = []
    for side, columns in (("records_a", left), ("records_b", right)):
        kept = used if len(plain) == len(compare) else sorted(columns)
        words = {name: _words(_column(columns, name)) for name in kept}
        frame = polars.DataFrame({"unique_id": np.arange(len(next(iter(columns.values())))), **words})
        tables.append(api.register(frame.to_arrow(), dataset_display_name=side))
    comparisons = [library.JaroWinklerAtThresholds(c, [0.9, 0.8]) if isinstance(c, str) else c for c in compare]
    settings = splink.SettingsCreator(
        link_type="link_only", comparisons=comparisons, blocking_rules_to_generate_predictions=rules
    )
    linker = splink.Linker(tables, settings, log_level=50)
    certain = splink.block_on(*(plain or used))
    linker.training.estimate_probability_two_random_records_match([certain], recall=recall)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=seed)
    try:
        for rule in rules:
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
    except ValueError as error:
        raise InputError(
            f"Splink cannot learn from these pairs ({error}): a column never differs, or always does, among the pairs "
            "of a block; leave it out of `compare`, or choose other blocks"
        ) from error
    relation = linker.inference.predict(threshold_match_probability=least).as_duckdbpyrelation()
    found = relation.project("unique_id_l, unique_id_r, match_probability").fetchnumpy()
    score = np.asarray(found["match_probability"], dtype=np.float64)
    one, other = (np.asarray(found[f"unique_id_{side}"]).astype(np.int64) for side in "lr")
    links = Links(one, other, score)
    return links.best() if one_to_one else links


def _column(columns: Columns, name: str) -> np.ndarray:
    if name not in columns:
        raise InputError(f"there is no column {name!r} to link by; there are {list(columns)}")
    return columns[name]


def _words(column: np.ndarray) -> list[str | None]:
    return [word or None for word in normalised(column).tolist()]


def _pairs(
    left: np.ndarray, left_keys: np.ndarray, right: np.ndarray, right_keys: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of rows with the same key, sorted.

    Raises:
        InputError: there are too many; names the largest block.
    """
    names, codes = np.unique(np.concatenate([left_keys, right_keys]), return_inverse=True)
    one, other = codes[: len(left)], codes[len(left) :]
    counts = np.bincount(one, minlength=len(names)) * np.bincount(other, minlength=len(names))
    if counts.sum() > MOST:
        worst = int(counts.argmax())
        raise InputError(
            f"{int(counts.sum())} pairs are too many, {int(counts[worst])} of them in the block {str(names[worst])!r}: "
            "use longer prefixes, or a column with more different values"
        )
    order = np.argsort(other, kind="stable")
    start = np.searchsorted(other[order], one, side="left")
    size = np.searchsorted(other[order], one, side="right") - start
    first = np.repeat(left, size)
    offset = np.arange(int(size.sum())) - np.repeat(size.cumsum() - size, size)
    second = right[order[np.repeat(start, size) + offset]]
    sorted_pairs = np.lexsort((second, first))
    return first[sorted_pairs].astype(np.int64), second[sorted_pairs].astype(np.int64)
