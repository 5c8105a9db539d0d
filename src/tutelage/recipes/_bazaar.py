"""A small shop made up from a seed: five sources in three formats, dirty on purpose, with the truth beside them.

    clicks.jsonl     what users look at and put into the cart; broken lines, copies, dwell times in milliseconds
    searches.jsonl   what they search for, with typing errors
    shop.db          SQLite: orders, and prices with the time from which each holds
    catalogue.xml    category and brand of each item, with a namespace
    partner.json     another catalogue, which is wrong about one item in six
    truth.json       what was planted, and the true categories; nothing reads it but tests

People want things of a few categories, look at them for a while, and some buy days later. Each source tells a part:
clicks what is on somebody's mind now, searches of which kind it is, orders who buys at all and what comes back.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

START, DAYS = datetime(2025, 1, 1), 120
CATEGORIES = ("tea", "coffee", "honey", "spices", "pasta", "olive oil", "chocolate", "cheese", "bread", "soap")
BRANDS = ("Alder", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Maple", "Oak", "Pine", "Rowan", "Yew")
NAMESPACE = "https://example.org/catalogue"


@dataclass(frozen=True)
class Planted:
    """What is wrong with the files.

    Attributes:
        broken: lines of the click log that are no JSON.
        copies: clicks that stand there twice.
        milliseconds: clicks whose dwell time is in milliseconds.
        missing: clicks without a dwell time.
        wrong: items about whose category the partner is wrong.
    """

    broken: int
    copies: int
    milliseconds: int
    missing: int
    wrong: int


@dataclass(frozen=True)
class _World:
    """What is true and in no file: taste of users [U, C], items' category and appeal [I], how often users come [U]."""

    taste: np.ndarray
    category: np.ndarray
    appeal: np.ndarray
    price: np.ndarray
    visits: np.ndarray
    spends: np.ndarray


