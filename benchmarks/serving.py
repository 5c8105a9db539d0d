"""Serving one row through a saved preparation: tutelage, NumPy by hand, scikit-learn, skrub.

A record of 8 numbers and 2 categories, some missing, is filled, scaled and coded, the same answers by all. A saved
recipe is loaded and asked by record; scikit-learn's ColumnTransformer and skrub's TableVectorizer get a Polars frame of
one row, pickled and read back as their users do. CPU time on one thread. A peer that is not installed is left out; for
skrub

    python -m venv peers
    peers/bin/pip install -e '.[data,sklearn]' skrub
    peers/bin/python benchmarks/serving.py [--rounds 15] [--records 2000] [--smoke]
"""

from __future__ import annotations

import importlib
import pickle
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import claims
import harness
import numpy as np
import polars

from tutelage.data.fitted import FittedRecipe
from tutelage.data.recipe import Recipe
from tutelage.data.steps import Codes, Impute, OneHot, Scale

NUMBERS = tuple(f"x{number}" for number in range(8))
WORDS = ("colour", "shop")
TRAIN = 5000
SELDOM = 20
"""Peers serve so many times fewer records a round."""


def raw(rows: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    found: dict[str, Any] = {name: chance.normal(5.0, 2.0, rows) for name in NUMBERS}
    for column in found.values():
        column[chance.random(rows) < 0.05] = np.nan
    found |= {name: np.array(chance.choice(list("abcdefgh"), rows), dtype=object) for name in WORDS}
    return found


def records(count: int) -> list[dict[str, Any]]:
    columns = raw(count)
    return [{name: column[row] for name, column in columns.items()} for row in range(count)]


def fitted(folder: Path) -> FittedRecipe:
    steps = (Impute(NUMBERS), Scale(NUMBERS), Codes(WORDS), OneHot(WORDS, known=True))
    Recipe(steps, {"features": (*NUMBERS, *WORDS)}).fit(raw(TRAIN)).save(folder)
    return FittedRecipe.load(folder)


def served(count: int) -> harness.Work:
    with tempfile.TemporaryDirectory() as folder:
        ready = fitted(Path(folder))
    given = records(count)

    def work() -> None:
        for record in given:
            ready.one(record)

    return work


def by_hand(count: int) -> harness.Work:
    with tempfile.TemporaryDirectory() as folder:
        ready = fitted(Path(folder))
    fill, scale, codes = (ready.states[n] for n in range(3))
    places = [{value: n for n, value in enumerate(codes[name])} for name in WORDS]
    width = sum(map(len, places))
    given = records(count)

    def work() -> None:
        for record in given:
            x = np.array([record[name] for name in NUMBERS])
            x = (np.where(np.isnan(x), fill["fill"], x) - scale["shift"]) / scale["width"]
            hot, start = np.zeros(width), 0
            for name, place in zip(WORDS, places, strict=True):
                if record[name] in place:
                    hot[start + place[record[name]]] = 1.0
                start += len(place)
            np.concatenate([x, hot]).astype(np.float32)

    return work


def pipelines() -> tuple[Any, Any]:
    """What scikit-learn and skrub do to numbers and to words."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return numbers, OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def by_sklearn() -> Any:
    from sklearn.compose import ColumnTransformer

    numbers, hot = pipelines()
    return ColumnTransformer([("numbers", numbers, list(NUMBERS)), ("words", hot, list(WORDS))])


def by_skrub() -> Any:
    from skrub import TableVectorizer  # pyright: ignore[reportMissingImports]

    numbers, hot = pipelines()
    return TableVectorizer(numeric=numbers, low_cardinality=hot)


def frame(columns: dict[str, Any]) -> polars.DataFrame:
    """A frame with null where a number is missing."""
    return polars.DataFrame({name: list(column) for name, column in columns.items()}).fill_nan(None)


def peer(name: str, count: int) -> harness.Work:
    """A fitted peer, saved and loaded, whose answers are those of the recipe."""
    model = pickle.loads(pickle.dumps(PEERS[name]().fit(frame(raw(TRAIN)))))
    with tempfile.TemporaryDirectory() as folder:
        ready = fitted(Path(folder))
    types = frame(raw(TRAIN)).schema
    given = [{n: None if v != v else v for n, v in record.items()} for record in records(count)]
    for record in given[:5]:
        row = np.asarray(model.transform(polars.DataFrame([record], schema=types)), dtype=float)[0]
        assert np.allclose(np.sort(row), np.sort(ready.one(record)["features"][0]), atol=1e-5)

    def work() -> None:
        for record in given:
            model.transform(polars.DataFrame([record], schema=types))

    return work


PEERS = {"sklearn": by_sklearn, "skrub": by_skrub}


def installed(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        print(f"{name} is left out: it is not installed; see --help.\n", flush=True)
        return False
    return True


def main() -> None:
    given = harness.arguments(__doc__, records=2000)
    count = 40 if given.smoke else given.records
    few = max(count // SELDOM, 2)
    names = [name for name in PEERS if installed(name)]
    setups: dict[str, harness.Setup] = {
        "tutelage": partial(served, count),
        "NumPy by hand": partial(by_hand, count),
        **{name: partial(peer, name, few) for name in names},
    }
    times = harness.measure(setups, given.rounds, apart=not given.smoke)
    each = {name: 1e3 * np.array(t.cpu) / (few if name in names else count) for name, t in times.items()}
    figures = [claims.figure("one row, tutelage", each["tutelage"], 0.05, " ms")]
    figures += [claims.figure(f"one row, {name}", ms, None, " ms") for name, ms in each.items() if name != "tutelage"]
    figures += [
        claims.figure(f"tutelage / {name}", each["tutelage"] / ms) for name, ms in each.items() if name != "tutelage"
    ]
    claims.show("Serving one row: 8 numbers, 2 categories", figures, given)


if __name__ == "__main__":
    main()
