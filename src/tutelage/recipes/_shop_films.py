"""Films: will this user like that one (four stars or more)?

MovieLens has three sources: ratings, free-text tags, and a table of films. Each rating is a row, and its features say
what was known strictly before it: of the user, of the film, of the user's taste for the film's genres. Per user the
first 70 % of the ratings train, the next 10 % validate, the last 20 % are tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import torch
from torch import Tensor, nn

from ..core import Teacher
from ..data import Recipe, Rows
from ..data.asof import asof
from ..data.engines import Engine
from ..data.quarantine import Quarantine
from ..data.sources import Csv
from ..data.split import Split
from ..data.steps import Impute, Log, Scale
from ..nets import MLP
from ..teachers import Binding, RuleTeacher
from ..train import Training
from ._shop_case import NAMES, Case, Who, prepared, taught_by
from ._tables import STUDENT, Lesson, linear, read_all, trees

LIKED, PRIOR = 4.0, 5.0
"""Stars that count as liking; how many average ratings each mean starts from."""
GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "IMAX",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
USER, FILM, TASTE = ("user_seen", "user_likes"), ("film_seen", "film_likes"), ("genre_seen", "genre_likes")
ITEM = ("year", "age", "film_tags", *GENRES)
FACTORS = Training(epochs=6, lr=1e-2, batch_size=1024, optimiser="adamw", decay=0.1)
BLOCKS = {
    "history": (*USER, *TASTE),
    "crowd": FILM,
    "item": ITEM,
    STUDENT: (*USER, *FILM, *TASTE, *ITEM),
}


def films_recipe(blocks: Mapping[str, tuple[str, ...]]) -> Recipe:
    """Counts on a scale of logarithms; where the year is not in the title, the median."""
    used = {name for block in blocks.values() for name in block}
    counts = tuple(name for name in ("user_seen", "film_seen", "genre_seen", "film_tags") if name in used)
    others = tuple(name for name in ("user_likes", "film_likes", "genre_likes", "year", "age") if name in used)
    return Recipe((Impute(("year", "age")), Log(counts), Scale((*counts, *others))), blocks)


def films(folder: Path, engine: Engine, quarantine: Quarantine, who: Who, labelled: float) -> Case:
    """The case of a folder with ratings.csv, tags.csv and movies.csv: any edition of MovieLens with these names."""
    sources = [Csv(name, folder / f"{name}.csv") for name in ("ratings", "tags", "movies")]
    frames, record = read_all(sources, engine, quarantine)
    table = films_table(engine, frames)
    rows = prepared(table, table["liked"] > 0, films_recipe, BLOCKS, per_user(table["userId"]), labelled, record)
    return Case(
        "Films: history, crowd, item and factors, one student",
        rows,
        lambda: MLP(rows.columns[STUDENT].shape[1], 2, (32,)),
        lambda seed: make_teachers(rows, seed, who),
    )


def films_table(engine: Engine, frames: Mapping[str, nw.LazyFrame[Any]]) -> dict[str, np.ndarray]:
    """One row per rating, with what was known before it."""
    told = engine.collect(frames["movies"].sort("movieId"))
    about = {"movieId": told["movieId"], "year": years(told["title"])} | genres(told["genres"])
    liked = nw.when(nw.col("rating") >= LIKED).then(1.0).otherwise(0.0)
    ratings = frames["ratings"].select("userId", "movieId", "timestamp", liked.alias("liked"))
    ratings = engine.keep(ratings.sort("userId", "timestamp", "movieId"))
    at, genre = np.nonzero(np.stack([about[name] for name in GENRES], axis=1))
    kinds = engine.table({"movieId": about["movieId"][at], "genre": genre.astype(np.int64)})
    by_kind = engine.keep(ratings.join(kinds, on="movieId"))
    table = so_far(ratings, ratings, ("userId",), "user")
    table = engine.keep(so_far(table, ratings, ("movieId",), "film"))
    taste = so_far(by_kind, by_kind, ("userId", "genre"), "genre").group_by("userId", "movieId", "timestamp")
    taste = taste.agg(nw.col("genre_seen").sum(), nw.col("genre_liked").sum())
    table = table.join(engine.keep(taste), on=["userId", "movieId", "timestamp"], how="left")
    tags = frames["tags"].select("movieId", "timestamp", nw.lit(1.0).alias("liked"))
    table = so_far(table, tags, ("movieId",), "tag")
    columns = engine.collect(engine.keep(table).sort("userId", "timestamp", "movieId"))
    place = np.searchsorted(about["movieId"], columns["movieId"])
    return _named(columns, {name: column[place] for name, column in about.items() if name != "movieId"})


def so_far(spine: nw.LazyFrame[Any], events: nw.LazyFrame[Any], on: tuple[str, ...], name: str) -> nw.LazyFrame[Any]:
    """The spine with `{name}_seen` and `{name}_liked`: events of the key strictly before it, and the liked of them."""
    seen, liked = f"{name}_seen", f"{name}_liked"
    moments = events.group_by(*on, "timestamp").agg(nw.len().alias(seen), nw.col("liked").sum().alias(liked))
    whole = [nw.col(column).cum_sum().over(*on, order_by="timestamp").alias(column) for column in (seen, liked)]
    found = asof(spine, moments.with_columns(*whole), on, "timestamp", columns=[seen, liked])
    return found.with_columns(*(nw.col(column).fill_null(0).cast(nw.Float64) for column in (seen, liked)))


def years(titles: np.ndarray) -> np.ndarray:
    """The year in parentheses at the end of each title, NaN where there is none."""
    ends = [title.strip()[-5:-1] if title else "" for title in titles]
    return np.array([float(end) if end.isdigit() else np.nan for end in ends])


def genres(words: np.ndarray) -> dict[str, np.ndarray]:
    """One column of 0 and 1 per genre."""
    parts = [set((word or "").split("|")) for word in words]
    return {genre: np.array([genre in part for part in parts], dtype=np.float64) for genre in GENRES}


def per_user(user: np.ndarray) -> Split:
    """Per user in time: the first 70 % of the rows train, the next 10 % validate, the rest is tested."""
    share = share_of(user)
    cuts = (share < 0.7, (share >= 0.7) & (share < 0.8), share >= 0.8)
    return Split(*(np.flatnonzero(cut) for cut in cuts), unused=np.zeros(0, np.int64))


def share_of(user: np.ndarray) -> np.ndarray:
    """How far each event is on the way through those of its user, in (0, 1); users' events lie together, in order."""
    first = np.r_[True, user[1:] != user[:-1]]
    start, group = np.flatnonzero(first), np.cumsum(first) - 1
    return (np.arange(len(user)) - start[group] + 0.5) / np.bincount(group)[group]


