"""MovieLens as a ranking: users with a past, candidates with relevances, and three simple recommenders."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tutelage as tl

ITEMS, USERS, CANDIDATES = 300, 240, 40


@dataclass(frozen=True)
class Movies:
    """The most rated movies and the users who rated enough of them.

    Attributes:
        rows: one row per user: `user` [genre profile and amount of history], `candidates`, `history` (0/1 per item).
        genres: float [ITEMS, G].
    """

    rows: tl.Rows
    genres: np.ndarray


def movies(data: Path, seed: int = 0) -> Movies:
    """Seven tenths of each user's movies are the past; up to ten later ones hide among movies never rated."""
    folder = data / "recsys-movielens-small"
    ratings = table(folder / "ratings.csv")
    titles = {line["movieId"]: line["genres"] for line in table(folder / "movies.csv")}
    known = [item for item, _ in Counter(line["movieId"] for line in ratings).most_common(ITEMS)]
    number = {item: place for place, item in enumerate(known)}
    names = sorted({genre for item in known for genre in titles[item].split("|")})
    genres = np.array([[name in titles[item].split("|") for name in names] for item in known], dtype=np.float32)
    seen: dict[str, list[int]] = defaultdict(list)
    for line in sorted(ratings, key=lambda line: int(line["timestamp"])):
        if line["movieId"] in number:
            seen[line["userId"]].append(number[line["movieId"]])
    people = [user for user, items in seen.items() if 15 <= len(items) <= ITEMS - CANDIDATES][:USERS]
    return Movies(_rows([seen[user] for user in people], genres, np.random.default_rng(seed)), genres)


def table(file: Path) -> list[dict[str, str]]:
    """The lines of a .csv file."""
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def _rows(lists: list[list[int]], genres: np.ndarray, chance: np.random.Generator) -> tl.Rows:
    history = np.zeros((len(lists), ITEMS), dtype=np.float32)
    candidates = np.zeros((len(lists), CANDIDATES), dtype=np.int64)
    relevance = np.zeros((len(lists), CANDIDATES), dtype=np.float32)
    for row, items in enumerate(lists):
        cut = int(0.7 * len(items))
        history[row, items[:cut]] = 1.0
        later = items[cut:][:10]
        others = chance.choice(np.setdiff1d(np.arange(ITEMS), items), CANDIDATES - len(later), replace=False)
        order = chance.permutation(CANDIDATES)
        candidates[row] = np.concatenate([later, others])[order]
        relevance[row] = (np.arange(CANDIDATES) < len(later))[order]
    amount = history.sum(1, keepdims=True)
    user = np.concatenate([history @ genres / amount, np.log(amount)], axis=1).astype(np.float32)
    columns = {"user": user, "candidates": candidates, "history": history}
    return tl.rows_of(columns, relevance, inputs=["user", "candidates"], task=tl.Ranking(catalogue=ITEMS))


class Popularity:
    """How many of the training users know an item; it knows nothing of items that nobody did."""

    def __init__(self, history: np.ndarray) -> None:
        self.count = history.sum(0)

    def scores(self, columns: Any) -> np.ndarray:
        """Counts, in hundreds."""
        found = self.count[columns["candidates"]] / 100.0
        return np.where(found > 0, found, np.nan)


class Neighbours:
    """Cosine between items by who knows them, summed over the user's past; silent about users without one."""

    def __init__(self, history: np.ndarray) -> None:
        norm = np.sqrt(history.sum(0)) + 1e-6
        self.close = history.T @ history / norm / norm[:, None]
        np.fill_diagonal(self.close, 0.0)

    def scores(self, columns: Any) -> np.ndarray:
        """Mean closeness to what the user knows."""
        past = columns["history"]
        with np.errstate(invalid="ignore"):
            found = past @ self.close / past.sum(1, keepdims=True)
        return np.take_along_axis(found, columns["candidates"], 1)


class Genres:
    """The share of the user's past that has the item's genres."""

    def __init__(self, genres: np.ndarray) -> None:
        self.genres = genres

    def scores(self, columns: Any) -> np.ndarray:
        """Inner products."""
        return np.einsum("bg,bng->bn", columns["user"][:, :-1], self.genres[columns["candidates"]])


class Counting:
    """A ranker that counts how often each user is put to it."""

    def __init__(self, ranker: Any) -> None:
        self.ranker = ranker
        self.times: Counter[bytes] = Counter()

    def __reduce__(self) -> Any:
        return Counting, (self.ranker,)

    def scores(self, columns: Any) -> np.ndarray:
        """As the ranker's own."""
        self.times.update(line.tobytes() for line in columns["candidates"])
        return self.ranker.scores(columns)
