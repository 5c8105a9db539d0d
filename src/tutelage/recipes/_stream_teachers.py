"""Teachers of a stream: models on a window, a tree that grows row by row, and rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..core import Teacher, require
from ..data import Rows
from ..teachers import RuleTeacher
from ..train.out_of_time import out_of_time
from ._stream_table import DAY, NAMES, WARM, WEEK, no_change, time_of_day
from ._tables import linear, trees

Told = Callable[[str, int, int], None]


class Online:
    """A classifier of `river` as scikit-learn would have it: asked about, and updated with, rows of a matrix.

    Args:
        model: with `predict_proba_one` and `learn_one`.
        classes: names of the classes.
    """

    def __init__(self, model: Any, classes: tuple[str, ...]) -> None:
        self.model = model
        self.classes_ = np.array(classes)

    def partial_fit(self, table: np.ndarray, said: np.ndarray, classes: Any = None) -> Online:
        """Learns the rows one after another."""
        for row, name in zip(table.tolist(), said.tolist(), strict=True):
            self.model.learn_one(dict(enumerate(row)), name)
        return self

    def predict(self, table: np.ndarray) -> np.ndarray:
        """The likeliest class of each row."""
        return self.classes_[self.predict_proba(table).argmax(1)]

    def predict_proba(self, table: np.ndarray) -> np.ndarray:
        """Probabilities [N, C]; all alike where the model says nothing."""
        names = self.classes_.tolist()
        found = [self.model.predict_proba_one(dict(enumerate(row))) for row in table.tolist()]
        plain = np.array([[said.get(name, 0.0) for name in names] for said in found]).reshape(-1, len(names))
        total = plain.sum(1, keepdims=True)
        return np.where(total > 0, plain / np.where(total > 0, total, 1.0), 1.0 / len(names))


def growing_tree() -> Online:
    """A Hoeffding tree that replaces branches where their errors drift (Bifet and Gavalda 2009)."""
    river = require("river.tree", extra="stream", why="grow a tree on a stream")
    return Online(river.HoeffdingAdaptiveTreeClassifier(grace_period=100, seed=0), NAMES)


def make_teachers(rows: Rows, told: Told | None = None) -> tuple[Teacher, ...]:
    """Three models that answer each row before they learn from it, and two rules that look at earlier labels."""
    walk = partial(out_of_time, rows=rows, first=WARM, told=told)
    boosted = trees(n_estimators=40, num_leaves=15, learning_rate=0.1)
    nobody = np.zeros(0, np.int64)
    return (
        walk(linear(C=0.3), name="linear of a month", every=DAY, window=4 * WEEK),
        walk(boosted, name="trees of half a year", every=WEEK, window=26 * WEEK),
        walk(growing_tree, name="growing tree", every=1),
        RuleTeacher(
            no_change, reads="last", classes=NAMES, batched=True, output="votes", name="no change", seen=nobody
        ),
        RuleTeacher(
            time_of_day, reads="usual", classes=NAMES, batched=True, output="probs", name="time of day", seen=nobody
        ),
    )