def make_teachers(rows: Rows, seed: int, who: Who) -> tuple[Teacher, ...]:
    """One model per source, two of the whole table, and a rule that abstains."""
    users, items = (int(rows.columns[name].max()) + 1 for name in ("user", "film"))
    sources = (
        Lesson("history", trees(), ("history",), Binding("ratings of the user", present=("user_seen",))),
        Lesson("crowd", linear(), ("crowd",), Binding("ratings of the film", present=("film_seen",))),
        Lesson("item", trees(), ("item",)),
        Lesson("factors", lambda: Factors(users, items), ("user", "film"), training=FACTORS),
    )
    table = (Lesson("table trees", trees(), (STUDENT,)), Lesson("table linear", linear(), (STUDENT,)))
    rule = RuleTeacher(
        everybody, reads=("film_seen", "film_likes"), classes=NAMES, name="everybody", seen=np.zeros(0, np.int64)
    )
    return (*taught_by(sources, table, who, rows, seed), rule)


def everybody(row: dict[str, Any]) -> str | None:
    """What four in five of at least 20 people liked is liked, what fewer than one in five liked is not."""
    if row["film_seen"] < 20 or 0.2 <= row["film_likes"] <= 0.8:
        return None
    return "yes" if row["film_likes"] > 0.8 else "no"


class Factors(nn.Module):
    """Matrix factorisation: a vector and a bias per user and film; Koren, Bell and Volinsky 2009.

    Args:
        users: how many.
        items: how many.
        size: of the vectors.
    """

    def __init__(self, users: int, items: int, size: int = 8) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(users, size + 1), nn.Embedding(items, size + 1)
        self.bias = nn.Parameter(torch.zeros(1))
        for table in (self.user, self.item):
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        """Logits [B, 2] of numbers of users and films, int64 [B]."""
        one, other = self.user(user.long()), self.item(item.long())
        score = (one[:, 1:] * other[:, 1:]).sum(1) + one[:, 0] + other[:, 0] + self.bias
        return torch.stack([torch.zeros_like(score), score], dim=1)


def _named(columns: dict[str, np.ndarray], about: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns under the names that models read."""
    made: dict[str, np.ndarray] = dict(columns) | dict(about)
    for name, column in (("user", "userId"), ("film", "movieId")):
        made[name] = np.unique(columns[column], return_inverse=True)[1].astype(np.int64)
    for name in ("user", "film", "genre"):
        seen, likes = (np.nan_to_num(columns[f"{name}_{what}"]) for what in ("seen", "liked"))
        made |= {f"{name}_seen": seen, f"{name}_likes": (likes + PRIOR / 2) / (seen + PRIOR)}
    since = columns["timestamp"].astype(np.float64) / (365.25 * 86400) + 1970
    return made | {"film_tags": columns["tag_seen"], "age": since - made["year"]}
