"""Gibbs sampling: attributes drawn anew, one after the other, given all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from ...core import Columns, InputError
from .attributes import Attributes
from .chance import Draw
from .partners import learnt

MOST_ATTRIBUTES = 1000


@final
@dataclass(frozen=True)
class Gibbs:
    """Rows after some rounds of Gibbs sampling that begins at the row itself: new, but where the data are.

    Fakoor et al. 2020, who learn the conditionals with one attention network; here each is a decision tree of the other
    attributes, and a new value is one that a training row in the same leaf has (Reiter 2005). So values that no row has
    never appear. The new row has no label.

    Args:
        columns: numbers, truth values or text, up to 1000 attributes in all.
        rounds: how often each attribute is drawn anew; more leads further from the row.
        leaf: training rows in a leaf at least; more make bolder draws.

    Raises:
        InputError: a setting is below 1; a column holds something else; fewer than two training rows, more than 1000
            attributes.
    """

    columns: tuple[str, ...]
    rounds: int = 1
    leaf: int = 5
    keeps_label = False
    source = "fakoor2020"

    def __post_init__(self) -> None:
        if min(self.rounds, self.leaf) < 1:
            raise InputError(f"Gibbs needs rounds and leaf of at least 1, got {self.rounds} and {self.leaf}")

    def fitted(self, columns: Columns, train: np.ndarray) -> Sampler:
        """Itself with one tree per attribute."""
        from sklearn import __version__

        if len(train) < 2:
            raise InputError(f"Gibbs needs at least two training rows, got {len(train)}")
        attributes = Attributes.of(columns, train, "Gibbs")
        count = len(attributes.numeric)
        if count > MOST_ATTRIBUTES:
            raise InputError(
                f"Gibbs learns a tree per attribute, for {MOST_ATTRIBUTES} at most; {self.columns} have {count}"
            )
        whole = attributes.filled({name: column[train] for name, column in columns.items()})
        trees = [_Conditional.of(whole, number, self.leaf, bool(attributes.numeric[number])) for number in range(count)]
        return Sampler(self, columns, train, attributes, whole, trees, f"{learnt(self, columns, train)} {__version__}")


@final
@dataclass(frozen=True)
class Sampler:
    """`Gibbs` that knows its table; `whole` are the attributes of the training rows, float64 [T, A]."""

    asked: Gibbs
    table: Columns = field(repr=False)
    train: np.ndarray = field(repr=False)
    attributes: Attributes = field(repr=False)
    whole: np.ndarray = field(repr=False)
    trees: Sequence[_Conditional] = field(repr=False)
    fingerprint: str

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        if len(row) == 0:
            return {name: column.copy() for name, column in given.items()}
        now = self.attributes.filled(given)
        chosen = np.full(now.shape, -1, dtype=np.int64)
        for turn in range(self.asked.rounds):
            for number, tree in enumerate(self.trees):
                place = tree.drawn(now, draw.uniform(stream=turn * len(self.trees) + number))
                now[:, number] = self.whole[place, number]
                chosen[:, number] = self.train[place]
        return self.attributes.taken(given, self.table, chosen)


@final
@dataclass(frozen=True)
class _Conditional:
    """One attribute given all others.

    Attributes:
        number: of the attribute.
        tree: of scikit-learn.
        members: training rows by their place, sorted by leaf.
        first: where the members of each leaf begin, by the leaf's number in the tree.
        count: how many they are.
    """

    number: int
    tree: Any
    members: np.ndarray
    first: np.ndarray
    count: np.ndarray

    @staticmethod
    def of(whole: np.ndarray, number: int, leaf: int, numeric: bool) -> _Conditional:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        kind = DecisionTreeRegressor if numeric else DecisionTreeClassifier
        others = np.delete(whole, number, axis=1)
        if others.shape[1] == 0:
            others = np.zeros((len(whole), 1))
        tree = kind(min_samples_leaf=leaf, random_state=0).fit(others, whole[:, number])
        at = tree.apply(others)
        count = np.bincount(at, minlength=tree.tree_.node_count)
        return _Conditional(number, tree, np.argsort(at, kind="stable"), np.cumsum(count) - count, count)

    def drawn(self, now: np.ndarray, chance: np.ndarray) -> np.ndarray:
        """The place of a training row in the leaf of each row, int64 [B]."""
        others = np.delete(now, self.number, axis=1)
        leaf = self.tree.apply(others if others.shape[1] else np.zeros((len(now), 1)))
        return self.members[self.first[leaf] + (chance * self.count[leaf]).astype(np.int64)]
