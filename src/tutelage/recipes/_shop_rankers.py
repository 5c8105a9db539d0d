"""Recommenders that learn from a matrix of users and items, and how they become teachers.

Each learns vectors or similarities of items from a matrix [U, I] and scores all items of anybody's history [n, I], also
of somebody it has never seen. What is known of items (genres, departments) goes into the matrix as more rows, one per
property: a user who likes everything that has it (Jeunen, Van Balen and Goethals 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import Columns, Teacher
from ..teachers import RankingTeacher
from ..train import OutOfFold

Recommender = Callable[[np.ndarray], np.ndarray]
"""Scores [n, I] of all items from histories [n, I]."""
Learner = Callable[[np.ndarray], Recommender]
"""Makes a recommender of a matrix [U, I]."""


class Ease:
    """A linear model of each item on all others, in closed form; Steck 2019.

    Args:
        matrix: [U, I].
        ridge: penalty, in rows.
    """

    def __init__(self, matrix: np.ndarray, ridge: float = 200.0) -> None:
        gram = (matrix.T @ matrix).astype(np.float64)
        gram[np.diag_indices_from(gram)] += ridge
        inverse = np.linalg.inv(gram)
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        self.weights = weights.astype(np.float32)

    def __call__(self, history: np.ndarray) -> np.ndarray:
        return history @ self.weights


class Neighbours:
    """Items that the same people took, by the cosine of their columns; Sarwar et al. 2001.

    Args:
        matrix: [U, I].
        shrink: similarities of items that few took are drawn to 0 by as much.
    """

    def __init__(self, matrix: np.ndarray, shrink: float = 10.0) -> None:
        gram = (matrix.T @ matrix).astype(np.float64)
        size = np.sqrt(np.diag(gram))
        similar = gram / (np.outer(size, size) + shrink)
        np.fill_diagonal(similar, 0.0)
        self.similar = similar.astype(np.float32)

    def __call__(self, history: np.ndarray) -> np.ndarray:
        return history @ self.similar


class Factors:
    """Matrix factorisation of implicit feedback by alternating least squares; Hu, Koren and Volinsky 2008.

    Args:
        matrix: [U, I], 0 where nothing is known.
        size: of the vectors.
        trust: confidence in what is known, over that in what is not.
        ridge: penalty.
        rounds: of the alternation.
        seed: of the start.
    """

    def __init__(
        self,
        matrix: np.ndarray,
        size: int = 8,
        trust: float = 4.0,
        ridge: float = 20.0,
        rounds: int = 8,
        seed: int = 0,
    ) -> None:
        self.trust, self.ridge = trust, ridge
        self.items = np.random.default_rng(seed).normal(0.0, 0.1, (matrix.shape[1], size))
        for _ in range(rounds):
            self.items = self._solved(self._solved(self.items, matrix), matrix.T)
        self.items = self.items.astype(np.float32)

    def _solved(self, vectors: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """The best vector of each row, given those of the columns."""
        base = vectors.T @ vectors + self.ridge * np.eye(vectors.shape[1])
        found = np.zeros((len(matrix), vectors.shape[1]))
        for place, row in enumerate(matrix):
            known = np.flatnonzero(row)
            if len(known):
                own, weight = vectors[known], self.trust * row[known].astype(np.float64)
                found[place] = np.linalg.solve(base + (own * weight[:, None]).T @ own, own.T @ (1.0 + weight))
        return found

    def __call__(self, history: np.ndarray) -> np.ndarray:
        return (self._solved(self.items.astype(np.float64), history) @ self.items.T).astype(np.float32)


class Content:
    """Items that are like those of the history in what is known of them, the popular ones first.

    Args:
        properties: of the items, [I, P].
        matrix: [U, I].
    """

    def __init__(self, properties: np.ndarray, matrix: np.ndarray) -> None:
        rare = np.log(len(properties) / np.maximum(properties.sum(0), 1.0))
        plain = properties * rare
        self.vectors = (plain / np.maximum(np.linalg.norm(plain, axis=1, keepdims=True), 1e-9)).astype(np.float32)
        self.count = (matrix > 0).sum(0).astype(np.float32)

    def __call__(self, history: np.ndarray) -> np.ndarray:
        near = (history @ self.vectors) @ self.vectors.T
        return np.log1p(self.count * near / np.maximum(history.sum(1, keepdims=True), 1e-9))


class Popular:
    """What most people took; says so only to those of whom little is known.

    Args:
        matrix: [U, I].
        most: items in a history above which it abstains.
    """

    def __init__(self, matrix: np.ndarray, most: int = 15) -> None:
        self.count, self.most = np.log1p((matrix > 0).sum(0)).astype(np.float32), most

    def __call__(self, history: np.ndarray) -> np.ndarray:
        known = (history > 0).sum(1, keepdims=True)
        return np.where(known <= self.most, self.count, np.nan).astype(np.float32)


class Shelf:
    """A recommender asked about candidates; one recommender per time where they were learnt again and again.

    Args:
        made: recommenders by time; the only key is None where time plays no part.
        time: column of times.
    """

    def __init__(self, made: Mapping[Any, Recommender], time: str = "") -> None:
        self.made, self.time = dict(made), time

    def scores(self, columns: Columns) -> np.ndarray:
        """Scores [n, N] of the candidates."""
        history, wanted = columns["history"], columns["candidates"]
        found = np.empty(wanted.shape, dtype=np.float32)
        for time, recommender in self.made.items():
            rows = np.flatnonzero(columns[self.time] == time) if self.time else np.arange(len(wanted))
            whole = recommender(history[rows])
            found[rows] = np.take_along_axis(whole, np.maximum(wanted[rows], 0), axis=1)
        return np.where(wanted >= 0, found, np.nan)


def out_of_fold(name: str, learner: Learner, matrix: np.ndarray, user: np.ndarray, fold: np.ndarray) -> Teacher:
    """One recommender per fold of users; rows are answered by the one that never saw their user.

    Args:
        name: of the teacher.
        learner: makes a recommender.
        matrix: [U, I] of all users.
        user: number of the user of each row, int64 [N]; -1 for rows that any may answer.
        fold: of each user, int64 [U].
    """
    models = tuple(
        RankingTeacher(
            Shelf({None: learner(matrix[fold != held])}), reads="history", name=f"{name}/{held}", seen=np.zeros(0, int)
        )
        for held in range(int(fold.max()) + 1)
    )
    return OutOfFold(name, models, np.where(user >= 0, fold[user], -1))


def again_and_again(name: str, learner: Learner, matrices: Mapping[Any, np.ndarray], time: str) -> Teacher:
    """A recommender that is learnt anew for each time, from what was there before it.

    Args:
        name: of the teacher.
        learner: makes a recommender.
        matrices: time to the matrix [U, I] of what happened before.
        time: column of times.
    """
    made = {at: learner(matrix) for at, matrix in matrices.items()}
    return RankingTeacher(Shelf(made, time), reads=("history", time), name=name, seen=np.zeros(0, dtype=np.int64))


def with_properties(matrix: np.ndarray, properties: np.ndarray, weight: float = 3.0) -> np.ndarray:
    """The matrix with a row per property."""
    return np.concatenate([matrix, weight * properties.T.astype(matrix.dtype)])


def learners(properties: np.ndarray, who: str, seed: int) -> Sequence[tuple[str, Learner]]:
    """Names and learners: one per source, those of the integrated table, or both.

    Args:
        properties: of the items, [I, P].
        who: `sources`, `table` or `both`.
        seed: of whatever starts by chance.
    """
    sources: list[tuple[str, Learner]] = [
        ("factors", lambda matrix: Factors(matrix, seed=seed)),
        ("neighbours", Neighbours),
        ("content", lambda matrix: Content(properties, matrix)),
        ("popular", Popular),
    ]
    table: list[tuple[str, Learner]] = [
        ("table linear", lambda matrix: Ease(with_properties(matrix, properties))),
        ("table factors", lambda matrix: Factors(with_properties(matrix, properties), seed=seed)),
    ]
    return [*(sources if who != "table" else ()), *(table if who != "sources" else ())]
