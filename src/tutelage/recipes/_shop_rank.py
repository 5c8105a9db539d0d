"""The best ten: what will somebody like, or buy, that they have not yet?

Each row is somebody at a moment: the history before it, all items that are not in it as candidates, and those that came
after it as the relevant ones.

Films: per user, moments after 30, 40, 50 and 60 % of the ratings train, each with the likes of the next tenth; one
after 70 % validates, and one after 80 % is tested on all that follows. Recommenders that teach never saw the user of
the row that they answer.

Groceries: moments are weeks, and an item is a category of products; weeks 17 to 40 train, 41 to 46 validate, 47 to 53
are tested. Recommenders are learnt anew for each moment from the weeks before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import narwhals.stable.v2 as nw
import numpy as np

from ..core import InputError
from ..data import Rows, rows_of
from ..data.engines import Engine
from ..data.quarantine import Quarantine
from ..data.record import DataRecord, StepRecord
from ..data.sources import Csv
from ..nets import TwoTowers
from ..tasks import Ranking
from ._shop_case import Case, Who
from ._shop_coupons import table_file
from ._shop_films import GENRES, LIKED, genres, share_of
from ._shop_rankers import again_and_again, learners, out_of_fold
from ._tables import read_all

MOMENTS, TESTED = (0.3, 0.4, 0.5, 0.6, 0.7), 0.8
FEWEST = 5
"""Likes in the first 70 % that make a film a candidate."""
WEEKS, LAST = (17, 23, 29, 35, 41, 47), 53
"""Weeks at the start of which somebody is asked about: all but the last two train; and the last week of all."""
FOLDS = 5
FIELDS = ("history", "seen", "relevant")


@dataclass(frozen=True)
class Events:
    """Who met what, int64 [E] each, -1 for items that are no candidates; and whether they liked it, bool [E]."""

    user: np.ndarray
    item: np.ndarray
    liked: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """How many users and items there are."""
        return int(self.user.max()) + 1, int(self.item.max()) + 1


@dataclass(frozen=True)
class Moment:
    """Everybody at one moment.

    Attributes:
        history: how often each liked or bought what before, on a scale of logarithms, float32 [U, I].
        seen: what they know already, bool [U, I].
        relevant: what they like or buy afterwards and do not know yet, bool [U, I].
    """

    history: np.ndarray
    seen: np.ndarray
    relevant: np.ndarray

    @staticmethod
    def of(events: Events, before: np.ndarray, after: np.ndarray) -> Moment:
        """From the events before and after it, bool [E] each."""
        history = np.zeros(events.size, dtype=np.float32)
        seen, relevant = history > 0, history > 0
        known = events.item >= 0
        for cells, mask in ((seen, before), (relevant, after & events.liked)):
            cells[events.user[mask & known], events.item[mask & known]] = True
        own = before & events.liked & known
        np.add.at(history, (events.user[own], events.item[own]), 1.0)
        return Moment(np.log2(1.0 + history), seen, relevant & ~seen)


def rank_films(
    folder: Path, engine: Engine, quarantine: Quarantine, who: Who, labelled: float, drawn: int | None
) -> Case:
    """The case of a folder with MovieLens' ratings.csv and movies.csv."""
    frames, record = read_all([Csv(name, folder / f"{name}.csv") for name in ("ratings", "movies")], engine, quarantine)
    found = engine.collect(frames["ratings"].sort("userId", "timestamp", "movieId"))
    about = engine.collect(frames["movies"].sort("movieId"))
    share, liked = share_of(found["userId"]), found["rating"] >= LIKED
    film = np.searchsorted(about["movieId"], found["movieId"])
    kept = np.flatnonzero(np.bincount(film[liked & (share < MOMENTS[-1])], minlength=len(about["movieId"])) >= FEWEST)
    place = np.full(len(about["movieId"]), -1)
    place[kept] = np.arange(len(kept))
    events = Events(np.unique(found["userId"], return_inverse=True)[1], place[film], liked)
    cuts = [*((at, at + 0.1) for at in MOMENTS), (TESTED, np.inf)]
    moments = [Moment.of(events, share < start, (share >= start) & (share < end)) for start, end in cuts]
    after = liked & (share >= TESTED)
    outside = f"{int((after & (events.item < 0)).sum())} of {int(after.sum())} likes that are tested are of films that"
    record = record.adding(remarks=(f"{outside} fewer than {FEWEST} people had liked before: nobody can find those.",))
    kinds = genres(about["genres"])
    properties = np.stack([kinds[name][kept] for name in GENRES], axis=1).astype(np.float32)
    rows, user = asked(moments, np.arange(len(moments)), labelled, drawn, record)
    fold = np.random.default_rng(0).permutation(events.size[0]) % FOLDS
    user = np.where(rows.columns["moment"] < len(MOMENTS) - 1, user, -1)
    return Case(
        "Films, the best ten: factors, neighbours and genres, one student of two towers",
        rows,
        lambda: TwoTowers(len(kept), len(kept)),
        lambda seed: tuple(
            out_of_fold(name, learner, moments[-2].history, user, fold)
            for name, learner in learners(properties, who, seed)
        ),
    )


