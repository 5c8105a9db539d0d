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
import feed
import harness
import numpy as np
import polars

TRAIN = 5000
SELDOM = 20
"""Peers serve so many times fewer records a round."""


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
    return ColumnTransformer([("numbers", numbers, list(feed.NUMBERS)), ("words", hot, list(feed.WORDS))])


def by_skrub() -> Any:
    from skrub import TableVectorizer  # pyright: ignore[reportMissingImports]

    numbers, hot = pipelines()
    return TableVectorizer(numeric=numbers, low_cardinality=hot)


def frame(columns: dict[str, Any]) -> polars.DataFrame:
    """A frame with null where a number is missing."""
    return polars.DataFrame({name: list(column) for name, column in columns.items()}).fill_nan(None)


def peer(name: str, count: int) -> harness.Work:
    """A fitted peer, saved and loaded, whose answers are those of the recipe."""
    model = pickle.loads(pickle.dumps(PEERS[name]().fit(frame(feed.raw(TRAIN)))))
    with tempfile.TemporaryDirectory() as folder:
        ready = feed.fitted(Path(folder))
    types = frame(feed.raw(TRAIN)).schema
    given = [{n: None if v != v else v for n, v in record.items()} for record in feed.records(count)]
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
        "tutelage": partial(feed.served, count),
        "NumPy by hand": partial(feed.by_hand, count),
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
