"""A shop with many sources: who will buy, like or redeem, and which ten items come first?

| on | sources | question (`buy`) | ranking (`rank`) |
|---|---|---|---|
| made-up | clicks, searches (JSON lines), orders, prices (SQLite), catalogues (XML, JSON) | bought in two weeks? | |
| sessions | behaviour, analytics, context of a web shop's sessions (UCI) | does it end in a purchase? | |
| films | ratings, tags, films (MovieLens) | four stars or more? | what they like next |
| groceries | purchases, coupons, campaigns, products, people (Complete Journey) | coupon redeemed? | new categories |

Teachers learn each from one source, from the integrated table, or both; some are rules that abstain. They answer rows
that they were fitted on out of fold, and no feature sees the time of its row or later. The student sees the labels of
few of its training rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from ..core import Fusion, InputError
from ..data.audit import Audited
from ..data.engines import choose_engine
from ..data.quarantine import Quarantine
from ..report import Report
from ..search import distill
from ..train import Training
from ..train.contest import Progress
from . import _shop_coupons, _shop_made
from ._public import public_folder
from ._shop_case import Case, Who
from ._shop_coupons import coupons
from ._shop_films import films
from ._shop_made import made_up
from ._shop_rank import rank_films, rank_groceries
from ._shop_sessions import sessions

On = Literal["made-up", "sessions", "films", "groceries"]
PUBLIC: dict[str, tuple[str, str]] = {
    "sessions": ("ecommerce-sessions", "online_shoppers_intention.csv of https://archive.ics.uci.edu/dataset/468"),
    "films": (
        "recsys-movielens-small",
        "ratings.csv, tags.csv, movies.csv of https://grouplens.org/datasets/movielens",
    ),
    "groceries": (
        "recsys-completejourney",
        "transactions.csv, products.csv, ... of https://github.com/bradleyboehmke/completejourney",
    ),
}
"""Folder below TUTELAGE_DATA, and where the public set is."""
BUY: dict[str, Callable[..., Case]] = {"sessions": sessions, "films": films, "groceries": coupons}
RANK: dict[str, Callable[..., Case]] = {"films": rank_films, "groceries": rank_groceries}
LARGE = 20_000
"""Training rows from which on batches are eight times as large."""


def shop(
    *,
    on: On = "made-up",
    task: Literal["buy", "rank"] = "buy",
    data: Path | None = None,
    teachers: Who = "both",
    labelled: float = 0.1,
    drawn: int | None = None,
    users: int = 800,
    seeds: int = 5,
    epochs: int = 30,
    patience: int | None = 5,
    engine: Literal["auto", "polars", "duckdb"] = "auto",
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils teachers of several sources into one small student: an MLP, or two towers for rankings.

    Args:
        on: which shop; made-up needs no file.
        task: whether something is bought, liked or redeemed; or which ten items come first.
        data: folder with the files of that shop, yours or the public ones; below $TUTELAGE_DATA unless given.
        teachers: one per source, those of the integrated table, or both.
        labelled: share of the student's training rows that are labelled; teachers learn from the labels of others, or
            out of fold.
        drawn: candidates drawn by popularity for each training row of a ranking, with the loss corrected for it; all
            items unless given.
        users: of the shop that is made up.
        seeds: number of paired seeds.
        epochs: most passes of each student over its rows.
        patience: epochs without a better validation loss after which it stops; labels alone would learn few rows by
            heart. None for all epochs.
        engine: where tables are read and joined.
        fusion: how teachers are combined; chosen on labelled rows unless given.
        run: folder of the run; rejected records are in its `quarantine`.
        progress: told what happens.

    Raises:
        InputError: the shop has no such task, or its files are not there.
    """
    folder = Path(tempfile.mkdtemp(prefix="tutelage-")) if run is None else run
    case = _case(on, task, data, folder, engine, teachers, labelled, drawn, users)
    for line in case.rows.record.lines():
        print(line)
    large = len(case.rows.train) >= LARGE
    return distill(
        case.student,
        case.rows,
        lambda seed, _: case.teachers(seed),
        fusion=fusion,
        training=Training(epochs=epochs, lr=5e-3, batch_size=512 if large else 64, patience=patience),
        seeds=range(seeds),
        run=run,
        title=case.title,
        progress=progress,
    )


def audit_shop(
    *,
    on: Literal["made-up", "groceries"] = "made-up",
    data: Path | None = None,
    users: int = 150,
    engine: Literal["auto", "polars", "duckdb"] = "auto",
    cuts: int = 2,
) -> Audited:
    """What of a shop can be audited: its joins, what the student's recipe learns, and its rows.

    Args:
        on: which shop.
        data: folder with its files; one is made up, or that below $TUTELAGE_DATA taken, unless given.
        users: of the shop that is made up.
        engine: where tables are read and joined.
        cuts: of the shop that is made up: Mondays from which on everything is scrambled, clicks, searches, orders and
            prices, users and items too.
    """
    if on == "made-up":
        return _shop_made.audited(data, users, engine, cuts)
    where = _folder(on, data)
    chosen, _ = choose_engine(engine, files=sorted(where.glob("*.csv*")))
    return _shop_coupons.audited(where, chosen, Quarantine(Path(tempfile.mkdtemp(prefix="tutelage-"))))


def _case(
    on: On,
    task: Literal["buy", "rank"],
    data: Path | None,
    folder: Path,
    engine: Literal["auto", "polars", "duckdb"],
    who: Who,
    labelled: float,
    drawn: int | None,
    users: int,
) -> Case:
    makers = BUY if task == "buy" else RANK
    if on == "made-up" and task == "buy":
        return made_up(data, folder, engine, who, labelled, users)
    if on not in makers:
        raise InputError(f"--on {on} has no --task {task}: it is there for {', '.join(makers)}")
    where = _folder(on, data)
    chosen, why = choose_engine(engine, files=sorted(where.glob("*.csv*")))
    print(why)
    more = {} if task == "buy" else {"drawn": drawn}
    return makers[on](where, chosen, Quarantine(folder / "quarantine"), who, labelled, **more)


def _folder(on: str, data: Path | None) -> Path:
    """The folder with the files."""
    name, public = PUBLIC[on]
    return public_folder(name, data, public, f"--on {on}")