def make_bazaar(folder: Path, *, users: int = 800, items: int = 200, seed: int = 0) -> Planted:
    """Writes the files of the shop and says what is wrong with them.

    Args:
        folder: where; made if it is not there.
        users: how many.
        items: how many.
        seed: the same seed gives the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng((seed, users, items))
    world = _world(chance, users, items)
    clicks, searches, orders = _history(world, chance)
    broken, copies, milliseconds, missing = _write_clicks(folder / "clicks.jsonl", clicks, chance)
    with (folder / "searches.jsonl").open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in searches)
    _write_orders(folder / "shop.db", orders, world, chance)
    wrong = _write_catalogues(folder, world, chance)
    planted = Planted(broken, copies, milliseconds, missing, wrong)
    truth = {"planted": asdict(planted), "category": [CATEGORIES[c] for c in world.category]}
    (folder / "truth.json").write_text(json.dumps(truth))
    return planted


def _world(chance: np.random.Generator, users: int, items: int) -> _World:
    return _World(
        chance.dirichlet(np.full(len(CATEGORIES), 0.25), users),
        chance.integers(0, len(CATEGORIES), items),
        chance.normal(0.0, 1.0, items),
        np.round(np.exp(chance.normal(2.0, 0.6, items)), 2),
        chance.gamma(2.0, 4.0, users),
        chance.normal(0.6, 1.2, users),
    )


def _history(world: _World, chance: np.random.Generator) -> tuple[list[dict[str, Any]], list[Any], list[Any]]:
    """Clicks, searches and orders of all users, sorted by time."""
    clicks: list[dict[str, Any]] = []
    searches: list[dict[str, Any]] = []
    orders: list[tuple[Any, ...]] = []
    within = [np.flatnonzero(world.category == c) for c in range(len(CATEGORIES))]
    for user in range(len(world.taste)):
        liked: list[int] = []
        for day in np.sort(chance.uniform(0.0, DAYS, chance.poisson(world.visits[user]))):
            kind = int(chance.choice(len(CATEGORIES), p=world.taste[user]))
            if not len(within[kind]):
                continue
            eager = chance.random() < 0.45
            if chance.random() < (0.6 if eager else 0.15):
                searches.append({"user": user, "ts": _at(day), "query": _query(kind, chance)})
            appeal = np.exp(world.appeal[within[kind]])
            seen = chance.choice(
                within[kind], min(len(within[kind]), 1 + chance.poisson(2)), False, appeal / appeal.sum()
            )
            for place, item in enumerate(seen.tolist()):
                _look(world, chance, user, item, day + (place + 1) / 1440, eager, clicks, orders, liked)
            if liked and chance.random() < 0.4:
                orders.append((user, liked[int(chance.integers(len(liked)))], day + chance.exponential(3.0)))
    return (
        sorted(clicks, key=lambda click: click["ts"]),
        sorted(searches, key=lambda search: search["ts"]),
        sorted((order for order in orders if order[2] < DAYS), key=lambda order: order[2]),
    )


def _look(
    world: _World,
    chance: np.random.Generator,
    user: int,
    item: int,
    day: float,
    eager: bool,
    clicks: list[dict[str, Any]],
    orders: list[tuple[Any, ...]],
    liked: list[int],
) -> None:
    """One item looked at: one to four views, perhaps the cart, perhaps an order some days later."""
    views = 1 + chance.binomial(3, 0.5 if eager else 0.1)
    wish = world.spends[user] + 0.5 * world.appeal[item] + 0.7 * views + (1.2 if eager else -1.0)
    wish -= 0.6 * np.log(world.price[item] / 7.0)
    cart = chance.random() < _share(wish - 2.5)
    for view in range(views):
        dwell = round(float(chance.gamma(2.0, 12.0 if eager else 5.0)), 1)
        clicks.append({"user": user, "item": item, "ts": _at(day + view / 96), "type": "view", "dwell": dwell})
    if cart:
        clicks.append({"user": user, "item": item, "ts": _at(day + views / 96), "type": "cart", "dwell": None})
    if chance.random() < _share(wish - 3.0 + 1.5 * cart):
        orders.append((user, item, day + 0.2 + chance.exponential(2.5)))
        liked.append(item)


def _query(kind: int, chance: np.random.Generator) -> str:
    """The name of a category, often with a brand, sometimes with two letters exchanged."""
    words = (
        CATEGORIES[kind] if chance.random() < 0.6 else f"{BRANDS[int(chance.integers(len(BRANDS)))]} {CATEGORIES[kind]}"
    )
    if len(words) > 3 and chance.random() < 0.2:
        at = int(chance.integers(len(words) - 1))
        words = words[:at] + words[at + 1] + words[at] + words[at + 2 :]
    return words.lower()


def _write_clicks(
    path: Path, clicks: Sequence[dict[str, Any]], chance: np.random.Generator
) -> tuple[int, int, int, int]:
    counts = [0, 0, 0, 0]

    def lines() -> Iterator[str]:
        for number, click in enumerate(clicks):
            told, fate = {"event": number, **click}, chance.random()
            if told["dwell"] is not None and fate < 0.01:
                told["dwell"] = round(told["dwell"] * 1000)
                counts[2] += 1
            elif told["dwell"] is not None and fate < 0.04:
                told["dwell"] = None
                counts[3] += 1
            line = json.dumps(told)
            if 0.04 <= fate < 0.042:
                counts[0] += 1
                yield line[: len(line) // 2] + "\n"
            yield line + "\n"
            if 0.05 <= fate < 0.055:
                counts[1] += 1
                yield line + "\n"

    with path.open("w") as file:
        file.writelines(lines())
    return counts[0], counts[1], counts[2], counts[3]


def _write_orders(path: Path, orders: Sequence[tuple[Any, ...]], world: _World, chance: np.random.Generator) -> None:
    path.unlink(missing_ok=True)
    changes = [(item, float(price), _at(0.0)) for item, price in enumerate(world.price)]
    for item, price in enumerate(world.price):
        at = float(chance.uniform(10, DAYS - 10))
        changes.append((item, round(float(price * chance.uniform(0.8, 1.3)), 2), _at(at)))
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE orders (id INTEGER, user INTEGER, item INTEGER, qty INTEGER, ts TEXT)")
        bought = [(n, user, item, 1 + int(chance.poisson(0.3)), _at(day)) for n, (user, item, day) in enumerate(orders)]
        file.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", bought)
        file.execute("CREATE TABLE prices (item INTEGER, price REAL, since TEXT)")
        file.executemany("INSERT INTO prices VALUES (?, ?, ?)", changes)


def _write_catalogues(folder: Path, world: _World, chance: np.random.Generator) -> int:
    brand = chance.integers(0, len(BRANDS), len(world.category))
    wrong = chance.random(len(world.category)) < 1 / 6
    other = (world.category + 1 + chance.integers(0, len(CATEGORIES) - 1, len(wrong))) % len(CATEGORIES)
    parts = [f'<c:catalogue xmlns:c="{NAMESPACE}">']
    partner: list[dict[str, Any]] = []
    for item, kind in enumerate(world.category.tolist()):
        name = f"{BRANDS[brand[item]]} {CATEGORIES[kind]} no. {item}"
        parts.append(
            f'<c:product id="{item}"><c:name>{escape(name)}</c:name><c:category>{CATEGORIES[kind]}</c:category>'
            f"<c:brand>{BRANDS[brand[item]]}</c:brand></c:product>"
        )
        told = CATEGORIES[int(other[item])] if wrong[item] else CATEGORIES[kind]
        partner.append({"item": item, "category": told, "brand": BRANDS[brand[item]]})
    (folder / "catalogue.xml").write_text("\n".join([*parts, "</c:catalogue>"]))
    (folder / "partner.json").write_text(json.dumps(partner))
    return int(wrong.sum())


def _at(day: float) -> str:
    """Days since the start as ISO 8601, to the second."""
    return (START + timedelta(seconds=round(day * 86400))).isoformat()


def _share(wish: float) -> float:
    return float(1.0 / (1.0 + np.exp(-wish)))