def rank_groceries(
    folder: Path, engine: Engine, quarantine: Quarantine, who: Who, labelled: float, drawn: int | None
) -> Case:
    """The case of a folder with the tables of Complete Journey: `transactions` and `products`, whole or samples."""
    sources = [Csv(name, table_file(folder, name)) for name in ("transactions", "products")]
    frames, record = read_all(sources, engine, quarantine)
    products = frames["products"].filter(~nw.col("product_category").is_null())
    bought = frames["transactions"].join(products, on="product_id").sort("household_id", "week")
    found = engine.collect(bought.select("household_id", "week", "product_category", "department"))
    names, item = np.unique(found["product_category"].astype(str), return_inverse=True)
    user, week = np.unique(found["household_id"], return_inverse=True)[1], found["week"]
    events = Events(user, item, np.ones(len(item), dtype=bool))
    cuts = zip(WEEKS, [*WEEKS[1:], LAST + 1], strict=True)
    moments = [Moment.of(events, week < start, (week >= start) & (week < end)) for start, end in cuts]
    departments, code = np.unique(found["department"].astype(str), return_inverse=True)
    properties = np.zeros((len(names), len(departments)), dtype=np.float32)
    properties[item, code] = 1.0
    rows, _ = asked(moments, np.array(WEEKS), labelled, drawn, record)
    matrices = {start: moment.history for start, moment in zip(WEEKS, moments, strict=True)}
    return Case(
        "Groceries, the best ten new categories: factors, neighbours and departments, one student of two towers",
        rows,
        lambda: TwoTowers(len(names), len(names)),
        lambda seed: tuple(
            again_and_again(name, learner, matrices, "moment") for name, learner in learners(properties, who, seed)
        ),
    )


def asked(
    moments: Sequence[Moment], times: np.ndarray, labelled: float, drawn: int | None, record: DataRecord
) -> tuple[Rows, np.ndarray]:
    """A row for everybody who has a history and finds something afterwards, at each moment; and whose row it is.

    Args:
        moments: the last is tested, the one before validates.
        times: name of each moment.
        labelled: share of the training rows whose relevant items the student knows.
        drawn: candidates drawn by popularity for each training row, beside the relevant ones; all unless given.
        record: of the sources.

    Raises:
        InputError: a share of labels is none, or there are fewer items than are to be drawn.
    """
    if not 0.0 < labelled <= 1.0:
        raise InputError(f"labelled is a share of rows in (0, 1], got {labelled}")
    if drawn is not None and not 0 < drawn <= moments[0].seen.shape[1]:
        raise InputError(
            f"drawn={drawn} candidates of {moments[0].seen.shape[1]} items: give at least 1 and at most all"
        )
    users = [np.flatnonzero(one.history.any(1) & one.relevant.any(1)) for one in moments]
    at = np.repeat(np.arange(len(moments)), [len(own) for own in users])
    parts = [np.concatenate([getattr(m, name)[own] for m, own in zip(moments, users, strict=True)]) for name in FIELDS]
    history, seen, relevant = parts
    known = np.where(seen, -1, np.arange(seen.shape[1]))
    train = np.flatnonzero(at < len(moments) - 2)
    chance, sampling = np.random.default_rng(0), None
    if drawn is not None:
        popular = (history[train] > 0).sum(0) + 1.0
        share = popular**0.75 / (popular**0.75).sum()
        known[train] = _some(known[train], relevant[train], share, drawn, chance)
        sampling = tuple(share.tolist())
    shown = np.ones(len(at), dtype=bool)
    shown[chance.permutation(train)[max(2, round(labelled * len(train))) :]] = False
    everybody = sum(len(one.history) for one in moments)
    lost = {"no history yet, or nothing new afterwards": everybody - len(at)}
    profile = history / np.linalg.norm(history, axis=1, keepdims=True)
    rows = rows_of(
        {"profile": profile, "candidates": known, "history": history, "moment": times[at]},
        (relevant & (known >= 0)).astype(np.float32),
        inputs=("profile", "candidates"),
        task=Ranking(catalogue=seen.shape[1], sampling=sampling),
        train=train,
        validation=np.flatnonzero(at == len(moments) - 2),
        test=np.flatnonzero(at == len(moments) - 1),
        labelled=shown,
        record=record.adding(StepRecord("rows", (), everybody, len(at), lost)),
    )
    return rows, np.concatenate(users)


def _some(
    known: np.ndarray, relevant: np.ndarray, share: np.ndarray, drawn: int, chance: np.random.Generator
) -> np.ndarray:
    """The candidates [R, I] with all but the relevant and some others, drawn by their share, replaced by -1.

    Drawn without replacement: the largest of log share plus Gumbel noise (Kool, van Hoof and Welling 2019).
    """
    place = np.log(share) + chance.gumbel(size=known.shape)
    place[(known < 0) | relevant] = -np.inf
    least = np.partition(place, -drawn, axis=1)[:, -drawn, None]
    return np.where(relevant | (place >= np.maximum(least, -1e300)), known, -1)
