"""Three sources to batches and one served row: tutelage, scikit-learn, skrub, Hugging Face datasets.

Clicks with bad lines (JSON lines), orders (SQLite) and a catalogue (XML) become batches of tensors, and the preparation
answers one record. For each library: lines that its user writes (counted from `preparations.py`, without blank lines
and comments), CPU of the whole job, CPU of one served row, bad lines kept with their place and reason, and planted
leaks found: a column that tells the target, validation rows that are also training rows, and a feature dated after the
label. The peers have no audit for any of the three and keep no bad lines: their 0 says what they do by themselves, not
what a user could write. Peers that are not installed are left out; for all of them

    python -m venv peers
    peers/bin/pip install -e '.[data,sklearn]' skrub datasets
    peers/bin/python benchmarks/prepared_by_peers.py [--rounds 15] [--events 100000]
"""

from __future__ import annotations

import importlib
import inspect
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import harness
import numpy as np
from claims import exact, figure, ratio, show
from dirty_shop import Shop, make_shop
from preparations import Made, by_datasets, by_sklearn, by_skrub, by_tutelage, joined

from tutelage.data.audit import find_leaks

Way = Callable[[Shop], Made]
OURS = "tutelage"
WAYS: dict[str, tuple[str, Way, tuple[Callable[..., object], ...]]] = {
    OURS: ("tutelage", by_tutelage, (by_tutelage,)),
    "scikit-learn": ("sklearn", by_sklearn, (by_sklearn, joined)),
    "skrub": ("skrub", by_skrub, (by_skrub, joined)),
    "datasets": ("datasets", by_datasets, (by_datasets, joined)),
}
"""Name of the distribution to its module, its way, and what its user wrote for it."""


def whole(name: str, shop: Shop) -> harness.Work:
    """The whole job; run once, so that imports are not counted."""
    way = WAYS[name][1]
    way(shop)
    return partial(way, shop)


def served(name: str, shop: Shop, times: int) -> harness.Work:
    """One record after another through the preparation."""
    made = WAYS[name][1](shop)

    def work() -> None:
        assert made.one is not None
        for number in range(times):
            made.one(made.records[number % len(made.records)])

    return work


def lines(functions: tuple[Callable[..., object], ...]) -> int:
    """Lines of code of some functions."""
    texts = [line.strip() for function in functions for line in inspect.getsource(function).splitlines()]
    return sum(bool(text) and not text.startswith("#") for text in texts)


def leaks_found(rows: int = 4000) -> set[str]:
    """Which of three planted leaks the audits of tutelage find; in the same table without them they find none."""
    chance = np.random.default_rng(0)
    target, x = chance.integers(0, 2, rows), chance.normal(size=(rows, 3)).round(6)
    label = np.datetime64("2025-03-01", "us") + chance.integers(0, 10**12, rows).astype("timedelta64[us]")
    seen = label - chance.integers(1, 10**12, rows).astype("timedelta64[us]")
    splits = {"train": np.arange(rows * 3 // 4), "validation": np.arange(rows * 3 // 4, rows)}
    columns = {f"x{place}": x[:, place] + 0.3 * target for place in range(3)}
    assert not find_leaks({**columns, "seen": seen}, target, splits, time=label)
    columns["refunded"] = np.where(chance.random(rows) < 0.01, 1 - target, target).astype(float)
    for column in columns.values():
        column[splits["validation"][:100]] = column[:100]
    late = np.where(chance.random(rows) < 0.05, label + np.timedelta64(1, "h"), seen)
    for column in (late, label):
        column[splits["validation"][:100]] = column[:100]
    target[splits["validation"][:100]] = target[:100]
    return {leak.kind for leak in find_leaks({**columns, "seen": late}, target, splits, time=label)}


def installed(name: str) -> bool:
    try:
        importlib.import_module(WAYS[name][0])
    except ImportError:
        print(f"{name} is left out: it is not installed; see --help.\n", flush=True)
        return False
    return True


def main() -> None:
    given = harness.arguments(__doc__, events=100_000, records=200)
    events, count = (10_000, 5) if given.smoke else (given.events, given.records)
    names = [name for name in WAYS if installed(name)]
    with tempfile.TemporaryDirectory() as folder:
        shop = make_shop(Path(folder), events)
        made = {name: WAYS[name][1](shop) for name in names}
        assert len({(one.rows, one.bought) for one in made.values()}) == 1, made
        times = harness.measure({n: partial(whole, n, shop) for n in names}, given.rounds, apart=not given.smoke)
        each = {name: count * 20 if name in (OURS, "datasets") else count for name in names}
        setups = {name: partial(served, name, shop, each[name]) for name in names}
        one = harness.measure(setups, given.rounds, apart=not given.smoke)
    found = leaks_found()
    note = f"{made[OURS].rows:,} rows from {events:,} clicks, the same rows and labels in all"
    figures = []
    for name in names:
        said = "this version" if name == OURS else version(name)
        figures += [
            exact(f"{name}: lines of user code", lines(WAYS[name][2]), note=said),
            figure(f"{name}: CPU of the whole job", times[name].cpu, None, " s", note),
            figure(f"{name}: one served row", 1e3 * np.array(one[name].cpu) / each[name], None, " ms"),
            exact(f"{name}: bad lines kept, of {shop.bad}", made[name].kept),
            exact(f"{name}: planted leaks found, of 3", len(found) if name == OURS else 0),
        ]
        if name != OURS:
            figures.append(ratio(f"whole job, tutelage / {name}", times[OURS], times[name]))
    show("Three sources to batches, by library", figures, given)


if __name__ == "__main__":
    main()
